# SPDX-License-Identifier: Apache-2.0
"""Averages rounded half to even, as the sum of two roundings, where their ties fall on whole accumulators.

Over 12 pixels with power-of-two scales an accumulator of 6 means one half, 18 means one and a half: ties, which go down and up
in turn, and no multiplier for a twelfth hits them all. But ``half_even(v) = floor(v / 2 + 1 / 4) + ceil(v / 2 - 1 / 4)``: the
first counts the even integers that v reaches, a tie included, the second the odd ones that it exceeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import lcm

from headrace.ir.expressions import operand
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Quantize
from headrace.ir.rounding import HALF_EVEN
from headrace.ir.tensor import Tensor
from headrace.operators.elementwise import Pointwise
from headrace.passes.certificate import power_of_two
from headrace.passes.skews import skewed_sums

QUARTER = Fraction(1, 4)


def split_ties(graph: Graph, exact: Callable[[Graph, Node], bool]) -> Graph:
    """The graph with every such quantizer replaced by two and their sum.

    Args:
        exact: whether an integer requantizer equals a `Quantize` node on every value that can reach it.
    """
    tensors = dict(graph.tensors)
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node.op, Quantize) and _ties(graph, node, node.op) and not exact(graph, node):
            halves = _halves(node, node.op)
            if all(exact(graph, half) for half in halves):
                nodes += [*halves, _total(node, halves, tensors)]
                continue
        nodes.append(node)
    return replace(graph, tensors=tensors, nodes=tuple(nodes))


def _ties(graph: Graph, node: Node, op: Quantize) -> bool:
    """Whether ties may occur that no multiply-add-shift gives: at several integers, over no power of two."""
    source = graph.tensors[node.inputs[0]]
    if op.rounding != HALF_EVEN or op.lo == op.hi or skewed_sums(graph, source.name):  # their integers are no exact values
        return False
    shared = {lcm(s.denominator, o.denominator) for s, o in zip(op.slope, op.offset, strict=True)}
    return any(d % 2 == 0 and not power_of_two(d) and d <= source.hi - source.lo for d in shared)


def _halves(node: Node, op: Quantize) -> tuple[Node, Node]:
    """How many even integers, and how many odd ones, are reached; the odd ones also carry the zero point."""
    lo, hi = op.lo + op.zero, op.hi + op.zero
    slope, offset = op.slope / 2, (op.offset + op.zero) / 2
    even = replace(op, slope=slope, offset=offset + QUARTER, lo=lo // 2, hi=hi // 2, rounding="FLOOR", zero=0)
    odd = replace(even, offset=offset - QUARTER - op.zero, lo=-(-lo // 2) - op.zero, hi=-(-hi // 2) - op.zero, rounding="CEIL")
    first, second = (
        Node(name=f"{node.name}_{what}", op=half, inputs=node.inputs, outputs=(f"{node.name}_{what}_out",))
        for what, half in (("even", even), ("odd", odd))
    )
    return first, second


def _total(node: Node, halves: tuple[Node, Node], tensors: dict[str, Tensor]) -> Node:
    result = tensors[node.outputs[0]]
    for half in halves:
        assert isinstance(half.op, Quantize)
        tensors[half.outputs[0]] = replace(result, name=half.outputs[0], lo=half.op.lo, hi=half.op.hi)
    names = tuple(half.outputs[0] for half in halves)
    return replace(node, op=Pointwise(expression=("add", operand(0), operand(1))), inputs=names)
