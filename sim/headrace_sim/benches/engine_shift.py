# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_shift`` against the golden, over three frames."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden_moves import shift

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import beats_of, ceil_div, pack, pixels_of, unpack

_FRAMES = 3


def _frames(seed: int) -> tuple[Any, Any]:
    """Random frames and what the golden makes of them."""
    case = current_case()
    parameters = case.parameters
    shape = _FRAMES, parameters["InH"], parameters["InW"], parameters["Channels"]
    x = np.random.default_rng(seed).integers(0, 1 << parameters["LaneW"], shape, dtype=np.int64)
    return x, shift(x, np.array(case.data["offsets"]))


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.8), (0.8, 0.3)], seed=[1, 2])
async def shifts_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Pixels equal the golden's; without stalls one beat a cycle, the first when the farthest beat ahead has come."""
    case = current_case()
    parameters = case.parameters
    bits, lanes, channels = parameters["LaneW"], parameters["Lanes"], parameters["Channels"]
    x, expected = _frames(seed)
    bench = StreamBench(dut, seed=seed)
    source = bench.source(pack(beats_of(x, lanes), bits=bits), stall=stall[0])
    out = bench.sink(len(source.words), stall=stall[1])
    await bench.run(limit=200 + 40 * out.count)

    got = pixels_of(unpack(out.words, bits=bits, lanes=lanes), channels)
    np.testing.assert_array_equal(got, expected.reshape(-1, channels))
    if stall == (0.0, 0.0):
        frame = out.count // _FRAMES
        ahead = [(dy * parameters["InW"] + dx) * ceil_div(channels, lanes) for dy, dx in case.data["offsets"]]
        assert source.span == out.span == out.count
        assert out.cycles[0] - source.cycles[0] == min(max(0, *ahead), frame - 1) + 2


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in the middle of a frame leaves nothing of it."""
    parameters = current_case().parameters
    bits, lanes, channels = parameters["LaneW"], parameters["Lanes"], parameters["Channels"]
    x, expected = _frames(3)
    for stop_after in (29, 11, None):
        bench = StreamBench(dut, seed=4)
        source = bench.source(pack(beats_of(x, lanes), bits=bits), stall=0.2)
        out = bench.sink(len(source.words), stall=0.3)
        await bench.run(limit=200 + 40 * out.count, stop_after=stop_after)
    got = pixels_of(unpack(out.words, bits=bits, lanes=lanes), channels)
    np.testing.assert_array_equal(got, expected.reshape(-1, channels))
