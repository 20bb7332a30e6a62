# SPDX-License-Identifier: Apache-2.0
"""Operators on quantized integers (QLinearConv and its like) as what they stand for: dequantize, compute, quantize.

Each is written out as ONNX nodes of the QDQ format, before anything is imported; integer arithmetic loses nothing by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import onnx
from onnx import helper

MICROSOFT = "com.microsoft"


class _Expansion:
    """The nodes that stand for ``proto``; all bear its name, so that a refusal finds it."""

    def __init__(self, proto: onnx.NodeProto) -> None:
        self.proto, self.nodes = proto, list[onnx.NodeProto]()
        self.attrs = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
        if self.attrs.get("channels_last") == 0:
            del self.attrs["channels_last"]  # onnxruntime's pools only; 1 is refused with the node

    def input(self, index: int) -> str:
        """Input ``index``, or nothing."""
        return str(self.proto.input[index]) if index < len(self.proto.input) else ""

    def node(self, op: str, inputs: Iterable[str], output: str = "", **attrs: Any) -> str:
        """Adds a node; returns the value that it writes."""
        name = output or f"{self.proto.output[0]}/{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=self.proto.name, **attrs))
        return name

    def dequantized(self, start: int, axis: int = 1) -> str:
        """The operand whose integers, scale and zero point are inputs ``start`` and the two behind it."""
        return self.node("DequantizeLinear", (self.input(start + i) for i in range(3)), axis=axis)

    def bias(self, index: int, scales: tuple[int, int]) -> str:
        """An int32 bias on the accumulators' grid, the product of two scales (in float64: exact)."""
        if not self.input(index):
            return ""
        double = [self.node("Cast", [self.input(i)], to=onnx.TensorProto.DOUBLE) for i in scales]
        return self.node("DequantizeLinear", [self.input(index), self.node("Mul", double)], axis=0)

    def quantized(self, value: str, scale: int) -> None:
        """Writes the result: ``value`` on the grid of inputs ``scale`` and the one behind it."""
        parameters = (self.input(scale), self.input(scale + 1))
        self.node("QuantizeLinear", (value, *parameters), str(self.proto.output[0]))


def _conv(e: _Expansion) -> None:
    operands = (e.dequantized(0), e.dequantized(3, axis=0), e.bias(8, (1, 4)))
    e.quantized(e.node("Conv", filter(None, operands), **e.attrs), 6)


def _matmul(e: _Expansion) -> None:
    e.quantized(e.node("MatMul", (e.dequantized(0), e.dequantized(3))), 6)


def _gemm(e: _Expansion) -> None:
    operands = (e.dequantized(0), e.dequantized(3, axis=0 if e.attrs.get("transB") else 1), e.bias(6, (1, 4)))
    value = e.node("Gemm", filter(None, operands), **e.attrs)
    if e.input(7):
        e.quantized(value, 7)
    else:
        e.node("Identity", [value], str(e.proto.output[0]))


def _concat(e: _Expansion) -> None:
    operands = [e.dequantized(start) for start in range(2, len(e.proto.input), 3)]
    e.quantized(e.node("Concat", operands, **e.attrs), 0)


def _binary(op: str) -> Callable[[_Expansion], None]:
    return lambda e: e.quantized(e.node(op, (e.dequantized(0), e.dequantized(3)), **e.attrs), 6)


def _unary(op: str) -> Callable[[_Expansion], None]:
    return lambda e: e.quantized(e.node(op, [e.dequantized(0)], **e.attrs), 3)


def _integer(op: str, weight_axis: int) -> Callable[[_Expansion], None]:
    """ConvInteger and MatMulInteger: the accumulators themselves, as whole numbers."""

    def expand(e: _Expansion) -> None:
        one = e.node("Constant", [], value_float=1.0)
        operands = [
            e.node("DequantizeLinear", (e.input(i), one, e.input(i + 2)), axis=axis) for i, axis in ((0, 1), (1, weight_axis))
        ]
        e.node(op, operands, str(e.proto.output[0]), **e.attrs)

    return expand


EXPANSIONS: dict[tuple[str, str], Callable[[_Expansion], None]] = {
    ("", "QLinearConv"): _conv,
    ("", "QLinearMatMul"): _matmul,
    ("", "ConvInteger"): _integer("Conv", 0),
    ("", "MatMulInteger"): _integer("MatMul", 1),
    (MICROSOFT, "QGemm"): _gemm,
    (MICROSOFT, "QLinearAdd"): _binary("Add"),
    (MICROSOFT, "QLinearMul"): _binary("Mul"),
    (MICROSOFT, "QLinearConcat"): _concat,
    (MICROSOFT, "QLinearAveragePool"): _unary("AveragePool"),
    (MICROSOFT, "QLinearGlobalAveragePool"): _unary("GlobalAveragePool"),
    (MICROSOFT, "QLinearLeakyRelu"): _unary("LeakyRelu"),
    (MICROSOFT, "QLinearSigmoid"): _unary("Sigmoid"),
}
"""(domain, operator) -> how it is written out."""


def expanded(proto: onnx.NodeProto, index: int) -> list[onnx.NodeProto]:
    """``proto`` in QDQ format, or as it is; an unnamed node is named after its type and position."""
    domain = "" if proto.domain == "ai.onnx" else proto.domain
    expand = EXPANSIONS.get((domain, proto.op_type))
    if expand is None or not proto.output:
        return [proto]
    named = onnx.NodeProto()
    named.CopyFrom(proto)
    named.name = proto.name or f"{proto.op_type}_{index}"
    expansion = _Expansion(named)
    expand(expansion)
    return expansion.nodes
