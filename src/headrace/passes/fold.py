# SPDX-License-Identifier: Apache-2.0
"""Chooses the folding of every operator: the fewest resources for a frame interval, or the shortest interval that fits.

A dataflow network runs at the pace of its slowest engine, so for a given interval the operators are independent: each takes a
folding that is fast enough. What couples them is the board: of all choices that stay within its resources the cheapest is
taken, found exactly. The interval itself is found by bisection.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.boards import Board
from headrace.engines.base import fields_of
from headrace.engines.mac import Stationary, acc_bits, weight_reader
from headrace.engines.technology import Resources, technology_of
from headrace.engines.window import Window
from headrace.errors import FoldingError
from headrace.ir.graph import Graph, Node
from headrace.operators import fold_options, lean_folds, map_node
from headrace.operators.base import Fold
from headrace.operators.constant import at_readers
from headrace.operators.conv import Conv
from headrace.passes.knapsack import FloatArray, choose, efficient
from headrace.passes.waits import wait_bram36

BANDWIDTH = 0.6
"""Part of the memory port's bandwidth that weights may take; frames and waiting have the rest."""
MANY = 400
"""Of more options than these, only those are tried that are at most `FASTER` times as fast as they must be."""
FASTER = 4
LEAN_FIFOS = 0.1
"""Part of the block RAMs that FIFOs take in builds that spare them, where joins and blocks of pixels wait."""
PLUMBING = 0.02
"""Part of the LUTs and flip-flops set aside for FIFOs, beyond what each operator is charged for its borders."""
HARD_FILL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """The chosen folds by node name, and what they were chosen for."""

    folds: Mapping[str, Fold]
    interval: int
    """Cycles per frame that every engine meets, and the memory that weights stream from."""
    resources: Resources
    """Estimate, without FIFOs and width converters."""

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        folds = {n: asdict(f) for n, f in self.folds.items()}
        return {"interval_cycles": self.interval, "resources": self.resources.to_json(), "folds": folds}


class _Candidates:
    """The foldings of one node, or of several alike: how fast they are, and what they take of the board.

    Args:
        lean: take foldings that spare block RAM too.
    """

    def __init__(self, graph: Graph, node: Node, board: Board, budget: Resources, *, lean: bool) -> None:
        self._graph, self._node, self._technology = graph, node, technology_of(board.family)
        self._budget = np.maximum(np.array(_vector(budget), np.float64), 1e-9)
        self._word_bytes = board.memory.data_bits // 8 if board.memory else 0
        self._folds = fold_options(graph, node)
        cycles = {fold: map_node(graph, node, fold).cycles for fold in self._folds}
        for fold in lean_folds(graph, node) if lean else []:
            if fold.held and not self._word_bytes:
                continue
            cycles[fold] = cycles[replace(fold, held=0)] if fold.held else map_node(graph, node, fold).cycles
        self._folds = list(cycles)
        self.cycles = np.array(list(cycles.values()))
        self._known: dict[int, Resources] = {}
        self._traffic: dict[int, int] = {}
        self._pauses: dict[int, tuple[Window, ...]] = {}
        self._efficient = None if lean else self._worth()

    def fold(self, index: int) -> Fold:
        """The folding of an option."""
        return self._folds[index]

    def resources(self, index: int) -> Resources:
        """Estimate of an option."""
        if index not in self._known:
            mapped = map_node(self._graph, self._node, self._folds[index])
            streamed = [engine for engine in mapped.chain if isinstance(engine, Stationary)]
            readers = (weight_reader(engine.in_widths[1], 8 * self._word_bytes) for engine in streamed)
            self._known[index] = sum(readers, mapped.resources(self._technology))
            self._traffic[index] = sum(engine.weight_bytes(self._word_bytes) for engine in streamed)
            self._pauses[index] = tuple(e for e in mapped.chain if isinstance(e, Window) and e.pause)
        return self._known[index]

    def traffic(self, index: int) -> int:
        """Bytes from memory in a frame."""
        self.resources(index)
        return self._traffic[index]

    def _shares(self, indices: npt.NDArray[np.int64]) -> FloatArray:
        return np.array([_vector(self.resources(int(i))) for i in indices]) / self._budget

    def _worth(self) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Options that no other one beats in every measure, pace included, and their shares of the budget (n, 4)."""
        shares = self._shares(np.arange(len(self._folds)))
        kept = efficient(np.column_stack([shares, self.cycles]))
        return kept, shares[kept]

    def _waits(self, index: int, interval: int) -> float:
        """Block RAMs of the FIFO before an engine that pauses, where what feeds it goes on."""
        self.resources(index)
        return sum(
            self._technology.memory(ceil(e.source.pixels * e.beats * min(1.0, e.pause / interval)), e.in_widths[0]).bram36
            for e in self._pauses[index]
        )

    def _lean_shares(self, indices: npt.NDArray[np.int64], interval: int, traffic: float) -> FloatArray:
        """The same of some, and of ``traffic`` bytes from memory (n, 5)."""
        taken = self._shares(indices)
        taken[:, 3] += np.array([self._waits(int(i), interval) for i in indices]) / self._budget[3]
        read = np.array([self.traffic(int(i)) for i in indices], np.float64)
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
            return allowed, np.zeros((0, 5))
        shares = self._lean_shares(allowed, interval, traffic)
        kept = efficient(shares)
        return allowed[kept], shares[kept]


def _vector(r: Resources) -> list[float]:
    return [r.lut, r.ff, r.dsp, r.bram36]


def _alike(graph: Graph, node: Node) -> Hashable:
    """Equal for nodes whose foldings cost the same."""
    op = node.op
    if not isinstance(op, Conv):
        return node.name
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    shape = (op.weight.shape, fields_of(op.weight, 2), op.stride, op.pad, op.dilation, op.groups, op.repeat)
    return (*shape, source.shape, source.bits, source.signed, result.shape, acc_bits(result))


def _candidates(graph: Graph, board: Board, budget: Resources, *, lean: bool) -> dict[str, _Candidates]:
    """By node; nodes that are alike share theirs."""
    kinds = {node.name: _alike(graph, node) for node in graph.nodes}
    found = {kinds[n.name]: n for n in reversed(graph.nodes)}
    each = {kind: _Candidates(graph, node, board, budget, lean=lean) for kind, node in found.items()}
    return {name: each[kind] for name, kind in kinds.items()}


def _fit(candidates: Mapping[str, _Candidates], interval: int, bytes_per_cycle: float, *, lean: bool) -> dict[str, int] | None:
    """The cheapest choices that meet ``interval`` within the budget; None if there are none."""
    traffic = interval * bytes_per_cycle
    known = {id(c): c.within(interval, traffic) for c in candidates.values()}
    allowed = {name: known[id(c)] for name, c in candidates.items()}
    picks = choose([shares for _, shares in allowed.values()], balanced=lean)
    if picks is None:
        return None
    return {name: int(indices[pick]) for (name, (indices, _)), pick in zip(allowed.items(), picks, strict=True)}


def _folding(graph: Graph, candidates: Mapping[str, _Candidates], picks: Mapping[str, int], bytes_per_cycle: float) -> Folding:
    total = Resources()
    for name, pick in picks.items():
        total += candidates[name].resources(pick)
    slowest = max(int(candidates[name].cycles[pick]) for name, pick in picks.items())
    read = sum(candidates[name].traffic(pick) for name, pick in picks.items())
    return Folding(
        folds=at_readers(graph, {name: candidates[name].fold(pick) for name, pick in picks.items()}),
        interval=max(slowest, ceil(read / bytes_per_cycle) if read else 0),
        resources=total,
    )


def budget_of(board: Board, fill: float, reserve: Resources) -> Resources:
    """What the operators may use: ``fill`` of the board's LUTs and flip-flops, most DSPs and block RAMs, less ``reserve``."""
    whole = board.resources
    return Resources(
        lut=max(0, int(whole.lut * fill) - reserve.lut),
        ff=max(0, int(whole.ff * fill) - reserve.ff),
        dsp=max(0, int(whole.dsp * HARD_FILL) - reserve.dsp),
        bram36=max(0.0, whole.bram36 * HARD_FILL - reserve.bram36),
    )


def expected_plumbing(graph: Graph, board: Board, fill: float, *, lean: bool = False) -> Resources:
    """What FIFOs and width converters will probably take, before they are known."""
    whole, bram36 = board.resources, wait_bram36(graph)
    if lean:
        bram36 = max(bram36, whole.bram36 * LEAN_FIFOS)
    return Resources(lut=int(whole.lut * fill * PLUMBING), ff=int(whole.ff * fill * PLUMBING), bram36=bram36)


def fold(
    graph: Graph,
    board: Board,
    *,
    fill: float = 0.7,
    fps: float | None = None,
    reserve: Resources | None = None,
    lean: bool = False,
) -> Folding:
    """Chooses foldings for ``board``.

    Args:
        fill: fraction of the board's LUTs and flip-flops that may be used; fuller devices are hard to route. DSPs and block
            RAMs, which are not, may be used up to ``HARD_FILL``.
        fps: frames per second to reach with the fewest resources; without it, as many as fit.
        reserve: set aside for FIFOs and width converters; estimated if not given.
        lean: take foldings that spare block RAM too: weights that stream in from the board's memory, if it has one, and line
            buffers of fewer rows.

    Raises:
        FoldingError: the goal cannot be met within the budget; says what is possible.
    """
    aside = reserve or expected_plumbing(graph, board, fill, lean=lean)
    budget = budget_of(board, fill, aside)
    for resource, name in (("lut", "LUTs"), ("ff", "flip-flops"), ("bram36", "block RAMs")):
        if getattr(budget, resource) <= 0:
            raise FoldingError(
                f"FIFOs and width converters alone take {getattr(aside, resource):,g} {name} of {board.title}, which has "
                f"{getattr(board.resources, resource):,g}; take a larger board, a smaller network, or a lower rate with --fps"
            )
    candidates = _candidates(graph, board, budget, lean=lean)
    bytes_per_cycle = BANDWIDTH * board.memory.data_bits / 8 if board.memory else 0.0
    slowest_best = int(max(c.cycles.min() for c in candidates.values()))
    intervals = np.unique(np.concatenate([c.cycles for c in candidates.values()]))
    intervals = intervals[intervals >= slowest_best]
    if fps is not None:
        goal = int(board.clock_mhz * 1e6 / fps)
        picks = _fit(candidates, goal, bytes_per_cycle, lean=lean)
        if picks is not None:
            return _folding(graph, candidates, picks, bytes_per_cycle)
    low, high, best = 0, len(intervals) - 1, None
    while low <= high:
        middle = (low + high) // 2
        picks = _fit(candidates, int(intervals[middle]), bytes_per_cycle, lean=lean)
        if picks is None:
            low = middle + 1
        else:
            best, high = _folding(graph, candidates, picks, bytes_per_cycle), middle - 1
    if best is None:
        raise FoldingError(_too_large(candidates, board, fill))
    if fps is not None and best.interval > goal:
        reached = board.clock_mhz * 1e6 / best.interval
        raise FoldingError(
            f"{fps:g} frames/s need an interval of {goal} cycles at {board.clock_mhz:g} MHz; the shortest on {board.title} "
            f"at --fill {fill:g} is {best.interval} ({reached:.1f} frames/s); lower --fps, raise --fill or take a larger board"
        )
    return best


def _too_large(candidates: Mapping[str, _Candidates], board: Board, fill: float) -> str:
    load = np.zeros(4)
    for c in candidates.values():
        indices, shares = c.within(int(c.cycles.max()), np.inf)
        load += shares[shares.sum(axis=1).argmin(), :4] if len(indices) else 0.0
    names = ("LUTs", "flip-flops", "DSPs", "block RAMs")
    worst = int(np.argmax(load))
    return (
        f"the network does not fit {board.title} at any folding: it needs {load[worst]:.2f} times the {names[worst]} that "
        f"{'--fill ' + format(fill, '.0%') if worst < 2 else 'the device'} leaves for it; "
        f"{'raise --fill, ' if worst < 2 else ''}take a larger board or a smaller network"
    )
