# SPDX-License-Identifier: Apache-2.0
"""Chooses the folding of every operator: the fewest resources for a frame interval, or the shortest interval that fits.

A dataflow network runs at the pace of its slowest engine, so for a given interval the operators are independent: each takes a
folding that is fast enough. What couples them is the board: of all choices that stay within its resources the cheapest is
taken, found exactly. The interval itself is found by bisection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.boards import Board
from headrace.engines.technology import Resources, Technology, technology_of
from headrace.errors import FoldingError
from headrace.ir.graph import Graph
from headrace.operators import fold_options, map_node
from headrace.operators.base import Fold
from headrace.operators.constant import at_readers
from headrace.passes.knapsack import FloatArray, choose, efficient
from headrace.passes.waits import wait_bram36

PLUMBING = 0.02
"""Part of the LUTs and flip-flops set aside for FIFOs, beyond what each operator is charged for its borders."""
HARD_FILL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """The chosen folds by node name, and what they were chosen for."""

    folds: Mapping[str, Fold]
    interval: int
    """Cycles per frame that every engine meets."""
    resources: Resources
    """Estimate, without FIFOs and width converters."""

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        folds = {n: asdict(f) for n, f in self.folds.items()}
        return {"interval_cycles": self.interval, "resources": self.resources.to_json(), "folds": folds}


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The foldings of one node that are worth their cost: cycles (n,) and shares of the budget (n, 4)."""

    name: str
    folds: Sequence[Fold]
    cycles: npt.NDArray[np.int64]
    shares: FloatArray
    resources: Sequence[Resources]


def _vector(r: Resources) -> list[float]:
    return [r.lut, r.ff, r.dsp, r.bram36]


def _candidates(graph: Graph, budget: Resources, technology: Technology) -> list[_Candidates]:
    total = np.array(_vector(budget), np.float64)
    out = []
    for node in graph.nodes:
        folds = fold_options(graph, node)
        mapped = [map_node(graph, node, fold) for fold in folds]
        resources = [m.resources(technology) for m in mapped]
        cycles = np.array([m.cycles for m in mapped])
        shares = np.array([_vector(r) for r in resources]) / np.maximum(total, 1e-9)
        kept = efficient(np.column_stack([shares, cycles]))
        out.append(_Candidates(node.name, [folds[i] for i in kept], cycles[kept], shares[kept], [resources[i] for i in kept]))
    return out


def _fit(candidates: list[_Candidates], interval: int) -> list[int] | None:
    """The cheapest choices that meet ``interval`` within the budget; None if there are none."""
    allowed = [np.flatnonzero(c.cycles <= interval) for c in candidates]
    picks = choose([c.shares[a] for c, a in zip(candidates, allowed, strict=True)])
    return None if picks is None else [int(a[p]) for a, p in zip(allowed, picks, strict=True)]


def _folding(graph: Graph, candidates: list[_Candidates], picks: list[int]) -> Folding:
    total = Resources()
    for c, p in zip(candidates, picks, strict=True):
        total += c.resources[p]
    return Folding(
        folds=at_readers(graph, {c.name: c.folds[p] for c, p in zip(candidates, picks, strict=True)}),
        interval=int(max(c.cycles[p] for c, p in zip(candidates, picks, strict=True))),
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


def expected_plumbing(graph: Graph, board: Board, fill: float) -> Resources:
    """What FIFOs and width converters will probably take, before they are known."""
    whole = board.resources
    return Resources(lut=int(whole.lut * fill * PLUMBING), ff=int(whole.ff * fill * PLUMBING), bram36=wait_bram36(graph))


def fold(
    graph: Graph, board: Board, *, fill: float = 0.7, fps: float | None = None, reserve: Resources | None = None
) -> Folding:
    """Chooses foldings for ``board``.

    Args:
        fill: fraction of the board's LUTs and flip-flops that may be used; fuller devices are hard to route. DSPs and block
            RAMs, which are not, may be used up to ``HARD_FILL``.
        fps: frames per second to reach with the fewest resources; without it, as many as fit.
        reserve: set aside for FIFOs and width converters; estimated if not given.

    Raises:
        FoldingError: the goal cannot be met within the budget; says what is possible.
    """
    aside = reserve or expected_plumbing(graph, board, fill)
    budget = budget_of(board, fill, aside)
    for resource, name in (("lut", "LUTs"), ("ff", "flip-flops"), ("bram36", "block RAMs")):
        if getattr(budget, resource) <= 0:
            raise FoldingError(
                f"FIFOs and width converters alone take {getattr(aside, resource):,g} {name} of {board.title}, which has "
                f"{getattr(board.resources, resource):,g}; take a larger board, a smaller network, or a lower rate with --fps"
            )
    candidates = _candidates(graph, budget, technology_of(board.family))
    slowest_best = int(max(c.cycles.min() for c in candidates))
    intervals = np.unique(np.concatenate([c.cycles for c in candidates]))
    intervals = intervals[intervals >= slowest_best]
    if fps is not None:
        goal = int(board.clock_mhz * 1e6 / fps)
        picks = _fit(candidates, goal)
        if picks is not None:
            return _folding(graph, candidates, picks)
    low, high, best = 0, len(intervals) - 1, None
    while low <= high:
        middle = (low + high) // 2
        picks = _fit(candidates, int(intervals[middle]))
        if picks is None:
            low = middle + 1
        else:
            best, high = _folding(graph, candidates, picks), middle - 1
    if best is None:
        raise FoldingError(_too_large(candidates, board, fill))
    if fps is not None and best.interval > goal:
        reached = board.clock_mhz * 1e6 / best.interval
        raise FoldingError(
            f"{fps:g} frames/s need an interval of {goal} cycles at {board.clock_mhz:g} MHz; the shortest on {board.title} "
            f"at --fill {fill:g} is {best.interval} ({reached:.1f} frames/s); lower --fps, raise --fill or take a larger board"
        )
    return best


def _too_large(candidates: list[_Candidates], board: Board, fill: float) -> str:
    load = sum((c.shares[c.shares.sum(axis=1).argmin()] for c in candidates), np.zeros(4))
    names = ("LUTs", "flip-flops", "DSPs", "block RAMs")
    worst = int(np.argmax(load))
    return (
        f"the network does not fit {board.title} at any folding: it needs {load[worst]:.2f} times the {names[worst]} that "
        f"{'--fill ' + format(fill, '.0%') if worst < 2 else 'the device'} leaves for it; "
        f"{'raise --fill, ' if worst < 2 else ''}take a larger board or a smaller network"
    )
