# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_transpose`` over shapes of blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(
    ("lanes", "outer", "inner", "unit"),
    [(2, 4, 2, 3), (1, 3, 5, 1), (1, 2, 2, 1), (1, 2, 7, 4), (1, 9, 8, 1), (2, 5, 6, 3)],
)
def test_transposes_like_the_golden(lanes: int, outer: int, inner: int, unit: int, tmp_path: Path) -> None:
    run_bench(
        "engine_transpose",
        bench="headrace_sim.benches.engine_transpose",
        folder=tmp_path,
        parameters={"LaneW": 6, "Lanes": lanes, "Outer": outer, "Inner": inner, "Unit": unit},
    )


@pytest.mark.parametrize(("name", "value", "compared"), [("Outer", 1, "1 >= 2"), ("Inner", 1, "1 >= 2"), ("Unit", 0, "0 >= 1")])
def test_refuses_what_it_cannot_transpose(name: str, value: int, compared: str) -> None:
    expect_refusal("engine_transpose", parameters={name: value}, message="Outer and Inner above 1", compared=compared)
