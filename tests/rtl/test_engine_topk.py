# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_topk`` over channel counts, lanes, orders and number formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(
    ("channels", "lanes", "k", "bits", "signed", "options"),
    [
        (10, 4, 1, 8, False, {"Indices": 1}),
        (10, 1, 1, 8, True, {"Indices": 1, "Last": 1}),
        (7, 7, 1, 4, True, {"Indices": 1, "Smallest": 1}),
        (11, 3, 3, 8, True, {}),
        (11, 5, 4, 3, False, {"Indices": 1, "Smallest": 1}),
        pytest.param(9, 2, 8, 5, True, {"Indices": 1}, marks=pytest.mark.deep),
        pytest.param(8, 8, 8, 2, True, {"Smallest": 1}, marks=pytest.mark.deep),
        (1, 1, 1, 1, False, {"Indices": 1}),
        (6, 4, 1, 1, True, {"Last": 1, "Smallest": 1, "Indices": 1}),
    ],
)
def test_chooses_like_the_golden(
    channels: int, lanes: int, k: int, bits: int, signed: bool, options: dict[str, int], tmp_path: Path
) -> None:
    run_bench(
        "engine_topk",
        bench="headrace_sim.benches.engine_topk",
        folder=tmp_path,
        parameters={
            "Lanes": lanes, "LaneW": bits, "Signed": int(signed), "Channels": channels, "K": k,
            "Smallest": 0, "Last": 0, "Indices": 0, **options,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "numbers", "compared"),
    [
        ({"K": 0}, "4, 8, 0 of 10", "0 >= 1"),
        ({"K": 11}, "4, 8, 11 of 10", "11 <= 10"),
        ({"Lanes": 0}, "0, 8, 1 of 10", "0 >= 1"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], numbers: str, compared: str) -> None:
    expect_refusal("engine_topk", parameters=parameters, message=f"got {numbers}", compared=compared)
