# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_depthwise`` over kernels, foldings, widths and signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import ceil_div, pack, rom_lines

BENCH = "headrace_sim.benches.engine_depthwise"

# Groups, Lanes, (KH, KW), Taps, ActW, ActSigned, WgtW, AccW, LutMul, GroupIn, GroupOut
SHAPES = [
    (4, 4, (3, 3), 9, 8, 0, 4, 16, 0, 1, 1),
    (5, 2, (3, 3), 3, 8, 0, 8, 20, 0, 1, 1),
    (3, 1, (3, 3), 1, 8, 1, 8, 20, 0, 1, 1),
    (7, 4, (2, 3), 2, 4, 1, 3, 12, 0, 1, 1),
    (2, 3, (1, 1), 1, 8, 0, 8, 17, 0, 1, 1),
    (6, 2, (5, 5), 25, 2, 0, 2, 9, 0, 1, 1),
    (1, 1, (5, 5), 5, 1, 0, 1, 6, 0, 1, 1),
    (3, 2, (3, 2), 3, 8, 0, 8, 20, 1, 1, 1),
    (2, 2, (3, 3), 9, 16, 1, 8, 30, 1, 1, 1),
    (3, 3, (2, 2), 4, 16, 0, 8, 27, 0, 1, 1),
    (4, 2, (3, 1), 3, 1, 0, 8, 11, 1, 1, 1),
    (4, 4, (3, 1), 1, 8, 1, 2, 12, 1, 1, 1),
    (2, 1, (2, 2), 2, 16, 0, 1, 19, 1, 1, 1),
    (5, 2, (3, 3), 3, 8, 0, 4, 20, 0, 2, 3),
    (3, 1, (2, 2), 4, 8, 1, 8, 24, 0, 3, 2),
    (4, 4, (1, 1), 1, 4, 0, 3, 12, 0, 1, 4),
    (3, 2, (3, 1), 1, 8, 0, 2, 14, 1, 2, 2),
]


@pytest.mark.parametrize("shape", deep_but(SHAPES[::2], SHAPES), ids=str)
def test_convolves(shape: tuple[int, int, tuple[int, int], int, int, int, int, int, int, int, int], tmp_path: Path) -> None:
    groups, lanes, kernel, taps, act_bits, act_signed, wgt_bits, acc_bits, lut_mul, c, m = shape
    rng = np.random.default_rng(groups)
    act_min, act_max = (-(1 << (act_bits - 1)), (1 << (act_bits - 1)) - 1) if act_signed else (0, (1 << act_bits) - 1)
    wgt_min, wgt_max = -(1 << (wgt_bits - 1)), (1 << (wgt_bits - 1)) - 1
    weights = rng.integers(wgt_min, wgt_max, (groups * m, *kernel, c), endpoint=True)
    x = rng.integers(act_min, act_max, (1, 9, 8, groups * c), endpoint=True)
    # Extremes: the first window is full of the largest activation, the last one of the least.
    x[:, : kernel[0], : kernel[1]], x[:, -kernel[0] :, -kernel[1] :] = act_max, act_min
    weights[0], weights[-1] = wgt_min, wgt_max
    beats, steps = ceil_div(groups, lanes), kernel[0] * kernel[1] // taps
    # Taps down the columns; word cb * Steps + step holds [tap][lane][output][input].
    padded = np.zeros((beats * lanes * m, *kernel, c), np.int64)
    padded[: groups * m] = weights
    cut = padded.reshape(beats, lanes, m, *kernel, c).transpose(0, 4, 3, 1, 2, 5)
    words = cut.reshape(beats * steps, taps * lanes * m * c)
    run_bench(
        "engine_depthwise",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "Lanes": lanes, "Taps": taps, "GroupIn": c, "GroupOut": m, "ActW": act_bits,
            "ActSigned": act_signed, "WgtW": wgt_bits, "AccW": acc_bits, "Beats": beats, "Steps": steps,
            "LutMul": lut_mul, "RomFile": "weights.hex",
        },
        case={"latency": 4 + (taps * c - 1).bit_length()},
        arrays={"x": x, "weights": weights},
        roms={"weights.hex": rom_lines(pack(words, bits=wgt_bits), width=taps * lanes * m * c * wgt_bits)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Lanes": 0}, "Lanes 0 Taps 9"),
        ({"Steps": 0}, "Beats 1 Steps 0"),
        ({"WgtW": 0}, "WgtW 0"),
        ({"GroupOut": 0}, "Group 1, 0"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str) -> None:
    expect_refusal("engine_depthwise", parameters=parameters, message=message)
