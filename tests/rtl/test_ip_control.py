# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``ip_control``: the registers of `headrace_host.registers`, and what hangs on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench

# inputs, outputs, bits of an address, bytes of a word
SIZES = [(2, 3, 40, 16), (1, 1, 32, 8), (1, 2, 64, 8)]


@pytest.mark.parametrize("size", deep_but(SIZES[:1], SIZES))
@pytest.mark.parametrize("bench", ["ip_registers", "ip_control"])
def test_registers_are_as_declared(bench: str, size: tuple[int, int, int, int], tmp_path: Path) -> None:
    run_bench(
        "ip_control",
        bench=f"headrace_sim.benches.{bench}",
        folder=tmp_path,
        parameters={
            "Inputs": size[0],
            "Outputs": size[1],
            "AddrW": size[2],
            "WordBytes": size[3],
            "BuildId": "64'h0123456789abcdef",
        },
        public=["event_counter.low_q"],
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Inputs": 0}, "got 0, 1, 32"),
        ({"Outputs": 256}, "got 1, 256, 32"),
        ({"AddrW": 31}, "got 1, 1, 31"),
        ({"AddrW": 65}, "got 1, 1, 65"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str) -> None:
    expect_refusal("ip_registers", parameters=parameters, message=message)
