# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_depthwise`` over kernels, foldings, widths and signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import beats_of, ceil_div, pack, rom_lines

BENCH = "headrace_sim.benches.engine_depthwise"

# Channels, Lanes, (KH, KW), Taps, ActW, ActSigned, WgtW, AccW, LutMul
SHAPES = [
    (4, 4, (3, 3), 9, 8, 0, 4, 16, 0),
    (5, 2, (3, 3), 3, 8, 0, 8, 20, 0),
    (3, 1, (3, 3), 1, 8, 1, 8, 20, 0),
    (7, 4, (2, 3), 2, 4, 1, 3, 12, 0),
    (2, 3, (1, 1), 1, 8, 0, 8, 17, 0),
    (6, 2, (5, 5), 25, 2, 0, 2, 9, 0),
    (1, 1, (5, 5), 5, 1, 0, 1, 6, 0),
    (3, 2, (3, 2), 3, 8, 0, 8, 20, 1),
    (2, 2, (3, 3), 9, 16, 1, 8, 30, 1),
    (3, 3, (2, 2), 4, 16, 0, 8, 27, 0),
    (4, 2, (3, 1), 3, 1, 0, 8, 11, 1),
    (4, 4, (3, 1), 1, 8, 1, 2, 12, 1),
    (2, 1, (2, 2), 2, 16, 0, 1, 19, 1),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_convolves(shape: tuple[int, int, tuple[int, int], int, int, int, int, int, int], tmp_path: Path) -> None:
    channels, lanes, kernel, taps, act_bits, act_signed, wgt_bits, acc_bits, lut_mul = shape
    rng = np.random.default_rng(channels)
    act_min, act_max = (-(1 << (act_bits - 1)), (1 << (act_bits - 1)) - 1) if act_signed else (0, (1 << act_bits) - 1)
    wgt_min, wgt_max = -(1 << (wgt_bits - 1)), (1 << (wgt_bits - 1)) - 1
    weights = rng.integers(wgt_min, wgt_max, (channels, *kernel, 1), endpoint=True)
    x = rng.integers(act_min, act_max, (1, 9, 8, channels), endpoint=True)
    # Extremes: the first window is full of the largest activation, the last one of the least.
    x[:, : kernel[0], : kernel[1]], x[:, -kernel[0] :, -kernel[1] :] = act_max, act_min
    weights[0], weights[-1] = wgt_min, wgt_max
    beats, steps = ceil_div(channels, lanes), kernel[0] * kernel[1] // taps
    # Taps down the columns; word cb * Steps + step holds [tap][lane].
    cut = beats_of(weights[..., 0].transpose(2, 1, 0), lanes).reshape(steps, taps, beats, lanes)
    words = cut.transpose(2, 0, 1, 3).reshape(beats * steps, taps * lanes)
    run_bench(
        "engine_depthwise",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "Lanes": lanes, "Taps": taps, "ActW": act_bits, "ActSigned": act_signed, "WgtW": wgt_bits,
            "AccW": acc_bits, "Beats": beats, "Steps": steps, "LutMul": lut_mul, "RomFile": "weights.hex",
        },
        case={"latency": 4 + (taps - 1).bit_length()},
        arrays={"x": x, "weights": weights},
        roms={"weights.hex": rom_lines(pack(words, bits=wgt_bits), width=taps * lanes * wgt_bits)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"Lanes": 0}, "Lanes 0 Taps 9"), ({"Steps": 0}, "Beats 1 Steps 0"), ({"WgtW": 0}, "WgtW 0")],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str) -> None:
    expect_refusal("engine_depthwise", parameters=parameters, message=message)
