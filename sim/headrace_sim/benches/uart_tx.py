# SPDX-License-Identifier: Apache-2.0
"""Bench of ``uart_tx``: its line, read as any receiver would."""

from __future__ import annotations

import itertools
import random
from typing import Any

import cocotb

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench

_CYCLES = 60000


class Listener:
    """Keeps the line's level in every cycle."""

    def __init__(self, bench: StreamBench, rest: int) -> None:
        self._tx, self._rest, self._high = bench.port("tx_o"), rest, 0
        self.levels: list[int] = []
        self.done = False
        bench.agents.append(self)

    def reset(self) -> None:
        """Nothing to put to rest."""

    def drive(self, cycle: int, _: random.Random) -> None:
        """It only listens."""

    def sample(self, _: int) -> None:
        """Until the line has been at rest for longer than a byte takes."""
        self.levels.append(self._tx.read())
        self._high = self._high + 1 if self.levels[-1] else 0
        self.done = self._high > self._rest


def read_line(levels: list[int], bit: float) -> tuple[list[int], list[int]]:
    """Bytes and the cycles in which they begin, each bit read in its middle.

    Raises:
        AssertionError: a stop bit is missing, or an edge is more than a cycle off its place.
    """
    found, begins, at = list[int](), list[int](), 0
    while 0 in levels[at:]:
        begin = levels.index(0, at)
        middles = [levels[begin + round((place + 0.5) * bit)] for place in range(10)]
        assert middles[0] == 0
        assert middles[9] == 1, f"no stop bit in cycle {begin + round(9.5 * bit)}"
        for cycle in range(begin + 1, begin + int(9.5 * bit)):
            if levels[cycle] != levels[cycle - 1]:
                place = (cycle - begin) / bit
                assert abs(place - round(place)) * bit <= 1, f"an edge in cycle {cycle}, {place:.2f} bits behind the start"
        found.append(sum(level << place for place, level in enumerate(middles[1:9])))
        begins.append(begin)
        at = begin + int(9.5 * bit)
    return found, begins


@cocotb.test
@cocotb.parametrize(stall=[0.0, 0.97], seed=[1, 2])
async def sends_bytes(dut: Any, stall: float, seed: int) -> None:
    """All bytes, in order; if there always is one, each begins as soon as the one before it is over."""
    rng, bit = random.Random(seed), 65536 / int(current_case().parameters["Step"])
    sent = [0x00, 0xFF, *(rng.randrange(256) for _ in range(min(40, int(_CYCLES / 10 / bit))))]
    bench = StreamBench(dut, seed=seed)
    source = bench.source(sent, stall=stall)
    listener = Listener(bench, int(12 * bit))
    await bench.run(limit=int(40 * bit * len(sent)))
    found, begins = read_line(listener.levels, bit)
    assert found == sent
    assert begins == [cycle + 1 for cycle in source.cycles]
    if stall == 0.0:
        steps = [after - before for before, after in itertools.pairwise(begins)]
        assert all(10 * bit <= step <= 10 * bit + 2 for step in steps), steps


@cocotb.test
async def comes_back_from_reset_at_rest(dut: Any) -> None:
    """A byte that a reset cuts off leaves nothing behind."""
    bit = 65536 / int(current_case().parameters["Step"])
    for stop_after in (3, int(2 * bit), int(7 * bit)):
        bench = StreamBench(dut, seed=stop_after)
        bench.source([0x00] * 4)
        await bench.run(limit=10000, stop_after=stop_after)
    bench = StreamBench(dut, seed=3)
    bench.source([0x5A])
    listener = Listener(bench, int(12 * bit))
    await bench.run(limit=10000)
    assert read_line(listener.levels, bit)[0] == [0x5A]
