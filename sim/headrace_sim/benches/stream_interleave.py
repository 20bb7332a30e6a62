# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_interleave`` against the golden channel shuffle of a concatenation."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import channel_shuffle

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import beats_of, pack, pixels_of, unpack

_PIXELS = 40


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.6)], seed=[1, 2])
async def shuffles_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Output pixels are the shuffled concatenation; one beat a cycle, no latency."""
    case = current_case()
    bits, lanes, ins = (case.parameters[name] for name in ("LaneW", "Lanes", "Ins"))
    channels = case.data["channels"]
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, 1 << bits, (ins, 1, 1, _PIXELS, channels), dtype=np.int64)

    bench = StreamBench(dut, seed=seed)
    for k, x in enumerate(inputs):
        bench.source(pack(beats_of(x, lanes), bits=bits), index=k, stall=stall[0])
    out = bench.sink(len(bench.sources[0].words), stall=stall[1])
    await bench.run(limit=5000)

    got = pixels_of(unpack(out.words, bits=bits, lanes=ins * lanes), ins * channels)
    expected = channel_shuffle(np.concatenate(list(inputs), axis=-1), ins)
    np.testing.assert_array_equal(got, expected.reshape(_PIXELS, -1))
    if stall == (0.0, 0.0):
        assert out.span == out.count
        assert all(source.cycles == out.cycles for source in bench.sources)
