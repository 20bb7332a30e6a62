# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_dense``: the sequence of elements is kept, and the cycles are as promised."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from headrace_sim.case import current_case
from headrace_sim.streams import Sink, Source, StreamBench
from headrace_sim.words import IntArray, beats_of, ceil_div, pack, pixels_of, unpack

_ROUNDS = 5


class _Run:
    """Some rounds of random elements through the module; a round is a segment of the side with the longer ones."""

    def __init__(self, dut: Any, *, stall: tuple[float, float], seed: int) -> None:
        p = current_case().parameters
        self.lane_w, self.lanes, self.segments = p["LaneW"], (p["LanesIn"], p["LanesOut"]), (p["SegmentIn"], p["SegmentOut"])
        self.round = int(max(self.segments))
        rng = np.random.default_rng(seed)
        self.elements = rng.integers(0, 1 << self.lane_w, _ROUNDS * self.round, dtype=np.int64)
        beats = beats_of(self.elements.reshape(-1, self.segments[0]), self.lanes[0])
        self._disturb(beats, rng)
        self.bench = StreamBench(dut, seed=seed)
        self.source: Source = self.bench.source(pack(beats, bits=self.lane_w), stall=stall[0])
        self.sink: Sink = self.bench.sink(_ROUNDS * self.beats(1), stall=stall[1])

    def beats(self, side: int) -> int:
        """Beats of a round at the input (0) or output (1)."""
        per_segment = ceil_div(self.segments[side], self.lanes[side])
        return self.round // int(self.segments[side]) * per_segment

    def _disturb(self, beats: IntArray, rng: np.random.Generator) -> None:
        """Fills the lanes beyond the last element of each segment with noise."""
        per_segment = ceil_div(self.segments[0], self.lanes[0])
        used = self.segments[0] - (per_segment - 1) * self.lanes[0]
        last = beats[per_segment - 1 :: per_segment]
        last[:, used:] = rng.integers(0, 1 << self.lane_w, last[:, used:].shape)

    @property
    def received(self) -> IntArray:
        """The elements that came out; fails if a ragged beat is not filled with zeros."""
        beats = unpack(self.sink.words, bits=self.lane_w, lanes=self.lanes[1])
        return pixels_of(beats, self.segments[1]).reshape(-1)

    @property
    def limit(self) -> int:
        """Cycles that suffice, whatever stalls."""
        return 200 + 12 * _ROUNDS * (self.beats(0) + self.beats(1))


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.8), (0.8, 0.3)], seed=[1, 2])
async def keeps_the_sequence(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Elements that go in come out, cut anew, whatever stalls; what lies beyond the segments' ends does not."""
    run = _Run(dut, stall=stall, seed=seed)
    await run.bench.run(limit=run.limit)
    np.testing.assert_array_equal(run.received, run.elements)


@cocotb.test
async def takes_the_promised_cycles(dut: Any) -> None:
    """Without stalls, every round but the first takes the cycles of the side with more beats, and what the case adds."""
    run = _Run(dut, stall=(0.0, 0.0), seed=3)
    await run.bench.run(limit=run.limit)
    last_of_round = np.asarray(run.sink.cycles).reshape(_ROUNDS, -1)[:, -1]
    promised = max(run.beats(0), run.beats(1)) + current_case().data["extra"]
    np.testing.assert_array_equal(np.diff(last_of_round[1:]), promised)


@cocotb.test
@cocotb.parametrize(stall=[0.0, 0.6, 0.9])
async def answers_a_cycle_later(dut: Any, stall: float) -> None:
    """A beat leaves in the cycle after its last element came, or after the beat before it left."""
    run = _Run(dut, stall=(stall, 0.0), seed=4)
    await run.bench.run(limit=2 * run.limit)
    of_input = np.searchsorted(_last_elements(run, 0), _last_elements(run, 1))
    came = np.asarray(run.source.cycles)[of_input] + 1
    left = np.asarray(run.sink.cycles)
    np.testing.assert_array_equal(left[1:], np.maximum(came[1:], left[:-1] + 1))
    assert left[0] == came[0]


def _last_elements(run: _Run, side: int) -> IntArray:
    """Of each beat of the input (0) or output (1), which element of the sequence is its last."""
    numbers = np.arange(len(run.elements)).reshape(-1, run.segments[side])
    ends = [*range(run.lanes[side], run.segments[side], run.lanes[side]), run.segments[side]]
    return numbers[:, [end - 1 for end in ends]].reshape(-1)


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in the middle of a segment leaves nothing of it."""
    for stop_after in (3, 7, 12, 30):
        run = _Run(dut, stall=(0.2, 0.3), seed=stop_after)
        await run.bench.run(limit=run.limit, stop_after=stop_after)
    run = _Run(dut, stall=(0.0, 0.0), seed=5)
    await run.bench.run(limit=run.limit)
    np.testing.assert_array_equal(run.received, run.elements)
