# SPDX-License-Identifier: Apache-2.0
"""Writes small QONNX files node by node, well-formed or not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

QONNX = "qonnx.custom_op.general"


@dataclass
class QonnxFile:
    """A graph under construction; methods return the name of the value that they add."""

    shape: tuple[int | str, ...] = (1, 3, 8, 8)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    extra_inputs: dict[str, tuple[int | str, ...]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """An initializer."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, *inputs: str, outputs: int = 1, domain: str = "", **attrs: Any) -> str:
        """Any node; its first output's name is ``<op>_<n>``, further ones get a suffix."""
        name = f"{op}_{len(self.nodes)}"
        names = [name, *(f"{name}.{i}" for i in range(1, outputs))]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=name, domain=domain, **attrs))
        return name

    def quant(
        self, x: str, scale: Any = 0.5, *, zero: float = 0.0, bits: float = 8.0, signed: int = 1, narrow: int = 0, **attrs: Any
    ) -> str:
        """A QONNX quantizer."""
        constants = [self.constant(v) for v in (scale, zero, bits)]
        return self.node("Quant", x, *constants, domain=QONNX, signed=signed, narrow=narrow, **attrs)

    def image(self) -> str:
        """The quantized input."""
        return self.quant("x", 2.0**-8, signed=0)

    def weight(self, shape: tuple[int, ...], scale: Any = 0.25, **options: Any) -> str:
        """Quantized weights."""
        values = np.random.default_rng(len(self.nodes)).uniform(-1, 1, shape)
        return self.quant(self.constant(values), scale, bits=4.0, **options)

    def conv(self, x: str, weight: str, **attrs: Any) -> str:
        """A convolution."""
        return self.node("Conv", x, weight, **attrs)

    def proto(self, *outputs: str) -> onnx.ModelProto:
        """The model."""
        inputs = {"x": self.shape, **self.extra_inputs}
        graph = helper.make_graph(
            self.nodes,
            "test",
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 16), helper.make_opsetid(QONNX, 1), helper.make_opsetid("headrace.ops", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        for key, value in self.metadata.items():
            model.metadata_props.add(key=key, value=value)
        return model

    def save(self, path: Path, *outputs: str) -> Path:
        """Writes the model with these outputs."""
        path.write_bytes(self.proto(*outputs).SerializeToString())
        return path


def plain(file: QonnxFile) -> str:
    """image -> 1x1 convolution to 4 channels -> quantizer."""
    return file.quant(file.conv(file.image(), file.weight((4, 3, 1, 1))))


def deform(f: QonnxFile, **change: Any) -> str:
    """A deformable layer, with something changed."""
    x = f.image()
    d = f.quant(f.conv(x, f.weight((change.get("maps", 1), 3, 1, 1))), change.get("scale", 1.0), bits=2.0, signed=0)
    weight = f.weight(change.get("weight", (3, 1, 3, 3)))
    inputs = [x, d, weight][: change.get("inputs", 3)]
    return f.quant(
        f.node("SquareDeformDepthwise", *inputs, domain="headrace.ops", lo=change.get("lo", 0), hi=change.get("hi", 3))
    )


def specimen() -> onnx.ModelProto:
    """A network with most kinds of node."""
    file = QonnxFile()
    x = file.image()
    a = file.quant(file.conv(x, file.weight((4, 3, 3, 3)), pads=[1, 1, 1, 1]), signed=0)
    kept, worked = (n := file.node("Split", a, file.constant([2, 2], np.int64), outputs=2, axis=1)), f"{n}.1"
    norm = [file.constant(v) for v in ([1.0, 2], [0.5, 0], [1.0, 3], [1.0, 1])]
    b = file.node("BatchNormalization", file.conv(worked, file.weight((2, 2, 1, 1))), *norm)
    b = file.quant(file.node("Relu", file.node("Add", b, file.constant(0.5))))
    joined = file.node("MaxPool", file.node("Concat", kept, b, axis=1), kernel_shape=[2, 2], strides=[2, 2])
    floor: dict[str, Any] = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    grown = file.node("Resize", joined, "", file.constant([1, 1, 2, 2]), mode="nearest", **floor)
    return file.proto(grown, deform(file))


OPERATORS = ("Add", "Clip", "Concat", "Conv", "Identity", "MaxPool", "Mul", "Quant", "Relu", "Reshape", "Slice", "Split", "Sub")
ODD_INTS = (-(1 << 40), -1, 0, 1, 2, 3, 5, 17, 1 << 31, (1 << 62) + 1)
ODD_FLOATS = (float("nan"), float("inf"), -1.0, 0.0, 1e-40, 0.3, 1e30)


def distorted(model: onnx.ModelProto, rng: np.random.Generator) -> onnx.ModelProto:
    """A well-formed file that says something else: other attributes, inputs, operators, constants or shapes."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    node = graph.node[int(rng.integers(len(graph.node)))]
    constant = graph.initializer[int(rng.integers(len(graph.initializer)))]
    names = ["", "x", "phantom", *(i.name for i in graph.initializer), *(o for n in graph.node for o in n.output)]
    match int(rng.integers(8)):
        case 0 if node.attribute:
            attribute = node.attribute[int(rng.integers(len(node.attribute)))]
            value: Any = int(rng.choice(ODD_INTS))
            value = [value, [value] * int(rng.integers(1, 5)), "nonsense", 0.5][int(rng.integers(4))]
            attribute.CopyFrom(helper.make_attribute(attribute.name, value))
        case 1 if node.attribute:
            del node.attribute[int(rng.integers(len(node.attribute)))]
        case 2 if node.input:
            node.input[int(rng.integers(len(node.input)))] = str(rng.choice(names))
        case 3:
            del node.input[int(rng.integers(len(node.input) + 1)) :]
        case 4:
            node.op_type = str(rng.choice([*OPERATORS]))
        case 5:
            del graph.node[int(rng.integers(len(graph.node)))]
        case 6:
            dim = graph.input[0].type.tensor_type.shape.dim[int(rng.integers(4))]
            dim.dim_value = int(rng.choice(ODD_INTS))
        case _:
            values = numpy_helper.to_array(constant).copy()
            if rng.random() < 0.3:
                values = values.reshape(-1)[: int(rng.integers(0, values.size + 1))]
            elif values.dtype == np.float32 and values.size:
                values.flat[int(rng.integers(values.size))] = rng.choice(ODD_FLOATS)
            constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    return changed


DETECTOR = {
    "kind": "centernet-ltrb",
    "classes": ["round", "square"],
    "stride": 2,
    "image_scale": 2.0**-8,
    "heatmap": "heatmap",
    "box": "box",
    "box_scale": 2.0,
    "score_threshold": 0.4,
    "nms_iou": 0.5,
    "max_detections": 10,
}


def small_detector(path: Path, *, shape: tuple[int, int, int, int] = (1, 3, 12, 16)) -> Path:
    """A detector of a few hundred weights: strided stem, depthwise layer, two heads of half the input's size."""
    file = QonnxFile(shape=shape, metadata={"headrace.detector": json.dumps(DETECTOR)})
    stem = file.conv(file.image(), file.weight((4, shape[1], 3, 3)), pads=[1, 1, 1, 1], strides=[2, 2])
    x = file.quant(stem, 2.0**-5, signed=0)
    x = file.quant(file.conv(x, file.weight((4, 1, 3, 3)), pads=[1, 1, 1, 1], group=4), 2.0**-5)
    heatmap = file.quant(file.conv(x, file.weight((2, 4, 1, 1))), 2.0**-4)
    box = file.quant(file.conv(x, file.weight((4, 4, 1, 1))), 2.0**-3, signed=0)
    for value, name in ((heatmap, "heatmap"), (box, "box")):
        file.nodes.append(helper.make_node("Identity", [value], [name], name=name))
    return file.save(path, "heatmap", "box")
