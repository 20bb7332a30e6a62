# SPDX-License-Identifier: Apache-2.0
"""Quantizers that round toward zero or away from it, on a range that holds both signs, as the sum of two halves.

Such a quantizer has a wider or narrower step at zero than elsewhere, which no multiply-add-shift has. But
``down(v) = max(floor(v), 0) + min(ceil(v), 0)`` and ``up(v) = max(ceil(v), 0) + min(floor(v), 0)``.
"""

from __future__ import annotations

from dataclasses import replace

from headrace.ir.expressions import operand
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Quantize
from headrace.ir.tensor import Tensor
from headrace.operators.elementwise import Pointwise

HALVES = {"DOWN": ("FLOOR", "CEIL"), "UP": ("CEIL", "FLOOR")}
"""Rounding of the half above zero and of the one below."""


def split_rounding(graph: Graph) -> Graph:
    """The graph with every such quantizer replaced by two and their sum."""
    tensors = dict(graph.tensors)
    nodes: list[Node] = []
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Quantize) and op.rounding in HALVES and op.lo < -op.zero < op.hi:
            nodes += _halves(node, op, tensors)
        else:
            nodes.append(node)
    return replace(graph, tensors=tensors, nodes=tuple(nodes))


def _halves(node: Node, op: Quantize, tensors: dict[str, Tensor]) -> tuple[Node, Node, Node]:
    """The upper half counts from the zero point, the lower half carries it."""
    result = tensors[node.outputs[0]]
    over, under = HALVES[op.rounding]
    upper = replace(op, offset=op.offset + op.zero, lo=0, hi=op.hi + op.zero, rounding=over, zero=0)
    lower = replace(op, hi=-op.zero, rounding=under)
    names = (f"{node.name}_upper", f"{node.name}_lower")
    parts = []
    for name, half in zip(names, (upper, lower), strict=True):
        tensors[f"{name}_out"] = replace(result, name=f"{name}_out", lo=half.lo, hi=half.hi)
        parts.append(Node(name=name, op=half, inputs=node.inputs, outputs=(f"{name}_out",)))
    total = replace(
        node, op=Pointwise(expression=("add", operand(0), operand(1))), inputs=tuple(f"{name}_out" for name in names)
    )
    return parts[0], parts[1], total
