# SPDX-License-Identifier: Apache-2.0
"""Bench of ``tensor_reader`` and ``axi_read_mux``: two tensors come from one memory as their layouts say."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from headrace_sim.axi_memory import DECERR, OKAY, SLVERR, Behaviour, Pulses, Raised, ReadMemory
from headrace_sim.case import current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.tensors import Arena, Command, Tensor

_LIMIT = 60_000
_NAMES = "ab"


class _Run:
    """Commands of some frames each for both tensors, and all that watches them."""

    def __init__(
        self,
        dut: Any,
        *,
        frames: tuple[list[int], list[int]],
        seed: int,
        behaviour: Behaviour | None = None,
        stall: tuple[float, float] = (0.0, 0.0),
        drain_at: int | None = None,
    ) -> None:
        case = current_case()
        rng = np.random.default_rng(seed)
        word_bytes, self.address_bits = case.parameters["DataW"] // 8, case.parameters["AddrW"]
        self.tensors = [Tensor.of(data, word_bytes) for data in case.data["tensors"]]
        base = (1 << self.address_bits) - 0x40000  # the high bits count
        self.arena = Arena(base=base, size=0x40000, word_bytes=word_bytes, rng=rng)
        self.commands = [
            [self.arena.command(tensor, n) for n in counts] for tensor, counts in zip(self.tensors, frames, strict=True)
        ]
        for command in self.all_commands:
            self.arena.place(command)[:] = command.sealed
        self.bench = StreamBench(dut, seed=seed)
        self.memory = ReadMemory(self.bench, self.arena.data, base, behaviour or Behaviour())
        self.sinks = [self._connect(k, stall) for k in range(2)]
        self.faults = [Pulses(self.bench, "fault_o", k) for k in range(2)]
        self.errors = {
            code: Pulses(self.bench, "error_o", k, noting="answered_o") for k, code in enumerate((SLVERR, DECERR, -1))
        }
        self.busy = [Pulses(self.bench, "busy_o", k) for k in range(2)]
        self.offers = [Pulses(self.bench, f"{name}_valid_o") for name in _NAMES]
        self.idle = Pulses(self.bench, "idle_o")
        Raised(self.bench, "drain_i", drain_at)

    @property
    def all_commands(self) -> list[Command]:
        return [command for commands in self.commands for command in commands]

    def _connect(self, k: int, stall: tuple[float, float]) -> Sink:
        words = [command.word(self.address_bits) for command in self.commands[k]]
        self.bench.source(words, valid="command_valid_i", ready="command_ready_o", data="command_i", index=k, stall=stall[0])
        name = _NAMES[k]
        beats = sum(len(command.stream) for command in self.commands[k])
        return self.bench.sink(beats, valid=f"{name}_valid_o", ready=f"{name}_ready_i", data=f"{name}_data_o", stall=stall[1])

    def check_data(self) -> None:
        """Both streams are what the memory held."""
        for commands, sink in zip(self.commands, self.sinks, strict=True):
            assert sink.words == [word for command in commands for word in command.stream]

    def check_bursts(self) -> None:
        """Each word was read once, none besides; bursts end at multiples of their full size and at the ends of frames only."""
        bursts = self.memory.bursts
        step = self.memory.word_bytes
        read = sorted(burst.address + k * step for burst in bursts for k in range(burst.words))
        assert read == sorted(address for command in self.all_commands for address in command.addresses)
        ends = {a + c.tensor.layout.frame_bytes for c in self.all_commands for a in c.addresses[:: c.tensor.words]}
        for burst in bursts:
            end = burst.address + burst.words * step
            assert end in ends or end % (16 * step) == 0, hex(end)
            assert burst.address // (16 * step) == (end - 1) // (16 * step), hex(burst.address)


@cocotb.test
@cocotb.parametrize(
    timing=[((1, 1), 0.0, 0.0), ((1, 40), 0.2, 0.0), ((30, 30), 0.0, 0.7), ((5, 90), 0.6, 0.3), ((1, 3), 0.8, 0.9)],
    seed=[1, 2],
)
async def reads_what_lies_there(dut: Any, timing: tuple[tuple[int, int], float, float], seed: int) -> None:
    """Frames of all commands arrive in order and unchanged, whatever the latencies and pauses."""
    latency, bus_stall, sink_stall = timing
    behaviour = Behaviour(latency=latency, stall=bus_stall)
    run = _Run(dut, frames=([2, 1, 3], [1, 4]), seed=seed, behaviour=behaviour, stall=(0.5, sink_stall))
    await run.bench.run(limit=_LIMIT, drain=80)
    run.check_data()
    run.check_bursts()
    assert not any(pulses.cycles for pulses in (*run.faults, *run.errors.values()))


@cocotb.test
@cocotb.parametrize(which=[0, 1])
async def streams_without_bubbles(dut: Any, which: int) -> None:
    """A tensor alone: all frames, of one command or of two, follow each other as fast as the bus, or the stream, can.

    While a check word passes, the stream may wait for a cycle.
    """
    counts = [3, 2, 1, 2]
    run = _Run(dut, frames=(counts, []) if which == 0 else ([], counts), seed=5, behaviour=Behaviour(latency=(12, 12)))
    await run.bench.run(limit=_LIMIT)
    run.check_data()
    tensor, cycles = run.tensors[which], np.asarray(run.sinks[which].cycles)
    periods = np.diff(cycles.reshape(sum(counts), -1)[:, -1])
    assert set(periods) <= {max(tensor.words, tensor.beats), max(tensor.words, tensor.beats + 1)}
    assert len(set(periods)) == 1


@cocotb.test
@cocotb.parametrize(which=[0, 1], seed=[1, 2, 3])
async def tells_changed_frames(dut: Any, which: int, seed: int) -> None:
    """One changed bit anywhere in a frame is told once; a changed tag or number of frames, for each frame."""
    run = _Run(dut, frames=([2, 3], [2, 3]), seed=seed, behaviour=Behaviour(latency=(1, 20), stall=0.2))
    rng = np.random.default_rng(seed)
    changed = run.arena.place(run.commands[which][1])[-1]
    checked = run.tensors[which].layout.check_offset + 8
    changed[rng.integers(checked)] ^= 1 << rng.integers(8)
    await run.bench.run(limit=_LIMIT)
    faults = 3 if run.tensors[which].repeat else 1  # of frames that are read
    assert [len(pulses.cycles) for pulses in run.faults] == [faults * int(which == 0), faults * int(which == 1)]


@cocotb.test
@cocotb.parametrize(seed=[1, 2])
async def tells_what_memory_says(dut: Any, seed: int) -> None:
    """Bursts that memory answers with errors are told, each word once, with their address; the data go on."""
    rng = np.random.default_rng(seed)
    responses = {int(number): int(rng.choice([SLVERR, DECERR])) for number in rng.choice(20, 5, replace=False)}
    run = _Run(dut, frames=([2, 2], [2]), seed=seed, behaviour=Behaviour(latency=(1, 9), stall=0.3, responses=responses))
    await run.bench.run(limit=_LIMIT)
    run.check_data()
    for code in (SLVERR, DECERR):
        wrong = [burst for burst in run.memory.bursts if burst.response == code]
        assert run.errors[code].values == [burst.address for burst in wrong for _ in range(burst.words)]
    assert not run.errors[-1].cycles
    assert any(burst.response != OKAY for burst in run.memory.bursts)


@cocotb.test
@cocotb.parametrize(seed=[1, 2, 3, 4, 5, 6])
async def drains(dut: Any, seed: int) -> None:
    """From the cycle after ``drain_i`` on no burst is offered that was not; what is on its way comes, then the bus is idle."""
    drain_at = int(np.random.default_rng(seed).integers(10, 120))
    behaviour = Behaviour(latency=(1, 30), stall=0.5)
    run = _Run(dut, frames=([20, 10], [10, 20]), seed=seed, behaviour=behaviour, stall=(0.5, 0.5), drain_at=drain_at)
    await run.bench.run(limit=_LIMIT, stop_after=drain_at + 800)
    assert run.memory.done
    assert run.idle.cycles[-1] == run.bench.cycle - 1
    first_idle = min(cycle for cycle in run.idle.cycles if cycle >= drain_at)
    assert set(range(first_idle, run.bench.cycle)) <= set(run.idle.cycles)
    assert all(burst.cycle < first_idle for burst in run.memory.bursts)


@cocotb.test
@cocotb.parametrize(timing=[((1, 1), 0.0), ((40, 40), 0.0), ((1, 30), 0.5)])
async def is_busy_while_a_stream_waits_for_a_command(dut: Any, timing: tuple[tuple[int, int], float]) -> None:
    """From a command to its last beat, `busy_o` stands whenever nothing is offered; behind its check word, it does not."""
    run = _Run(dut, frames=([1, 2], [2, 1]), seed=7, behaviour=Behaviour(latency=timing[0], stall=timing[1]))
    await run.bench.run(limit=_LIMIT, drain=60)
    for source, sink, busy, offers in zip(run.bench.sources, run.sinks, run.busy, run.offers, strict=True):
        waits = set(range(source.cycles[0] + 1, sink.cycles[-1])) - set(offers.cycles)
        assert waits
        assert waits <= set(busy.cycles)
        assert max(busy.cycles) <= max(sink.cycles[-1], run.memory.answered[-1]) + 2
