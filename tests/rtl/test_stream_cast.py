# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``stream_cast``."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize(("lanes", "in_bits", "out_bits", "signed"), [(3, 8, 9, 0), (2, 8, 12, 1), (4, 9, 8, 0), (1, 12, 5, 1)])
def test_keeps_every_value(lanes: int, in_bits: int, out_bits: int, signed: int, tmp_path: Path) -> None:
    run_bench(
        "stream_cast",
        bench="headrace_sim.benches.stream_cast",
        folder=tmp_path,
        parameters={"Lanes": lanes, "InW": in_bits, "OutW": out_bits, "Signed": signed},
    )


def test_refuses_no_lanes() -> None:
    expect_refusal("stream_cast", parameters={"Lanes": 0}, message="got 0, 8, 9")
