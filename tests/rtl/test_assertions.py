# SPDX-License-Identifier: Apache-2.0
"""Shows that a broken assertion in a module, and a wrong result in a bench, fail the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import BenchError, run_bench


def test_a_broken_assertion_fails_the_run(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="a beat of output 0 changed or vanished"):
        run_bench("stream_fork", bench="headrace_sim.benches.dropped_beat", folder=tmp_path)


def test_a_wrong_result_fails_the_run(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="streams_at_full_rate failed"):
        run_bench(
            "stream_fifo",
            bench="headrace_sim.benches.stream_fifo",
            folder=tmp_path,
            parameters={"Depth": 3, "Width": 5, "Block": 0},
            case={"latency": 5},
        )
