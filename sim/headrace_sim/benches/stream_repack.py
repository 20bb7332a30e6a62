# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_repack``: the channel sequence is kept, and the cycles per pixel are as promised."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.words import IntArray, beats_of, ceil_div, pack, pixels_of, unpack


def _segments(pixels: IntArray, channels: list[int]) -> list[IntArray]:
    return np.split(pixels, np.cumsum(channels)[:-1], axis=1)


def _connect(dut: Any, case: Case, pixels: IntArray, stall: tuple[float, float], seed: int) -> tuple[StreamBench, list[Sink]]:
    """A bench that feeds ``pixels`` (N, C) in segments, and its sinks."""
    lane_w, lanes_in = case.parameters["LaneW"], case.parameters["LanesIn"]
    bench = StreamBench(dut, seed=seed)
    for k, segment in enumerate(_segments(pixels, case.data["in_c"])):
        beats = beats_of(segment, lanes_in)
        if case.data["noise"]:
            _disturb(beats, segment.shape[1], lane_w, seed)
        bench.source(pack(beats, bits=lane_w), index=k, stall=stall[0])
    sinks = [
        bench.sink(
            len(pixels) * ceil_div(channels, case.parameters["LanesOut"]),
            index=m,
            stall=stall[1],
            shared_data=True,
        )
        for m, channels in enumerate(case.data["out_c"])
    ]
    return bench, sinks


def _disturb(beats: IntArray, channels: int, lane_w: int, seed: int) -> None:
    """Fills the lanes beyond the last channel with noise."""
    lanes = beats.shape[1]
    per_pixel = ceil_div(channels, lanes)
    used = channels - (per_pixel - 1) * lanes
    last = beats[per_pixel - 1 :: per_pixel]
    last[:, used:] = np.random.default_rng(seed).integers(0, 1 << lane_w, last[:, used:].shape)


def _received(case: Case, sinks: list[Sink]) -> IntArray:
    """Pixels (N, C) put together from the sinks; fails if ragged lanes are not zero."""
    parameters = case.parameters
    parts = [
        pixels_of(unpack(sink.words, bits=parameters["LaneW"], lanes=parameters["LanesOut"]), channels)
        for sink, channels in zip(sinks, case.data["out_c"], strict=True)
    ]
    return np.concatenate(parts, axis=1)


def _pixels(case: Case, count: int, seed: int) -> IntArray:
    rng = np.random.default_rng(seed)
    lane_w = case.parameters["LaneW"]
    return rng.integers(0, 1 << lane_w, (count, sum(case.data["in_c"])), dtype=np.int64)


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.8), (0.8, 0.3)], seed=[1, 2])
async def keeps_the_channel_sequence(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Pixels that go in come out, cut anew, whatever stalls."""
    case = current_case()
    pixels = _pixels(case, 9, seed)
    bench, sinks = _connect(dut, case, pixels, stall, seed)
    await bench.run(limit=30 * 9 * (case.data["cycles_per_pixel"] + 4))
    np.testing.assert_array_equal(_received(case, sinks), pixels)


@cocotb.test
async def takes_the_promised_cycles(dut: Any) -> None:
    """Without stalls, every pixel but the first takes the cycles of the side with more beats."""
    case = current_case()
    count, promised = 8, case.data["cycles_per_pixel"]
    bench, sinks = _connect(dut, case, _pixels(case, count, 3), (0.0, 0.0), 3)
    await bench.run(limit=100 + 2 * count * promised)
    for streams in (bench.sources, sinks):
        cycles = np.sort(np.concatenate([stream.cycles for stream in streams]))
        last_of_pixel = cycles.reshape(count, -1)[:, -1]
        np.testing.assert_array_equal(np.diff(last_of_pixel[1:]), promised)


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in the middle of a pixel leaves nothing of it."""
    case = current_case()
    pixels = _pixels(case, 4, 4)
    for stop_after in (5, 12, None):
        bench, sinks = _connect(dut, case, pixels, (0.2, 0.3), 4)
        await bench.run(limit=100 * (case.data["cycles_per_pixel"] + 4), stop_after=stop_after)
    np.testing.assert_array_equal(_received(case, sinks), pixels)
