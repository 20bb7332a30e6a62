# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_pool`` over kernels, tap foldings, lanes and number formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(
    ("kernel", "taps", "lanes", "channels", "bits", "signed", "out_bits"),
    [
        ((3, 3), 1, 2, 5, 8, False, None),
        ((3, 3), 3, 3, 7, 8, True, None),
        ((3, 3), 9, 4, 4, 4, False, None),
        ((2, 3), 2, 1, 3, 5, True, None),
        ((1, 1), 1, 2, 4, 8, True, None),
        ((1, 2), 2, 1, 2, 1, False, None),
        ((3, 3), 3, 3, 7, 8, False, 12),
        ((3, 3), 9, 2, 4, 8, True, 12),
        ((2, 3), 1, 2, 3, 4, True, 10),
        ((1, 2), 2, 1, 2, 1, False, 2),
        ((1, 1), 1, 1, 1, 3, True, 4),
    ],
)
def test_pools_like_the_golden(
    kernel: tuple[int, int],
    taps: int,
    lanes: int,
    channels: int,
    bits: int,
    signed: bool,
    out_bits: int | None,
    tmp_path: Path,
) -> None:
    run_bench(
        "engine_pool",
        bench="headrace_sim.benches.engine_pool",
        folder=tmp_path,
        parameters={
            "Lanes": lanes,
            "Taps": taps,
            "Steps": kernel[0] * kernel[1] // taps,
            "LaneW": bits,
            "Signed": int(signed),
            "Sum": int(out_bits is not None),
            "OutW": out_bits or bits,
        },
        case={"kernel": kernel, "channels": channels},
    )


@pytest.mark.parametrize("name", ["Lanes", "Taps", "Steps", "LaneW"])
def test_refuses_zero(name: str) -> None:
    values = {"Lanes": 2, "Taps": 3, "Steps": 3, "LaneW": 8} | {name: 0}
    numbers = ", ".join(str(value) for value in values.values())
    compared = "8 == 0" if name == "LaneW" else "0 >= 1"  # a maximum keeps its lanes' bits
    expect_refusal("engine_pool", parameters={"OutW": 8, name: 0}, message=f"got {numbers}", compared=compared)


@pytest.mark.parametrize(
    ("parameters", "numbers", "compared"), [({"Sum": 1, "OutW": 7}, "7 bits", "7 >= 8"), ({"OutW": 9}, "9 bits", "9 == 8")]
)
def test_refuses_widths_that_do_not_fit(parameters: dict[str, int], numbers: str, compared: str) -> None:
    message = f"results of {numbers} do not fit lanes of 8"
    expect_refusal("engine_pool", parameters=parameters, message=message, compared=compared)
