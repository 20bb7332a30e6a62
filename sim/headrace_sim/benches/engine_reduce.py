# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_reduce`` against the golden reductions."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden_pools import reduce_map

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import beats_of, pack, pixels_of, unpack

_FRAMES = 4


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.9)], seed=[1, 2])
async def reduces_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Results equal the golden's; without stalls there is one input beat a cycle, from frame to frame."""
    case = current_case()
    p, (h, w, channels) = case.parameters, case.data["shape"]
    bits, signed = p["LaneW"], bool(p["Signed"])
    rng = np.random.default_rng(seed)
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    x = rng.integers(low, high, (_FRAMES, h, w, channels), dtype=np.int64)
    x[1], x[2] = low, high - 1  # the ends of the range, one behind the other
    rows, cols = case.data["axes"]
    expected = reduce_map(x, rows, cols, bool(p["Sum"]))
    beats = beats_of(x, p["Lanes"])
    results = beats_of(expected, p["Lanes"])

    bench = StreamBench(dut, seed=seed)
    source = bench.source(pack(beats, bits=bits), stall=stall[0])
    out = bench.sink(len(results), stall=stall[1])
    await bench.run(limit=100 + 40 * len(beats))

    got = unpack(out.words, bits=p["OutW"], lanes=p["Lanes"], signed=signed)
    np.testing.assert_array_equal(pixels_of(got, channels), expected.reshape(-1, channels))
    if stall == (0.0, 0.0):
        assert source.span == len(beats)
        group = p["Beats"] * p["Pixels"]
        last = [source.cycles[i] for i in range(len(beats)) if i % group >= group - p["Beats"]]
        assert out.cycles == [cycle + 2 for cycle in last]


@cocotb.test
async def goes_on_while_a_result_waits(dut: Any) -> None:
    """With nobody taking results, the input goes on until the first of the next group's results is due."""
    case = current_case()
    p, (h, w, channels) = case.parameters, case.data["shape"]
    beats = beats_of(np.zeros((_FRAMES, h, w, channels), np.int64), p["Lanes"])
    bench = StreamBench(dut, seed=3)
    source = bench.source(pack(beats, bits=p["LaneW"]))
    bench.sink(1, stall=1.0)
    await bench.run(limit=10_000, stop_after=2 * len(beats))
    # the first result waits at the output, the second one behind it
    second = p["Beats"] * (p["Pixels"] - 1) + 1 if p["Beats"] > 1 else 2 * p["Pixels"] - 1
    assert len(source.cycles) == second + 1
