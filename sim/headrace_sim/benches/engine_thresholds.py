# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_thresholds`` against the golden step function."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import IntArray
from headrace_host.golden_tables import thresholds

from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.words import beats_of, pack, unpack


def expected_beats(case: Case) -> IntArray:
    """Results (pixels * Beats, Lanes)."""
    arrays = case.arrays
    return beats_of(thresholds(arrays["x"], arrays["steps"], arrays["values"]), case.parameters["Lanes"])


def connect(dut: Any, case: Case, seed: int, stall: tuple[float, float]) -> tuple[StreamBench, Sink]:
    """Attach the streams of the case to the engine."""
    p = case.parameters
    words = pack(beats_of(case.arrays["x"], p["Lanes"]), bits=p["InW"])
    bench = StreamBench(dut, seed=seed)
    bench.source(words, stall=stall[0])
    return bench, bench.sink(len(words), stall=stall[1])


def check(case: Case, out: Sink, count: int | None = None) -> None:
    """Compare the beats that came, the first ``count`` of them or all, with the reference."""
    p = case.parameters
    signed = bool(case.arrays["values"].min() < 0)
    got = unpack(out.words, bits=p["OutW"], lanes=p["Lanes"], signed=signed)
    expected = expected_beats(case)[:count]
    lane = np.arange(len(expected))[:, None] % p["Beats"] * p["Lanes"] + np.arange(p["Lanes"])
    there = lane < case.arrays["x"].shape[-1]
    np.testing.assert_array_equal(np.where(there, got, 0), expected)


def latency(case: Case) -> int:
    """Cycles from a beat taken to its result offered: one more for each memory of more than 64 words but the first."""
    p = case.parameters
    stages = int(p["Thresholds"]).bit_length()
    words = [(1 if p["SharedThr"] else p["Beats"]) << stage for stage in range(1, stages)]
    if p["Table"]:
        words.append((1 if p["SharedValues"] else p["Beats"]) << stages)
    return stages + 1 + len([count for count in words if count > 64])


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.3, 0.8)], seed=[1, 2])
async def matches_reference(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """All results, whatever stalls."""
    case = current_case()
    bench, out = connect(dut, case, seed, stall)
    await bench.run(limit=1000 + 30 * out.count)
    check(case, out)


@cocotb.test
async def takes_a_beat_each_cycle(dut: Any) -> None:
    """Unstalled: one beat per cycle in and out, a stage per bit of the count, one cycle apart or two."""
    case = current_case()
    bench, out = connect(dut, case, 3, (0.0, 0.0))
    await bench.run(limit=1000 + out.count)
    check(case, out)
    assert out.span == bench.sources[0].span == out.count
    assert out.cycles[0] - bench.sources[0].cycles[0] == latency(case)


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in full flight leaves nothing of the beats before it."""
    case = current_case()
    for stop_after in (9, 31, None):
        bench, out = connect(dut, case, 5, (0.2, 0.4))
        await bench.run(limit=1000 + 20 * out.count, stop_after=stop_after)
        check(case, out, len(out.words))
    assert len(out.words) == out.count
