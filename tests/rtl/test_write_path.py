# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of the ways to memory: `tensor_writer`, `axi_writer`, `burst_walk`, `frame_sealer`, `axi_write_mux`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from deep import deep_but
from headrace_sim.runner import run_bench
from rtl.test_read_path import PAIRS, QUICK, parameters_and_tensors


def outputs(names: Iterable[str]) -> list[str]:
    """Those that are not only read."""
    return [name for name in names if name != "weights"]


@pytest.mark.parametrize("name", deep_but(outputs(QUICK), outputs(PAIRS)))
def test_brings_streams_to_memory(name: str, tmp_path: Path) -> None:
    parameters, tensors = parameters_and_tensors(name)
    run_bench(
        "write_path",
        bench="headrace_sim.benches.write_path",
        folder=tmp_path,
        parameters=parameters | {f"Signed{suffix}": int(data["signed"]) for data, suffix in zip(tensors, "AB", strict=True)},
        case={"tensors": tensors},
    )
