# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_upsample`` against the golden, over two frames."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import upsample_nearest

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import beats_of, pack, pixels_of, unpack

_FRAMES, _ROWS = 2, 3


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.6, 0.0), (0.0, 0.5), (0.4, 0.8)], seed=[1, 2])
async def repeats_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Pixels equal the golden's; without stalls there is one output beat a cycle, latency 2."""
    case = current_case()
    parameters, channels = case.parameters, case.data["channels"]
    bits, lanes = parameters["LaneW"], parameters["Lanes"]
    factors = parameters["FactorH"], parameters["FactorW"]
    rng = np.random.default_rng(seed)
    shape = _FRAMES, _ROWS, parameters["InW"], channels
    x = rng.integers(0, 1 << bits, shape, dtype=np.int64)
    expected = upsample_nearest(x, factors)

    bench = StreamBench(dut, seed=seed)
    source = bench.source(pack(beats_of(x, lanes), bits=bits), stall=stall[0])
    out = bench.sink(expected.size // channels * parameters["Beats"], stall=stall[1])
    await bench.run(limit=100 + 30 * out.count)

    got = pixels_of(unpack(out.words, bits=bits, lanes=lanes), channels)
    np.testing.assert_array_equal(got, expected.reshape(-1, channels))
    if stall == (0.0, 0.0):
        assert out.span == out.count
        assert out.cycles[0] - source.cycles[0] == 2


@cocotb.test
async def needs_no_more_than_its_share_of_input(dut: Any) -> None:
    """One word each FactorH * FactorW cycles keeps the output running without bubbles."""
    case = current_case()
    parameters = case.parameters
    interval = parameters["FactorH"] * parameters["FactorW"]
    words = 6 * parameters["InW"] * parameters["Beats"]
    bench = StreamBench(dut, seed=1)
    source = bench.source([0] * words)
    source.interval = interval
    out = bench.sink(words * interval)
    await bench.run(limit=100 + 2 * words * interval)
    # The first row of output may wait for its input; after it there are two rows of slack.
    row = parameters["InW"] * parameters["Beats"] * parameters["FactorW"]
    settled = np.array(out.cycles[row * parameters["FactorH"] :])
    np.testing.assert_array_equal(np.diff(settled), 1)
