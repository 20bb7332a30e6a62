# SPDX-License-Identifier: Apache-2.0
"""Bench of ``uart_rx``: a line in continuous time, whose sender's rate is not the receiver's."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench

_BYTES = 60


@dataclass(frozen=True)
class Pulse:
    """The line is low from ``begin`` to ``end``, in cycles."""

    begin: float
    end: float


def byte_pulses(value: int, begin: float, bit: float, *, stop: bool = True) -> list[Pulse]:
    """What is low of a byte whose start bit begins at ``begin``; without ``stop``, the stop bit too."""
    levels = [0, *(value >> place & 1 for place in range(8)), int(stop)]
    return [Pulse(begin + at * bit, begin + (at + 1) * bit) for at, level in enumerate(levels) if not level]


class Line:
    """Shows pulses, and keeps what the receiver says."""

    def __init__(self, bench: StreamBench, pulses: list[Pulse], end: float) -> None:
        self._rx, self._valid = bench.port("rx_i"), bench.port("valid_o")
        self._data, self._error = bench.port("data_o"), bench.port("error_o")
        self._begins = np.array([pulse.begin for pulse in pulses])
        self._ends = np.array([pulse.end for pulse in pulses])
        self._end = end
        self.received: list[int] = []
        self.errors = 0
        self.done = False
        bench.agents.append(self)

    def reset(self) -> None:
        """At rest."""
        self._rx.set_slice(0, 1, 1)
        self._rx.flush()

    def drive(self, cycle: int, _: random.Random) -> None:
        """The level at the cycle's beginning."""
        self._rx.set_slice(0, 1, int(not np.any((self._begins <= cycle) & (cycle < self._ends))))

    def sample(self, cycle: int) -> None:
        """A byte, or that one is lost."""
        if self._valid.read():
            self.received.append(self._data.read())
        self.errors += self._error.read()
        self.done = cycle > self._end


def _bit() -> float:
    return 65536 / int(current_case().parameters["Step"])


@cocotb.test
@cocotb.parametrize(rate=["slower", "same", "faster"], seed=[1, 2, 3])
async def receives_bytes(dut: Any, rate: str, seed: int) -> None:
    """All bytes, one behind the other or with pauses, of a sender that is slower or faster by the case's shares."""
    rng = random.Random(seed)
    bit = _bit() / (1 + current_case().data.get(rate, 0.0))
    sent = [0x00, 0xFF, *(rng.randrange(256) for _ in range(_BYTES))]
    pulses, at = list[Pulse](), 20 + rng.random()
    for value in sent:
        pulses += byte_pulses(value, at, bit)
        at += 10 * bit + rng.choice([0.0, 0.0, rng.random() * 3 * bit])
    bench = StreamBench(dut, seed=seed)
    line = Line(bench, pulses, at + 2 * bit)
    await bench.run(limit=int(at + 20 * bit))
    assert (line.received, line.errors) == (sent, 0)


@cocotb.test
@cocotb.parametrize(seed=[4, 5])
async def tells_of_bytes_without_stop_bit(dut: Any, seed: int) -> None:
    """Such a byte is lost, and told once; after a byte's time of rest the next one is received."""
    rng, bit = random.Random(seed), _bit()
    pulses, at, good, wrong = list[Pulse](), 20.0, list[int](), 0
    for _ in range(_BYTES):
        value, stop = rng.randrange(256), rng.random() < 0.6
        pulses += byte_pulses(value, at, bit, stop=stop)
        good += [value] if stop else []
        wrong += not stop
        at += (10 if stop else 22) * bit + rng.random()
    bench = StreamBench(dut, seed=seed)
    line = Line(bench, pulses, at + 2 * bit)
    await bench.run(limit=int(at + 20 * bit))
    assert (line.received, line.errors) == (good, wrong)


@cocotb.test
async def overlooks_short_pulses(dut: Any) -> None:
    """What is low for less than half a bit is no start bit; the byte behind it is received."""
    rng, bit = random.Random(6), _bit()
    pulses, at, sent = list[Pulse](), 20.0, list[int]()
    for _ in range(_BYTES):
        pulses.append(Pulse(at, at + max(1.0, rng.random() * bit / 2 - 1)))
        at += 2 * bit + rng.random()
        sent.append(rng.randrange(256))
        pulses += byte_pulses(sent[-1], at, bit)
        at += 10 * bit + rng.random()
    bench = StreamBench(dut, seed=6)
    line = Line(bench, pulses, at + 2 * bit)
    await bench.run(limit=int(at + 20 * bit))
    assert (line.received, line.errors) == (sent, 0)
