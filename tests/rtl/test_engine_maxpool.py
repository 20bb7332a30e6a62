# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_maxpool`` over kernels, tap foldings, lanes and number formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(
    ("kernel", "taps", "lanes", "channels", "bits", "signed"),
    [
        ((3, 3), 1, 2, 5, 8, False),
        ((3, 3), 3, 3, 7, 8, True),
        ((3, 3), 9, 4, 4, 4, False),
        ((2, 3), 2, 1, 3, 5, True),
        ((1, 1), 1, 2, 4, 8, True),
        ((1, 2), 2, 1, 2, 1, False),
    ],
)
def test_pools_like_the_golden(
    kernel: tuple[int, int],
    taps: int,
    lanes: int,
    channels: int,
    bits: int,
    signed: bool,
    tmp_path: Path,
) -> None:
    run_bench(
        "engine_maxpool",
        bench="headrace_sim.benches.engine_maxpool",
        folder=tmp_path,
        parameters={
            "Lanes": lanes,
            "Taps": taps,
            "Steps": kernel[0] * kernel[1] // taps,
            "LaneW": bits,
            "Signed": int(signed),
        },
        case={"kernel": kernel, "channels": channels},
    )


@pytest.mark.parametrize("name", ["Lanes", "Taps", "Steps", "LaneW"])
def test_refuses_zero(name: str) -> None:
    values = {"Lanes": 2, "Taps": 3, "Steps": 3, "LaneW": 8} | {name: 0}
    numbers = ", ".join(str(value) for value in values.values())
    expect_refusal("engine_maxpool", parameters={name: 0}, message=f"got {numbers}")
