# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_constant``: the map of the ROM files, frame after frame."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import beats_of, pixels_of, unpack

_FRAMES = 3
_LATENCY = 2


@cocotb.test
@cocotb.parametrize(stall=[0.0, 0.5, 0.9], seed=[1, 2])
async def repeats_the_map(dut: Any, stall: float, seed: int) -> None:
    """Every frame is the map; without stalls there is a beat in each cycle from the third edge after reset on."""
    case = current_case()
    lanes, bits = case.parameters["Lanes"], case.parameters["LaneW"]
    value = case.arrays["value"]
    channels = value.shape[-1]
    expected = np.concatenate([value.reshape(-1, channels)] * _FRAMES)
    bench = StreamBench(dut, seed=seed)
    out = bench.sink(len(beats_of(expected, lanes)), stall=stall)
    await bench.run(limit=100 + 20 * out.count, drain=0)
    got = pixels_of(unpack(out.words, bits=bits, lanes=lanes, signed=bool(value.min() < 0)), channels)
    np.testing.assert_array_equal(got, expected)
    if stall == 0.0:
        assert out.cycles == list(range(_LATENCY, _LATENCY + out.count))
