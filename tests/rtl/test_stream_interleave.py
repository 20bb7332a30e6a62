# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``stream_interleave``."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(("lane_w", "lanes", "ins", "channels"), [(8, 2, 2, 6), (4, 3, 2, 7), (5, 1, 3, 2), (8, 4, 1, 4)])
def test_shuffles_like_the_golden(lane_w: int, lanes: int, ins: int, channels: int, tmp_path: Path) -> None:
    run_bench(
        "stream_interleave",
        bench="headrace_sim.benches.stream_interleave",
        folder=tmp_path,
        parameters={"LaneW": lane_w, "Lanes": lanes, "Ins": ins},
        case={"channels": channels},
    )


def test_refuses_no_inputs() -> None:
    expect_refusal("stream_interleave", parameters={"Ins": 0}, message="got 8, 2, 0")
