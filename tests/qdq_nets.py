# SPDX-License-Identifier: Apache-2.0
"""Float networks, quantized to the QDQ format by onnxruntime, and onnxruntime's own execution of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Array = npt.NDArray[Any]
SHAPE = (1, 3, 9, 11)


class FloatFile:
    """A float graph under construction; methods return the name of the value that they add."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: npt.ArrayLike, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, *inputs: str, **attrs: Any) -> str:
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attrs))
        return name

    def conv(self, x: str, shape: tuple[int, ...], *, bias: bool = True, **attrs: Any) -> str:
        """A convolution with random weights, of another spread in each filter."""
        weight = self.rng.normal(size=shape) * self.rng.uniform(0.2, 1, (shape[0], 1, 1, 1)) / np.sqrt(np.prod(shape[1:]))
        extra = [self.constant(self.rng.normal(size=shape[0]) * 0.2)] if bias else []
        return self.node("Conv", x, self.constant(weight), *extra, **attrs)

    def save(self, path: Path, *outputs: str, opset: int = 17) -> Path:
        graph = helper.make_graph(
            self.nodes,
            "float",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, SHAPE)],
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
            self.constants,
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
        return path


def batch_norm(f: FloatFile, x: str, c: int) -> str:
    """With statistics of its own for each channel."""
    values = [f.rng.uniform(0.3, 1.5, c), f.rng.normal(size=c) * 0.3, f.rng.normal(size=c) * 0.1, f.rng.uniform(0.2, 2, c)]
    return f.node("BatchNormalization", x, *(f.constant(v) for v in values))


def residual_net(f: FloatFile) -> tuple[str, ...]:
    """conv, batch norm, ReLU, maximum; depthwise; a residual addition; a head."""
    x = f.node("Relu", batch_norm(f, f.conv("x", (8, 3, 3, 3), pads=[1, 1, 1, 1]), 8))
    x = f.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    y = f.node("Relu", f.conv(x, (8, 1, 3, 3), group=8, pads=[1, 1, 1, 1]))
    y = f.node("Add", x, f.conv(y, (8, 8, 1, 1), bias=False))
    return (f.conv(f.node("Relu", y), (5, 8, 1, 1)),)


def joining_net(f: FloatFile) -> tuple[str, ...]:
    """Concat of unequal ranges, split, nearest upsampling, clip; two heads."""
    a = f.node("Clip", f.conv("x", (4, 3, 3, 3), strides=[2, 2]), f.constant(0.0), f.constant(0.5))
    b = f.conv(a, (6, 4, 1, 1))
    joined = f.node("Concat", a, b, axis=1)
    y = f.conv(joined, (4, 10, 3, 3), pads=[1, 1, 1, 1], dilations=[1, 1])
    y = f.node("Resize", y, "", f.constant([1, 1, 2, 2]), mode="nearest", nearest_mode="floor",
               coordinate_transformation_mode="asymmetric")  # fmt: skip
    return f.conv(y, (2, 4, 1, 1)), f.node("Relu", f.conv(joined, (3, 10, 1, 1)))


def gating_net(f: FloatFile) -> tuple[str, ...]:
    """LeakyRelu, an average pool, squeeze and excite through a Sigmoid, grouped and transposed axes."""
    x = f.node("LeakyRelu", f.conv("x", (6, 3, 3, 3), pads=[1, 1, 1, 1]), alpha=0.1)
    x = f.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    gate = f.node("Relu", f.conv(f.node("GlobalAveragePool", x), (3, 6, 1, 1)))
    gate = f.node("Sigmoid", f.conv(gate, (6, 3, 1, 1)))
    return (f.conv(f.node("Mul", x, gate), (4, 6, 1, 1)),)


NETS = {"residual": residual_net, "joining": joining_net, "gating": gating_net}


class Pictures(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    """Random calibration data."""

    def __init__(self, seed: int, lo: float, hi: float) -> None:
        rng = np.random.default_rng(seed)
        self.frames: Iterator[Array] = iter([rng.uniform(lo, hi, SHAPE).astype(np.float32) for _ in range(4)])

    def get_next(self) -> dict[str, Array] | None:
        frame = next(self.frames, None)
        return None if frame is None else {"x": frame}


def quantized(
    path: Path, name: str, seed: int, *, weights: str = "QInt8", activations: str = "QUInt8", opset: int = 17, **options: Any
) -> Path:
    """The network ``name``, quantized by onnxruntime; written beside its float form at ``path``."""
    file = FloatFile(seed)
    float_path = file.save(path.with_suffix(".float.onnx"), *NETS[name](file), opset=opset)
    lo = -1.0 if options.pop("signed_input", False) else 0.0
    options.setdefault("quant_format", QuantFormat.QDQ)
    quantize_static(
        float_path, path, Pictures(seed, lo, 1.0), activation_type=QuantType[activations],
        weight_type=QuantType[weights], **options,
    )  # fmt: skip
    return path


def onnxruntime_run(model: Path | onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    """onnxruntime without graph optimisations: every operator as it stands in the file."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    results: list[Array] = session.run(None, feeds)
    return results


class QuantizeLinear(OpRun):
    """As the standard defines it, in float64."""

    op_domain = ""

    def _run(self, x: Array, scale: Array, zero: Array, axis: int = 1, **_: Any) -> tuple[Array]:
        lo, hi = integer_limits(zero.dtype)
        shape = [-1 if i == axis and scale.size > 1 else 1 for i in range(x.ndim)]
        return (np.clip(np.rint(x / scale.reshape(shape)) + zero.astype(np.float64).reshape(shape), lo, hi).astype(zero.dtype),)


class DequantizeLinear(OpRun):
    """As the standard defines it, in float64."""

    op_domain = ""

    def _run(self, x: Array, scale: Array, zero: Array | None = None, axis: int = 1, **_: Any) -> tuple[Array]:
        shape = [-1 if i == axis % x.ndim and scale.size > 1 else 1 for i in range(x.ndim)]
        shift = np.float64(0) if zero is None else zero.astype(np.float64).reshape(shape)
        return ((x.astype(np.float64) - shift) * scale.astype(np.float64).reshape(shape),)


def integer_limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Least and greatest value, of ONNX's narrow types too."""
    info = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
    return int(info.min), int(info.max)


def double_run(path: Path, feeds: dict[str, Array]) -> list[Array]:
    """The file's arithmetic in float64, by ONNX's reference implementation: what float32 would round stays as it is."""
    model = onnx.load(path)
    for constant in model.graph.initializer:
        if constant.data_type == onnx.TensorProto.FLOAT:
            constant.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(constant).astype(np.float64), constant.name))
    feeds = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in feeds.items()}
    return list(ReferenceEvaluator(model, new_ops=[QuantizeLinear, DequantizeLinear]).run(None, feeds))
