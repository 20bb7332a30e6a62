# SPDX-License-Identifier: Apache-2.0
"""The foldings of an operator: how fast they are, and what they take of a board."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from math import ceil
from typing import cast

import numpy as np
import numpy.typing as npt

from headrace.boards import Board
from headrace.engines.elementwise import addend_bits, multiplier_bits
from headrace.engines.mac import Stationary, acc_bits, weight_reader
from headrace.engines.technology import Resources
from headrace.engines.window import Window
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Requant
from headrace.operators import fold_options, lean_folds, map_node
from headrace.operators.base import Fold
from headrace.operators.conv import Conv, weight_bits
from headrace.operators.requant import block_folds, requantizer_of
from headrace.passes.knapsack import FloatArray, efficient

MANY = 400
"""Of more options than these, only those are tried that are at most `FASTER` times as fast as they must be."""
FASTER = 2


class Candidates:
    """The foldings of one node, or of several alike: how fast they are, and what they take of the board.

    Args:
        lean: take foldings that spare block RAM too.
    """

    def __init__(self, graph: Graph, node: Node, board: Board, budget: Resources, *, lean: bool) -> None:
        self._graph, self._node, self._technology = graph, node, board.technology
        self._budget = np.maximum(np.array(budget.measures()[: 5 if board.resources.uram else 4], np.float64), 1e-9)
        self._word_bytes = board.memory.data_bits // 8 if board.memory else 0
        cycles = {fold: map_node(graph, node, fold).cycles for fold in fold_options(graph, node)}
        for fold in lean_folds(graph, node) if lean else []:
            if fold.held and not self._word_bytes:
                continue
            cycles[fold] = cycles[replace(fold, held=0)] if fold.held else map_node(graph, node, fold).cycles
        self.reader = requantizer_of(graph, node) if lean else None
        """The requantizer whose folding some options choose, too."""
        self._folds: list[tuple[Fold, Fold | None]] = [(fold, None) for fold in cycles]
        each = list(cycles.values())
        if self.reader is not None:
            sums = graph.tensors[node.outputs[0]]
            for fold, taken in cycles.items():
                pairs = list(block_folds(self.reader, sums, fold))
                self._folds += pairs
                each += [taken] * len(pairs)
        self.both = np.array([theirs is not None for _, theirs in self._folds])
        """Of each option, whether it does."""
        self.cycles = np.array(each)
        self._taken = np.full((len(self._folds), len(self._budget) + 1), np.nan)
        self._pauses: dict[int, tuple[Window, ...]] = {}
        self._efficient = None if lean else self._worth()

    def folds(self, index: int) -> tuple[Fold, Fold | None]:
        """The folding of an option, and that of the requantizer if it chooses this one's."""
        return self._folds[index]

    def resources(self, index: int) -> Resources:
        """Estimate of an option."""
        lut, ff, dsp, bram36, *uram = self._estimates(np.array([index]))[0, :-1].tolist()
        return Resources(lut=int(lut), ff=int(ff), dsp=int(dsp), bram36=bram36, uram=int(sum(uram)))

    def traffic(self, index: int) -> int:
        """Bytes from memory in a frame."""
        return int(self._estimates(np.array([index]))[0, -1])

    def _estimates(self, indices: npt.NDArray[np.int64]) -> FloatArray:
        """Resources, and bytes from memory in a frame, of some options (n, 5 or, with UltraRAM, 6)."""
        for i in indices[np.isnan(self._taken[indices, 0])].tolist():
            self._taken[i] = self._estimated(i)
        return self._taken[indices]

    def _estimated(self, index: int) -> list[float]:
        mine, theirs = self._folds[index]
        mapped = map_node(self._graph, self._node, mine)
        streamed = [engine for engine in mapped.chain if isinstance(engine, Stationary)]
        readers = (weight_reader(engine.in_widths[1], 8 * self._word_bytes) for engine in streamed)
        total = sum(readers, mapped.resources(self._technology))
        if theirs is not None and self.reader is not None:
            total += map_node(self._graph, self.reader, theirs).resources(self._technology)
        if pauses := tuple(e for e in mapped.chain if isinstance(e, Window) and e.pause):
            self._pauses[index] = pauses
        return [*total.measures()[: len(self._budget)], sum(engine.weight_bytes(self._word_bytes) for engine in streamed)]

    def _worth(self) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Options that no other one beats in every measure, pace included, and their shares of the budget (n, 4 or 5)."""
        shares = self._estimates(np.arange(len(self._folds)))[:, :-1] / self._budget
        kept = efficient(np.column_stack([shares, self.cycles]))
        return kept, shares[kept]

    def _waits(self, index: int, interval: int) -> float:
        """Block RAMs of the FIFO before an engine that pauses, where what feeds it goes on."""
        return sum(
            self._technology.memory(ceil(e.source.pixels * e.beats * min(1.0, e.pause / interval)), e.in_widths[0]).bram36
            for e in self._pauses.get(index, ())
        )

    def _lean_shares(self, indices: npt.NDArray[np.int64], interval: int, traffic: float) -> FloatArray:
        """Shares of some at an interval, and of ``traffic`` bytes from memory (n, 5 or 6)."""
        estimates = self._estimates(indices)
        taken, read = estimates[:, :-1] / self._budget, estimates[:, -1]
        if self._pauses:
            taken[:, 3] += np.array([self._waits(int(i), interval) for i in indices]) / self._budget[3]
        return np.column_stack([taken, read / traffic if traffic > 0 else np.where(read > 0, np.inf, 0.0)])

    def within(self, interval: int, traffic: float) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Options that meet ``interval`` and are worth their cost, and their shares."""
        if self._efficient is not None:
            indices, shares = self._efficient
            enough = self.cycles[indices] <= interval
            return indices[enough], shares[enough]
        allowed = np.flatnonzero(self.cycles <= interval)
        if len(allowed) > MANY:
            allowed = allowed[self.cycles[allowed] * FASTER > self.cycles[allowed].max()]
        if not len(allowed):
            return allowed, np.zeros((0, len(self._budget) + 1))
        shares = self._lean_shares(allowed, interval, traffic)
        parts = [np.flatnonzero(self.both[allowed] == both) for both in (False, True)]  # which cost incomparable things
        kept = np.concatenate([part[efficient(shares[part])] for part in parts])
        return allowed[kept], shares[kept]


def _alike(graph: Graph, node: Node) -> Hashable:
    """Equal for nodes whose foldings cost the same."""
    op = node.op
    if not isinstance(op, Conv):
        return node.name
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    reader = requantizer_of(graph, node)
    shape = (op.weight.shape, weight_bits(op), op.stride, op.pad, op.dilation, op.groups, op.repeat)
    return (*shape, source.shape, source.bits, source.signed, result.shape, acc_bits(result), _requantizing(graph, reader))


def _requantizing(graph: Graph, node: Node | None) -> Hashable:
    """The same of what takes blocks of pixels."""
    if node is None:
        return None
    op = cast(Requant, node.op)
    return (multiplier_bits(op), addend_bits(op), op.shift, op.lo, op.hi, graph.output_tensors(node)[0].bits)


def candidates_of(graph: Graph, board: Board, budget: Resources, *, lean: bool) -> dict[str, Candidates]:
    """By node; nodes that are alike share theirs.

    Args:
        budget: in parts of which costs are told.
        lean: take foldings that spare block RAM too.
    """
    kinds = {node.name: _alike(graph, node) for node in graph.nodes}
    found = {kinds[n.name]: n for n in reversed(graph.nodes)}
    each = {kind: Candidates(graph, node, board, budget, lean=lean) for kind, node in found.items()}
    return {name: each[kind] for name, kind in kinds.items()}
