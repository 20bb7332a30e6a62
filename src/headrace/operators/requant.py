# SPDX-License-Identifier: Apache-2.0
"""Integer requantization: what the requantize pass makes of the model's quantizers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from headrace.engines.elementwise import Requantizer, multiplier_bits
from headrace.frontend.truncate import trunc
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Requant
from headrace.ir.tensor import Tensor
from headrace.operators.base import Fold, Mapped, Operator, lane_folds, same_lanes
from headrace.operators.conv import Conv, in_blocks, pixel_order
from headrace.operators.tables import map_search, map_table, table_folds

LUT_MUL_BITS = 12
"""Widest requantizer multiplier that is offered in LUTs."""


def map_requant(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One requantizer, or the same steps as a search or a table."""
    if fold.thresholds or fold.table:
        return map_table(graph, node, fold) if fold.table else map_search(graph, node, fold)
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    op = cast(Requant, node.op)
    hold = max(1, fold.held)
    engine = Requantizer(name=node.name, op=op, source=source, result=result, lanes=fold.lanes, lut_mul=fold.lut_mul, hold=hold)
    mapped = same_lanes(engine, fold.lanes, (engine.in_bits,), result.bits)
    if hold == 1:
        return mapped
    return replace(mapped, chain=(engine, pixel_order(node.name, result.bits, result, replace(fold, pe=fold.lanes))))


def _multipliers(node: Node) -> tuple[bool, ...]:
    """Products in DSPs, and in LUTs where they are narrow."""
    return (False, True)[: 1 + (multiplier_bits(cast(Requant, node.op)) <= LUT_MUL_BITS)]


def _requant_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    for fold in lane_folds(graph, node):
        for lut_mul in _multipliers(node):
            yield replace(fold, lut_mul=lut_mul)
        yield from table_folds(graph, node, fold)


def requantizer_of(graph: Graph, node: Node) -> Node | None:
    """The requantizer that may take blocks of the dense convolution ``node``, which nothing else reads."""
    readers = graph.consumers(node.outputs[0])
    single = len(readers) == 1 and node.outputs[0] not in graph.outputs
    return readers[0] if isinstance(node.op, Conv) and single and isinstance(readers[0].op, Requant) else None


def block_folds(reader: Node, sums: Tensor, fold: Fold) -> Iterator[tuple[Fold, Fold]]:
    """A convolution to ``sums`` with its requantizer ``reader`` before the order of pixels: blocks of results are held."""
    if in_blocks(sums, fold):
        blocked = replace(fold, blocked=True)
        for lut_mul in _multipliers(reader):
            yield blocked, Fold(lanes=fold.pe, held=fold.held, lut_mul=lut_mul)


OPERATORS = (Operator(op=Requant, map=map_requant, folds=_requant_folds, handlers={"Trunc": trunc}),)
