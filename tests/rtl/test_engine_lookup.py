# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_lookup`` over widths, shared and separate tables, every input value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import beats_of, ceil_div, pack, rom_lines

BENCH = "headrace_sim.benches.engine_lookup"

# Channels, Lanes, InW, signed input, OutW, shared table
SHAPES = [(5, 2, 8, True, 8, True), (5, 3, 5, False, 12, False), (1, 1, 1, False, 1, False)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_looks_up(shape: tuple[int, int, int, bool, int, bool], tmp_path: Path) -> None:
    channels, lanes, in_bits, signed, out_bits, shared = shape
    rng = np.random.default_rng(in_bits)
    size = 1 << in_bits
    low = -size // 2 if signed else 0
    table = rng.integers(-(1 << (out_bits - 1)), 1 << (out_bits - 1), (1 if shared else channels, size))
    x = np.stack([rng.permutation(size) + low for _ in range(channels)], axis=1)[:200]
    by_address = np.roll(table, low, axis=1)  # negative inputs come last
    words = by_address.T if shared else beats_of(by_address.T, lanes).reshape(size, -1, lanes).swapaxes(0, 1).reshape(-1, lanes)
    run_bench(
        "engine_lookup",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "Lanes": lanes, "InW": in_bits, "OutW": out_bits, "Beats": ceil_div(channels, lanes), "Shared": int(shared),
            "RomFile": "f.hex",
        },
        case={"lo": low},
        arrays={"x": x, "table": table},
        roms={"f.hex": rom_lines(pack(words, bits=out_bits), width=out_bits * words.shape[1])},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message", "compared"),
    [({"OutW": 0}, "OutW 0", "0 >= 1"), ({"InW": 17}, "got 17", "17 <= 16"), ({"Beats": 0}, "Beats 0", "0 >= 1")],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str, compared: str) -> None:
    expect_refusal("engine_lookup", parameters=parameters, message=message, compared=compared)
