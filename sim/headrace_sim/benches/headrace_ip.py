# SPDX-License-Identifier: Apache-2.0
"""Bench of ``headrace_ip``: frames are exact and counted, whatever memory and host do; it never hangs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge, with_timeout
from cocotbext.axi import AxiResp
from headrace_host.registers import MAP_VERSION

from headrace_sim.case import current_case
from headrace_sim.ip_bench import IpBench

_MOST = 0xFFFFFFFF


@cocotb.test
@cocotb.parametrize(timing=[((0, 0), 0.0), ((20, 60), 0.0), ((0, 30), 0.4), ((0, 5), 0.8)], seed=[1, 2])
async def moves_frames(dut: Any, timing: tuple[tuple[int, int], float], seed: int) -> None:
    """Outputs of all commands lie where they should, sealed; nothing else was touched, and all was counted."""
    bench = IpBench(dut, seed=seed)
    await bench.reset()
    bench.memory.latency = timing[0]
    bench.memory.pause(timing[1], seed)
    bench.host.pause(timing[1] / 2, seed)
    jobs = [bench.job(frames) for frames in (1, 3, 2, 1, 1, 2)]
    for job in jobs:
        await bench.enqueue(job)
    await bench.wait_for(len(jobs))
    bench.done(*jobs)
    bench.check_memory()
    assert await bench.host.read("FRAMES_DONE") == sum(job.frames for job in jobs)
    assert not await bench.host.errors()
    assert await bench.host.field("CTRL", "AP_IDLE")
    assert await bench.host.field("STATUS", "commands") == 0


@cocotb.test
async def commands_follow_without_a_pause(dut: Any) -> None:
    """From command to command, the network's inputs get their frames as within one."""
    bench = IpBench(dut, seed=3)
    await bench.reset()
    jobs = [bench.job(frames) for frames in (8, 2, 3, 2, 2)]
    count = sum(job.frames for job in jobs)
    watching = [cocotb.start_soon(bench.moves(k, count * bench.tensors[k].beats)) for k in range(2)]
    for job in jobs:
        await bench.enqueue(job)
    for k in range(2):
        last = np.asarray(await watching[k]).reshape(count, -1)[:, -1]
        assert set(np.diff(last)[6:]) == {bench.tensors[k].beats}  # while the readers' buffers fill, they share the bus
    await bench.wait_for(len(jobs))
    bench.done(*jobs)
    bench.check_memory()


@cocotb.test
async def is_what_the_map_says(dut: Any) -> None:
    """Registers of the whole block: values after reset, and what can be written can be read."""
    bench = IpBench(dut, seed=4)
    host = bench.host
    await bench.reset()
    identity = {"VERSION": 2 << 24 | 3 << 16 | MAP_VERSION, "BUILD_LO": 0x89ABCDEF, "BUILD_HI": 0x01234567}
    for name, register in host.registers.items():
        if name not in ("CYCLES_LO", "INTERVAL"):
            assert await host.read(name) == identity.get(name, register.reset), name
    for name, register in host.registers.items():
        if register.access == "rw" and not register.fields and not name.endswith("_HI"):
            await host.write(name, 0x12345670)
            assert await host.read(name) == 0x12345670, name
    assert not await host.errors()
    assert await host.read_at(0xFFC) == 0
    assert await host.errors() == {"bad_register"}


@cocotb.test
@cocotb.parametrize(seed=[1, 2, 3])
async def tells_errors_of_memory(dut: Any, seed: int) -> None:
    """SLVERR and DECERR on any bursts: told with the first one's address, while frames go on and are counted."""
    bench = IpBench(dut, seed=seed)
    await bench.reset()
    bench.memory.latency = (0, 20)
    bench.memory.pause(0.2, seed)
    codes = [AxiResp.OKAY, AxiResp.SLVERR, AxiResp.DECERR]
    bench.memory.respond = lambda: codes[bench.rng.choice(3, p=[0.9, 0.05, 0.05])]
    jobs = [bench.job(frames) for frames in (2, 1, 2)]
    for job in jobs:
        await bench.enqueue(job)
    await bench.wait_for(len(jobs))
    bench.done(*jobs)
    bench.check_memory()
    assert await bench.host.read("FRAMES_DONE") == 5
    wrong = [answer for answer in bench.memory.answers if answer.response != AxiResp.OKAY]
    told = {f"{'write' if answer.writes else 'read'}_{answer.response.name.lower()}" for answer in wrong}
    assert await bench.host.errors() == told
    assert told
    firsts = [next((a.address for a in wrong if a.writes == writes), None) for writes in (False, True)]
    assert await bench.host.read_wide("ERROR_ADDRESS") in firsts
    await bench.host.write("ERRORS", _MOST)
    assert not await bench.host.errors()


@cocotb.test
async def survives_resets_at_any_time(dut: Any) -> None:
    """Behind each of many soft resets, the next command is exact, and the bus has seen nothing but whole bursts."""
    bench = IpBench(dut, seed=5)
    await bench.reset()
    for number in range(current_case().data["resets"]):
        bench.memory.latency = (0, int(bench.rng.integers(0, 40)))
        bench.memory.pause(float(bench.rng.choice([0.0, 0.3, 0.6])), number)
        broken = [bench.job(int(bench.rng.integers(1, 4))) for _ in range(int(bench.rng.integers(1, 3)))]
        for job in broken:
            await bench.enqueue(job)
        await bench.cycles(int(bench.rng.integers(0, 200)))
        await bench.host.write("RESET", 1)
        await bench.wait_for_reset()
        for job in broken:
            bench.forget(job)
        assert await bench.host.read("COMMANDS_DONE") == 0
        job = bench.job(1)
        await bench.enqueue(job)
        await bench.wait_for(1)
        bench.done(job)
        bench.check_memory()
        assert not await bench.host.errors()


@cocotb.test
async def a_reset_drops_all_that_waits(dut: Any) -> None:
    """Full queues and a command before them are gone behind a soft reset, as if they had never been."""
    bench = IpBench(dut, seed=12)
    await bench.reset()
    bench.memory.stick("ar")
    waiting = [bench.job(1)]
    await bench.arguments(waiting[0])
    await bench.host.start()
    while not await bench.host.field("CTRL", "AP_START"):
        waiting.append(bench.job(1))
        await bench.arguments(waiting[-1])
        await bench.host.start()
        await bench.cycles(4)
    assert len(waiting) == await bench.host.field("STATUS", "commands") + 1 >= 5
    await bench.host.write("RESET", 1)
    bench.memory.stick("ar", stuck=False)
    await bench.wait_for_reset()
    assert await bench.host.read("CTRL") == bench.host.registers["CTRL"].reset
    await bench.cycles(500)
    bench.check_memory()
    job = bench.job(1)
    await bench.enqueue(job)
    await bench.wait_for(1)
    bench.done(job)
    bench.check_memory()
    assert await bench.host.read("COMMANDS_DONE") == 1
    assert not await bench.host.errors()


@cocotb.test
async def comes_back_from_the_fabrics_reset(dut: Any) -> None:
    """Which may come amid anything, and is for memory too: everything begins anew."""
    bench = IpBench(dut, seed=11)
    for number in range(12):
        await bench.reset()
        bench.memory.latency = (0, 30)
        bench.memory.pause(0.3, number)
        job = bench.job(1)
        await bench.enqueue(job)
        await bench.wait_for(1)
        bench.done(job)
        bench.check_memory()
        assert not await bench.host.errors()
        broken = bench.job(3)
        await bench.enqueue(broken)
        await bench.cycles(int(bench.rng.integers(0, 200)))
        dut.aresetn.value = 0
        for _ in range(2):
            bench.memory.forget()
            await bench.cycles(2)
        bench.forget(broken)


@cocotb.test
@cocotb.parametrize(channel=["ar", "r", "aw", "w", "b"])
async def tells_stuck_channels(dut: Any, channel: str) -> None:
    """A channel that stands still is told after WATCHDOG cycles; when it goes on, the frames are exact."""
    bench = IpBench(dut, seed=6)
    host = bench.host
    await bench.reset()
    await host.write("WATCHDOG", 300)
    bench.memory.stick(channel)
    job = bench.job(2)
    await bench.enqueue(job)
    await bench.cycles(1000)
    half = "read" if channel in ("ar", "r") else "write"
    assert await host.errors() == {f"{half}_timeout"}
    status = await host.read("STATUS")
    shown = {field.name for field in host.registers["STATUS"].fields if field.of(status)}
    assert f"{channel}_waits" in shown or channel in ("r", "b")
    assert f"{half}_open" in shown
    assert not await host.field("CTRL", "AP_IDLE")
    bench.memory.stick(channel, stuck=False)
    await bench.wait_for(1)
    bench.done(job)
    bench.check_memory()
    assert await host.errors() == {f"{half}_timeout"}


@cocotb.test
@cocotb.parametrize(channel=["ar", "r", "aw", "w", "b"])
async def a_reset_waits_for_a_stuck_channel(dut: Any, channel: str) -> None:
    """What began on the bus must end first; the reset is over soon after."""
    bench = IpBench(dut, seed=7)
    await bench.reset()
    bench.memory.stick(channel)
    broken = bench.job(3)
    await bench.enqueue(broken)
    await bench.cycles(500)
    await bench.host.write("RESET", 1)
    await bench.cycles(500)
    assert await bench.host.read("RESET") == 1
    bench.memory.stick(channel, stuck=False)
    await bench.wait_for_reset()
    bench.forget(broken)
    job = bench.job(2)
    await bench.enqueue(job)
    await bench.wait_for(1)
    bench.done(job)
    bench.check_memory()
    assert await bench.host.read("FRAMES_DONE") == 2


@cocotb.test
async def interrupts_when_done(dut: Any) -> None:
    """The line rises with a command's end, when its outputs are in memory, and falls when told."""
    bench = IpBench(dut, seed=8)
    host = bench.host
    await bench.reset()
    bench.memory.latency = (50, 50)
    await host.write("GIE", 1)
    await host.write("IER", host.mask("IER", "done"))
    for _ in range(3):
        job = bench.job(1)
        await bench.enqueue(job)
        assert not int(dut.irq.value)
        await with_timeout(RisingEdge(dut.irq), 20, "us")
        bench.done(job)
        bench.check_memory()
        await host.write("ISR", host.mask("ISR", "done", "ready"))
        await bench.cycles(2)
        assert not int(dut.irq.value)
        assert await host.read("ISR") == 0


@cocotb.test
async def refuses_bad_commands_amid_others(dut: Any) -> None:
    """Commands that cannot be carried out are told, and those around them are carried out."""
    bench = IpBench(dut, seed=9)
    host = bench.host
    await bench.reset()
    bench.memory.latency = (0, 40)
    jobs = []
    for name, value, mended in (
        ("FRAMES", 0, None),
        ("ADDRESS_0_LO", 0x1004, None),
        ("ADDRESS_4_LO", 0x1001, None),
        ("ADDRESS_2_HI", 0x80000000, 0),
    ):
        job = bench.job(2)
        await bench.enqueue(job)
        jobs.append(job)
        await host.write(name, value)
        await host.start()
        await bench.cycles(4)
        assert await host.errors() == {"bad_command"}
        assert not await host.field("CTRL", "AP_START")
        if mended is not None:
            await host.write(name, mended)
        await host.write("ERRORS", _MOST)
    await bench.wait_for(len(jobs))
    bench.done(*jobs)
    bench.check_memory()
    assert not await host.errors()
    assert await host.read("COMMANDS_DONE") == len(jobs)


@cocotb.test
async def tells_frames_of_another_command(dut: Any) -> None:
    """Input frames of another tag, or changed ones, are told; the outputs carry the command's own tag."""
    bench = IpBench(dut, seed=10)
    await bench.reset()
    job = bench.job(2)
    await bench.arguments(job)
    await bench.host.write("TAG", job.tag ^ 1)
    await bench.host.start()
    await bench.wait_for(1)
    assert await bench.host.errors() == {"bad_input"}
    bench.arena.place(job.commands[0])[1, 5] ^= 4
    bench.arena.place(job.commands[0], bench.expected)[1, 5] ^= 4
    await bench.host.write("ERRORS", _MOST)
    await bench.enqueue(job)
    await bench.wait_for(2)
    assert await bench.host.errors() == {"bad_input"}
    bench.arena.place(job.commands[0])[1, 5] ^= 4
    bench.arena.place(job.commands[0], bench.expected)[1, 5] ^= 4
    await bench.host.write("ERRORS", _MOST)
    await bench.enqueue(job)
    await bench.wait_for(3)
    bench.done(job)
    bench.check_memory()
    assert not await bench.host.errors()
