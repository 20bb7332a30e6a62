# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_pointwise`` against the golden expression."""

from __future__ import annotations

from itertools import product
from typing import Any

import cocotb
import numpy as np
from headrace_host.expressions import evaluate

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import IntArray, beats_of, pack, unpack

_PIXELS = 24


def _operands(ranges: list[list[int]], channels: list[int], rng: np.random.Generator) -> list[IntArray]:
    """Random pixels (1, 1, pixels, channels); all extremes meet in the first ones."""
    values = [
        rng.integers(lo, hi, (_PIXELS, c), endpoint=True, dtype=np.int64) for (lo, hi), c in zip(ranges, channels, strict=True)
    ]
    for row, extremes in enumerate(product(*ranges)):
        for value, extreme in zip(values, extremes, strict=True):
            value[row] = extreme
    return [value[None, None] for value in values]


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.4, 0.4)], seed=[1, 2])
async def computes_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Results equal the golden's, zero beyond the last channel; without stalls there is one beat a cycle."""
    case = current_case()
    parameters, data = case.parameters, case.data
    lanes, channels = parameters["Lanes"], parameters["Channels"]
    values = _operands(data["ranges"], data["channels"], np.random.default_rng(seed))

    bench = StreamBench(dut, seed=seed)
    offset = 0
    for k, (value, width) in enumerate(zip(values, data["widths"], strict=True)):
        words = pack(beats_of(value, width // parameters["InW"]), bits=parameters["InW"])
        # Operands pause by turns, so that each of them is the one that comes last.
        bench.source(words, stall=stall[0] * (k + seed) % 0.7, index=k, bits=(offset, width))
        offset += width
    expected = beats_of(evaluate(data["expression"], values), lanes)
    out = bench.sink(len(expected), stall=stall[1])
    await bench.run(limit=200 + 20 * len(expected))

    got = unpack(out.words, bits=parameters["OutW"], lanes=lanes, signed=data["signed"])
    np.testing.assert_array_equal(got, expected)
    if stall == (0.0, 0.0):
        assert len(expected) == _PIXELS * -(-channels // lanes)
        assert out.span == len(expected)
        taken = max(bench.sources, key=lambda source: len(source.words)).cycles[0]  # one that brings all channels
        assert out.cycles[0] - taken == data["latency"]
