# SPDX-License-Identifier: Apache-2.0
"""Bench of ``weight_feed`` and ``weight_unpack``: three streams of words come from one memory, again and again."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from headrace_sim.axi_memory import Behaviour, Pulses, Raised, ReadMemory
from headrace_sim.case import current_case
from headrace_sim.streams import Sink, StreamBench

_LIMIT = 60_000
_NAMES = "abc"
_DEPTHS = (2, 3, 5)
"""Bursts in their buffers, as in weight_path.sv."""
_PASSES = (7, 3, 5)
"""How often the words of each stream are taken."""


class _Run:
    """Streams from a region of memory, a few passes of each."""

    def __init__(
        self,
        dut: Any,
        *,
        seed: int,
        behaviour: Behaviour,
        stall: float = 0.0,
        passes: tuple[int, ...] = _PASSES,
        drain_at: int | None = None,
        flipped: int | None = None,
        work: int = 0,
    ) -> None:
        case = current_case()
        self.words: list[list[int]] = case.data["words"]
        image = case.arrays["memory"].astype(np.uint8)
        if flipped is not None:
            image[flipped // 8] ^= 1 << flipped % 8
        base = (1 << case.parameters["AddrW"]) - 0x40000  # the high bits count
        self.bench = StreamBench(dut, seed=seed)
        memory = np.random.default_rng(seed).integers(0, 256, 0x40000, dtype=np.uint8)
        memory[: len(image)] = image
        self.memory = ReadMemory(self.bench, memory, base, behaviour)
        self.used = range(base, base + len(image))
        # Commands behind the first one change nothing.
        commands = [base, base + 0x2000, 0]
        self.bench.source(commands, valid="command_valid_i", ready="command_ready_o", data="command_i", stall=0.5)
        self.passes = passes
        self.sinks = [self._connect(k, stall, work) for k in range(3)]
        self.errors = [Pulses(self.bench, "error_o", k, noting="answered_o") for k in range(3)]
        self.faults = Pulses(self.bench, "fault_o")
        self.idle = Pulses(self.bench, "idle_o")
        Raised(self.bench, "drain_i", drain_at)

    def _connect(self, k: int, stall: float, work: int) -> Sink:
        name, count = _NAMES[k], self.passes[k] * len(self.words[k])
        valid, ready, data = f"{name}_valid_o", f"{name}_ready_i", f"{name}_data_o"
        return self.bench.sink(count, valid=valid, ready=ready, data=data, stall=stall, endless=True, work=work)

    def check(self) -> None:
        """What came is what lies there, again and again; nothing else was read, and no more than buffers hold."""
        for words, sink, passes in zip(self.words, self.sinks, self.passes, strict=True):
            assert sink.words == (words * passes)[: len(sink.words)]
        step = self.memory.word_bytes
        for burst in self.memory.bursts:
            assert burst.address in self.used
            assert burst.address % (16 * step) == 0
        assert not any(pulses.cycles for pulses in self.errors)


@cocotb.test
@cocotb.parametrize(
    timing=[((1, 1), 0.0, 0.0), ((1, 40), 0.2, 0.0), ((30, 30), 0.0, 0.7), ((5, 90), 0.6, 0.3), ((1, 3), 0.8, 0.9)],
    seed=[1, 2],
)
async def brings_what_lies_there(dut: Any, timing: tuple[tuple[int, int], float, float], seed: int) -> None:
    """The words of all streams come in order and unchanged, whatever the latencies and pauses."""
    latency, bus_stall, sink_stall = timing
    run = _Run(dut, seed=seed, behaviour=Behaviour(latency=latency, stall=bus_stall), stall=sink_stall)
    await run.bench.run(limit=_LIMIT, drain=80)
    run.check()
    assert all(sink.done for sink in run.sinks)
    assert not run.faults.cycles


@cocotb.test
@cocotb.parametrize(seed=[1, 2, 3, 4])
async def tells_changed_words(dut: Any, seed: int) -> None:
    """One changed bit of a stream, its check word included, is told in each pass over it."""
    case = current_case()
    word = case.parameters["DataW"] // 8
    k, first = (seed - 1) % 3, case.parameters[f"First{'ABC'[(seed - 1) % 3]}"]
    last = case.parameters[f"Last{'ABC'[k]}"] + 16 * (case.parameters[f"Bursts{'ABC'[k]}"] - 1)
    bits = range(8 * 16 * word * first, 8 * (16 * word * first + word * last))
    flipped = bits[-8 * word + 7] if seed == 4 else int(np.random.default_rng(seed).choice(bits))
    run = _Run(dut, seed=seed, behaviour=Behaviour(latency=(1, 20), stall=0.2), flipped=flipped)
    await run.bench.run(limit=_LIMIT)
    assert _PASSES[k] - 1 <= len(run.faults.cycles) <= 3 * _PASSES[k] + 64


@cocotb.test
@cocotb.parametrize(which=[0, 1, 2])
async def keeps_the_bus_busy(dut: Any, which: int) -> None:
    """A stream alone gives a word each cycle, or all bursts of its buffer but one for each latency of memory."""
    latency, passes = 60, [0, 0, 0]
    passes[which] = 40
    run = _Run(dut, seed=3, behaviour=Behaviour(latency=(latency, latency)), passes=(passes[0], passes[1], passes[2]))
    await run.bench.run(limit=_LIMIT)
    run.check()
    bursts = [b for b in run.memory.bursts if b.cycle < run.sinks[which].cycles[-1]]
    longest = max(burst.words for burst in bursts)
    ahead = _DEPTHS[which] - 1
    assert run.sinks[which].span <= max(len(run.sinks[which].words), len(bursts) * (latency + longest) / ahead) + latency


@cocotb.test
@cocotb.parametrize(which=[0, 1, 2])
async def the_next_word_is_there_when_one_is_done(dut: Any, which: int) -> None:
    """An engine that works on each word for more cycles than it has words of memory never waits."""
    work, passes = 12, [0, 0, 0]
    passes[which] = 10
    run = _Run(dut, seed=4, behaviour=Behaviour(latency=(4, 4)), passes=(passes[0], passes[1], passes[2]), work=work - 1)
    await run.bench.run(limit=_LIMIT)
    run.check()
    assert run.sinks[which].span == work * (len(run.sinks[which].words) - 1) + 1


@cocotb.test
@cocotb.parametrize(seed=[1, 2, 3])
async def comes_back_from_reset(dut: Any, seed: int) -> None:
    """Behind a drained bus and a reset, streams begin again at their first words, at the new command's address."""
    for drain_at in (11, 90, None):
        run = _Run(dut, seed=seed, behaviour=Behaviour(latency=(1, 30), stall=0.2), stall=0.3, drain_at=drain_at)
        if drain_at is None:
            await run.bench.run(limit=_LIMIT)
            assert all(sink.done for sink in run.sinks)
        else:
            await run.bench.run(limit=_LIMIT, stop_after=drain_at + 1200)
            assert run.memory.done
            assert run.idle.cycles
        run.check()
