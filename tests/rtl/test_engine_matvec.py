# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_matvec`` over foldings, widths and signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from headrace_host.golden import IntArray
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import pack, rom_lines

BENCH = "headrace_sim.benches.engine_matvec"
PIXELS = 9


# LanesIn, LanesOut, BeatsIn, BeatsOut, Groups, ActW, ActSigned, WgtW, AccW, LutMul
SHAPES = [
    (4, 4, 2, 2, 1, 8, 0, 4, 20, 0),
    (1, 1, 1, 1, 1, 8, 1, 4, 12, 0),
    (1, 3, 5, 2, 1, 4, 0, 8, 16, 1),
    (3, 2, 1, 4, 1, 8, 0, 8, 20, 0),
    (5, 1, 4, 1, 1, 8, 1, 3, 18, 1),
    (16, 2, 3, 3, 1, 2, 0, 2, 14, 0),
    (17, 3, 2, 5, 1, 8, 0, 4, 24, 0),
    (2, 5, 7, 3, 1, 1, 0, 1, 8, 1),
    (9, 4, 1, 1, 1, 8, 1, 8, 32, 0),
    (2, 3, 2, 2, 3, 8, 0, 4, 20, 0),
    (1, 1, 4, 1, 5, 4, 1, 2, 12, 1),
    (3, 2, 1, 3, 2, 8, 0, 8, 20, 1),
    (4, 1, 1, 1, 7, 1, 0, 3, 9, 0),
    (3, 2, 3, 2, 1, 16, 0, 8, 32, 0),
    (2, 2, 2, 2, 2, 16, 1, 8, 30, 1),
    (5, 3, 1, 1, 1, 16, 1, 1, 24, 1),
    (6, 2, 1, 2, 1, 16, 0, 2, 24, 0),
    (3, 3, 2, 1, 1, 1, 0, 8, 16, 1),
    (3, 1, 2, 2, 1, 11, 0, 7, 24, 1),
]


def operands(shape: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """Pixels and weights of extreme and random values."""
    lanes_in, lanes_out, beats_in, beats_out, groups, act_bits, act_signed, wgt_bits, *_ = shape
    rng = np.random.default_rng(sum(shape))
    act_min, act_max = (-(1 << (act_bits - 1)), (1 << (act_bits - 1)) - 1) if act_signed else (0, (1 << act_bits) - 1)
    wgt_min, wgt_max = -(1 << (wgt_bits - 1)), (1 << (wgt_bits - 1)) - 1
    columns, rows = lanes_in * beats_in, lanes_out * beats_out * groups
    weights = rng.integers(wgt_min, wgt_max, (rows, columns), endpoint=True)
    pixels = rng.integers(act_min, act_max, (PIXELS, columns * groups), endpoint=True)
    # Extremes: pixels of the largest magnitudes on neighbouring rows of the largest magnitudes.
    weights[-1], weights[:2], weights[2:3] = wgt_max, wgt_min, wgt_max
    pixels[0], pixels[1] = act_max, act_min
    return pixels, weights


@pytest.mark.parametrize("shape", deep_but(SHAPES[::2], SHAPES), ids="x".join("%d" for _ in range(10)).__mod__)
def test_multiplies(shape: tuple[int, ...], tmp_path: Path) -> None:
    lanes_in, lanes_out, beats_in, beats_out, groups, act_bits, act_signed, wgt_bits, acc_bits, lut_mul = shape
    pixels, weights = operands(shape)
    # Word (group * BeatsOut + out_beat) * BeatsIn + in_beat holds [output lane][input lane].
    words = weights.reshape(groups * beats_out, lanes_out, beats_in, lanes_in).transpose(0, 2, 1, 3)
    levels = (lanes_in - 1).bit_length()
    run_bench(
        "engine_matvec",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "LanesIn": lanes_in, "LanesOut": lanes_out, "BeatsIn": beats_in, "BeatsOut": beats_out, "Groups": groups,
            "ActW": act_bits, "ActSigned": act_signed, "WgtW": wgt_bits, "AccW": acc_bits, "LutMul": lut_mul,
            "RomFile": "weights.hex",
        },
        case={"latency": 4 + levels + (beats_out > 1)},
        arrays={"pixels": pixels, "weights": weights},
        roms={
            "weights.hex": rom_lines(
                pack(words.reshape(groups * beats_in * beats_out, -1), bits=wgt_bits), width=lanes_in * lanes_out * wgt_bits
            )
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"LanesIn": 0}, "Lanes 0, 4"),
        ({"BeatsOut": 0}, "Beats 2, 0"),
        ({"AccW": 0}, "AccW 0"),
        ({"Groups": 0}, "Groups 0"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str) -> None:
    expect_refusal("engine_matvec", parameters=parameters, message=message)
