# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_matvec`` over foldings, widths and signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import pack, rom_lines

BENCH = "headrace_sim.benches.engine_matvec"
VECTORS = 9


# LanesIn, LanesOut, BeatsIn, BeatsOut, ActW, ActSigned, WgtW, AccW
SHAPES = [
    (4, 4, 2, 2, 8, 0, 4, 20),
    (1, 1, 1, 1, 8, 1, 4, 12),
    (1, 3, 5, 2, 4, 0, 8, 16),
    (3, 2, 1, 4, 8, 0, 8, 20),
    (5, 1, 4, 1, 8, 1, 3, 18),
    (16, 2, 3, 3, 2, 0, 2, 14),
    (17, 3, 2, 5, 8, 0, 4, 24),
    (2, 5, 7, 3, 1, 0, 1, 8),
    (9, 4, 1, 1, 8, 1, 8, 32),
]


@pytest.mark.parametrize("shape", SHAPES, ids="x".join("%d" for _ in range(8)).__mod__)
def test_multiplies(shape: tuple[int, ...], tmp_path: Path) -> None:
    lanes_in, lanes_out, beats_in, beats_out, act_bits, act_signed, wgt_bits, acc_bits = shape
    rng = np.random.default_rng(sum(shape))
    act_min, act_max = (-(1 << (act_bits - 1)), (1 << (act_bits - 1)) - 1) if act_signed else (0, (1 << act_bits) - 1)
    wgt_min, wgt_max = -(1 << (wgt_bits - 1)), (1 << (wgt_bits - 1)) - 1
    columns, rows = lanes_in * beats_in, lanes_out * beats_out
    weights = rng.integers(wgt_min, wgt_max, (rows, columns), endpoint=True)
    vectors = rng.integers(act_min, act_max, (VECTORS, columns), endpoint=True)
    # Extremes: vectors of the largest magnitudes on neighbouring rows of the largest magnitudes.
    weights[-1], weights[:2], weights[2:3] = wgt_max, wgt_min, wgt_max
    vectors[0], vectors[1] = act_max, act_min
    # Word out_beat * BeatsIn + in_beat holds [output lane][input lane].
    words = weights.reshape(beats_out, lanes_out, beats_in, lanes_in).transpose(0, 2, 1, 3)
    levels = (lanes_in - 1).bit_length()
    run_bench(
        "engine_matvec",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "LanesIn": lanes_in, "LanesOut": lanes_out, "BeatsIn": beats_in, "BeatsOut": beats_out, "ActW": act_bits,
            "ActSigned": act_signed, "WgtW": wgt_bits, "AccW": acc_bits, "RomFile": "weights.hex",
        },
        case={"latency": 4 + levels + (beats_out > 1)},
        arrays={"vectors": vectors, "weights": weights},
        roms={
            "weights.hex": rom_lines(
                pack(words.reshape(beats_in * beats_out, -1), bits=wgt_bits), width=lanes_in * lanes_out * wgt_bits
            )
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"LanesIn": 0}, "Lanes 0, 4"),
        ({"BeatsOut": 0}, "Beats 2, 0"),
        ({"AccW": 0}, "AccW 0"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str) -> None:
    expect_refusal("engine_matvec", parameters=parameters, message=message)
