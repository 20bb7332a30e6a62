# SPDX-License-Identifier: Apache-2.0
"""Drivers and monitors of valid/ready streams, and other agents, stepped by one loop that also makes the clock.

One loop instead of a coroutine per stream keeps runs reproducible from their seed and costs the
simulator two wake-ups a cycle, whatever the number of streams.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Protocol

from cocotb.triggers import Timer

_STEP_NS = 1


class Port:
    """One port of the design; streams of a vector own slices of it, written together."""

    def __init__(self, dut: Any, name: str) -> None:
        self.handle = getattr(dut, name)
        try:
            self.width = len(self.handle)
        except TypeError:  # a scalar
            self.width = 1
        self.value = 0
        self.written: int | None = None

    def set_slice(self, offset: int, width: int, value: int) -> None:
        mask = ((1 << width) - 1) << offset
        self.value = (self.value & ~mask) | ((value << offset) & mask)

    def flush(self) -> None:
        if self.value != self.written:
            self.handle.value = self.value
            self.written = self.value

    def read(self) -> int:
        return int(self.handle.value)


class Agent(Protocol):
    """What else takes part in a run besides streams: a memory, a watcher of pulses."""

    @property
    def done(self) -> bool:
        """Whether it waits for nothing."""
        ...

    def reset(self) -> None:
        """Put its ports to rest."""
        ...

    def drive(self, cycle: int, rng: random.Random) -> None:
        """Decide what it shows in this cycle."""
        ...

    def sample(self, cycle: int) -> None:
        """Look at the end of the cycle."""
        ...


class _Stream:
    """What sources and sinks share: where the stream lies in its ports, and when beats moved."""

    def __init__(self, valid: Port, ready: Port, data: Port, bit: int, slice_: tuple[int, int]) -> None:
        self.valid, self.ready, self.data = valid, ready, data
        self.bit = bit
        self.offset, self.width = slice_
        self.cycles: list[int] = []
        """The clock cycle in which each beat was taken; 0 is the first after reset."""

    @property
    def span(self) -> int:
        """Cycles from the first beat taken to the last, both included."""
        return self.cycles[-1] - self.cycles[0] + 1


class Source(_Stream):
    """Offers ``words`` one after another, staying silent in a cycle with probability ``stall``.

    ``interval`` is the least number of cycles from one offer to the next, for a slow producer.
    """

    words: Sequence[int]
    stall: float
    interval: int = 1
    offering: bool = False
    next_offer: int = 0

    @property
    def done(self) -> bool:
        """Whether every word was taken."""
        return len(self.cycles) == len(self.words)

    def drive(self, cycle: int, rng: random.Random) -> None:
        """Decide what is offered in this cycle; an offer stands until it is taken."""
        if self.offering or self.done or cycle < self.next_offer:
            return
        if rng.random() >= self.stall:
            self.offering = True
            self.next_offer = cycle + self.interval
            self.data.set_slice(self.offset, self.width, self.words[len(self.cycles)])
            self.valid.set_slice(self.bit, 1, 1)

    def sample(self, cycle: int, rng: random.Random) -> None:
        """Note at the end of the cycle whether the beat was taken."""
        if self.offering and self.ready.read() >> self.bit & 1:
            self.cycles.append(cycle)
            self.offering = False
            self.valid.set_slice(self.bit, 1, 0)
            # Noise without valid: who looks at it gives a wrong answer.
            self.data.set_slice(self.offset, self.width, rng.getrandbits(self.width))


class Sink(_Stream):
    """Takes beats, refusing in a cycle with probability ``stall``; collects ``words``.

    With ``endless`` there may be more beats than ``count``, which are not taken. With ``work`` each is taken so many cycles
    after the first in which it is offered, as by an engine that works on it where it stands.
    """

    count: int
    stall: float
    words: list[int]
    endless: bool = False
    work: int = 0
    worked: int = 0
    accepting: bool = False

    @property
    def done(self) -> bool:
        """Whether as many words came as were expected."""
        return len(self.words) >= self.count

    def drive(self, cycle: int, rng: random.Random) -> None:  # noqa: ARG002
        """Decide whether this cycle's beat is taken."""
        self.accepting = rng.random() >= self.stall and not (self.endless and self.done) and self.worked >= self.work
        self.ready.set_slice(self.bit, 1, int(self.accepting))

    def sample(self, cycle: int) -> None:
        """Collect the beat of this cycle, if there is one."""
        if not self.valid.read() >> self.bit & 1:
            return
        self.worked += 1
        if self.accepting:
            self.worked = 0
            self.cycles.append(cycle)
            self.words.append(self.data.read() >> self.offset & ((1 << self.width) - 1))


class StreamBench:
    """Sources and sinks on one module with ``clk_i`` and ``rst_ni`` (the clock may be absent)."""

    def __init__(self, dut: Any, *, seed: int) -> None:
        self._dut = dut
        self._execute = getattr(dut, "execute", None)
        """Of a kernel in C simulation, which takes and gives all words at once; see `headrace_sim.csim`."""
        self._rng = random.Random(seed)
        self._ports: dict[str, Port] = {}
        self.sources: list[Source] = []
        self.sinks: list[Sink] = []
        self.agents: list[Agent] = []
        self.cycle = 0
        """Clock cycles since the end of reset."""

    def source(
        self,
        words: Sequence[int],
        *,
        stall: float = 0.0,
        valid: str = "valid_i",
        ready: str = "ready_o",
        data: str = "data_i",
        index: int | None = None,
        bits: tuple[int, int] | None = None,
    ) -> Source:
        """Add a source; ``index`` chooses one stream of a vector.

        ``bits``: offset and width of its data, where the streams of a vector are not equally wide.
        """
        ports = self.port(valid), self.port(ready), self.port(data)
        source = Source(*ports, index or 0, bits or _slice(ports, index))
        source.words, source.stall = words, stall
        self.sources.append(source)
        return source

    def sink(
        self,
        count: int,
        *,
        stall: float = 0.0,
        valid: str = "valid_o",
        ready: str = "ready_i",
        data: str = "data_o",
        index: int | None = None,
        shared_data: bool = False,
        endless: bool = False,
        work: int = 0,
    ) -> Sink:
        """Add a sink of ``count`` beats; ``shared_data``: all streams of a vector share the data; the others: see `Sink`."""
        ports = self.port(valid), self.port(ready), self.port(data)
        sink = Sink(*ports, index or 0, _slice(ports, None if shared_data else index))
        sink.count, sink.stall, sink.words, sink.endless, sink.work = count, stall, [], endless, work
        self.sinks.append(sink)
        return sink

    async def run(self, *, limit: int, drain: int = 16, stop_after: int | None = None) -> None:
        """Reset, then clock until all words are sent and received.

        Args:
            limit: Clock cycles after which a run that is not complete fails.
            drain: Cycles to go on after the last beat, in which nothing more may come.
            stop_after: Leave after so many cycles, complete or not: reset in full flight.

        Raises:
            AssertionError: Beats are missing at ``limit``, or there are more than expected.
        """
        if self._execute is not None:
            self._execute(self.sources, self.sinks)
            return
        await self._reset()
        while not all(part.done for part in (*self._streams, *self.agents)):
            if stop_after is not None and self.cycle >= stop_after:
                return
            assert self.cycle < limit, f"after {limit} cycles: {self._progress()}"
            await self._step()
        for sink in self.sinks:
            sink.stall = 0.0
        for _ in range(drain):
            await self._step()
        assert all(len(sink.words) == sink.count for sink in self.sinks), self._progress()

    @property
    def _streams(self) -> list[Source | Sink]:
        return [*self.sources, *self.sinks]

    def port(self, name: str) -> Port:
        """The port of that name, one object however often it is asked for."""
        if name not in self._ports:
            self._ports[name] = Port(self._dut, name)
        return self._ports[name]

    async def _reset(self) -> None:
        dut = self._dut
        for stream in self._streams:
            (stream.ready if isinstance(stream, Sink) else stream.valid).flush()
        for source in self.sources:
            noise = self._rng.getrandbits(source.width)
            source.data.set_slice(source.offset, source.width, noise)
            source.data.flush()
        for agent in self.agents:
            agent.reset()
        dut.rst_ni.value = 0
        for _ in range(3):
            await self._tick()
        dut.rst_ni.value = 1
        self.cycle = 0

    async def _tick(self) -> None:
        self._dut.clk_i.value = 0
        await Timer(_STEP_NS, "ns")
        self._dut.clk_i.value = 1
        await Timer(_STEP_NS, "ns")

    async def _step(self) -> None:
        """One clock cycle: drive, let the logic settle, sample, clock edge."""
        for stream in self._streams:
            stream.drive(self.cycle, self._rng)
        for agent in self.agents:
            agent.drive(self.cycle, self._rng)
        for port in self._ports.values():
            if port.written is not None:
                port.flush()
        self._dut.clk_i.value = 0
        await Timer(_STEP_NS, "ns")
        for source in self.sources:
            source.sample(self.cycle, self._rng)
        for sink in self.sinks:
            sink.sample(self.cycle)
        for agent in self.agents:
            agent.sample(self.cycle)
        self._dut.clk_i.value = 1
        await Timer(_STEP_NS, "ns")
        self.cycle += 1

    def _progress(self) -> str:
        sent = ", ".join(f"{len(s.cycles)} of {len(s.words)}" for s in self.sources)
        got = ", ".join(f"{len(s.words)} of {s.count}" for s in self.sinks)
        return f"sent {sent or 'nothing'} beats; received {got or 'nothing'}"


def _slice(ports: tuple[Port, Port, Port], index: int | None) -> tuple[int, int]:
    """Offset and width of a stream's data in its port."""
    if index is None:
        return 0, ports[2].width
    width = ports[2].width // ports[0].width
    return index * width, width
