# SPDX-License-Identifier: Apache-2.0
"""Bench of ``tensor_writer`` and ``axi_write_mux``: two streams come to lie in one memory as their layouts say."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from headrace_sim.axi_memory import DECERR, SLVERR, Behaviour, Burst, Pulses, Raised, WriteMemory
from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench
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
        self.before = self.arena.data.copy()
        self.bench = StreamBench(dut, seed=seed)
        self.memory = WriteMemory(self.bench, self.arena.data, base, behaviour or Behaviour())
        for k in range(2):
            self._connect(k, stall)
        self.frames_done = [
            Pulses(self.bench, "frame_done_o", k, expected=sum(frames[k]) if drain_at is None else 0) for k in range(2)
        ]
        self.commands_done = [Pulses(self.bench, "command_done_o", k) for k in range(2)]
        self.errors = {
            code: Pulses(self.bench, "error_o", k, noting="answered_o") for k, code in enumerate((SLVERR, DECERR, -1))
        }
        self.idle = Pulses(self.bench, "idle_o")
        Raised(self.bench, "drain_i", drain_at)

    def _connect(self, k: int, stall: tuple[float, float]) -> None:
        words = [command.word(self.address_bits) for command in self.commands[k]]
        self.bench.source(words, valid="command_valid_i", ready="command_ready_o", data="command_i", index=k, stall=stall[0])
        name = _NAMES[k]
        beats = [word for command in self.commands[k] for word in command.stream]
        self.bench.source(beats, valid=f"{name}_valid_i", ready=f"{name}_ready_o", data=f"{name}_data_i", stall=stall[1])

    def check_data(self) -> None:
        """Memory is as it was, but for the frames."""
        written = self.arena.data.copy()
        self.arena.data[:] = self.before
        for commands in self.commands:
            for command in commands:
                self.arena.place(command)[:] = command.sealed
        np.testing.assert_array_equal(written, self.arena.data)

    def check_done(self) -> None:
        """A frame is done when its last burst is answered, a command with its last frame."""
        answered = dict(zip((self._end(burst) for burst in self.memory.bursts), self.memory.answered, strict=True))
        for k, commands in enumerate(self.commands):
            ends = [_frame_ends(command) for command in commands]
            assert self.frames_done[k].cycles == [answered[end] for frame_ends in ends for end in frame_ends]
            assert self.commands_done[k].cycles == [answered[frame_ends[-1]] for frame_ends in ends]

    def _end(self, burst: Burst) -> int:
        return burst.address + burst.words * self.memory.word_bytes


def _frame_ends(command: Command) -> list[int]:
    size = command.tensor.layout.frame_bytes
    return [command.address + (k + 1) * size for k in range(len(command.frames))]


@cocotb.test
@cocotb.parametrize(
    timing=[((1, 1), 0.0, 0.0), ((1, 40), 0.2, 0.0), ((30, 30), 0.0, 0.7), ((5, 90), 0.6, 0.3), ((1, 3), 0.8, 0.0)],
    seed=[1, 2],
)
async def writes_what_came(dut: Any, timing: tuple[tuple[int, int], float, float], seed: int) -> None:
    """Frames of all commands lie where they should, sealed, and nothing else was touched, whatever the pauses."""
    latency, bus_stall, source_stall = timing
    behaviour = Behaviour(latency=latency, stall=bus_stall)
    run = _Run(dut, frames=([2, 1, 3], [1, 4]), seed=seed, behaviour=behaviour, stall=(0.9, source_stall))
    await run.bench.run(limit=_LIMIT, drain=80)
    run.check_data()
    run.check_done()
    assert not any(pulses.cycles for pulses in run.errors.values())


@cocotb.test
@cocotb.parametrize(which=[0, 1])
async def takes_a_stream_without_bubbles(dut: Any, which: int) -> None:
    """A tensor alone: all frames, of one command or of two, follow each other as fast as the bus, or the stream, can.

    While a check word goes in, the stream may wait for a cycle.
    """
    counts = [3, 2, 1, 2]
    run = _Run(dut, frames=(counts, []) if which == 0 else ([], counts), seed=5, behaviour=Behaviour(latency=(12, 12)))
    await run.bench.run(limit=_LIMIT)
    run.check_data()
    tensor, cycles = run.tensors[which], np.asarray(run.bench.sources[2 * which + 1].cycles)
    periods = np.diff(cycles.reshape(sum(counts), -1)[:, -1])
    assert set(periods[3:]) <= {max(tensor.words, tensor.beats), max(tensor.words, tensor.beats + 1)}, periods


@cocotb.test
@cocotb.parametrize(seed=[1, 2])
async def tells_what_memory_says(dut: Any, seed: int) -> None:
    """Bursts that memory answers with errors are told, with their address; frames are done all the same."""
    rng = np.random.default_rng(seed)
    responses = {int(number): int(rng.choice([SLVERR, DECERR])) for number in rng.choice(6, 3, replace=False)}
    run = _Run(dut, frames=([2, 2], [2]), seed=seed, behaviour=Behaviour(latency=(1, 9), stall=0.3, responses=responses))
    await run.bench.run(limit=_LIMIT)
    run.check_done()
    for code in (SLVERR, DECERR):
        wrong = [burst.address for burst in run.memory.bursts if burst.response == code]
        assert run.errors[code].values == wrong
    assert not run.errors[-1].cycles
    assert run.errors[SLVERR].cycles or run.errors[DECERR].cycles


@cocotb.test
@cocotb.parametrize(seed=[1, 2, 3, 4, 5, 6])
async def drains(dut: Any, seed: int) -> None:
    """From the cycle after ``drain_i`` on no burst is begun; what is on its way ends, then the bus is idle."""
    drain_at = int(np.random.default_rng(seed).integers(10, 120))
    behaviour = Behaviour(latency=(1, 30), stall=0.5)
    run = _Run(dut, frames=([20, 10], [10, 20]), seed=seed, behaviour=behaviour, stall=(0.5, 0.1), drain_at=drain_at)
    await run.bench.run(limit=_LIMIT, stop_after=drain_at + 800)
    assert run.memory.done
    assert run.idle.cycles[-1] == run.bench.cycle - 1
    first_idle = min(cycle for cycle in run.idle.cycles if cycle >= drain_at)
    assert set(range(first_idle, run.bench.cycle)) <= set(run.idle.cycles)
    assert all(burst.cycle < first_idle for burst in run.memory.bursts)
    assert len(run.memory.answered) == len(run.memory.bursts)


@cocotb.test
async def waits_for_commands(dut: Any) -> None:
    """Without a command nothing is written; what came of the stream goes with the first one."""
    run = _Run(dut, frames=([2], [1]), seed=8)
    for k in (0, 2):
        run.bench.sources[k].interval, run.bench.sources[k].next_offer = 1, 150
    await run.bench.run(limit=_LIMIT)
    assert all(burst.cycle > 150 for burst in run.memory.bursts)
    run.check_data()
