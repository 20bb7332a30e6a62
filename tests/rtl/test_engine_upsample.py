# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_upsample`` over factors, row lengths and beats."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import ceil_div


@pytest.mark.parametrize(
    ("factors", "width", "lanes", "channels"),
    [
        ((2, 2), 5, 2, 6),
        ((2, 2), 4, 3, 7),
        ((3, 2), 3, 4, 4),
        ((1, 4), 2, 1, 2),
        ((4, 1), 1, 2, 2),
        ((1, 1), 1, 1, 1),
    ],
)
def test_repeats_like_the_golden(factors: tuple[int, int], width: int, lanes: int, channels: int, tmp_path: Path) -> None:
    run_bench(
        "engine_upsample",
        bench="headrace_sim.benches.engine_upsample",
        folder=tmp_path,
        parameters={
            "LaneW": 6,
            "Lanes": lanes,
            "Beats": ceil_div(channels, lanes),
            "InW": width,
            "FactorH": factors[0],
            "FactorW": factors[1],
        },
        case={"channels": channels},
    )


@pytest.mark.parametrize("name", ["Beats", "InW", "FactorH", "FactorW"])
def test_refuses_zero(name: str) -> None:
    expect_refusal("engine_upsample", parameters={name: 0}, message="no parameter may be 0")
