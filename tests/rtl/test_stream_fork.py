# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``stream_fork``."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(("width", "outputs"), [(8, 1), (33, 2), (5, 5)])
def test_gives_all_beats_to_all(width: int, outputs: int, tmp_path: Path) -> None:
    run_bench(
        "stream_fork",
        bench="headrace_sim.benches.stream_fork",
        folder=tmp_path,
        parameters={"Width": width, "Outputs": outputs},
    )


def test_refuses_no_outputs() -> None:
    expect_refusal("stream_fork", parameters={"Outputs": 0}, message="got 8, 0")
