# SPDX-License-Identifier: Apache-2.0
"""Functions of one value: steps at thresholds, and tables over a small range; either form can be built as the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import ClassVar, cast

import numpy as np
from headrace_host import golden, golden_tables

from headrace.engines.tables import StepFunction, Table, Thresholder
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import IntArray, Op, Requant
from headrace.ir.ranges import Range
from headrace.ir.tensor import Tensor
from headrace.operators.base import Fold, Mapped, Operator, lane_folds, same_lanes

TABLE_BITS = 10
"""Widest input of a table."""
SEARCH_LEVELS = 64
"""Most levels of a requantizer or table that are offered as a search among thresholds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thresholds(Op):
    """``values[n]`` where n thresholds of the channel are not above the input."""

    kind: ClassVar[str] = "thresholds"
    steps: IntArray
    """(C or 1, N), rising along each row"""
    values: IntArray
    """(C or 1, N + 1)"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lookup(Op):
    """``table[x - lo]``."""

    kind: ClassVar[str] = "lookup"
    table: IntArray
    """(C or 1, n), for inputs lo to lo + n - 1"""
    lo: int


def steps_of_table(table: IntArray, lo: int) -> StepFunction:
    """The steps of a table whose first column belongs to ``lo``; rows with fewer of them end in steps out of reach."""
    changes = np.diff(table, axis=1) != 0
    count = int(changes.sum(axis=1).max(initial=0))
    steps = np.full((len(table), count), lo + table.shape[1], np.int64)
    values = np.repeat(table[:, -1:].astype(np.int64), count + 1, axis=1)
    values[:, 0] = table[:, 0]
    for row, at in enumerate(changes):
        where = np.flatnonzero(at) + 1
        steps[row, : where.size] = where + lo
        values[row, 1 : where.size + 1] = table[row, where]
    return StepFunction(steps=steps, values=values)


@lru_cache(maxsize=64)
def _steps_of(op: Op, lo: int, hi: int) -> StepFunction:
    """The steps of ``op`` on inputs from ``lo`` to ``hi``."""
    if isinstance(op, Thresholds):
        return StepFunction(steps=op.steps, values=op.values)
    if isinstance(op, Lookup):
        return steps_of_table(op.table, op.lo)
    return _steps_of_requant(cast(Requant, op), lo, hi)


def _steps_of_requant(op: Requant, lo: int, hi: int) -> StepFunction:
    """Bisects the requantizer itself for each level; a falling channel passes its levels from the top."""
    falls = op.mul < 0
    levels = np.arange(op.lo + 1, op.hi + 1)[:, None] + np.zeros(op.mul.size, np.int64)
    levels[:, falls] = levels[::-1, falls]
    low, high = np.full(levels.shape, lo, np.int64), np.full(levels.shape, hi + 1, np.int64)
    arguments = {field.name: getattr(op, field.name) for field in fields(op)}
    while np.any(low < high):
        middle = (low + high) // 2
        above = golden.requant(middle, **arguments) >= levels
        passed = above ^ falls
        low, high = np.where(passed, low, middle + 1), np.where(passed, middle, high)
    steps = np.where(low > high, high, low).T
    values = np.where(falls[:, None], np.arange(op.hi, op.lo - 1, -1), np.arange(op.lo, op.hi + 1))
    before = int(np.all(steps <= lo, axis=0).sum())
    within = steps.shape[1] - int(np.all(steps > hi, axis=0).sum())
    return StepFunction(steps=steps[:, before:within], values=values[:, before : within + 1])


@lru_cache(maxsize=64)
def _table_of(op: Op, lo: int, hi: int) -> IntArray:
    """The results of ``op`` for inputs from ``lo`` to ``hi``, (C or 1, hi - lo + 1)."""
    if isinstance(op, Lookup):
        return op.table[:, lo - op.lo : hi - op.lo + 1]
    function = _steps_of(op, lo, hi)
    rows = max(len(function.steps), len(function.values))
    x = np.broadcast_to(np.arange(lo, hi + 1)[:, None], (hi - lo + 1, rows))
    return golden_tables.thresholds(x, function.steps, function.values).T


def map_search(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """A search among thresholds."""
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    function = _steps_of(node.op, source.lo, source.hi)
    engine = Thresholder(name=node.name, function=function, source=source, result=result, lanes=fold.lanes)
    return same_lanes(engine, fold.lanes, (engine.in_bits,), result.bits)


def map_table(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """A table."""
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    table = _table_of(node.op, source.lo, source.hi)
    engine = Table(name=node.name, table=table, source=source, result=result, lanes=fold.lanes)
    return same_lanes(engine, fold.lanes, (source.bits,), result.bits)


def table_folds(graph: Graph, node: Node, fold: Fold) -> Iterator[Fold]:
    """``fold`` as a search and as a table, where those are small enough to be worth considering."""
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    levels = len(_steps_of(node.op, source.lo, source.hi).steps.T) if isinstance(node.op, Lookup) else result.hi - result.lo
    if isinstance(node.op, Thresholds) or levels < SEARCH_LEVELS:
        yield replace(fold, thresholds=True)
    if isinstance(node.op, Lookup) or source.bits <= TABLE_BITS:
        yield replace(fold, table=True)


def _map(graph: Graph, node: Node, fold: Fold) -> Mapped:
    return map_table(graph, node, fold) if fold.table else map_search(graph, node, fold)


def _folds(graph: Graph, node: Node) -> Iterator[Fold]:
    for fold in lane_folds(graph, node):
        yield from table_folds(graph, node, fold)


def _bounds(op: Op, inputs: tuple[Tensor, ...]) -> Range:
    values = op.table if isinstance(op, Lookup) else cast(Thresholds, op).values
    (source,) = inputs
    low, high = (np.broadcast_to(f(axis=1), source.channels).astype(np.int64) for f in (values.min, values.max))
    return low, high


OPERATORS = (
    Operator(op=Thresholds, map=_map, folds=_folds, bounds=_bounds),
    Operator(op=Lookup, map=_map, folds=_folds, bounds=_bounds),
)
