# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_cast``: values that fit both widths pass unchanged, in the same cycle."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import pack, unpack

_BEATS = 60


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.6)], seed=[1, 2])
async def keeps_every_value(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """The ends of the common range among the values; no latency, one beat a cycle."""
    case = current_case()
    lanes, in_bits, out_bits, signed = (case.parameters[name] for name in ("Lanes", "InW", "OutW", "Signed"))
    bits = min(in_bits, out_bits)
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    values = np.random.default_rng(seed).integers(low, high, (_BEATS, lanes))
    values[0], values[1] = low, high - 1

    bench = StreamBench(dut, seed=seed)
    bench.source(pack(values, bits=in_bits), stall=stall[0])
    out = bench.sink(_BEATS, stall=stall[1])
    await bench.run(limit=2000)

    raw = unpack(out.words, bits=out_bits, lanes=lanes)
    expected = values & ((1 << out_bits) - 1)  # two's complement of the wider or narrower lane
    np.testing.assert_array_equal(raw & ((1 << out_bits) - 1), expected)
    if stall == (0.0, 0.0):
        assert out.span == out.count
