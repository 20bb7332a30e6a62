# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``stream_fifo`` over depths, widths and kinds of storage."""

from __future__ import annotations

from pathlib import Path

import headrace_sim.benches
import pytest
from headrace_sim.runner import expect_refusal, run_bench

BENCH = "headrace_sim.benches.stream_fifo"


@pytest.mark.parametrize(
    ("depth", "width", "block"),
    [
        (1, 9, False),
        (2, 70, False),
        (3, 5, False),
        (8, 33, False),
        (13, 8, False),
        (4, 8, True),
        (5, 65, True),
        (19, 8, True),
        (1025, 9, True),
    ],
)
def test_stores_and_forwards(depth: int, width: int, block: bool, tmp_path: Path) -> None:
    run_bench(
        "stream_fifo",
        bench=BENCH,
        folder=tmp_path,
        parameters={"Depth": depth, "Width": width, "Block": int(block)},
        case={"latency": 3 if block else 1},
    )


@pytest.mark.parametrize(("depth", "block"), [(6, False), (6, True)])
def test_reports_to_the_profiler(depth: int, block: bool, tmp_path: Path) -> None:
    run_bench(
        "stream_fifo",
        bench="headrace_sim.benches.stream_fifo_profile",
        folder=tmp_path,
        parameters={"Depth": depth, "Width": 40, "Block": int(block), "Id": 7},
        defines=["HEADRACE_PROFILE"],
        cpp=[Path(headrace_sim.benches.__path__[0]) / "fifo_profile.cpp"],
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Depth": 0}, "got Width 8, Depth 0"),
        ({"Width": 0}, "got Width 0, Depth 2"),
        ({"Depth": 3, "Block": 1}, "Depth 3, Block 1"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str) -> None:
    expect_refusal("stream_fifo", parameters=parameters, message=message)
