# SPDX-License-Identifier: Apache-2.0
"""Breaks the rule of a stream on purpose, to show that simulations run with assertions on."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import Timer


@cocotb.test
async def withdraws_a_beat(dut: Any) -> None:
    """Offers a beat to ``stream_fork`` and takes the offer back before anyone took the beat."""
    dut.rst_ni.value, dut.ready_i.value, dut.data_i.value = 0, 0, 0
    for cycle in range(6):
        dut.clk_i.value = 0
        dut.valid_i.value = int(cycle == 3)
        await Timer(1, "ns")
        dut.clk_i.value = 1
        await Timer(1, "ns")
        dut.rst_ni.value = 1
