# SPDX-License-Identifier: Apache-2.0
"""cocotbext-axi's memory behind an AXI4 master, with latencies, pauses and errors of our choice."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt
from cocotb.queue import Queue
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiBus, AxiResp, AxiSlave

from headrace_sim.axi_host import pauses


@dataclass(frozen=True, slots=True)
class Answer:
    """How memory answered a burst, and when its address came."""

    writes: bool
    address: int
    response: AxiResp
    time: float


class _Bytes:
    """What the model reads and writes, word by word."""

    def __init__(self, data: npt.NDArray[np.uint8], base: int) -> None:
        self._data, self._base = data, base

    async def read(self, address: int, length: int) -> bytes:
        """The bytes from ``address`` on."""
        return self._data[address - self._base :][:length].tobytes()

    async def write(self, address: int, data: bytes) -> None:
        """Puts bytes there."""
        self._data[address - self._base :][: len(data)] = np.frombuffer(data, np.uint8)


class SlaveMemory:
    """``data`` behind the ports ``m_axi_*``, its first byte at ``base``.

    Attributes:
        latency: Cycles from an address, or from the last word written, to the answer: at least and at most.
        respond: The response to the next burst.
        answers: Those that were given.
    """

    def __init__(self, dut: Any, *, clock: Any, reset: Any, data: npt.NDArray[np.uint8], base: int) -> None:
        self.latency = (0, 0)
        self.respond: Callable[[], AxiResp] = lambda: AxiResp.OKAY
        self.answers: list[Answer] = []
        self._clock, self._rng, self._cycle = clock, random.Random(1), 0
        self._reading = self._writing = AxiResp.OKAY
        self._due: Queue[tuple[int, Any]] = Queue()
        self._era = 0  # raised when all that is owed is forgotten
        bus = AxiBus.from_prefix(dut, "m_axi")
        self._slave = AxiSlave(bus, clock, reset, _Bytes(data, base), reset_active_level=False)
        read, write = self._slave.read_if, self._slave.write_if
        self.channels = {
            "ar": read.ar_channel,
            "r": read.r_channel,
            "aw": write.aw_channel,
            "w": write.w_channel,
            "b": write.b_channel,
        }
        self._take_read, self._send_word = read.ar_channel.recv, read.r_channel.send
        self._take_write, self._send_response = write.aw_channel.recv, write.b_channel.send
        self._asked: Queue[tuple[int, Any]] = Queue()
        read.ar_channel.recv, read.r_channel.send = self._next_read, self._word
        write.aw_channel.recv, write.b_channel.send = self._next_write, self._response
        for work in (self._count, self._collect, self._answer_writes):
            cocotb.start_soon(work())

    def pause(self, probability: float, seed: int) -> None:
        """Let every channel pause at random."""
        for k, channel in enumerate(self.channels.values()):
            channel.set_pause_generator(pauses(probability, 7 * seed + k) if probability else None)
            channel.pause = False

    def stick(self, name: str, stuck: bool = True) -> None:
        """Stop a channel, or let it go on."""
        self.channels[name].set_pause_generator(None)
        self.channels[name].pause = stuck

    def forget(self) -> None:
        """Owe nothing any more, in the fabric's reset."""
        self._era += 1
        for queue in (self._asked, self._due):
            while not queue.empty():
                queue.get_nowait()

    async def _count(self) -> None:
        while True:
            await RisingEdge(self._clock)
            self._cycle += 1

    async def _until(self, cycle: int) -> None:
        while self._cycle < cycle:
            await RisingEdge(self._clock)

    def _later(self) -> int:
        return self._cycle + self._rng.randint(*self.latency)

    def _answer(self, writes: bool, address: int) -> AxiResp:
        response = self.respond()
        self.answers.append(Answer(writes, address, response, get_sim_time("ns")))
        return response

    async def _collect(self) -> None:
        while True:
            address = await self._take_read()
            await self._asked.put((self._later(), address))

    async def _next_read(self) -> Any:
        due, address = await self._asked.get()
        await self._until(due)
        self._reading = self._answer(False, int(address.araddr))
        return address

    async def _word(self, word: Any) -> None:
        word.rresp = self._reading
        await self._send_word(word)

    async def _next_write(self) -> Any:
        address = await self._take_write()
        self._writing = self._answer(True, int(address.awaddr))
        return address

    async def _response(self, response: Any) -> None:
        response.bresp = self._writing
        await self._due.put((self._later(), response))

    async def _answer_writes(self) -> None:
        while True:
            due, response = await self._due.get()
            era = self._era
            await self._until(due)
            if era == self._era:
                await self._send_response(response)
