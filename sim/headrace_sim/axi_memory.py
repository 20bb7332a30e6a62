# SPDX-License-Identifier: Apache-2.0
"""Memory behind the AXI4 master of a bench: agents that answer its reads and its writes."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headrace_sim.streams import StreamBench

OKAY, SLVERR, DECERR = 0, 2, 3
_QUEUE = 16  # bursts that memory takes before it answers one


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How memory answers; times in cycles."""

    latency: tuple[int, int] = (1, 1)
    """From an address, or the last word written, to the answer: at least and at most."""
    stall: float = 0.0
    """Probability that a channel pauses in a cycle."""
    responses: Mapping[int, int] = field(default_factory=dict)
    """Of bursts by their number, where it is not OKAY."""


@dataclass(slots=True)
class Burst:
    """A burst that was asked for."""

    address: int
    words: int
    cycle: int
    """In which its address was taken."""
    response: int
    due: int
    """Cycle from which it may be answered."""


class _Half:
    """What reading and writing share: the bytes, and the bursts that came."""

    def __init__(self, bench: StreamBench, data: npt.NDArray[np.uint8], base: int, behaviour: Behaviour, word: str) -> None:
        self.data, self.base, self.behaviour = data, base, behaviour
        self.word_bytes = bench.port(word).width // 8
        self.bursts: list[Burst] = []
        """All that were asked for."""
        self.answered: list[int] = []
        """The cycles in which they were, to the last word."""
        self._rng = random.Random(1)
        bench.agents.append(self)  # type: ignore[arg-type]  # the halves have what an agent has

    def _accept(self, address: int, words: int, cycle: int) -> Burst:
        response = self.behaviour.responses.get(len(self.bursts), OKAY)
        burst = Burst(address, words, cycle, response, cycle + self._latency())
        self.bursts.append(burst)
        return burst

    def _latency(self) -> int:
        return self._rng.randint(*self.behaviour.latency)

    def _place(self, address: int) -> slice:
        first = address - self.base
        assert 0 <= first <= len(self.data) - self.word_bytes, f"address {address:#x} is not in memory"
        return slice(first, first + self.word_bytes)


class ReadMemory(_Half):
    """Answers reads at the ports ``m_axi_ar*`` and ``m_axi_r*`` with the bytes of ``data``, the first at ``base``."""

    def __init__(self, bench: StreamBench, data: npt.NDArray[np.uint8], base: int, behaviour: Behaviour) -> None:
        super().__init__(bench, data, base, behaviour, "m_axi_rdata")
        self._ar = {name: bench.port(f"m_axi_ar{name}") for name in ("addr", "len", "valid", "ready")}
        self._r = {name: bench.port(f"m_axi_r{name}") for name in ("data", "resp", "last", "valid", "ready")}
        self._open: deque[Burst] = deque()
        self._sent = 0  # words of the first of these
        self._offering = False

    @property
    def done(self) -> bool:
        """Whether no burst waits for an answer."""
        return not self._open

    def reset(self) -> None:
        """Forget what is open."""
        self._open.clear()
        self._sent, self._offering = 0, False
        for port in (self._ar["ready"], *(self._r[name] for name in ("data", "resp", "last", "valid"))):
            port.set_slice(0, port.width, 0)
            port.flush()

    def drive(self, cycle: int, rng: random.Random) -> None:
        """Take addresses, offer words."""
        self._ar["ready"].set_slice(0, 1, len(self._open) < _QUEUE and rng.random() >= self.behaviour.stall)
        if not self._offering and self._open and cycle >= self._open[0].due and rng.random() >= self.behaviour.stall:
            burst = self._open[0]
            word = self.data[self._place(burst.address + self._sent * self.word_bytes)].tobytes()
            self._r["data"].set_slice(0, 8 * self.word_bytes, int.from_bytes(word, "little"))
            self._r["resp"].set_slice(0, 2, burst.response)
            self._r["last"].set_slice(0, 1, self._sent == burst.words - 1)
            self._offering = True
        self._r["valid"].set_slice(0, 1, self._offering)

    def sample(self, cycle: int) -> None:
        """Note what passed."""
        if self._offering and self._r["ready"].read():
            self._offering = False
            self._sent += 1
            if self._sent == self._open[0].words:
                self._open.popleft()
                self._sent = 0
                self.answered.append(cycle)
        if self._ar["valid"].read() and self._ar["ready"].value:
            self._open.append(self._accept(self._ar["addr"].read(), self._ar["len"].read() + 1, cycle))


class WriteMemory(_Half):
    """Takes writes at the ports ``m_axi_aw*``, ``m_axi_w*`` and ``m_axi_b*`` into ``data``, the first byte at ``base``."""

    def __init__(self, bench: StreamBench, data: npt.NDArray[np.uint8], base: int, behaviour: Behaviour) -> None:
        super().__init__(bench, data, base, behaviour, "m_axi_wdata")
        self._aw = {name: bench.port(f"m_axi_aw{name}") for name in ("addr", "len", "valid", "ready")}
        self._w = {name: bench.port(f"m_axi_w{name}") for name in ("data", "last", "valid", "ready")}
        self._b = {name: bench.port(f"m_axi_b{name}") for name in ("resp", "valid", "ready")}
        self._open: deque[Burst] = deque()  # words still come
        self._words: deque[bytes] = deque()  # came, whether or not their address did
        self._written = 0  # words of the first open burst
        self._due: deque[Burst] = deque()
        self._offering = False

    @property
    def done(self) -> bool:
        """Whether no burst is without its words or its answer."""
        return not (self._open or self._words or self._due)

    def reset(self) -> None:
        """Forget what is open."""
        for queue in (self._open, self._words, self._due):
            queue.clear()
        self._written, self._offering = 0, False
        for port in (self._aw["ready"], self._w["ready"], self._b["resp"], self._b["valid"]):
            port.set_slice(0, port.width, 0)
            port.flush()

    def drive(self, cycle: int, rng: random.Random) -> None:
        """Take addresses and words, each for itself, and offer answers."""
        stall = self.behaviour.stall
        room = len(self._open) + len(self._due) < _QUEUE
        self._aw["ready"].set_slice(0, 1, room and rng.random() >= stall)
        self._w["ready"].set_slice(0, 1, rng.random() >= stall)
        if not self._offering and self._due and cycle >= self._due[0].due and rng.random() >= stall:
            self._b["resp"].set_slice(0, 2, self._due[0].response)
            self._offering = True
        self._b["valid"].set_slice(0, 1, self._offering)

    def sample(self, cycle: int) -> None:
        """Note what passed."""
        if self._offering and self._b["ready"].read():
            self._offering = False
            self._due.popleft()
            self.answered.append(cycle)
        if self._aw["valid"].read() and self._aw["ready"].value:
            self._open.append(self._accept(self._aw["addr"].read(), self._aw["len"].read() + 1, cycle))
        if self._w["valid"].read() and self._w["ready"].value:
            self._words.append(self._w["data"].read().to_bytes(self.word_bytes, "little"))
        while self._words and self._open:
            self._store(self._words.popleft(), cycle)

    def _store(self, word: bytes, cycle: int) -> None:
        burst = self._open[0]
        place = self._place(burst.address + self._written * self.word_bytes)
        self.data[place] = np.frombuffer(word, np.uint8)
        self._written += 1
        if self._written == burst.words:
            burst.due = cycle + self._latency()
            self._due.append(self._open.popleft())
            self._written = 0


class Pulses:
    """Collects the ``cycles`` in which bit ``index`` of a port stood; done when there were ``expected``.

    ``noting`` is another port, whose ``values`` in these cycles are noted.
    """

    def __init__(self, bench: StreamBench, port: str, index: int = 0, *, expected: int = 0, noting: str = "") -> None:
        self._port, self._index, self.expected = bench.port(port), index, expected
        self._noted = bench.port(noting) if noting else None
        self.cycles: list[int] = []
        self.values: list[int] = []
        bench.agents.append(self)

    @property
    def done(self) -> bool:
        """Whether as many came as were expected."""
        return len(self.cycles) >= self.expected

    def reset(self) -> None:
        """Nothing to put to rest."""

    def drive(self, cycle: int, rng: random.Random) -> None:
        """Only looks."""

    def sample(self, cycle: int) -> None:
        """Look."""
        if self._port.read() >> self._index & 1:
            self.cycles.append(cycle)
            if self._noted:
                self.values.append(self._noted.read())


class Raised:
    """Holds a port low, and high from ``cycle`` on, if there is one."""

    def __init__(self, bench: StreamBench, port: str, cycle: int | None = None) -> None:
        self._port, self._cycle = bench.port(port), cycle
        bench.agents.append(self)

    done = True

    def reset(self) -> None:
        """Low."""
        self._port.set_slice(0, 1, 0)
        self._port.flush()

    def drive(self, cycle: int, rng: random.Random) -> None:  # noqa: ARG002
        """High when it is time."""
        self._port.set_slice(0, 1, self._cycle is not None and cycle >= self._cycle)

    def sample(self, cycle: int) -> None:
        """Looks at nothing."""
