# SPDX-License-Identifier: Apache-2.0
"""Runs the benches of ``hdlc_receiver`` and ``hdlc_sender``."""

from __future__ import annotations

from pathlib import Path

from headrace_sim.runner import run_bench


def test_receives(tmp_path: Path) -> None:
    run_bench("hdlc_receiver", bench="headrace_sim.benches.hdlc_receiver", folder=tmp_path)


def test_sends(tmp_path: Path) -> None:
    run_bench("hdlc_sender", bench="headrace_sim.benches.hdlc_sender", folder=tmp_path)
