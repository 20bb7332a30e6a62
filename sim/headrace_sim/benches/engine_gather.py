# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_gather`` against the golden."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden_moves import gather

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import beats_of, ceil_div, pack, pixels_of, unpack

_PIXELS = 11


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.8), (0.8, 0.3)], seed=[1, 2])
async def chooses_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Pixels equal the golden's; without stalls each takes the cycles of the side with more beats."""
    case = current_case()
    bits, lanes_in, lanes_out = (case.parameters[name] for name in ("LaneW", "LanesIn", "LanesOut"))
    channels, index = case.parameters["InC"], case.data["index"]
    pixels = np.random.default_rng(seed).integers(0, 1 << bits, (_PIXELS, channels), dtype=np.int64)
    expected = gather(pixels.reshape(1, 1, _PIXELS, channels), index).reshape(_PIXELS, len(index))

    bench = StreamBench(dut, seed=seed)
    source = bench.source(pack(beats_of(pixels, lanes_in), bits=bits), stall=stall[0])
    out = bench.sink(_PIXELS * ceil_div(len(index), lanes_out), stall=stall[1])
    await bench.run(limit=200 + 40 * max(out.count, len(source.words)))

    got = pixels_of(unpack(out.words, bits=bits, lanes=lanes_out), len(index))
    np.testing.assert_array_equal(got, expected)
    if stall == (0.0, 0.0):
        promised = max(ceil_div(channels, lanes_in), ceil_div(len(index), lanes_out))
        for cycles in (source.cycles, out.cycles):
            last_of_pixel = np.array(cycles).reshape(_PIXELS, -1)[:, -1]
            # The first pixels of a double buffer may go in faster.
            np.testing.assert_array_equal(np.diff(last_of_pixel)[2:], promised)


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in the middle of a pixel leaves nothing of it."""
    case = current_case()
    bits, lanes_in, lanes_out = (case.parameters[name] for name in ("LaneW", "LanesIn", "LanesOut"))
    index = case.data["index"]
    pixels = np.random.default_rng(3).integers(0, 1 << bits, (4, case.parameters["InC"]), dtype=np.int64)
    for stop_after in (3, 10, None):
        bench = StreamBench(dut, seed=4)
        bench.source(pack(beats_of(pixels, lanes_in), bits=bits), stall=0.2)
        out = bench.sink(4 * ceil_div(len(index), lanes_out), stall=0.3)
        await bench.run(limit=2000, stop_after=stop_after)
    got = pixels_of(unpack(out.words, bits=bits, lanes=lanes_out), len(index))
    np.testing.assert_array_equal(got, gather(pixels[None, None], index)[0, 0])
