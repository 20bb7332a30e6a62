# SPDX-License-Identifier: Apache-2.0
"""``ip_control`` behind a host, with its bus, its queues and its network played by the bench."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from headrace_sim.axi_host import Host, start_clock
from headrace_sim.case import current_case

PORTS = (
    "busy_i", "input_waits_i", "input_fault_i", "output_waits_i", "frame_done_i", "command_done_i", "bus_open_i",
    "bus_progress_i", "bus_slverr_i", "bus_decerr_i", "bus_protocol_i", "bus_answered_i", "ar_waits_i", "aw_waits_i",
    "w_waits_i",
)  # fmt: skip
"""Inputs that are low while nothing happens."""
MOST = 0xFFFFFFFF


class ControlBench:
    """The module behind a host, with everything around it at rest."""

    def __init__(self, dut: Any) -> None:
        p: dict[str, int] = dict(current_case().parameters)
        self.dut = dut
        self.inputs, self.outputs, self.address_bits = p["Inputs"], p["Outputs"], p["AddrW"]
        self.tensors = self.inputs + self.outputs
        self.word_bytes = p["WordBytes"]
        self.commands: list[tuple[int, int, list[int]]] = []
        """Frames, tag and addresses of each that was taken."""

    async def start(self, *, pause: float = 0.0, ready: bool = True) -> Host:
        """Reset; the host."""
        for name in PORTS:
            getattr(self.dut, name).value = 0
        self.ready(ready)
        self.dut.bus_idle_i.value = 3
        host = Host(self.dut, clock=self.dut.clk_i, reset=self.dut.rst_ni, tensors=self.tensors)
        await start_clock(self.dut.clk_i, self.dut.rst_ni)
        host.pause(pause, 1)
        cocotb.start_soon(self._watch())
        await ClockCycles(self.dut.clk_i, 24)  # the core's own reset is over
        return host

    def ready(self, all_of_them: bool) -> None:
        """Whether all queues have room, or all but one."""
        full = (1 << self.tensors) - 1
        self.dut.command_ready_i.value = full if all_of_them else full & ~2

    async def _watch(self) -> None:
        dut = self.dut
        while True:
            await RisingEdge(dut.clk_i)
            if int(dut.command_valid_o.value):
                packed = int(dut.command_address_o.value)
                mask = (1 << self.address_bits) - 1
                addresses = [packed >> k * self.address_bits & mask for k in range(self.tensors)]
                self.commands.append((int(dut.command_frames_o.value), int(dut.command_tag_o.value), addresses))

    async def pulse(self, **values: int) -> None:
        """Ports that stand for one cycle."""
        for name, value in values.items():
            getattr(self.dut, name).value = value
        await RisingEdge(self.dut.clk_i)
        for name in values:
            getattr(self.dut, name).value = 0
        await ClockCycles(self.dut.clk_i, 4)

    def addresses(self, rng: random.Random) -> list[int]:
        """One that may be for each tensor."""
        return [rng.getrandbits(self.address_bits) // self.word_bytes * self.word_bytes for _ in range(self.tensors)]
