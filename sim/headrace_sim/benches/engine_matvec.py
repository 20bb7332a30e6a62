# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_matvec`` against the golden grouped convolution with a 1x1 kernel."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import IntArray, conv2d

from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.words import beats_of, pack, unpack


def expected_beats(case: Case) -> IntArray:
    """Accumulators (pixels * Groups * BeatsOut, LanesOut) of a 1x1 convolution of pixels (N, Groups * BeatsIn * LanesIn)."""
    p, pixels, weights = case.parameters, case.arrays["pixels"], case.arrays["weights"]
    acc = conv2d(pixels[None, None], weights[:, None, None, :], groups=p["Groups"])
    return acc.reshape(-1, p["LanesOut"])


def vectors_of(case: Case) -> int:
    """Input vectors: one for each pixel and group."""
    return len(case.arrays["pixels"]) * int(case.parameters["Groups"])


def connect(dut: Any, case: Case, seed: int, stall: tuple[float, float]) -> tuple[StreamBench, Sink]:
    """Attach the streams of the case to the engine."""
    p = case.parameters
    bench = StreamBench(dut, seed=seed)
    bench.source(pack(beats_of(case.arrays["pixels"], p["LanesIn"]), bits=p["ActW"]), stall=stall[0])
    return bench, bench.sink(vectors_of(case) * p["BeatsOut"], stall=stall[1])


def check(case: Case, out: Sink, count: int | None = None) -> None:
    """Compare the beats that came, the first ``count`` of them or all, with the reference."""
    p = case.parameters
    got = unpack(out.words, bits=p["AccW"], lanes=p["LanesOut"], signed=True)
    np.testing.assert_array_equal(got, expected_beats(case)[:count])


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.3, 0.8), (0.9, 0.1)], seed=[1, 2])
async def matches_reference(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """All accumulators, whatever stalls."""
    case = current_case()
    p = case.parameters
    bench, out = connect(dut, case, seed, stall)
    await bench.run(limit=1000 + 40 * vectors_of(case) * p["BeatsIn"] * p["BeatsOut"])
    check(case, out)


@cocotb.test
async def takes_exactly_its_cycles(dut: Any) -> None:
    """Unstalled: an output beat each BeatsIn cycles from the first to the last, at the promised latency."""
    case = current_case()
    p = case.parameters
    bench, out = connect(dut, case, 3, (0.0, 0.0))
    await bench.run(limit=1000 + 4 * vectors_of(case) * p["BeatsIn"] * p["BeatsOut"])
    check(case, out)
    assert np.all(np.diff(out.cycles) == p["BeatsIn"])
    assert out.cycles[0] - bench.sources[0].cycles[p["BeatsIn"] - 1] == case.data["latency"]


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in full flight leaves nothing of the vectors before it."""
    case = current_case()
    p = case.parameters
    limit = 1000 + 20 * vectors_of(case) * p["BeatsIn"] * p["BeatsOut"]
    for stop_after in (9, 31, None):
        bench, out = connect(dut, case, 5, (0.2, 0.4))
        await bench.run(limit=limit, stop_after=stop_after)
        check(case, out, len(out.words))
    assert len(out.words) == out.count
