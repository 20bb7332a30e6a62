# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_add`` over factors, signedness and widths."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(
    ("lanes", "in_w", "in_signed", "mul_a", "mul_b", "out_w"),
    [
        (3, 8, 0b00, 1, 1, 10),
        (2, 8, 0b01, 1, -1, 10),
        (1, 4, 0b11, -7, 12, 9),
        (2, 12, 0b10, 0, 255, 22),
        (4, 1, 0b00, 3, 5, 5),
        (1, 8, 0b11, -(2**31), 2**31 - 1, 41),
    ],
)
def test_adds_like_the_golden(
    lanes: int, in_w: int, in_signed: int, mul_a: int, mul_b: int, out_w: int, tmp_path: Path
) -> None:
    run_bench(
        "engine_add",
        bench="headrace_sim.benches.engine_add",
        folder=tmp_path,
        parameters={
            "Lanes": lanes,
            "InW": in_w,
            "InSigned": in_signed,
            "MulA": mul_a,
            "MulB": mul_b,
            "OutW": out_w,
        },
    )


def test_refuses_no_lanes() -> None:
    expect_refusal("engine_add", parameters={"Lanes": 0}, message="got 0, 8, 10")
