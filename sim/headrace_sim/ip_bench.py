# SPDX-License-Identifier: Apache-2.0
"""``headrace_ip`` between a host and a memory: commands of random frames, and what must have become of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from headrace_sim.axi_host import PERIOD_NS, Host
from headrace_sim.axi_slave import SlaveMemory
from headrace_sim.case import current_case
from headrace_sim.tensors import Arena, Command, Tensor

_SIZE = 0x40000
PATIENCE = 30_000


@dataclass(frozen=True, slots=True)
class Job:
    """A command of the block: its inputs and its outputs."""

    commands: tuple[Command, ...]
    """One for each tensor, inputs first."""
    tag: int

    @property
    def frames(self) -> int:
        """How many."""
        return len(self.commands[0].frames)


class IpBench:
    """The block, its host and its memory, which is full of noise."""

    def __init__(self, dut: Any, *, seed: int) -> None:
        case = current_case()
        self.dut = dut
        self.rng = np.random.default_rng(seed)
        word_bytes = case.parameters["DataW"] // 8
        self.tensors = [Tensor.of(data, word_bytes) for data in case.data["tensors"]]
        self.base = (1 << case.parameters["AddrW"]) - _SIZE
        self.arena = Arena(base=self.base, size=_SIZE, word_bytes=word_bytes, rng=self.rng)
        self.expected = self.arena.data.copy()
        signals = {"clock": dut.aclk, "reset": dut.aresetn}
        self.host = Host(dut, **signals, tensors=len(self.tensors))
        self.memory = SlaveMemory(dut, **signals, data=self.arena.data, base=self.base)
        self.inputs = 3
        self._clocked = False

    async def reset(self) -> None:
        """Of the whole fabric."""
        if not self._clocked:
            Clock(self.dut.aclk, PERIOD_NS, "ns").start()
        self._clocked = True
        self.dut.aresetn.value = 0
        await self.cycles(4)
        self.dut.aresetn.value = 1
        await self.cycles(24)

    async def cycles(self, count: int) -> None:
        """Wait."""
        if count:
            await ClockCycles(self.dut.aclk, count)

    def job(self, frames: int) -> Job:
        """A command of random frames, whose inputs lie in memory."""
        tag = int(self.rng.integers(0, 1 << 32))
        commands: list[Command] = []
        for k, tensor in enumerate(self.tensors):
            if k < self.inputs:
                values = tensor.random(frames, self.rng)
            else:  # as `loopback` makes them
                values = commands[0].frames if k == self.inputs else commands[1].frames + commands[2].frames
            commands.append(self.arena.command(tensor, frames, values=values, tag=tag))
        for command in commands[: self.inputs]:
            self.arena.place(command)[:] = command.sealed
            self.arena.place(command, self.expected)[:] = command.sealed
        return Job(tuple(commands), tag)

    async def arguments(self, job: Job) -> None:
        """Write all of a job but AP_START."""
        await self.host.set_arguments(frames=job.frames, tag=job.tag, addresses=[c.address for c in job.commands])

    async def enqueue(self, job: Job) -> None:
        """Write a job, and wait until the queue has taken it."""
        await self.arguments(job)
        await self.host.start()
        for _ in range(PATIENCE):
            if not await self.host.field("CTRL", "AP_START"):
                return
        raise AssertionError("the queue does not take a command")

    async def wait_for(self, commands: int) -> None:
        """Until so many commands are done since the last reset."""
        for _ in range(PATIENCE // 10):
            if await self.host.read("COMMANDS_DONE") >= commands:
                return
            await self.cycles(10)
        raise AssertionError(f"{await self.host.read('COMMANDS_DONE')} of {commands} commands were done")

    async def wait_for_reset(self) -> None:
        """Until the soft reset is over."""
        for _ in range(PATIENCE):
            if not await self.host.read("RESET"):
                return
        raise AssertionError("the reset has no end")

    def done(self, *jobs: Job) -> None:
        """What these jobs write is expected in memory from now on."""
        for job in jobs:
            for command in job.commands[self.inputs :]:
                self.arena.place(command, self.expected)[:] = command.sealed

    def check_memory(self) -> None:
        """Memory holds the expected outputs, and nothing else of it has changed."""
        wrong = np.flatnonzero(self.arena.data != self.expected)
        assert not len(wrong), f"{len(wrong)} bytes are wrong, the first at {self.base + int(wrong[0]):#x}"

    def forget(self, job: Job) -> None:
        """What a job that was broken off wrote is not looked at; its place is free again."""
        for command in job.commands[self.inputs :]:
            self.arena.place(command)[:] = self.arena.place(command, self.expected)

    async def moves(self, bit: int, count: int) -> list[int]:
        """The cycles, from now on, in which the next ``count`` beats of a stream of the network passed."""
        cycles: list[int] = []
        cycle = 0
        while len(cycles) < count:
            await RisingEdge(self.dut.aclk)
            if int(self.dut.moves_o.value) >> bit & 1:
                cycles.append(cycle)
            cycle += 1
            assert cycle < 100 * PATIENCE
        return cycles
