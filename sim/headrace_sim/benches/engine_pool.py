# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_pool`` against the golden pooling of whole maps."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from headrace_host.golden import max_pool
from headrace_host.golden_pools import sum_pool

from headrace_sim.case import Case, current_case
from headrace_sim.streams import StreamBench
from headrace_sim.words import IntArray, beats_of, ceil_div, pack, pixels_of, unpack

_SHAPE = (1, 5, 6)  # frames, rows, columns


def _windows(x: IntArray, kernel: tuple[int, int], fill: int) -> IntArray:
    """The taps of all windows of stride 1 (pixels, taps, C), down each kernel column in turn."""
    top, left = kernel[0] // 2, kernel[1] // 2
    pads = ((0, 0), (top, kernel[0] - 1 - top), (left, kernel[1] - 1 - left), (0, 0))
    padded = np.pad(x, pads, constant_values=fill)
    _, rows, cols, channels = x.shape
    taps = [padded[:, i : i + rows, j : j + cols].reshape(-1, channels) for j in range(kernel[1]) for i in range(kernel[0])]
    return np.stack(taps, axis=1)


def _beats(windows: IntArray, case: Case) -> IntArray:
    """Input beats: for each pixel, each beat of channels, each step: all lanes of each tap."""
    lanes, taps = case.parameters["Lanes"], case.parameters["Taps"]
    pixels, all_taps, channels = windows.shape
    cut = beats_of(windows, lanes).reshape(pixels, all_taps, ceil_div(channels, lanes), lanes)
    return cut.transpose(0, 2, 1, 3).reshape(-1, taps * lanes)


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.8)], seed=[1, 2])
async def pools_like_the_golden(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Results equal the golden's; without stalls there is one input beat a cycle."""
    case = current_case()
    parameters, channels = case.parameters, case.data["channels"]
    bits, signed = parameters["LaneW"], bool(parameters["Signed"])
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    x = np.random.default_rng(seed).integers(low, high, (*_SHAPE, channels), dtype=np.int64)
    kernel = case.data["kernel"]
    total = bool(parameters["Sum"])
    beats = _beats(_windows(x, kernel, 0 if total else low), case)

    bench = StreamBench(dut, seed=seed)
    source = bench.source(pack(beats, bits=bits), stall=stall[0])
    out = bench.sink(len(beats) // parameters["Steps"], stall=stall[1])
    await bench.run(limit=100 + 30 * len(beats))

    got = unpack(out.words, bits=parameters["OutW"], lanes=parameters["Lanes"], signed=signed)
    top, left = kernel[0] // 2, kernel[1] // 2
    pads = (top, left, kernel[0] - 1 - top, kernel[1] - 1 - left)
    expected = (sum_pool if total else max_pool)(x, tuple(kernel), (1, 1), pads).reshape(-1, channels)
    np.testing.assert_array_equal(pixels_of(got, channels), expected)
    if stall == (0.0, 0.0):
        assert source.span == len(beats)
        latency = max(1, (parameters["Taps"] - 1).bit_length() + (parameters["Steps"] > 1))
        assert out.cycles[-1] - source.cycles[-1] == latency
