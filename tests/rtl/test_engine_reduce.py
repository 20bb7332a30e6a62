# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_reduce`` over maps, axes, lanes and number formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import ceil_div


@pytest.mark.parametrize(
    ("shape", "axes", "lanes", "bits", "signed", "out_bits"),
    [
        ((3, 4, 5), (True, True), 2, 8, False, None),
        ((3, 3, 5), (True, True), 2, 8, True, 12),
        ((2, 5, 4), (True, True), 4, 4, False, 9),
        ((4, 3, 3), (True, False), 2, 6, True, None),
        ((3, 4, 3), (False, True), 2, 3, True, 6),
        ((1, 1, 6), (True, True), 3, 8, True, 9),
        ((2, 2, 2), (True, True), 2, 1, False, None),
    ],
)
def test_reduces_like_the_golden(
    shape: tuple[int, int, int],
    axes: tuple[bool, bool],
    lanes: int,
    bits: int,
    signed: bool,
    out_bits: int | None,
    tmp_path: Path,
) -> None:
    rows, cols, channels = shape
    beats = ceil_div(channels, lanes)
    groups = {(True, True): (beats, rows * cols), (True, False): (cols * beats, rows), (False, True): (beats, cols)}
    run_bench(
        "engine_reduce",
        bench="headrace_sim.benches.engine_reduce",
        folder=tmp_path,
        parameters={
            "Lanes": lanes,
            "LaneW": bits,
            "Signed": int(signed),
            "Beats": groups[axes][0],
            "Pixels": groups[axes][1],
            "Sum": int(out_bits is not None),
            "OutW": out_bits or bits,
        },
        case={"shape": shape, "axes": axes},
    )


@pytest.mark.parametrize("name", ["Lanes", "LaneW", "Beats", "Pixels"])
def test_refuses_zero(name: str) -> None:
    values = {"Lanes": 2, "LaneW": 8, "Beats": 4, "Pixels": 16} | {name: 0}
    numbers = ", ".join(str(value) for value in values.values())
    compared = "8 == 0" if name == "LaneW" else "0 >= 1"  # a maximum keeps its lanes' bits
    expect_refusal("engine_reduce", parameters={"OutW": 8, name: 0}, message=f"got {numbers}", compared=compared)


@pytest.mark.parametrize(
    ("parameters", "numbers", "compared"), [({"Sum": 1, "OutW": 7}, "7 bits", "7 >= 8"), ({"OutW": 9}, "9 bits", "9 == 8")]
)
def test_refuses_widths_that_do_not_fit(parameters: dict[str, int], numbers: str, compared: str) -> None:
    message = f"results of {numbers} do not fit lanes of 8"
    expect_refusal("engine_reduce", parameters=parameters, message=message, compared=compared)
