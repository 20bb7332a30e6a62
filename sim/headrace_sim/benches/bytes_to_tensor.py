# SPDX-License-Identifier: Apache-2.0
"""Bench of ``bytes_to_tensor``: the elements are those of the bytes that numpy packs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import IntArray, beats_of, ceil_div, pack, pixels_of, unpack

FRAMES = 3


def memory_bytes(frames: IntArray, element_w: int) -> bytes:
    """Frames (n, elements) with elements of ``element_w`` bits, low bits first; each frame begins in a byte of its own."""
    bits = (frames[..., None] >> np.arange(element_w)) & 1
    return np.packbits(bits.reshape(len(frames), -1).astype(np.uint8), axis=1, bitorder="little").tobytes()


class FramesCase:
    """Frames, as bytes and as beats."""

    def __init__(self, seed: int) -> None:
        p = current_case().parameters
        self.element_w, self.lane_w = int(p["ElementW"]), int(p["LaneW"])
        self.lanes, self.channels, self.elements = int(p["Lanes"]), int(p["Channels"]), int(p["FrameElements"])
        rng = np.random.default_rng(seed)
        lowest = -(1 << (self.lane_w - 1)) if p.get("Signed") else 0
        self.values = rng.integers(lowest, lowest + (1 << self.lane_w), (FRAMES, self.elements))
        self.beats = FRAMES * self.elements // self.channels * ceil_div(self.channels, self.lanes)

    def words(self) -> list[int]:
        """The beats of the network's stream; lanes behind the last channel are noise of its own."""
        return pack(beats_of(self.values.reshape(-1, self.channels) & ((1 << self.lane_w) - 1), self.lanes), bits=self.lane_w)


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.6, 0.0), (0.0, 0.6)])
async def reads_frames(dut: Any, stall: tuple[float, float]) -> None:
    """Frames one behind the other; bits above a lane's are not looked at."""
    case = FramesCase(1)
    noise = np.random.default_rng(2).integers(0, 1 << (case.element_w - case.lane_w), case.values.shape)
    data = memory_bytes(case.values | noise << case.lane_w, case.element_w)
    bench = StreamBench(dut, seed=1)
    bench.source(list(data), stall=stall[0])
    sink = bench.sink(case.beats, stall=stall[1])
    await bench.run(limit=400 + 30 * (len(data) + case.beats))
    got = pixels_of(unpack(sink.words, bits=case.lane_w, lanes=case.lanes), case.channels)
    np.testing.assert_array_equal(got.reshape(case.values.shape), case.values)
