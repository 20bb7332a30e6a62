# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_requant`` over widths, shifts and ranges, with every kind of tie."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import beats_of, ceil_div, pack, rom_lines

BENCH = "headrace_sim.benches.engine_requant"

# Channels, Lanes, AccW, MulW, AddW, Shift, OutW, Lo, Hi
SHAPES = [
    (6, 4, 20, 12, 24, 8, 8, 0, 255),
    (3, 3, 16, 8, 20, 1, 8, -128, 127),
    (5, 2, 24, 18, 40, 20, 4, 0, 15),
    (4, 4, 8, 2, 8, 0, 8, -128, 127),
    (2, 1, 12, 6, 30, 40, 6, -5, 17),
    (7, 3, 10, 3, 12, 2, 16, -3000, 3000),
    (1, 1, 6, 4, 3, 3, 1, 0, 1),
    (4, 2, 8, 8, 8, 2, 32, -2147483648, 2147483647),
    (2, 2, 18, 10, 16, 5, 8, 200, 255),
    (3, 1, 9, 5, 11, 4, 3, -4, -2),
    (3, 2, 32, 24, 50, 38, 8, -128, 127),
    (2, 2, 50, 8, 24, 36, 16, -32768, 32767),
    (2, 1, 1, 2, 2, 0, 4, -8, 7),
]


def extreme(rng: np.random.Generator, bits: int, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Signed integers of ``bits`` bits, a third of them near the ends of their range or zero."""
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    values = rng.integers(least, most, shape, endpoint=True)
    corners = rng.choice([least, least + 1, most, most - 1, 0, -1, 1], shape).clip(least, most)
    return np.where(rng.random(shape) < 0.33, corners, values)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    "product", deep_but([(s, n % 2) for n, s in enumerate(SHAPES)], itertools.product(SHAPES, (0, 1))), ids=str
)
def test_rescales(product: tuple[tuple[int, ...], int], ties: bool, tmp_path: Path) -> None:
    shape, lut_mul = product
    rescale(shape, ties, lut_mul, 0, tmp_path)


@pytest.mark.parametrize("shape", [SHAPES[1], SHAPES[5]], ids=str)
def test_ties_go_to_odd_integers(shape: tuple[int, ...], tmp_path: Path) -> None:
    rescale(shape, True, 0, 1, tmp_path)


@pytest.mark.parametrize("case", deep_but([(SHAPES[0], 5)], [(SHAPES[0], 5), (SHAPES[5], 2), (SHAPES[6], 3)]), ids=str)
def test_pixels_come_together(case: tuple[tuple[int, ...], int], tmp_path: Path) -> None:
    rescale(case[0], False, 0, 0, tmp_path, hold=case[1])


def rescale(shape: tuple[int, ...], ties: bool, lut_mul: int, odd: int, tmp_path: Path, hold: int = 1) -> None:
    channels, lanes, acc_bits, mul_bits, add_bits, shift, out_bits, low, high = shape
    rng = np.random.default_rng(1 + ties)
    acc = extreme(rng, acc_bits, (150, channels))
    mul, add = extreme(rng, mul_bits, (channels,)), extreme(rng, add_bits, (channels,))
    if ties:  # small sums around the steps and the middles of steps
        mul[:] = 1
        acc = rng.integers(-1 << (acc_bits - 1), 1 << (acc_bits - 1), acc.shape) >> max(0, acc_bits - shift - 4)
        half = min(max(0, shift - 1), acc_bits - 1)
        acc[::2] = acc[::2] >> half << half
        add[:] = (1 << (shift - 1)) * (add % 2) if 0 < shift < add_bits - 1 else 0
    beats = ceil_div(channels, lanes)
    scales = beats_of((add.astype(object) << mul_bits) + (mul & ((1 << mul_bits) - 1)), lanes)
    width = mul_bits + add_bits
    run_bench(
        "engine_requant",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "Lanes": lanes, "AccW": acc_bits, "MulW": mul_bits, "AddW": add_bits, "Shift": shift, "OutW": out_bits,
            "Lo": low, "Hi": high, "Beats": beats, "Hold": hold, "LutMul": lut_mul, "Odd": odd, "RomFile": "scales.hex",
        },
        arrays={"acc": acc, "mul": mul, "add": add},
        roms={"scales.hex": rom_lines(pack(scales, bits=width), width=lanes * width)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message", "compared"),
    [
        ({"MulW": 0}, "MulW 0", "0 >= 1"),
        ({"OutW": 33}, "got 33", "33 <= 32"),
        ({"Lo": 3, "Hi": 2}, "got 3 and 2", "3 <= 2"),
        ({"Lo": 0, "Hi": 256}, "within 8 bits; got 0 and 256", "256 <= 255"),
        ({"Lo": -1, "Hi": 128}, "within 8 bits; got -1 and 128", "128 <= 127"),
        ({"OutW": 4, "Lo": -9, "Hi": 7}, "within 4 bits; got -9 and 7", "-9 >= -8"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str, compared: str) -> None:
    expect_refusal("engine_requant", parameters=parameters, message=message, compared=compared)
