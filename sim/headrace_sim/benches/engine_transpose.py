# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_transpose`` against the golden of depth to space, whose middle step it is."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden_moves import depth_to_space

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import pack, unpack

_BLOCKS = 9


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.8), (0.8, 0.3)], seed=[1, 2])
async def transposes_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """A block of Outer pixels of Inner units equals a row of depth to space; without stalls one beat a cycle."""
    parameters = current_case().parameters
    bits, lanes, outer, inner, unit = (parameters[name] for name in ("LaneW", "Lanes", "Outer", "Inner", "Unit"))
    block = outer * inner * unit
    x = np.random.default_rng(seed).integers(0, 1 << bits, (_BLOCKS, 1, outer, inner * unit * lanes), dtype=np.int64)
    expected = depth_to_space(x, (inner, 1))

    bench = StreamBench(dut, seed=seed)
    source = bench.source(pack(x.reshape(-1, lanes), bits=bits), stall=stall[0])
    out = bench.sink(_BLOCKS * block, stall=stall[1])
    await bench.run(limit=200 + 40 * out.count)

    np.testing.assert_array_equal(unpack(out.words, bits=bits, lanes=lanes), expected.reshape(-1, lanes))
    if stall == (0.0, 0.0):
        assert source.span == out.span == out.count
        assert out.cycles[0] - source.cycles[0] == block


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in the middle of a block leaves nothing of it."""
    parameters = current_case().parameters
    bits, lanes, outer, inner, unit = (parameters[name] for name in ("LaneW", "Lanes", "Outer", "Inner", "Unit"))
    x = np.random.default_rng(3).integers(0, 1 << bits, (3, 1, outer, inner * unit * lanes), dtype=np.int64)
    for stop_after in (outer * inner * unit + 3, 7, None):
        bench = StreamBench(dut, seed=4)
        bench.source(pack(x.reshape(-1, lanes), bits=bits), stall=0.2)
        out = bench.sink(x.size // lanes, stall=0.3)
        await bench.run(limit=200 + 40 * out.count, stop_after=stop_after)
    got = unpack(out.words, bits=bits, lanes=lanes)
    np.testing.assert_array_equal(got, depth_to_space(x, (inner, 1)).reshape(-1, lanes))
