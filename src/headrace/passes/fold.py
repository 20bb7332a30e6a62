# SPDX-License-Identifier: Apache-2.0
"""Chooses the folding of every operator: the fewest resources for a frame interval, or the shortest interval that fits.

A dataflow network runs at the pace of its slowest engine, so for a given interval the operators are independent: each takes a
folding that is fast enough. What couples them is the board: of all choices that stay within its resources the cheapest is
taken, or one proven to be close to it. The interval itself is found by bisection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from headrace.boards import Board
from headrace.engines.technology import Resources
from headrace.errors import FoldingError
from headrace.ir.graph import Graph
from headrace.operators.base import Fold
from headrace.operators.constant import at_readers
from headrace.operators.requant import requantizer_of
from headrace.passes.candidates import Candidates, candidates_of
from headrace.passes.knapsack import Included, choose
from headrace.passes.waits import wait_bram36

BANDWIDTH = 0.6
"""Part of the memory port's bandwidth that weights may take; frames and waiting have the rest."""
LEAN_FIFOS = 0.07
"""Part of the block RAMs that FIFOs take in builds that spare them, where joins and blocks of pixels wait."""
PLUMBING = 0.02
"""Part of the LUTs and flip-flops set aside for FIFOs, beyond what each operator is charged for its borders."""
HARD_FILL, KNOWN_FILL = 0.95, 1.0
"""Part of the DSPs and block RAMs that may be used; of lean foldings, more once it is known what the FIFOs of one took."""
INCLUDED = -1
"""Choice of a requantizer that comes with the convolution before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """The chosen folds by node name, and what they were chosen for."""

    folds: Mapping[str, Fold]
    interval: int
    """Cycles per frame that every engine meets, and the memory that weights stream from."""
    resources: Resources
    """Estimate, without FIFOs and width converters."""

    gap: float
    """By how much less the best folding at this interval may take, at most: of the scarcest budget, where it is balanced, else
    of the sum of all."""
    bound: int
    """No folding within the budget has a shorter interval; 0 where one was asked for, and the shortest was not looked for."""

    def proven(self) -> dict[str, float]:
        """For the manifest."""
        return {"gap": round(self.gap, 5), "bound_cycles": self.bound}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """What was found at an interval; see `headrace.passes.knapsack.Chosen`."""

    picks: Mapping[str, int] | None
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """What there is to choose from."""

    graph: Graph
    candidates: Mapping[str, Candidates]
    bytes_per_cycle: float
    """From the memory that weights stream from."""
    lean: bool

    def fit(self, interval: int, *, enough: bool = False) -> _Fit:
        """The cheapest options that meet ``interval`` within the budget; with ``enough``, any of a lean folding."""
        traffic = interval * self.bytes_per_cycle
        known = {id(c): c.within(interval, traffic) for c in self.candidates.values()}
        allowed = {name: known[id(c)] for name, c in self.candidates.items()}
        place, included = {name: k for k, name in enumerate(allowed)}, []
        for node in self.graph.nodes:
            both = self.candidates[node.name].both[allowed[node.name][0]]
            reader = requantizer_of(self.graph, node)
            if reader is not None and both.any():
                indices, shares = allowed[reader.name]
                allowed[reader.name] = np.append(indices, INCLUDED), np.vstack([shares, np.zeros(shares.shape[1])])
                included.append(Included(group=place[node.name], options=both, other=place[reader.name]))
        groups = [shares for _, shares in allowed.values()]
        chosen = choose(groups, balanced=self.lean, enough=enough, included=included)
        if chosen.picks is None:
            return _Fit(picks=None, gap=chosen.gap)
        options = zip(allowed.items(), chosen.picks, strict=True)
        return _Fit(picks={name: int(indices[pick]) for (name, (indices, _)), pick in options}, gap=chosen.gap)

    def folding(self, fit: _Fit, bound: int = 0) -> Folding:
        """The folding of the options in ``fit``; none has a shorter interval than ``bound``."""
        assert fit.picks is not None
        taken = {name: (self.candidates[name], pick) for name, pick in fit.picks.items() if pick != INCLUDED}
        folds: dict[str, Fold] = {}
        for node in self.graph.nodes:
            if node.name in taken:
                candidates, pick = taken[node.name]
                folds[node.name], theirs = candidates.folds(pick)
                reader = requantizer_of(self.graph, node)
                if theirs is not None and reader is not None:
                    folds[reader.name] = theirs
        slowest = max(int(c.cycles[pick]) for c, pick in taken.values())
        read = sum(c.traffic(pick) for c, pick in taken.values())
        return Folding(
            folds=at_readers(self.graph, folds),
            interval=max(slowest, ceil(read / self.bytes_per_cycle) if read else 0),
            resources=sum((c.resources(pick) for c, pick in taken.values()), Resources()),
            gap=fit.gap,
            bound=bound,
        )


def budget_of(board: Board, fill: float, reserve: Resources, hard: float = HARD_FILL) -> Resources:
    """What the operators may use: ``fill`` of the board's LUTs and flip-flops, ``hard`` of the rest, less ``reserve``."""
    whole = board.resources
    return Resources(
        lut=max(0, int(whole.lut * fill) - reserve.lut),
        ff=max(0, int(whole.ff * fill) - reserve.ff),
        dsp=max(0, int(whole.dsp * hard) - reserve.dsp),
        bram36=max(0.0, whole.bram36 * hard - reserve.bram36),
        uram=max(0, int(whole.uram * hard) - reserve.uram),
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
            RAMs, which are not, may be used up to ``HARD_FILL``, or lean ones up to ``KNOWN_FILL`` with a ``reserve``.
        fps: frames per second to reach with the fewest resources; without it, as many as fit.
        reserve: set aside for FIFOs and width converters; estimated if not given.
        lean: take foldings that spare block RAM too: weights that stream in from the board's memory, if it has one, and line
            buffers of fewer rows.

    Raises:
        FoldingError: the goal cannot be met within the budget; says what is possible.
    """
    aside = reserve or expected_plumbing(graph, board, fill, lean=lean)
    budget = budget_of(board, fill, aside, KNOWN_FILL if reserve and lean else HARD_FILL)
    for resource, name in (("lut", "LUTs"), ("ff", "flip-flops"), ("bram36", "block RAMs")):
        if getattr(budget, resource) <= 0:
            raise FoldingError(
                f"FIFOs and width converters alone take {getattr(aside, resource):,g} {name} of {board.title}, which has "
                f"{getattr(board.resources, resource):,g}; take a larger board, a smaller network, or a lower rate with --fps"
            )
    candidates = candidates_of(graph, board, budget, lean=lean)
    bytes_per_cycle = BANDWIDTH * board.memory.data_bits / 8 if board.memory else 0.0
    choice = _Choice(graph=graph, candidates=candidates, bytes_per_cycle=bytes_per_cycle, lean=lean)
    slowest_best = int(max(c.cycles.min() for c in candidates.values()))
    intervals = np.unique(np.concatenate([c.cycles for c in candidates.values()]))
    intervals = intervals[intervals >= slowest_best]
    if fps is not None:
        goal = int(board.clock_mhz * 1e6 / fps)
        if (found := choice.fit(goal)).picks is not None:
            return choice.folding(found)
    if choice.fit(int(intervals[-1]), enough=True).picks is None:
        raise FoldingError(_too_large(candidates, board, fill))
    best = _shortest(choice, intervals)
    if fps is not None and best.interval > goal:
        reached = board.clock_mhz * 1e6 / best.interval
        raise FoldingError(
            f"{fps:g} frames/s need an interval of {goal} cycles at {board.clock_mhz:g} MHz; the shortest on {board.title} "
            f"at --fill {fill:g} is {best.interval} ({reached:.1f} frames/s); lower --fps, raise --fill or take a larger board"
        )
    return best


def _shortest(choice: _Choice, intervals: npt.NDArray[np.int64]) -> Folding:
    """The folding with the shortest of ``intervals``, ascending, of which the last one is met."""
    low, high, bound = 0, len(intervals) - 1, 0
    while low < high:
        middle = (low + high) // 2
        found = choice.fit(int(intervals[middle]), enough=True)
        if found.picks is not None:
            high = middle
        else:
            low = middle + 1
            if found.gap == 0:
                bound = low
    return choice.folding(choice.fit(int(intervals[low])), int(intervals[bound]))


def _too_large(candidates: Mapping[str, Candidates], board: Board, fill: float) -> str:
    load = np.zeros(5 if board.resources.uram else 4)
    for c in candidates.values():
        indices, shares = c.within(int(c.cycles.max()), np.inf)
        load += shares[shares.sum(axis=1).argmin(), : len(load)] if len(indices) else 0.0
    names = ("LUTs", "flip-flops", "DSPs", "block RAMs", "UltraRAMs")
    worst = int(np.argmax(load))
    return (
        f"the network does not fit {board.title} at any folding: it needs {load[worst]:.2f} times the {names[worst]} that "
        f"{'--fill ' + format(fill, '.0%') if worst < 2 else 'the device'} leaves for it; "
        f"{'raise --fill, ' if worst < 2 else ''}take a larger board or a smaller network"
    )
