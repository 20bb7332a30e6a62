# SPDX-License-Identifier: Apache-2.0
"""The processor at the AXI4-Lite slave of a bench: registers by their names."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp
from headrace_host.registers import Register, register_map

_ALL_BYTES = 0b1111
PERIOD_NS = 2


def pauses(probability: float, seed: int) -> Iterator[bool]:
    """Whether a channel pauses, cycle by cycle."""
    rng = random.Random(seed)
    while True:
        yield rng.random() < probability


async def start_clock(clock: Any, reset: Any) -> None:
    """Start the clock, and reset everything for some cycles."""
    Clock(clock, PERIOD_NS, "ns").start()
    reset.value = 0
    await ClockCycles(clock, 4)
    reset.value = 1
    await RisingEdge(clock)


class Host:
    """Reads and writes registers, one after another or at once; every access must be answered with OKAY."""

    def __init__(self, dut: Any, *, clock: Any, reset: Any, tensors: int) -> None:
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)  # else a line for each access
        self.registers: dict[str, Register] = {register.name: register for register in register_map(tensors)}
        bus = AxiLiteBus.from_prefix(dut, "s_axi")
        self._master = AxiLiteMaster(bus, clock, reset, reset_active_level=False)

    def pause(self, probability: float, seed: int) -> None:
        """Let every channel pause at random."""
        write, read = self._master.write_if, self._master.read_if
        channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel)
        for k, channel in enumerate(channels):
            channel.set_pause_generator(pauses(probability, 5 * seed + k) if probability else None)
            channel.pause = False

    async def read_at(self, offset: int) -> int:
        """The word at ``offset``."""
        answer = await self._master.read(offset, 4)
        assert answer.resp == AxiResp.OKAY, f"reading {offset:#x}: {answer.resp!r}"
        return int.from_bytes(answer.data, "little")

    async def write_at(self, offset: int, value: int, strobe: int = _ALL_BYTES) -> None:
        """Write the bytes of a word that ``strobe`` chooses."""
        if strobe == _ALL_BYTES:
            response = (await self._master.write(offset, value.to_bytes(4, "little"))).resp
        else:
            response = await self._write_bytes(offset, value, strobe)
        assert response == AxiResp.OKAY, f"writing {offset:#x}: {response!r}"

    async def _write_bytes(self, offset: int, value: int, strobe: int) -> int:
        channels = self._master.write_if
        address, word = channels.aw_channel._transaction_obj(), channels.w_channel._transaction_obj()
        address.awaddr, word.wdata, word.wstrb = offset, value, strobe
        await channels.aw_channel.send(address)
        await channels.w_channel.send(word)
        return int((await channels.b_channel.recv()).bresp)

    async def read(self, name: str) -> int:
        """A register."""
        return await self.read_at(self.registers[name].offset)

    async def write(self, name: str, value: int, strobe: int = _ALL_BYTES) -> None:
        """Write a register."""
        await self.write_at(self.registers[name].offset, value, strobe)

    async def read_wide(self, name: str) -> int:
        """A register of two halves, the lower one first."""
        low = await self.read(f"{name}_LO")
        return await self.read(f"{name}_HI") << 32 | low

    async def field(self, name: str, field: str) -> int:
        """A field of a register."""
        return self.registers[name].field(field).of(await self.read(name))

    def mask(self, name: str, *fields: str) -> int:
        """Fields of a register, as its bits."""
        return sum(self.registers[name].field(field).mask for field in fields)

    async def errors(self) -> set[str]:
        """The names of the errors that stand."""
        value = await self.read("ERRORS")
        return {field.name for field in self.registers["ERRORS"].fields if field.of(value)}

    async def set_arguments(self, *, frames: int, tag: int, addresses: list[int]) -> None:
        """Write what a command needs besides AP_START."""
        await self.write("FRAMES", frames)
        await self.write("TAG", tag)
        for k, address in enumerate(addresses):
            await self.write(f"ADDRESS_{k}_LO", address & 0xFFFFFFFF)
            await self.write(f"ADDRESS_{k}_HI", address >> 32)

    async def start(self) -> None:
        """Write AP_START."""
        await self.write("CTRL", self.mask("CTRL", "AP_START"))
