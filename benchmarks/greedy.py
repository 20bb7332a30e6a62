# SPDX-License-Identifier: Apache-2.0
"""The folding rule of FINN's SetFolding, as its documentation describes it, on the engines and estimates of this compiler.

For a target of cycles a frame, each operator by itself is unfolded step by step, always to a divisor of its channels, until
it meets the target or has no step left:

- dense convolutions first by input channels (SIMD; then by taps), while the weights that a row takes in a cycle are at most so
  many bits wide (`mvau_wwidth_max`), then by output channels (PE);
- depthwise convolutions and pools by channels (PE), and only then by taps;
- everything else by lanes.

If an operator cannot meet the target, all are folded anew for the pace of the slowest (`two_pass_relaxation`). The least
cycles are those of the first target, from the fastest on, whose foldings fit the budget.

Where the documentation leaves a choice, the rule has the better one: several widths are tried and the best taken; and
what SetFolding does not choose (DSPs or LUTs, memories, tables or multipliers) is chosen by the same integer program as in
`headrace.passes.fold`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headrace.boards import Board
from headrace.engines.base import fields_of
from headrace.engines.technology import Resources, technology_of
from headrace.ir.graph import Graph, Node
from headrace.operators import fold_options, lean_folds, map_node
from headrace.operators.base import Fold
from headrace.operators.conv import Conv
from headrace.operators.deform_conv import DeformConv
from headrace.operators.gather import Gather
from headrace.passes.fold import budget_of, expected_plumbing
from headrace.passes.knapsack import FloatArray, choose

WIDTHS = (36, 72, 144, 288, 1 << 16)
"""Bits of weights for each output channel in a cycle: FINN's default, and wider; the best result counts."""

Shape = tuple[int, int, int]
"""Lanes, taps and rows (``pe``) of a fold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy:
    """What the rule chose, and the cycles of its slowest engine."""

    folds: Mapping[str, Fold]
    cycles: int
    resources: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One shape of an operator, in all its implementations."""

    folds: tuple[Fold, ...]
    cycles: tuple[int, ...]
    resources: tuple[Resources, ...]

    @property
    def pace(self) -> int:
        """Cycles of the fastest implementation."""
        return min(self.cycles)

    def within(self, interval: int) -> list[int]:
        """The implementations that are fast enough."""
        return [i for i, cycles in enumerate(self.cycles) if cycles <= interval]


def shape_of(fold: Fold) -> Shape:
    """What the rule chooses of a fold."""
    return fold.lanes, fold.taps, fold.pe


def dividing(folds: Sequence[Fold]) -> list[Fold]:
    """Those whose lanes, taps and rows divide the most that there can be: channels, taps of the kernel, output channels."""
    lanes, taps, pe = (max(shape_of(fold)[axis] for fold in folds) for axis in range(3))
    return [fold for fold in folds if lanes % fold.lanes == taps % fold.taps == pe % fold.pe == 0]


def path(node: Node, shapes: set[Shape], width: int) -> list[Shape]:
    """The rule's steps from ``shapes``, from the smallest on."""
    if isinstance(node.op, Gather):
        return sorted(shapes, key=lambda shape: (shape[0] + shape[2], shape))  # both sides have the same beats
    op = node.op
    bits = fields_of(op.weight, 2) if isinstance(op, Conv | DeformConv) and op.groups == 1 else 0
    steps = [min(shapes, key=lambda shape: shape[::-1])]
    for axis in (0, 1, 2, 0):  # whole groups, which are lanes again, once a group is unfolded
        for shape in sorted(shapes):
            now = steps[-1]
            others = [a for a in range(3) if a != axis]
            wide = axis < 2 and bits * shape[0] * shape[1] > width
            if shape[axis] > now[axis] and all(shape[a] == now[a] for a in others) and not wide:
                steps.append(shape)
    return steps


class Ladders:
    """The steps of every operator of a network on a board.

    Args:
        lean: smaller line buffers are implementations, too; weights stay on the chip. FIFOs that wait for such a line buffer
            are not charged.
    """

    def __init__(self, graph: Graph, board: Board, *, lean: bool = False) -> None:
        self._graph, self._technology = graph, technology_of(board.family)
        self._folds: dict[str, dict[Shape, list[Fold]]] = {}
        self._steps: dict[tuple[str, Shape], _Step] = {}
        for node in graph.nodes:
            folds = fold_options(graph, node)
            if lean:
                folds += [fold for fold in lean_folds(graph, node) if not fold.held]
            grouped: dict[Shape, list[Fold]] = {}
            for fold in dividing(folds):
                grouped.setdefault(shape_of(fold), []).append(fold)
            self._folds[node.name] = grouped

    def _step(self, node: Node, shape: Shape) -> _Step:
        key = (node.name, shape)
        if key not in self._steps:
            folds = tuple(self._folds[node.name][shape])
            mapped = [map_node(self._graph, node, fold) for fold in folds]
            self._steps[key] = _Step(
                folds=folds,
                cycles=tuple(m.cycles for m in mapped),
                resources=tuple(m.resources(self._technology) for m in mapped),
            )
        return self._steps[key]

    def steps(self, width: int) -> dict[str, list[_Step]]:
        """Of each node, at a limit of the weights' width."""
        return {
            node.name: [self._step(node, shape) for shape in path(node, set(self._folds[node.name]), width)]
            for node in self._graph.nodes
        }

    @property
    def floor(self) -> int:
        """Cycles of the slowest operator where each is unfolded as far as it can be."""
        return max(ladder[-1].pace for ladder in self.steps(max(WIDTHS)).values())


def unfolded(ladders: Mapping[str, Sequence[_Step]], target: int) -> tuple[dict[str, _Step], int]:
    """The rule at a target: a step of each node, and the cycles of the slowest, which may be more than the target."""
    steps = {name: next((s for s in ladder if s.pace <= target), ladder[-1]) for name, ladder in ladders.items()}
    return steps, max(step.pace for step in steps.values())


def relaxed(ladders: Mapping[str, Sequence[_Step]], target: int) -> tuple[dict[str, _Step], int]:
    """The same in two passes, the second for what the first one reached."""
    steps, reached = unfolded(ladders, target)
    return (steps, reached) if reached <= target else unfolded(ladders, reached)


def _tried(ladders: Mapping[str, Sequence[_Step]]) -> Iterator[tuple[dict[str, _Step], int]]:
    """What comes of every target, from the fastest on; each but once."""
    before: dict[str, _Step] = {}
    for target in sorted({step.pace for ladder in ladders.values() for step in ladder}):
        steps, reached = relaxed(ladders, target)
        if steps != before:
            yield steps, reached
        before = steps


def _vector(r: Resources) -> list[float]:
    return [r.lut, r.ff, r.dsp, r.bram36]


def _fitted(steps: Mapping[str, _Step], cycles: int, budget: FloatArray) -> Greedy | None:
    """The cheapest implementations of ``steps`` within ``budget``, if there are any."""
    allowed = {name: step.within(cycles) for name, step in steps.items()}
    groups = [np.array([_vector(steps[name].resources[i]) for i in indices]) / budget for name, indices in allowed.items()]
    if np.any(np.sum([group.min(axis=0) for group in groups], axis=0) > 1):
        return None
    picks = choose(groups).picks
    if picks is None:
        return None
    chosen = {name: indices[pick] for (name, indices), pick in zip(allowed.items(), picks, strict=True)}
    return Greedy(
        folds={name: steps[name].folds[i] for name, i in chosen.items()},
        cycles=cycles,
        resources=sum((steps[name].resources[i] for name, i in chosen.items()), Resources()),
    )


def greedy_fold(ladders: Ladders, budget: Resources) -> Greedy | None:
    """The fewest cycles a frame that the rule reaches within ``budget``; None if nothing fits."""
    limits, best = np.maximum(np.array(_vector(budget), np.float64), 1e-9), None
    for width in WIDTHS:
        for steps, cycles in _tried(ladders.steps(width)):
            if best is not None and cycles >= best.cycles:
                break
            found = _fitted(steps, cycles, limits)
            if found is not None:
                best = found
                break
    return best


def budget_for(graph: Graph, board: Board, fill: float, *, lean: bool = False) -> Resources:
    """What `headrace.passes.fold.fold` may use of the board."""
    return budget_of(board, fill, expected_plumbing(graph, board, fill, lean=lean))
