# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_stationary`` over foldings, blocks, widths and signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from headrace_host.golden import IntArray
from headrace_sim.runner import expect_refusal, run_bench

BENCH = "headrace_sim.benches.engine_stationary"
BLOCKS = 4

# LanesIn, LanesOut, BeatsIn, BeatsOut, Held, ActW, ActSigned, WgtW, AccW, LutMul
SHAPES = [
    (4, 4, 2, 2, 4, 8, 0, 4, 20, 0),
    (1, 1, 1, 1, 1, 8, 1, 4, 12, 0),
    (1, 3, 5, 2, 3, 4, 0, 8, 16, 1),
    (3, 2, 1, 4, 8, 8, 0, 8, 20, 0),
    (5, 1, 4, 1, 2, 8, 1, 3, 18, 1),
    (16, 2, 3, 3, 1, 2, 0, 2, 14, 0),
    (17, 3, 2, 5, 5, 8, 0, 4, 24, 0),
    (2, 5, 7, 3, 2, 1, 0, 1, 8, 1),
    (9, 4, 1, 1, 6, 8, 1, 8, 32, 0),
    (2, 3, 2, 2, 40, 8, 0, 4, 20, 0),
    (3, 2, 3, 2, 3, 16, 0, 8, 32, 0),
    (6, 2, 1, 2, 7, 16, 1, 2, 20, 1),
]


def operands(shape: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """Pixels and weights of extreme and random values."""
    lanes_in, lanes_out, beats_in, beats_out, held, act_bits, act_signed, wgt_bits, *_ = shape
    rng = np.random.default_rng(sum(shape))
    act_min, act_max = (-(1 << (act_bits - 1)), (1 << (act_bits - 1)) - 1) if act_signed else (0, (1 << act_bits) - 1)
    wgt_min, wgt_max = -(1 << (wgt_bits - 1)), (1 << (wgt_bits - 1)) - 1
    weights = rng.integers(wgt_min, wgt_max, (lanes_out * beats_out, lanes_in * beats_in), endpoint=True)
    pixels = rng.integers(act_min, act_max, (BLOCKS * held, lanes_in * beats_in), endpoint=True)
    weights[-1], weights[0] = wgt_max, wgt_min
    pixels[0], pixels[-1] = act_max, act_min
    return pixels, weights


@pytest.mark.parametrize("shape", deep_but(SHAPES[::2], SHAPES), ids="x".join("%d" for _ in range(10)).__mod__)
def test_multiplies(shape: tuple[int, ...], tmp_path: Path) -> None:
    lanes_in, lanes_out, beats_in, beats_out, held, act_bits, act_signed, wgt_bits, acc_bits, lut_mul = shape
    pixels, weights = operands(shape)
    run_bench(
        "engine_stationary",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "LanesIn": lanes_in, "LanesOut": lanes_out, "BeatsIn": beats_in, "BeatsOut": beats_out, "Held": held,
            "ActW": act_bits, "ActSigned": act_signed, "WgtW": wgt_bits, "AccW": acc_bits, "LutMul": lut_mul,
        },
        case={"latency": 6 + (lanes_in - 1).bit_length() + held * (beats_in - 1)},
        arrays={"pixels": pixels, "weights": weights},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"LanesIn": 0}, "Lanes 0, 4"),
        ({"BeatsIn": 0}, "Beats 0, 2"),
        ({"AccW": 0}, "AccW 0"),
        ({"Held": 0}, "Held 0"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str) -> None:
    expect_refusal("engine_stationary", parameters=parameters, message=message)
