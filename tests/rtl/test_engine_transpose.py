# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_transpose`` over shapes of blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(
    ("lanes", "outer", "inner", "unit"),
    [(2, 4, 2, 3), (1, 3, 5, 1), (3, 1, 4, 2), (1, 6, 1, 1), (1, 1, 1, 1), (1, 2, 2, 1)],
)
def test_transposes_like_the_golden(lanes: int, outer: int, inner: int, unit: int, tmp_path: Path) -> None:
    run_bench(
        "engine_transpose",
        bench="headrace_sim.benches.engine_transpose",
        folder=tmp_path,
        parameters={"LaneW": 6, "Lanes": lanes, "Outer": outer, "Inner": inner, "Unit": unit},
    )


@pytest.mark.parametrize("name", ["Outer", "Inner", "Unit"])
def test_refuses_zero(name: str) -> None:
    expect_refusal("engine_transpose", parameters={name: 0}, message="no parameter may be 0")
