# SPDX-License-Identifier: Apache-2.0
"""An integer program as an ONNX file that onnxruntime executes, in float32 or, where it has kernels for them, on 8-bit tensors.

Both forms compute the same network with as few operators as we know to write it: the factors of a requantizer are folded into
the weights and the bias of the convolution in front of it, so that onnxruntime can fuse the two.

- ``float``: Conv -> Clip (which onnxruntime fuses) -> Round
- ``int8``: DequantizeLinear -> Conv -> QuantizeLinear, weights of int8 with a scale per channel, bias of int32: onnxruntime
  makes QLinearConv of them; likewise of sums and averages. Maxima and moves stay in 8 bits

Square deformable convolutions become DeformConv, their offsets a 1x1 convolution of the dilation; tables become Gather.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from headrace_host.program import Program
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]
Node = Mapping[str, Any]
ARITHMETIC = {"add": "Add", "sub": "Sub", "mul": "Mul", "neg": "Neg", "abs": "Abs", "max": "Max", "min": "Min"}


class OrtNetwork:
    """Writes the file; inputs ``in_NAME`` and outputs ``out_NAME`` are NCHW float32 that hold the program's integers.

    Raises:
        NotImplementedError: an operator has no counterpart.
    """

    def __init__(self, program: Program, form: str) -> None:
        self.program, self.int8 = program, form == "int8"
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.float32: dict[str, str] = {}
        self.quantized: dict[str, tuple[str, type[np.generic], int]] = {}
        """Value, type and zero point"""
        self.folded: set[str] = set()
        """Accumulators that hold what is behind the factors of their requantizer."""
        spec = program.spec
        reads = [name for node in spec["nodes"] for name in node["inputs"]] + 2 * list(spec["outputs"])
        self.reads = Counter(reads)

    def model(self) -> onnx.ModelProto:
        """The file."""
        spec = self.program.spec
        inputs = []
        for name in spec["inputs"]:
            h, w, c = spec["tensors"][name]["shape"]
            inputs.append(helper.make_tensor_value_info(f"in_{name}", TensorProto.FLOAT, ["N", c, h, w]))
            self.store(name, f"in_{name}", clip=False)
        for node in spec["nodes"]:
            operator = getattr(self, f"op_{node['op']}", None)
            if operator is None:
                raise NotImplementedError(node["op"])
            arrays = {name: self.program.arrays[key] for name, key in node["arrays"].items()}
            operator(node, node["attrs"], arrays)
        for name in spec["outputs"]:
            self.nodes.append(helper.make_node("Identity", [self.real(name)], [f"out_{name}"]))
        outputs = [helper.make_tensor_value_info(f"out_{name}", TensorProto.FLOAT, None) for name in spec["outputs"]]
        graph = helper.make_graph(self.nodes, "program", inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Adds an initializer."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attrs: Any) -> list[str]:
        """Adds a node; returns its values."""
        names = [f"{kind}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attrs))
        return names

    def one(self, kind: str, *inputs: str, **attrs: Any) -> str:
        """Adds a node of one value."""
        return self.node(kind, *inputs, **attrs)[0]

    def shape(self, name: str) -> tuple[int, int, int]:
        """Height, width, channels of a tensor."""
        h, w, c = self.program.spec["tensors"][name]["shape"]
        return h, w, c

    def real(self, name: str, scale: float = 1.0) -> str:
        """A tensor in float32, times ``scale``."""
        if name in self.float32:
            value = self.float32[name]
            return value if scale == 1 else self.one("Mul", value, self.constant(scale))
        value, dtype, zero = self.quantized[name]
        return self.one("DequantizeLinear", value, self.constant(scale), self.constant(zero, dtype))

    def store(self, name: str, value: str, lo: int | None = None, hi: int | None = None, *, clip: bool = True) -> None:
        """Keeps a float32 value, rounded and within ``lo`` to ``hi`` (by default all its range), as a tensor."""
        tensor = self.program.spec["tensors"][name]
        lo, hi = tensor["lo"] if lo is None else lo, tensor["hi"] if hi is None else hi
        narrow = self.int8 and ((lo >= -128 and hi <= 127) or (lo <= 0 <= hi and hi - lo <= 255) or (lo >= 0 and hi <= 255))
        if not narrow:
            bounded = self.one("Clip", value, self.constant(lo), self.constant(hi)) if clip else value
            self.float32[name] = self.one("Round", bounded) if clip else value
            return
        dtype: type[np.signedinteger[Any] | np.unsignedinteger[Any]] = (
            np.int8 if lo < 0 and lo >= -128 and hi <= 127 else np.uint8
        )
        zero = -lo if dtype is np.uint8 and lo < 0 else 0
        info = np.iinfo(dtype)
        if clip and (lo, hi) != (info.min - zero, info.max - zero):
            value = self.one("Clip", value, self.constant(lo), self.constant(hi))
        self.quantized[name] = (self.one("QuantizeLinear", value, self.constant(1.0), self.constant(zero, dtype)), dtype, zero)

    def move(self, node: Node, build: Callable[[list[str]], list[str]]) -> None:
        """Adds what only moves numbers, on 8 bits if all inputs have them alike."""
        inputs, outputs = node["inputs"], node["outputs"]
        alike = {self.quantized[name][1:] for name in inputs if name in self.quantized}
        if len(alike) == 1 and all(name in self.quantized for name in inputs):
            (kind,) = alike
            for name, value in zip(outputs, build([self.quantized[x][0] for x in inputs]), strict=True):
                self.quantized[name] = (value, *kind)
        else:
            self.float32.update(zip(outputs, build([self.real(x) for x in inputs]), strict=True))

    def requant_behind(self, name: str) -> tuple[Array, Array] | None:
        """Factors and offsets of the requantizer that alone reads a tensor."""
        readers = [node for node in self.program.spec["nodes"] if name in node["inputs"]]
        if self.reads[name] != 1 or readers[0]["op"] != "requant":
            return None
        return self.factors(readers[0])

    def factors(self, requant: Node) -> tuple[Array, Array]:
        """Of a requantizer."""
        scale = 2.0 ** -requant["attrs"]["shift"]
        mul, add = (np.atleast_1d(self.program.arrays[requant["arrays"][name]]) * scale for name in ("mul", "add"))
        return mul, add

    def folding(self, node: Node, channels: int) -> tuple[Array, Array]:
        """Factors and offsets (C,) to fold into a convolution; notes that its result has them."""
        found = self.requant_behind(node["outputs"][0])
        if found is None:
            return np.ones(channels), np.zeros(channels)
        self.folded.add(node["outputs"][0])
        return np.broadcast_to(found[0], channels), np.broadcast_to(found[1], channels)

    def op_conv(self, node: Node, a: Mapping[str, Any], w: Mapping[str, Array]) -> None:
        """A convolution and the factors of the requantizer behind it."""
        weight = w["weight"].transpose(0, 3, 1, 2).astype(np.int64)
        scale, bias = self.folding(node, len(weight))
        (name,), pads = node["inputs"], [int(p) for p in a["pad"]]
        x = self.real(name)
        if min(pads) < 0:
            x, pads = self.one("Pad", x, self.constant([0, 0, *pads[:2], 0, 0, *pads[2:]], np.int64)), [0] * 4
        weight, scale = weight * np.where(scale < 0, -1, 1)[:, None, None, None], np.abs(scale)
        narrow = name in self.quantized and weight.max() <= 127 and weight.min() >= -128 and scale.min() > 0
        inputs = self.int8_parameters(weight, scale, bias) if narrow else self.float_parameters(weight, scale, bias)
        self.float32[node["outputs"][0]] = self.one(
            "Conv", x, *inputs, kernel_shape=list(weight.shape[2:]), strides=list(a["stride"]), pads=pads,
            dilations=list(a["dilation"]), group=a["groups"],
        )  # fmt: skip

    def float_parameters(self, weight: Array, scale: Array, bias: Array) -> tuple[str, str]:
        """Weights and bias in float32."""
        return self.constant(weight * scale[:, None, None, None]), self.constant(bias)

    def int8_parameters(self, weight: Array, scale: Array, bias: Array) -> tuple[str, str]:
        """Weights in int8 and bias in int32, as onnxruntime wants them.

        A bias is a multiple of the weights' scale, so weights of fewer bits are written as multiples of a finer one.
        """
        finer = next(f for f in (64, 32, 16, 8, 4, 2, 1) if weight.max() * f <= 127 and weight.min() * f >= -128)
        exact = weight * scale[:, None, None, None]
        scale = np.maximum(scale / finer, np.abs(bias) / 2**30)  # a filter of next to nothing, and its bias
        weight = np.rint(exact / scale[:, None, None, None])
        scales, zeros = self.constant(scale), np.zeros(len(scale))
        whole = np.rint(bias / scale).clip(-(2**31), 2**31 - 1)
        return (
            self.one("DequantizeLinear", self.constant(weight, np.int8), scales, self.constant(zeros, np.int8), axis=0),
            self.one("DequantizeLinear", self.constant(whole, np.int32), scales, self.constant(zeros, np.int32), axis=0),
        )

    def op_requant(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """What is left of a requantizer."""
        name = node["inputs"][0]
        if name in self.folded:
            value = self.float32[name]
        else:
            mul, add = self.factors(node)
            value = self.real(name, float(mul[0])) if np.all(mul == mul[0]) else self.scaled(self.real(name), mul)
            value = self.one("Add", value, self.constant(add[None, :, None, None])) if np.any(add) else value
        self.store(node["outputs"][0], value, a["lo"], a["hi"])

    def scaled(self, value: str, mul: Array) -> str:
        """A product with a factor per channel."""
        return self.one("Mul", value, self.constant(mul[None, :, None, None]))

    def op_deform_depthwise(self, node: Node, a: Mapping[str, Any], w: Mapping[str, Array]) -> None:
        """The dilation becomes the offsets of all taps."""
        weight = w["weight"]
        k, _, channels = weight.shape
        scale, bias = self.folding(node, channels)
        x, d = node["inputs"]
        dilation = self.one("Clip", self.real(d), self.constant(a["lo"]), self.constant(a["hi"]))
        anchors = np.array([v - (k - 1) // 2 for i in range(k) for j in range(k) for v in (i, j)], np.float32)
        offsets = self.one("Conv", dilation, self.constant(anchors[:, None, None, None]), self.constant(-anchors))
        filters = self.constant((weight * scale).transpose(2, 0, 1)[:, None])
        options: dict[str, Any] = {"kernel_shape": [k, k], "pads": [k // 2] * 4, "group": channels}
        self.float32[node["outputs"][0]] = self.one(
            "DeformConv", self.real(x), filters, offsets, self.constant(bias), **options
        )

    def op_deform_conv(self, node: Node, a: Mapping[str, Any], w: Mapping[str, Array]) -> None:
        """Offsets in steps of ``2**-fraction_bits``."""
        if a["square"]:
            raise NotImplementedError("square deform_conv")
        weight, one = w["weight"].transpose(0, 3, 1, 2), 1 << a["fraction_bits"]
        scale, bias = self.folding(node, len(weight))
        x, d, *masks = node["inputs"]
        clipped = self.one("Clip", self.real(d), self.constant(a["lo"]), self.constant(a["hi"]))
        offsets = self.one("Mul", clipped, self.constant(1 / one))
        filters = self.constant(weight * (scale * one * one)[:, None, None, None])
        self.float32[node["outputs"][0]] = self.one(
            "DeformConv", self.real(x), filters, offsets, self.constant(bias), *(self.real(mask) for mask in masks),
            kernel_shape=list(weight.shape[2:]), pads=list(a["pad"]), strides=list(a["stride"]),
            dilations=list(a["dilation"]), group=a["groups"],
        )  # fmt: skip

    def op_max_pool(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """On 8 bits, if they are there."""
        options = {"kernel_shape": "kernel", "strides": "stride", "pads": "pad", "dilations": "dilation"}
        self.move(node, lambda x: [self.one("MaxPool", *x, **{name: list(a[key]) for name, key in options.items()})])

    def op_sum_pool(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """An average of as many times the values."""
        x = self.real(node["inputs"][0], float(np.prod(a["kernel"])))
        self.float32[node["outputs"][0]] = self.one(
            "AveragePool", x, kernel_shape=list(a["kernel"]), strides=list(a["stride"]), pads=list(a["pad"]),
            dilations=list(a["dilation"]), count_include_pad=1,
        )  # fmt: skip

    def op_reduce(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """The sum of a whole map is an average of as many times the values."""
        (x,), (y,) = node["inputs"], node["outputs"]
        if a["total"] and a["rows"] and a["cols"]:
            height, width, _channels = self.shape(x)
            self.float32[y] = self.one("GlobalAveragePool", self.real(x, float(height * width)))
            return
        axes = self.constant([axis for axis, chosen in ((2, a["rows"]), (3, a["cols"])) if chosen], np.int64)
        self.float32[y] = self.one("ReduceSum" if a["total"] else "ReduceMax", self.real(x), axes, keepdims=1)

    def op_pointwise(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """A sum of two scaled tensors takes the requantizer's factor into the scales, for onnxruntime to fuse."""
        (y,), expression = node["outputs"], a["expression"]
        behind, terms = self.requant_behind(y), [scaled_operand(part) for part in expression[1:]]
        if expression[0] == "add" and all(terms) and behind and np.ptp(behind[0]) == 0 and not np.any(np.abs(behind[1]) > 1e-3):
            self.folded.add(y)
            mul = float(behind[0][0])
            self.float32[y] = self.one("Add", *(self.real(node["inputs"][t[0]], mul * t[1]) for t in terms if t))
            return
        self.float32[y] = self.expression(expression, node["inputs"])

    def expression(self, expression: Any, names: Sequence[str]) -> str:
        """An expression, operator by operator."""
        kind, *rest = expression
        if kind == "in":
            return self.real(names[rest[0]])
        if kind == "const":
            return self.constant(rest[0])
        if kind not in ARITHMETIC:
            raise NotImplementedError(kind)
        return self.one(ARITHMETIC[kind], *(self.expression(part, names) for part in rest))

    def op_concat(self, node: Node, _a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """Channels side by side."""
        self.move(node, lambda x: [self.one("Concat", *x, axis=1)])

    def op_split(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """Consecutive channels."""
        count = len(node["outputs"])
        self.move(node, lambda x: self.node("Split", x[0], self.constant(a["sizes"], np.int64), outputs=count, axis=1))

    def op_gather(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """A choice of channels."""
        if min(a["indices"]) < 0:
            raise NotImplementedError("gather of zeros")
        self.move(node, lambda x: [self.one("Gather", x[0], self.constant(a["indices"], np.int64), axis=1)])

    def op_interleave(self, node: Node, _a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """ShuffleNet's own way: concatenate, reshape, transpose, reshape."""
        count, (h, w, c) = len(node["inputs"]), self.shape(node["inputs"][0])

        def build(x: list[str]) -> list[str]:
            joined = self.one("Concat", *x, axis=1)
            return [self.rearranged(joined, (count, c, h, w), (0, 2, 1, 3, 4), (count * c, h, w))]

        self.move(node, build)

    def rearranged(self, x: str, inner: tuple[int, ...], order: tuple[int, ...], outer: tuple[int, ...]) -> str:
        """Reshape, transpose, reshape, in each frame."""
        x = self.one("Reshape", x, self.constant([0, *inner], np.int64))
        return self.one("Reshape", self.one("Transpose", x, perm=list(order)), self.constant([0, *outer], np.int64))

    def op_upsample(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """Nearest neighbours."""
        mode = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        self.move(node, lambda x: [self.one("Resize", x[0], "", self.constant([1, 1, *a["factors"]]), **mode)])

    def op_depth_to_space(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """Channels, ordered (row, column, channel), to pixels."""
        (h, w, c), (rows, cols) = self.shape(node["inputs"][0]), a["block"]
        each = c // (rows * cols)
        sizes = (rows, cols, each, h, w), (0, 3, 4, 1, 5, 2), (each, h * rows, w * cols)
        self.move(node, lambda x: [self.rearranged(x[0], *sizes)])

    def op_space_to_depth(self, node: Node, a: Mapping[str, Any], _: Mapping[str, Array]) -> None:
        """The inverse."""
        (h, w, c), (rows, cols) = self.shape(node["inputs"][0]), a["block"]
        sizes = (c, h // rows, rows, w // cols, cols), (0, 3, 5, 1, 2, 4), (c * rows * cols, h // rows, w // cols)
        self.move(node, lambda x: [self.rearranged(x[0], *sizes)])

    def op_lookup(self, node: Node, a: Mapping[str, Any], w: Mapping[str, Array]) -> None:
        """One table for all channels."""
        if len(w["table"]) > 1:
            raise NotImplementedError("tables of channels")
        x = self.real(node["inputs"][0])
        index = self.one("Cast", self.one("Sub", x, self.constant(a["lo"])) if a["lo"] else x, to=TensorProto.INT32)
        self.store(node["outputs"][0], self.one("Gather", self.constant(w["table"][0]), index, axis=0), clip=False)

    def op_shift(self, node: Node, _a: Mapping[str, Any], w: Mapping[str, Array]) -> None:
        """A depthwise convolution of zeros and ones."""
        reach = int(np.abs(w["offsets"]).max())
        size = 2 * reach + 1
        weight = np.zeros((len(w["offsets"]), 1, size, size))
        for channel, (row, col) in enumerate(w["offsets"].tolist()):
            weight[channel, 0, reach + row, reach + col] = 1
        options: dict[str, Any] = {"group": len(weight), "pads": [reach] * 4, "kernel_shape": [size, size]}
        self.float32[node["outputs"][0]] = self.one("Conv", self.real(node["inputs"][0]), self.constant(weight), **options)


def scaled_operand(expression: Any) -> tuple[int, int] | None:
    """Operand and factor of ``in_k`` or ``in_k * c``."""
    if expression[0] == "in":
        return expression[1], 1
    if expression[0] == "mul" and expression[1][0] == "in" and expression[2][0] == "const":
        return expression[1][1], expression[2][1]
    return None
