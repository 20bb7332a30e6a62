# SPDX-License-Identifier: Apache-2.0
"""Bench of ``ip_control``: registers as the register map declares them, and commands."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, First, with_timeout
from headrace_host.registers import MAP_BYTES, MAP_VERSION, READ_WRITE, tensor_offset

from headrace_sim.axi_host import Host
from headrace_sim.control_bench import MOST, ControlBench


def _writable(host: Host, bench: ControlBench, name: str) -> int:
    """The bits of a register that keep what is written."""
    register = host.registers[name]
    if register.access != READ_WRITE:
        return 0
    if name.startswith("ADDRESS_"):
        bits = (1 << bench.address_bits) - 1
        return bits >> 32 if name.endswith("_HI") else bits & MOST
    return sum(f.mask for f in register.fields if f.access == READ_WRITE) if register.fields else MOST


@cocotb.test
async def holds_its_reset_values(dut: Any) -> None:
    """After reset, registers are as the map says, and the identity is that of the parameters."""
    bench = ControlBench(dut)
    host = await bench.start()
    identity = {
        "VERSION": bench.outputs << 24 | bench.inputs << 16 | MAP_VERSION,
        "BUILD_LO": 0x89ABCDEF,
        "BUILD_HI": 0x01234567,
    }
    free_running = {"CYCLES_LO", "INTERVAL"}
    for name, register in host.registers.items():
        value = await host.read(name)
        if name not in free_running:
            assert value == identity.get(name, register.reset), name
    assert not await host.errors()
    first = await host.read_wide("CYCLES")
    await ClockCycles(dut.clk_i, 100)
    assert 100 <= await host.read_wide("CYCLES") - first < 130


@cocotb.test
@cocotb.parametrize(pause=[0.0, 0.6], seed=[1, 2])
async def keeps_what_is_written(dut: Any, pause: float, seed: int) -> None:
    """Registers take the bytes that are strobed, in the bits that may be written; reading finds all as they should be."""
    bench, rng = ControlBench(dut), random.Random(seed)
    host = await bench.start(pause=pause)
    written = {name: register.reset for name, register in host.registers.items() if _writable(host, bench, name)}
    for _ in range(150):
        name = rng.choice(list(written))
        mask = _writable(host, bench, name)
        value, strobe = rng.getrandbits(32) & (mask | ~MOST), rng.randrange(16)
        bytes_written = sum(0xFF << 8 * k for k in range(4) if strobe >> k & 1)
        await host.write(name, value, strobe)
        written[name] = (written[name] & ~bytes_written | value & bytes_written) & mask
        probe = rng.choice([name, *written])
        assert await host.read(probe) == written[probe], probe
    for name, value in written.items():
        assert await host.read(name) == value, name
    assert not await host.errors()


@cocotb.test
async def other_bits_of_words_are_not_kept(dut: Any) -> None:
    """What a register does not have reads as zero, whatever is written there, and is no error."""
    bench = ControlBench(dut)
    host = await bench.start()
    for name in ("GIE", "IER"):
        await host.write(name, MOST)
        assert await host.read(name) == _writable(host, bench, name)
    for name in ("CTRL", "RESET"):
        await host.write(name, MOST & ~1)
        assert await host.read(name) == host.registers[name].reset
    assert not await host.errors()
    assert not bench.commands


@cocotb.test
@cocotb.parametrize(offset=[1, 2, 3])
async def bytes_are_at_their_addresses(dut: Any, offset: int) -> None:
    """A processor's access to part of a word has that part's address: the word is meant, and the strobes say the rest."""
    bench = ControlBench(dut)
    host = await bench.start()
    await host.write("TAG", 0x44332211)
    at = host.registers["TAG"].offset
    await host.write_at(at + offset, 0xAABBCCDD, 1 << offset)
    expected = 0x44332211 & ~(0xFF << 8 * offset) | 0xAABBCCDD & (0xFF << 8 * offset)
    assert await host.read("TAG") == expected
    assert (await host._master.read(at + offset, 1)).data[0] == expected >> 8 * offset & 0xFF
    assert not await host.errors()


@cocotb.test
async def notes_accesses_to_nothing(dut: Any) -> None:
    """What is not in the map is read as zero, and kept in mind; so are writes of registers that are read only."""
    bench, rng = ControlBench(dut), random.Random(1)
    host = await bench.start()
    known = {register.offset: register for register in host.registers.values()}
    beyond = [tensor_offset(bench.tensors), tensor_offset(bench.tensors) + 4, MAP_BYTES - 4, tensor_offset(0) - 4]
    free = [offset for offset in range(0, MAP_BYTES, 4) if offset not in known]
    for offset in [*beyond, *rng.sample(free, 40)]:
        assert offset in free
        assert await host.read_at(offset) == 0
        assert await host.errors() == {"bad_register"}
        await host.write("ERRORS", MOST)
        await host.write_at(offset, MOST)
        assert await host.errors() == {"bad_register"}
        await host.write("ERRORS", MOST)
    for register in host.registers.values():
        if register.access == "ro":
            before = await host.read(register.name)
            await host.write(register.name, ~before & MOST)
            assert await host.errors() == {"bad_register"}, register.name
            await host.write("ERRORS", MOST)
            if not register.name.startswith(("CYCLES", "INTERVAL")):
                assert await host.read(register.name) == before, register.name
    assert not bench.commands
    assert await host.read("CTRL") == host.registers["CTRL"].reset


@cocotb.test
@cocotb.parametrize(seed=[1, 2])
async def gives_commands_to_the_queues(dut: Any, seed: int) -> None:
    """A command goes out once, when all queues have room; AP_START stands until then, and arguments are not to be changed."""
    bench, rng = ControlBench(dut), random.Random(seed)
    host = await bench.start(pause=0.3)
    given: list[tuple[int, int, list[int]]] = []
    for _ in range(6):
        frames, tag, addresses = rng.randint(1, MOST), rng.getrandbits(32), bench.addresses(rng)
        await host.set_arguments(frames=frames, tag=tag, addresses=addresses)
        bench.ready(all_of_them=False)
        await host.start()
        await ClockCycles(dut.clk_i, 10)
        assert await host.field("CTRL", "AP_START")
        assert bench.commands == given
        for name in ["FRAMES", "TAG", "ADDRESS_0_LO", f"ADDRESS_{bench.tensors - 1}_HI", "CTRL"] if rng.random() < 0.5 else []:
            await host.write(name, 1)
            assert await host.errors() == {"bad_command"}
            await host.write("ERRORS", MOST)
        bench.ready(all_of_them=True)
        await ClockCycles(dut.clk_i, 3)
        given.append((frames, tag, addresses))
        assert bench.commands == given
        control = host.registers["CTRL"]
        value = await host.read("CTRL")
        assert [control.field(f"AP_{name}").of(value) for name in ("START", "DONE", "IDLE", "READY")] == [0, 0, 0, 1]
        assert not await host.field("CTRL", "AP_READY")
    assert await host.field("STATUS", "commands") == 6
    for k in range(6):
        await bench.pulse(frame_done_i=(1 << bench.outputs) - 1, command_done_i=(1 << bench.outputs) - 1)
        value = await host.read("CTRL")
        assert [control.field(f"AP_{name}").of(value) for name in ("DONE", "IDLE")] == [1, k == 5]
        assert not await host.field("CTRL", "AP_DONE")
    assert not await host.errors()


@cocotb.test
async def a_start_while_one_is_taken_is_one_or_two(dut: Any) -> None:
    """AP_START that is written about when the queue takes the one before: either it goes out too, or it is told as refused."""
    bench, rng = ControlBench(dut), random.Random(3)
    host = await bench.start()
    await host.set_arguments(frames=1, tag=0, addresses=bench.addresses(rng))
    refused = set()
    for delay in range(10):
        bench.ready(all_of_them=False)
        await host.start()
        before = len(bench.commands)
        again = cocotb.start_soon(host.start())
        await ClockCycles(dut.clk_i, delay + 1)
        bench.ready(all_of_them=True)
        await again
        await ClockCycles(dut.clk_i, 4)
        errors = await host.errors()
        assert len(bench.commands) - before == (1 if errors == {"bad_command"} else 2), delay
        refused.add("bad_command" in errors)
        await host.write("ERRORS", MOST)
    assert refused == {False, True}


@cocotb.test
async def done_is_told_once(dut: Any) -> None:
    """Whenever CTRL is read about the end of a command, exactly one reading says so."""
    bench = ControlBench(dut)
    host = await bench.start()
    for delay in range(8):
        reading = cocotb.start_soon(host.field("CTRL", "AP_DONE"))
        await ClockCycles(dut.clk_i, delay)
        await bench.pulse(command_done_i=(1 << bench.outputs) - 1)
        told = [await reading, await host.field("CTRL", "AP_DONE"), await host.field("CTRL", "AP_DONE")]
        assert sum(told) == 1, (delay, told)


@cocotb.test
async def refuses_bad_commands(dut: Any) -> None:
    """No frames, addresses within a word or beyond the bus: nothing goes out, and the error stands."""
    bench, rng = ControlBench(dut), random.Random(1)
    host = await bench.start()
    good = bench.addresses(rng)
    cases: list[tuple[int, list[int]]] = [(0, good)]
    for k in range(bench.tensors):
        cases += [(1, [*good[:k], good[k] | bit, *good[k + 1 :]]) for bit in (1, bench.word_bytes // 2)]
        if bench.address_bits < 64:
            cases += [(1, [*good[:k], good[k] | 1 << bit, *good[k + 1 :]]) for bit in (bench.address_bits, 63)]
    for frames, addresses in cases:
        await host.set_arguments(frames=frames, tag=1, addresses=addresses)
        await host.write("ERRORS", MOST)
        await host.start()
        await ClockCycles(dut.clk_i, 5)
        assert not bench.commands, (frames, [hex(address) for address in addresses])
        assert await host.errors() == {"bad_command"}
        assert await host.read("CTRL") == host.registers["CTRL"].reset
        assert await host.field("STATUS", "commands") == 0
        await host.write("ERRORS", MOST)
    await host.set_arguments(frames=3, tag=2, addresses=good)
    await host.start()
    await ClockCycles(dut.clk_i, 5)
    assert bench.commands == [(3, 2, good)]
    assert not await host.errors()


@cocotb.test
async def an_address_beyond_the_bus_stays_refused(dut: Any) -> None:
    """Until all of its high half is written anew, and told with the writing already."""
    bench, rng = ControlBench(dut), random.Random(2)
    host = await bench.start()
    if bench.address_bits == 64:
        return
    await host.set_arguments(frames=1, tag=0, addresses=bench.addresses(rng))
    await host.write("ADDRESS_1_HI", 0xFF000000)
    assert await host.errors() == {"bad_command"}
    for name, strobe in (("ADDRESS_1_LO", 15), ("ADDRESS_1_HI", 1), ("ADDRESS_0_HI", 15), ("FRAMES", 15)):
        await host.write(name, 0x40 if name != "ADDRESS_0_HI" else 0, strobe if name != "ADDRESS_1_HI" else 0)
        await host.write("ERRORS", MOST)
        await host.start()
        assert await host.errors() == {"bad_command"}, name
    await host.write("ERRORS", MOST)
    await host.write("ADDRESS_1_HI", 0)
    await host.start()
    await ClockCycles(dut.clk_i, 4)
    assert len(bench.commands) == 1
    assert not await host.errors()


@cocotb.test
@cocotb.parametrize(seed=[1, 2])
async def answers_both_directions_at_once(dut: Any, seed: int) -> None:
    """Reads and writes at the same time, with pauses on all channels: each is answered, reads with a value that was there."""
    bench, rng = ControlBench(dut), random.Random(seed)
    host = await bench.start(pause=0.5)
    names = ["TAG", "FRAMES", "ADDRESS_0_LO", "WATCHDOG"]
    before = {name: {await host.read(name)} for name in names}

    async def write(name: str) -> None:
        for _ in range(25):
            value = rng.getrandbits(32)
            before[name].add(value)
            await host.write(name, value)

    async def read(name: str) -> None:
        for _ in range(25):
            assert await host.read(name) in before[name]

    tasks = [cocotb.start_soon(work(name)) for name in names for work in (write, read)]
    for task in tasks:
        await with_timeout(First(task), 40, "us")
    assert not await host.errors()
