# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_stationary`` against the golden convolution with a 1x1 kernel."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import IntArray, conv2d

from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, Source, StreamBench
from headrace_sim.words import beats_of, pack, unpack


def expected_beats(case: Case) -> IntArray:
    """Accumulators (blocks * BeatsOut * Held, LanesOut) of pixels (blocks * Held, BeatsIn * LanesIn)."""
    p, pixels, weights = case.parameters, case.arrays["pixels"], case.arrays["weights"]
    acc = conv2d(pixels[None, None], weights[:, None, None, :])
    return acc.reshape(-1, p["Held"], p["BeatsOut"], p["LanesOut"]).swapaxes(1, 2).reshape(-1, p["LanesOut"])


def weight_words(case: Case) -> list[int]:
    """Of one block."""
    p, weights = case.parameters, case.arrays["weights"]
    words = weights.reshape(p["BeatsOut"], p["LanesOut"], p["BeatsIn"], p["LanesIn"]).swapaxes(1, 2)
    return pack(words.reshape(p["BeatsOut"] * p["BeatsIn"], -1), bits=p["WgtW"])


def blocks_of(case: Case) -> int:
    """Blocks of pixels."""
    return len(case.arrays["pixels"]) // int(case.parameters["Held"])


def cycles_of(case: Case) -> int:
    """Of all blocks, when nothing stalls."""
    p = case.parameters
    return len(case.arrays["pixels"]) * int(p["BeatsIn"] * p["BeatsOut"])


def connect(dut: Any, case: Case, seed: int, stall: tuple[float, float, float]) -> tuple[StreamBench, Source, Sink]:
    """Attach the streams of the case to the engine: stalls of pixels, weights and sums."""
    p, blocks = case.parameters, blocks_of(case)
    bench = StreamBench(dut, seed=seed)
    pixels = bench.source(pack(beats_of(case.arrays["pixels"], p["LanesIn"]), bits=p["ActW"]), stall=stall[0])
    words = weight_words(case) * blocks
    bench.source(words, stall=stall[1], valid="wgt_valid_i", ready="wgt_ready_o", data="wgt_i")
    return bench, pixels, bench.sink(blocks * p["BeatsOut"] * p["Held"], stall=stall[2])


def check(case: Case, out: Sink) -> None:
    """Compare the beats that came with as many of the reference."""
    p = case.parameters
    got = unpack(out.words, bits=p["AccW"], lanes=p["LanesOut"], signed=True)
    np.testing.assert_array_equal(got, expected_beats(case)[: len(got)])


@cocotb.test
@cocotb.parametrize(
    stall=[(0.0, 0.0, 0.0), (0.6, 0.0, 0.0), (0.0, 0.9, 0.0), (0.0, 0.0, 0.6), (0.3, 0.5, 0.8), (0.9, 0.2, 0.1)], seed=[1, 2]
)
async def matches_reference(dut: Any, stall: tuple[float, float, float], seed: int) -> None:
    """All accumulators, whatever stalls."""
    case = current_case()
    bench, _, out = connect(dut, case, seed, stall)
    await bench.run(limit=1000 + 40 * cycles_of(case))
    check(case, out)
    assert len(out.words) == out.count


@cocotb.test
async def takes_exactly_its_cycles(dut: Any) -> None:
    """Unstalled: a block's beats follow each other each BeatsIn * Held cycles, at the promised latency."""
    case = current_case()
    p = case.parameters
    bench, pixels, out = connect(dut, case, 3, (0.0, 0.0, 0.0))
    await bench.run(limit=1000 + 4 * cycles_of(case))
    check(case, out)
    cycles = np.reshape(out.cycles, (-1, p["Held"]))
    assert np.all(np.diff(cycles, axis=1) == 1)
    assert np.all(np.diff(cycles[:, 0]) == p["BeatsIn"] * p["Held"])
    assert cycles[0, 0] - pixels.cycles[p["BeatsIn"] * p["Held"] - 1] == case.data["latency"]


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in full flight leaves nothing of the blocks before it."""
    case = current_case()
    limit = 1000 + 20 * cycles_of(case)
    for stop_after in (9, 31, 67, None):
        bench, _, out = connect(dut, case, 5, (0.2, 0.3, 0.4))
        await bench.run(limit=limit, stop_after=stop_after)
        check(case, out)
    assert len(out.words) == out.count
