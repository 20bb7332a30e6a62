# SPDX-License-Identifier: Apache-2.0
"""Bench of ``ip_control``: counters, interrupts, errors, soft reset and watchdogs."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from headrace_host.registers import MAP_BYTES

from headrace_sim.control_bench import MOST, PORTS, ControlBench

_COUNTERS = ("BUSY", "INPUT_STALL", "OUTPUT_STALL")


@cocotb.test
@cocotb.parametrize(seed=[1, 2])
async def counts(dut: Any, seed: int) -> None:
    """Frames and commands when the last output has them, stalls cycle by cycle, and cycles with commands."""
    bench, rng = ControlBench(dut), random.Random(seed)
    host = await bench.start()
    everything = (1 << bench.outputs) - 1
    await host.set_arguments(frames=1, tag=0, addresses=bench.addresses(rng))
    await host.start()
    await ClockCycles(dut.clk_i, 10)
    expected = {"INPUT_STALL": 0, "OUTPUT_STALL": 0}
    frames = [0] * bench.outputs
    done_at: list[int] = []
    for cycle in range(600):
        values = {name: rng.getrandbits(bench.tensors) for name in ("busy_i", "input_waits_i", "output_waits_i")}
        values["input_waits_i"] &= (1 << bench.inputs) - 1
        values["output_waits_i"] &= everything & rng.getrandbits(3)
        values["frame_done_i"] = sum(1 << k for k in range(bench.outputs) if rng.random() < 0.2 and frames[k] < min(frames) + 9)
        for name, value in values.items():
            getattr(dut, name).value = value
        expected["INPUT_STALL"] += bool(values["busy_i"] & values["input_waits_i"] & ((1 << bench.inputs) - 1))
        expected["OUTPUT_STALL"] += bool(values["output_waits_i"])
        complete = min(frames)
        frames = [n + (values["frame_done_i"] >> k & 1) for k, n in enumerate(frames)]
        if min(frames) > complete:
            done_at.append(cycle)
        await RisingEdge(dut.clk_i)
    for name in PORTS:
        getattr(dut, name).value = 0
    await ClockCycles(dut.clk_i, 4)
    for name, value in expected.items():
        assert await host.read_wide(name) == value, name
    assert await host.read("FRAMES_DONE") == min(frames) == len(done_at)
    assert await host.read("INTERVAL") == done_at[-1] - done_at[-2]
    assert await host.read("COMMANDS_DONE") == 0
    for k in range(bench.outputs):
        assert await host.read("COMMANDS_DONE") == 0
        await bench.pulse(command_done_i=1 << k)
    assert await host.read("COMMANDS_DONE") == 1
    busy = await host.read_wide("BUSY")
    assert busy > 600
    await ClockCycles(dut.clk_i, 50)
    assert await host.read_wide("BUSY") == busy


@cocotb.test
async def halves_belong_together(dut: Any) -> None:
    """The upper half is that of the moment in which the lower one was read, though a carry comes in between."""
    bench = ControlBench(dut)
    host = await bench.start()
    for start in range(0xFFFFFFC0, 0x100000000, 3):
        dut.u_registers.u_cycles.low_q.value = start
        await RisingEdge(dut.clk_i)
        before = await host.read_wide("CYCLES")
        await ClockCycles(dut.clk_i, 80)
        low = await host.read("CYCLES_LO")
        for name in ("CTRL", "FRAMES_DONE", "BUSY_HI"):  # the upper half is kept until another lower one is read
            await host.read(name)
        after = await host.read("CYCLES_HI") << 32 | low
        assert 80 <= after - before < 110, (hex(before), hex(after))


@cocotb.test
async def interrupts(dut: Any) -> None:
    """Events are kept whether they are let out or not; the line is high while one stands that is let out."""
    bench, rng = ControlBench(dut), random.Random(1)
    host = await bench.start()
    everything = (1 << bench.outputs) - 1
    await host.set_arguments(frames=1, tag=0, addresses=bench.addresses(rng))

    async def cause(name: str) -> None:
        if name == "ready":
            await host.start()
        elif name == "done":
            await bench.pulse(command_done_i=everything)
        else:
            await host.read_at(MAP_BYTES - 4)

    for name in ("ready", "done", "error"):
        bit = host.mask("ISR", name)
        await cause(name)
        assert await host.read("ISR") == bit
        await ClockCycles(dut.clk_i, 2)
        for enabled, let_out in ((0, 0), (0, bit), (1, 7 ^ bit), (1, bit), (1, 7)):
            await host.write("GIE", enabled)
            await host.write("IER", let_out)
            await ClockCycles(dut.clk_i, 2)
            assert int(dut.interrupt_o.value) == (enabled and bool(let_out & bit))
        await host.write("ISR", 7 ^ bit)
        assert await host.read("ISR") == bit
        await host.write("ISR", MOST, strobe=0b1110)
        assert await host.read("ISR") == bit
        await host.write("ISR", bit)
        assert await host.read("ISR") == 0
        await ClockCycles(dut.clk_i, 2)
        assert not int(dut.interrupt_o.value)
        await host.write("ERRORS", MOST)


@cocotb.test
async def errors_stand_until_cleared(dut: Any) -> None:
    """Each has its bit, and the address of the first burst stays; what comes in the cycle of clearing is not lost."""
    bench = ControlBench(dut)
    host = await bench.start()
    mask = (1 << bench.address_bits) - 1
    reads, writes = 0xABCDEF0123456789 & mask, 0x123456789ABCDEF0 & mask
    causes = {
        "read_slverr": {"bus_slverr_i": 1},
        "read_decerr": {"bus_decerr_i": 1},
        "write_slverr": {"bus_slverr_i": 2},
        "write_decerr": {"bus_decerr_i": 2},
        "protocol": {"bus_protocol_i": 2},
        "bad_input": {"input_fault_i": 1 << bench.inputs - 1},
    }
    dut.bus_answered_i.value = writes << bench.address_bits | reads
    for name, ports in causes.items():
        addressed = name.startswith(("read", "write"))
        await bench.pulse(**ports)
        assert await host.errors() == {name}
        if addressed:
            assert await host.read_wide("ERROR_ADDRESS") == (reads if name.startswith("read") else writes)
        dut.bus_answered_i.value = 0
        await bench.pulse(bus_slverr_i=3)
        assert await host.errors() == {name, "read_slverr", "write_slverr"}
        if addressed:
            assert await host.read_wide("ERROR_ADDRESS") == (reads if name.startswith("read") else writes)
        dut.bus_answered_i.value = writes << bench.address_bits | reads
        await host.write("ERRORS", host.mask("ERRORS", "read_slverr", "write_slverr") & ~host.mask("ERRORS", name))
        assert await host.errors() == {name}
        await host.write("ERRORS", MOST)
        assert not await host.errors()


@cocotb.test
async def an_error_while_errors_are_cleared_is_told(dut: Any) -> None:
    """Its bit, its address and its interrupt are there, whichever cycle it comes in."""
    bench = ControlBench(dut)
    host = await bench.start()
    for delay in range(12):
        dut.bus_answered_i.value = 0x1000
        await bench.pulse(bus_slverr_i=1)
        await host.write("ISR", MOST)
        dut.bus_answered_i.value = 0x2000
        clearing = cocotb.start_soon(host.write("ERRORS", MOST))
        await ClockCycles(dut.clk_i, delay)
        await bench.pulse(bus_slverr_i=1)
        await clearing
        await ClockCycles(dut.clk_i, 10)
        if await host.errors():
            assert await host.read("ISR") == host.mask("ISR", "error") or await host.read("ISR") == 0
            address = await host.read_wide("ERROR_ADDRESS")
            assert (address, await host.read("ISR")) == (0x2000, host.mask("ISR", "error")), delay
        await host.write("ERRORS", MOST)
        await host.write("ISR", MOST)


@cocotb.test
async def resets_when_the_bus_is_idle(dut: Any) -> None:
    """The core is reset behind the drained bus, and the bus stays drained for as long; commands and counters are gone."""
    bench, rng = ControlBench(dut), random.Random(1)
    host = await bench.start()
    await host.set_arguments(frames=2, tag=3, addresses=bench.addresses(rng))
    await host.start()
    await bench.pulse(frame_done_i=(1 << bench.outputs) - 1)
    dut.bus_idle_i.value = 1
    bench.ready(all_of_them=False)
    await host.start()
    await host.write("RESET", 1)
    await ClockCycles(dut.clk_i, 50)
    assert (int(dut.drain_o.value), int(dut.core_rst_no.value)) == (1, 1)
    assert await host.read("RESET") == 1
    await host.write("ERRORS", MOST)
    await host.start()
    assert await host.errors() == {"bad_command"}
    dut.bus_idle_i.value = 3
    await RisingEdge(dut.clk_i)
    in_reset = 0
    for _ in range(40):
        await RisingEdge(dut.clk_i)
        assert int(dut.drain_o.value) or not int(dut.core_rst_no.value) or in_reset
        in_reset += not int(dut.core_rst_no.value)
    assert in_reset >= 16
    assert (int(dut.drain_o.value), int(dut.core_rst_no.value)) == (0, 1)
    bench.ready(all_of_them=True)
    await ClockCycles(dut.clk_i, 5)
    assert len(bench.commands) == 1
    assert await host.read("RESET") == 0
    assert await host.read("CTRL") == host.registers["CTRL"].reset
    assert await host.field("STATUS", "commands") == 0
    for name in ("FRAMES_DONE", "COMMANDS_DONE"):
        assert await host.read(name) == 0
    for name in _COUNTERS:
        assert await host.read_wide(name) == 0
    assert await host.read("FRAMES") == 2
    await host.start()
    await ClockCycles(dut.clk_i, 5)
    assert len(bench.commands) == 2


@cocotb.test
@cocotb.parametrize(half=[0, 1])
async def watches_the_bus(dut: Any, half: int) -> None:
    """A timeout is told once, after exactly as many cycles without progress as WATCHDOG says; 0 is never."""
    bench = ControlBench(dut)
    host = await bench.start()
    name = ("read_timeout", "write_timeout")[half]
    for limit in (0, 40, 41):
        await host.write("WATCHDOG", limit)
        for waits, told in ((39, False), (42, limit != 0), (200, limit != 0)):
            dut.bus_idle_i.value = 3 ^ 1 << half
            await ClockCycles(dut.clk_i, 30)
            dut.bus_progress_i.value = 1 << half  # all begins anew
            await RisingEdge(dut.clk_i)
            dut.bus_progress_i.value = 2 >> half
            await ClockCycles(dut.clk_i, waits)
            dut.bus_idle_i.value = 3
            assert await host.errors() == ({name} if told else set()), (limit, waits)
            await host.write("ERRORS", MOST)
    await host.write("WATCHDOG", 100)
    dut.bus_idle_i.value = 3 ^ 1 << half
    await ClockCycles(dut.clk_i, 60)
    await host.write("WATCHDOG", 10)
    assert await host.errors() == {name}
    await host.write("ERRORS", MOST)
    await ClockCycles(dut.clk_i, 200)
    assert not await host.errors()
