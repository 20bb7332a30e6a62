# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_requant`` against the golden requantizer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import IntArray, requant

from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.words import beats_of, ceil_div, pack, unpack


def expected_beats(case: Case) -> IntArray:
    """Activations (pixels * Beats, Lanes), in the order in which they come."""
    p, arrays = case.parameters, case.arrays
    y = requant(arrays["acc"], arrays["mul"], arrays["add"], p["Shift"], p["Lo"], p["Hi"], bool(p["Odd"]))
    return together(case, y)


def together(case: Case, values: IntArray) -> IntArray:
    """Beats of pixels (N, C) of which ``Hold`` at a time come beat by beat."""
    p = case.parameters
    beats = beats_of(values, p["Lanes"])
    return beats.reshape(-1, p["Hold"], p["Beats"], p["Lanes"]).swapaxes(1, 2).reshape(beats.shape)


def connect(dut: Any, case: Case, seed: int, stall: tuple[float, float]) -> tuple[StreamBench, Sink]:
    """Attach the streams of the case to the engine."""
    p = case.parameters
    words = pack(together(case, case.arrays["acc"]), bits=p["AccW"])
    bench = StreamBench(dut, seed=seed)
    bench.source(words, stall=stall[0])
    return bench, bench.sink(len(words), stall=stall[1])


def check(case: Case, out: Sink, count: int | None = None) -> None:
    """Compare the beats that came, the first ``count`` of them or all, with the reference."""
    p = case.parameters
    got = unpack(out.words, bits=p["OutW"], lanes=p["Lanes"], signed=p["Lo"] < 0)
    np.testing.assert_array_equal(got, expected_beats(case)[:count])


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.3, 0.8)], seed=[1, 2])
async def matches_reference(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """All activations, whatever stalls."""
    case = current_case()
    bench, out = connect(dut, case, seed, stall)
    await bench.run(limit=1000 + 30 * out.count)
    check(case, out)


def latency(case: Case) -> int:
    """Five cycles, and those in which more than two multipliers of 25 x 18 bits are added to two terms."""
    p = case.parameters
    if p["LutMul"]:
        return 5
    narrow, wide = sorted((p["AccW"], p["MulW"]))
    multipliers = ceil_div(max(wide - 1, 1), 24) * ceil_div(max(narrow - 1, 1), 17)
    return 4 + max(1, (multipliers - 1).bit_length())


@cocotb.test
async def takes_a_beat_each_cycle(dut: Any) -> None:
    """Unstalled: one beat per cycle in and out, as far apart as it says."""
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
