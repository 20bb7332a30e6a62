# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_depthwise`` against the golden grouped convolution."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import IntArray, conv2d

from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.words import beats_of, ceil_div, pack, unpack


def tap_beats(case: Case) -> IntArray:
    """What a window engine sends for the map (1, H, W, C): beats (N, Taps * Lanes), GroupBeats = 1."""
    p, x = case.parameters, case.arrays["x"]
    _, k_h, k_w, _ = case.arrays["weights"].shape
    height, width = x.shape[1] - k_h + 1, x.shape[2] - k_w + 1
    columns = [x[:, i : i + height, j : j + width] for j in range(k_w) for i in range(k_h)]
    lanes = p["Lanes"] * p["GroupIn"]
    cut = beats_of(np.stack(columns, axis=3).reshape(-1, x.shape[3]), lanes)
    cut = cut.reshape(height * width, p["Steps"], p["Taps"], p["Beats"], lanes)
    return cut.transpose(0, 3, 1, 2, 4).reshape(-1, p["Taps"] * lanes)


def expected_beats(case: Case) -> IntArray:
    """Accumulators (pixels * Beats, Lanes * GroupOut)."""
    p, x = case.parameters, case.arrays["x"]
    acc = conv2d(x, case.arrays["weights"], groups=x.shape[3] // p["GroupIn"])
    return beats_of(acc, p["Lanes"] * p["GroupOut"])


def connect(dut: Any, case: Case, seed: int, stall: tuple[float, float]) -> tuple[StreamBench, Sink]:
    """Attach the streams of the case to the engine."""
    p = case.parameters
    assert p["Beats"] == ceil_div(case.arrays["x"].shape[3], p["Lanes"] * p["GroupIn"])
    words = pack(tap_beats(case), bits=p["ActW"])
    bench = StreamBench(dut, seed=seed)
    bench.source(words, stall=stall[0])
    return bench, bench.sink(len(words) // p["Steps"], stall=stall[1])


def check(case: Case, out: Sink, count: int | None = None) -> None:
    """Compare the beats that came, the first ``count`` of them or all, with the reference."""
    p = case.parameters
    got = unpack(out.words, bits=p["AccW"], lanes=p["Lanes"] * p["GroupOut"], signed=True)
    np.testing.assert_array_equal(got, expected_beats(case)[:count])


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.3, 0.8)], seed=[1, 2])
async def matches_reference(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """All accumulators, whatever stalls."""
    case = current_case()
    bench, out = connect(dut, case, seed, stall)
    await bench.run(limit=1000 + 40 * len(bench.sources[0].words))
    check(case, out)


@cocotb.test
async def takes_a_beat_each_cycle(dut: Any) -> None:
    """Unstalled: no input beat waits, an output beat each Steps cycles, at the promised latency."""
    case = current_case()
    p = case.parameters
    bench, out = connect(dut, case, 3, (0.0, 0.0))
    source = bench.sources[0]
    await bench.run(limit=1000 + 2 * len(source.words))
    check(case, out)
    assert source.span == len(source.words)
    assert np.all(np.diff(out.cycles) == p["Steps"])
    assert out.cycles[0] - source.cycles[p["Steps"] - 1] == case.data["latency"]


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in full flight leaves nothing of the pixels before it."""
    case = current_case()
    for stop_after in (9, 31, None):
        bench, out = connect(dut, case, 5, (0.2, 0.4))
        await bench.run(limit=1000 + 20 * len(bench.sources[0].words), stop_after=stop_after)
        check(case, out, len(out.words))
    assert len(out.words) == out.count
