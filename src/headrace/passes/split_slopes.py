# SPDX-License-Identifier: Apache-2.0
"""Functions of two slopes (leaky ReLU and its like) as the larger of two quantizers, where thresholds would take much memory.

Rounding and clipping rise, so ``round(max(a, b)) = max(round(a), round(b))``. Each channel of a convolution has a scale of its
own, and with it thresholds of its own: 255 for 8 bits. Two multipliers replace them, where their certificates are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from headrace.ir.expressions import operand
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Leaf, Quantize, Tabulate
from headrace.ir.tensor import Tensor
from headrace.operators.elementwise import Pointwise
from headrace.operators.tables import SEARCH_LEVELS, TABLE_BITS

MEMORY_BITS = 1 << 16
"""Thresholds of up to so many bits, two block RAMs, are left as they are."""


def split_slopes(graph: Graph, exact: Callable[[Graph, Node], bool]) -> Graph:
    """The graph with every such function replaced by two quantizers and their maximum.

    Args:
        exact: whether an integer requantizer equals a `Quantize` node on every value that can reach it.
    """
    tensors = dict(graph.tensors)
    nodes: list[Node] = []
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Tabulate) and op.pieces and _large(op, tensors[node.inputs[0]]):
            parts = [_quantizer(node, op, piece, f"{node.name}_slope{i}") for i, piece in enumerate(op.pieces)]
            if all(exact(graph, part) for part in parts):
                result = tensors[node.outputs[0]]
                tensors.update((part.outputs[0], replace(result, name=part.outputs[0])) for part in parts)
                larger = Pointwise(expression=("max", operand(0), operand(1)))
                nodes += [*parts, replace(node, op=larger, inputs=tuple(part.outputs[0] for part in parts))]
                continue
        nodes.append(node)
    return replace(graph, tensors=tensors, nodes=tuple(nodes))


def _large(op: Tabulate, source: Tensor) -> bool:
    levels = op.hi - op.lo
    if source.bits <= TABLE_BITS or levels < SEARCH_LEVELS or len(op.members) == 1:
        return False
    return levels * source.channels * source.bits > MEMORY_BITS


def _quantizer(node: Node, op: Tabulate, piece: Leaf, name: str) -> Node:
    quantizer = Quantize(
        slope=piece.scale / op.scale,
        offset=piece.offset / op.scale,
        lo=op.lo,
        hi=op.hi,
        rounding=op.rounding,
        zero=op.zero,
        scale=op.scale[0],
        pure=piece.pure and bool((op.scale == op.scale[0]).all()),
    )
    return Node(name=name, op=quantizer, inputs=node.inputs, outputs=(f"{name}_out",))
