# SPDX-License-Identifier: Apache-2.0
"""Runs the benches of ``uart_rx`` and ``uart_tx``."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench


@pytest.mark.parametrize("step", [3932, 16384, 7864])
def test_receives(step: int, tmp_path: Path) -> None:
    """A stop bit is looked at 9.5 bits after the start bit's edge, or up to a cycle later for each of the two."""
    faster = 10 / (9.5 + 2 * step / 65536) - 1 if 65536 % step else 10 / (9.5 + step / 65536) - 1
    rates = {"slower": 9 / 9.5 - 1 + 0.002, "faster": faster - 0.002}
    run_bench("uart_rx", bench="headrace_sim.benches.uart_rx", folder=tmp_path, parameters={"Step": step}, case=rates)


@pytest.mark.parametrize("step", [3932, 16384, 151])
def test_sends(step: int, tmp_path: Path) -> None:
    run_bench("uart_tx", bench="headrace_sim.benches.uart_tx", folder=tmp_path, parameters={"Step": step})


@pytest.mark.parametrize("module", ["uart_rx", "uart_tx"])
@pytest.mark.parametrize("step", [0, 16385])
def test_refuses_bad_rates(module: str, step: int) -> None:
    expect_refusal(module, parameters={"Step": step}, message=f"got Step {step}")
