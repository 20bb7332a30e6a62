# SPDX-License-Identifier: Apache-2.0
"""Networks of usual size in the QDQ format: random weights, quantized to 8 bits by onnxruntime itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Array = np.ndarray[Any, Any]
CLASSES = 100


class FloatNetwork:
    """A float graph under construction; methods return the name of the value that they add."""

    def __init__(self, size: int) -> None:
        self.rng = np.random.default_rng(0)
        self.size = size
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Adds an initializer."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, **attrs: Any) -> str:
        """Adds a node."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attrs))
        return name

    def conv(
        self, x: str, c_in: int, c_out: int, kernel: int = 1, *, stride: int = 1, groups: int = 1, act: str = "Relu"
    ) -> str:
        """A "same"-padded convolution with a bias, batch norm folded, and an activation function."""
        fan_in = c_in // groups * kernel * kernel
        weight = self.rng.normal(size=(c_out, c_in // groups, kernel, kernel)) * np.sqrt(2 / fan_in)
        y = self.node(
            "Conv", x, self.constant(weight), self.constant(self.rng.normal(size=c_out) * 0.1), kernel_shape=[kernel, kernel],
            strides=[stride, stride], pads=[kernel // 2] * 4, group=groups,
        )  # fmt: skip
        if act == "Relu6":
            return self.node("Clip", y, self.constant(0.0), self.constant(6.0))
        return self.node(act, y) if act else y

    def depthwise(self, x: str, channels: int, *, stride: int = 1, act: str = "Relu") -> str:
        """A depthwise 3x3."""
        return self.conv(x, channels, channels, 3, stride=stride, groups=channels, act=act)

    def max_pool(self, x: str) -> str:
        """3x3, stride 2."""
        return self.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)

    def classifier(self, x: str, channels: int) -> str:
        """Global average and a fully connected layer."""
        x = self.node("Flatten", self.node("GlobalAveragePool", x))
        weight = self.rng.normal(size=(CLASSES, channels)) / np.sqrt(channels)
        return self.node("Gemm", x, self.constant(weight), self.constant(np.zeros(CLASSES)), transB=1)

    def save(self, path: Path, output: str) -> None:
        """Writes the file."""
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, self.size, self.size])]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "float", inputs, outputs, self.constants)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def mobilenet_v1(f: FloatNetwork, width: float) -> str:
    """arXiv 1704.04861"""
    c = int(32 * width)
    x = f.conv("x", 3, c, 3, stride=2)
    for out, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        x = f.conv(f.depthwise(x, c, stride=stride), c, int(out * width))
        c = int(out * width)
    return f.classifier(x, c)


def mobilenet_v2(f: FloatNetwork, width: float) -> str:
    """arXiv 1801.04381"""

    def wide(channels: int) -> int:
        return max(8, int(channels * width + 4) // 8 * 8)

    c = wide(32)
    x = f.conv("x", 3, c, 3, stride=2, act="Relu6")
    for factor, out, count, stride in [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]:  # fmt: skip
        for k in range(count):
            y = f.conv(x, c, c * factor, act="Relu6") if factor > 1 else x
            y = f.depthwise(y, c * factor, stride=stride if k == 0 else 1, act="Relu6")
            y = f.conv(y, c * factor, wide(out), act="")
            x, c = f.node("Add", x, y) if k else y, wide(out)
    return f.classifier(f.conv(x, c, wide(1280), act="Relu6"), wide(1280))


def resnet(f: FloatNetwork, stages: tuple[tuple[int, int], ...], *, imagenet: bool) -> str:
    """arXiv 1512.03385, with its stem for ImageNet or the one for CIFAR-10."""
    c = stages[0][0]
    x = f.max_pool(f.conv("x", 3, c, 7, stride=2)) if imagenet else f.conv("x", 3, c, 3)
    for stage, (out, blocks) in enumerate(stages):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = f.conv(f.conv(x, c, out, 3, stride=stride), out, out, 3, act="")
            x = f.node("Relu", f.node("Add", y, x if c == out else f.conv(x, c, out, stride=stride, act="")))
            c = out
    return f.classifier(x, c)


def shufflenet_v2(f: FloatNetwork, channels: tuple[int, int, int, int]) -> str:
    """arXiv 1807.11164"""
    c, size = channels[0], f.size // 4
    x = f.max_pool(f.conv("x", 3, c, 3, stride=2))
    for out, units in zip(channels[1:], (4, 8, 4), strict=True):
        half, size = out // 2, size // 2
        for unit in range(units):
            if unit:
                halves = f.constant([half, half], np.int64)
                name = f"split_{len(f.nodes)}"
                f.nodes.append(helper.make_node("Split", [x, halves], [f"{name}_a", f"{name}_b"], name=name, axis=1))
                left, y = f"{name}_a", f.conv(f"{name}_b", half, half)
            else:
                left, y = f.conv(f.depthwise(x, c, stride=2, act=""), c, half), f.conv(x, c, half)
            right = f.conv(f.depthwise(y, half, stride=1 if unit else 2, act=""), half, half)
            x = f.node("Reshape", f.node("Concat", left, right, axis=1), f.constant([-1, 2, half, size, size], np.int64))
            x = f.node("Reshape", f.node("Transpose", x, perm=[0, 2, 1, 3, 4]), f.constant([-1, out, size, size], np.int64))
            c = out
    return f.classifier(f.conv(x, c, 512), 512)


Build = Callable[[FloatNetwork], str]
NETWORKS: dict[str, tuple[int, Build]] = {
    "MobileNetV1 x0.25, 96x96": (96, lambda f: mobilenet_v1(f, 0.25)),
    "MobileNetV2 x0.35, 96x96": (96, lambda f: mobilenet_v2(f, 0.35)),
    "MobileNetV2 x1, 160x160": (160, lambda f: mobilenet_v2(f, 1.0)),
    "ShuffleNetV2 x0.5, 96x96": (96, lambda f: shufflenet_v2(f, (24, 48, 96, 192))),
    "ShuffleNetV2 x1, 224x224": (224, lambda f: shufflenet_v2(f, (24, 116, 232, 464))),
    "ResNet-20, 32x32": (32, lambda f: resnet(f, ((16, 3), (32, 3), (64, 3)), imagenet=False)),
    "ResNet-18, 128x128": (128, lambda f: resnet(f, ((64, 2), (128, 2), (256, 2), (512, 2)), imagenet=True)),
}
"""Input size, and how each is built."""


class Pictures(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    """Random calibration data."""

    def __init__(self, size: int) -> None:
        rng = np.random.default_rng(1)
        self.frames: Iterator[Array] = iter([rng.uniform(0, 1, (1, 3, size, size)).astype(np.float32) for _ in range(3)])

    def get_next(self) -> dict[str, Array] | None:
        """The next one."""
        frame = next(self.frames, None)
        return None if frame is None else {"x": frame}


def quantized(name: str, folder: Path) -> Path:
    """The file of a network of `NETWORKS`: weights of int8 with a scale per channel, activations of uint8."""
    size, build = NETWORKS[name]
    network = FloatNetwork(size)
    network.save(folder / "float.onnx", build(network))
    quantize_static(
        folder / "float.onnx", folder / "qdq.onnx", Pictures(size), quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True,
    )  # fmt: skip
    return folder / "qdq.onnx"
