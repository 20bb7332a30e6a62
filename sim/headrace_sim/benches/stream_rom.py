# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_rom``: contents, one cycle of latency or two, and holding without enable."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import Timer

from headrace_sim.case import current_case


@cocotb.test
async def reads_the_file(dut: Any) -> None:
    """Random addresses and enables against a list."""
    case = current_case()
    words = [int(word, 16) for word in case.data["words"]]
    rng = random.Random(1)
    coming: list[int | None] = [None] * (1 + case.data["late"])
    for _ in range(500):
        address, enable = rng.randrange(len(words)), rng.random() < 0.6
        dut.addr_i.value, dut.en_i.value, dut.clk_i.value = address, int(enable), 0
        await Timer(1, "ns")
        if coming[0] is not None:
            assert int(dut.data_o.value) == coming[0]
        dut.clk_i.value = 1
        await Timer(1, "ns")
        if enable:
            coming = [*coming[1:], words[address]]
