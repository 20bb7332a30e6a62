# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_add`` against the golden sum."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import add

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import IntArray, pack, unpack

_BEATS = 60


def _operand(bits: int, signed: bool, lanes: int, rng: np.random.Generator) -> IntArray:
    """Random lanes, with the extreme values first."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    values = rng.integers(low, high, (_BEATS, lanes), endpoint=True, dtype=np.int64)
    values[0], values[1] = low, high
    return values


@cocotb.test
@cocotb.parametrize(
    stall=[(0.0, 0.0, 0.0), (0.6, 0.0, 0.0), (0.0, 0.6, 0.0), (0.0, 0.0, 0.6), (0.4, 0.5, 0.4)],
    seed=[1, 2],
)
async def adds_like_the_golden(dut: Any, stall: tuple[float, float, float], seed: int) -> None:
    """Sums equal the golden's; without stalls there is one beat a cycle, latency 1."""
    parameters = current_case().parameters
    bits, lanes = parameters["InW"], parameters["Lanes"]
    rng = np.random.default_rng(seed)
    a = _operand(bits, bool(parameters["InSigned"] & 1), lanes, rng)
    b = _operand(bits, bool(parameters["InSigned"] & 2), lanes, rng)
    if seed == 2:
        b[:2] = b[1::-1]  # the extremes of one meet those of the other

    bench = StreamBench(dut, seed=seed)
    for name, values, pause in (("a", a, stall[0]), ("b", b, stall[1])):
        bench.source(
            pack(values, bits=bits),
            stall=pause,
            valid=f"valid_{name}_i",
            ready=f"ready_{name}_o",
            data=f"data_{name}_i",
        )
    out = bench.sink(_BEATS, stall=stall[2])
    await bench.run(limit=100 + 20 * _BEATS)

    got = unpack(out.words, bits=parameters["OutW"], lanes=lanes, signed=True)
    expected = add(a, b, parameters["MulA"], parameters["MulB"])
    np.testing.assert_array_equal(got, expected)
    if stall == (0.0, 0.0, 0.0):
        assert out.span == _BEATS
        assert out.cycles[0] - bench.sources[0].cycles[0] == 1
