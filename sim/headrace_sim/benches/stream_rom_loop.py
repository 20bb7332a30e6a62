# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_rom_loop``: its words in turn, held without enable, and the first one again after a reset."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import Timer

from headrace_sim.case import current_case


async def _edge(dut: Any, *, reset: bool, enable: bool) -> None:
    dut.rst_ni.value, dut.en_i.value, dut.clk_i.value = int(not reset), int(enable), 0
    await Timer(1, "ns")
    dut.clk_i.value = 1
    await Timer(1, "ns")


@cocotb.test
async def tells_its_words_in_turn(dut: Any) -> None:
    """Random enables, and resets of a cycle in the middle of a round."""
    words = [int(word, 16) for word in current_case().data["words"]]
    rng = random.Random(1)
    for _ in range(4):
        await _edge(dut, reset=True, enable=rng.random() < 0.5)
        at, shown = 0, None
        for _ in range(rng.randrange(2, 4) * len(words) + 5):
            enable = rng.random() < 0.7
            await _edge(dut, reset=False, enable=enable)
            if enable:
                shown, at = words[at], (at + 1) % len(words)
            if shown is not None:
                assert int(dut.data_o.value) == shown
