# SPDX-License-Identifier: Apache-2.0
"""Makes FIFOs shallow where back-pressure keeps the pace, in networks whose weights stream.

Such networks are short of memory. What waits in a FIFO need not always: back-pressure leaves it in the buffer that it comes
from, of rows or of a block, or makes bursts even. Which FIFOs, simulations tell (`Trial`). All others may hold what they
held and no more, so that waits cannot move from one to another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from headrace.backend.design import Design
from headrace.ir.graph import Graph
from headrace.ir.ops import Requant
from headrace.operators.tables import Thresholds

SHALLOW = 31
"""Beats of a FIFO that smooths no more than what engines need for a beat; with one more, a memory of five address bits."""
SPARED_BITS = 1024
"""A FIFO of more is worth sparing."""
PARTS = ((0.0, True, 8), (0.0, False, 24), (0.5, False, 12), (0.5, False, 12))
"""Of a FIFO's depth, that are tried one after the other; whether of sums only; and on how many sets of FIFOs at most."""
REGISTER, MOST_REGISTERS = 0, 16
"""Level for which a FIFO is one register, which takes a beat every other cycle; how many sets of FIFOs are tried with it."""

Levels = dict[str, int]
"""The most beats in each FIFO, by its edge."""
Trial = Callable[[Sequence[Levels]], list[Levels | None]]
"""The levels reached within each of these; None where the pace is lost."""


class Sparing:
    """Lowers levels of a design's FIFOs as far as ``trial`` keeps the pace of ``interval`` cycles, so many sets ``at_once``."""

    def __init__(
        self, graph: Graph, design: Design, interval: float, trial: Trial, at_once: int, note: Callable[[str], None]
    ) -> None:
        self._design, self._interval, self._trial, self._at_once, self._note = design, interval, trial, at_once, note
        self._joins = {node.name for node in graph.nodes if len(node.inputs) > 1}
        self._quantizers = {node.name for node in graph.nodes if isinstance(node.op, Requant | Thresholds)}

    def run(self, levels: Levels, enough: Callable[[Levels], bool]) -> Levels:
        """Lower levels than these that do as well; ``enough`` says of levels that none need be lower any more."""
        for part, sums, most in PARTS:
            levels = self._spared(levels, self._shallow(levels, part, sums=sums), most, enough)
        return self._spared(levels, self._registers(levels), MOST_REGISTERS, enough, rare_first=True)

    def _shallow(self, levels: Levels, part: float, *, sums: bool) -> Levels:
        """Lower levels of what takes many bits: this part of what they were, or what smooths no more than an engine's beat.

        Args:
            sums: only of what requantizers read; the same values wait in fewer bits behind them.
        """
        edges = [edge for edge in self._design.edges if part or edge.reader not in self._joins]  # these wait for each other
        edges = [edge for edge in edges if not sums or edge.reader in self._quantizers]
        large = [edge.key for edge in edges if levels[edge.key] * edge.fifo.width > SPARED_BITS]
        return {key: min(levels[key], max(SHALLOW, int(levels[key] * part))) for key in large}

    def _registers(self, levels: Levels) -> Levels:
        """`REGISTER` for what is shallow already and has few beats: a roomy FIFO limited to one takes four cycles each."""
        edges = [edge for edge in self._design.edges if levels[edge.key] <= SHALLOW]
        return {edge.key: REGISTER for edge in edges if 4 * edge.fifo.frame_beats <= self._interval}

    def _spared(
        self, levels: Levels, lower: Levels, most: int, enough: Callable[[Levels], bool], *, rare_first: bool = False
    ) -> Levels:
        """Levels that do as well, where as many as possible of those in ``lower`` are as low as that.

        Where lowering some costs pace, those that take half of their bits are tried, and the others; sets of many bits first.
        The halves are those of many bits each and of few, or with ``rare_first`` those of few beats in a frame and of many.
        Of sets that are tried side by side, only the first that does well is taken, as the others may do so without it only.
        """
        edges = [edge for edge in self._design.edges if edge.key in lower]
        bits = {edge.key: levels[edge.key] * edge.fifo.width for edge in edges}
        beats = {edge.key: edge.fifo.frame_beats for edge in edges}
        groups = [sorted(bits, key=lambda key: beats[key] if rare_first else -bits[key])] if bits else []
        while groups and most > 0 and not enough(levels):
            groups.sort(key=lambda group: -sum(bits[key] for key in group))
            count = min(self._at_once, most)
            tried, groups, most = groups[:count], groups[count:], most - count
            self._note(f"trying less room in FIFOs: {' and '.join(str(len(group)) for group in tried)} of {len(bits)}")
            lowered = [{**levels, **{key: lower[key] for key in group}} for group in tried]
            taken = False
            for group, proposal, reached in zip(tried, lowered, self._trial(lowered), strict=True):
                if reached is None:
                    groups += _halves(group, bits)
                elif taken:
                    groups.append(group)
                else:
                    levels, taken = {key: min(level, reached[key]) for key, level in proposal.items()}, True
        return levels


def _halves(group: Sequence[str], bits: Mapping[str, int]) -> list[list[str]]:
    """The first ones that take half of the bits, and the others; none of a single one."""
    upto = np.cumsum([bits[key] for key in group])
    half = min(1 + int(np.searchsorted(upto, upto[-1] / 2)), len(group) - 1)
    return [list(group[:half]), list(group[half:])] if len(group) > 1 else []
