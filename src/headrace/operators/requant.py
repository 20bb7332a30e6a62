# SPDX-License-Identifier: Apache-2.0
"""Integer requantization: what the requantize pass makes of the model's quantizers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from headrace.engines.base import fields_of
from headrace.engines.elementwise import Requantizer
from headrace.frontend.truncate import trunc
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Requant
from headrace.operators.base import Fold, Mapped, Operator, lane_folds, same_lanes
from headrace.operators.tables import map_search, map_table, table_folds

LUT_MUL_BITS = 12
"""Widest requantizer multiplier that is offered in LUTs."""


def map_requant(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One requantizer, or the same steps as a search or a table."""
    if fold.thresholds or fold.table:
        return map_table(graph, node, fold) if fold.table else map_search(graph, node, fold)
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    op = cast(Requant, node.op)
    engine = Requantizer(name=node.name, op=op, source=source, result=result, lanes=fold.lanes, lut_mul=fold.lut_mul)
    return same_lanes(engine, fold.lanes, (engine.in_bits,), result.bits)


def _requant_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    narrow = fields_of(cast(Requant, node.op).mul, 2) <= LUT_MUL_BITS
    for fold in lane_folds(graph, node):
        yield fold
        if narrow:
            yield replace(fold, lut_mul=True)
        yield from table_folds(graph, node, fold)


OPERATORS = (Operator(op=Requant, map=map_requant, folds=_requant_folds, handlers={"Trunc": trunc}),)
