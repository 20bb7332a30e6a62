# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_topk`` against the golden choice of channels."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden_pools import top_k

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import IntArray, beats_of, ceil_div, pack, unpack

_PIXELS = 60


def _pixels(bits: int, signed: bool, channels: int, seed: int) -> IntArray:
    """Random pixels, half of them of few values, so that ties abound; the ends of the range as well."""
    rng = np.random.default_rng(seed)
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    x = rng.integers(low, high, (_PIXELS, channels), dtype=np.int64)
    few = rng.choice([low, high - 1, int(rng.integers(low, high))], (_PIXELS, channels))
    x[::2] = few[::2]
    x[0], x[1] = low, high - 1
    return x


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.8)], seed=[1, 2])
async def chooses_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Results equal the golden's; without stalls there is one input beat a cycle. Lanes beyond the last channel are noise."""
    p = current_case().parameters
    bits, lanes, channels = p["LaneW"], p["Lanes"], p["Channels"]
    signed, indices = bool(p["Signed"]), bool(p["Indices"])
    x = _pixels(bits, signed, channels, seed)
    per_pixel = ceil_div(channels, lanes)
    beats = beats_of(x, lanes)
    ragged = per_pixel * lanes - channels
    if ragged:
        noise = np.random.default_rng(seed).integers(0, 1 << bits, (_PIXELS, ragged))
        beats[per_pixel - 1 :: per_pixel, lanes - ragged :] = noise

    bench = StreamBench(dut, seed=seed)
    source = bench.source(pack(beats, bits=bits), stall=stall[0])
    out = bench.sink(_PIXELS, stall=stall[1])
    await bench.run(limit=100 + 30 * len(beats))

    width = max(1, (channels - 1).bit_length()) if indices else bits
    got = unpack(out.words, bits=width, lanes=p["K"], signed=signed and not indices)
    expected = top_k(x, p["K"], not p["Smallest"], bool(p["Last"]), indices)
    np.testing.assert_array_equal(got, expected)
    if stall == (0.0, 0.0):
        assert source.span == len(beats)
        latency = 1 + (lanes - 1).bit_length()
        assert out.cycles == [cycle + latency for cycle in source.cycles[per_pixel - 1 :: per_pixel]]
