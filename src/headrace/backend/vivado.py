# SPDX-License-Identifier: Apache-2.0
"""Writes a Vivado project around ``headrace_ip``: a script without windows, and the top that the IP packager takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace_host.registers import register_map

from headrace.backend.hwh import RegisterView, register_views
from headrace.backend.ip import IP, VLNV
from headrace.backend.processors import (
    CONTROLLER,
    CONTROLLER_VLNV,
    HIGH_MEMORY_BITS,
    INSTANCE,
    PROCESSORS,
    PS,
    Processor,
    Wire,
    address_map,
    interrupt_wires,
    settings,
)
from headrace.backend.rtl import template
from headrace.errors import BuildError

SCRIPT, CLOCK = "build.tcl", "clock.xdc"
TOP = f"{IP}_top"
"""Module of plain Verilog around `IP`."""
SYSTEM = "headrace_system"
"""The block design."""
_PORT = re.compile(r"^ +(input|output) +logic *(\[\d+:0\])? *(\w+),?$", re.MULTILINE)
_ATTRIBUTES = {
    "aclk": (
        'X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 aclk CLK"',
        'X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF s_axi:m_axi, ASSOCIATED_RESET aresetn"',
    ),
    "aresetn": (
        'X_INTERFACE_INFO = "xilinx.com:signal:reset:1.0 aresetn RST"',
        'X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW"',
    ),
    "irq": (
        'X_INTERFACE_INFO = "xilinx.com:signal:interrupt:1.0 irq INTERRUPT"',
        'X_INTERFACE_PARAMETER = "SENSITIVITY LEVEL_HIGH"',
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PortView:
    """A port of the top, and what the packager is told of it."""

    direction: str
    range: str
    name: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """For the ports that are no part of a bus."""
        return _ATTRIBUTES.get(self.name, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class TopView:
    """All that the top's template writes."""

    module: str
    inside: str
    ports: tuple[PortView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeView:
    """Addresses of registers."""

    segment: str
    base: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectView:
    """What the script's template writes; names of the block design's parts are properties."""

    name: str
    board: str
    part: str
    sources: tuple[str, ...]
    memories: tuple[str, ...]
    registers: tuple[RegisterView, ...]
    block_bytes: int
    processor: Processor
    settings: tuple[tuple[str, str], ...]
    wires: tuple[Wire, ...]
    ranges: tuple[RangeView, ...]
    low_memory: str
    high_memory: str | None
    """None if the block's addresses do not reach it."""
    port_segments: str
    system: str = SYSTEM
    top: str = TOP
    ip: str = IP
    vlnv: str = VLNV
    vendor: str = VLNV.split(":")[0]
    library: str = VLNV.split(":")[1]
    version: str = VLNV.split(":")[3]
    ps: str = PS
    instance: str = INSTANCE
    controller: str = CONTROLLER
    controller_vlnv: str = CONTROLLER_VLNV.rpartition(":")[0]

    @property
    def ps_vlnv(self) -> str:
        """Without a version."""
        return self.processor.vlnv.rpartition(":")[0]

    @property
    def master(self) -> str:
        """Port of the processing system to registers."""
        return self.processor.master

    @property
    def memory(self) -> str:
        """Port of the processing system to memory."""
        return self.processor.memory

    @property
    def clock(self) -> str:
        """Pin that gives the clock."""
        return self.processor.clock

    @property
    def reset(self) -> str:
        """Pin that gives the reset, low while it lasts."""
        return self.processor.reset

    @property
    def pads(self) -> tuple[str, ...]:
        """Interfaces to the package's pins."""
        return self.processor.pads

    @property
    def clocked(self) -> tuple[str, ...]:
        """Pins that take the clock."""
        buses = (f"{PS}/{pin}" for pin in self.processor.bus_clocks)
        return (*buses, f"{INSTANCE}/aclk", f"{CONTROLLER}/s_axi_aclk", "control/aclk", "memory/aclk", "reset/slowest_sync_clk")


def vivado_files(manifest: Mapping[str, Any], block: str, memories: Sequence[str]) -> dict[str, str]:
    """The files of a project by name, for a build whose manifest has a part ``ip``; ``../../rtl`` is to hold its RTL.

    Args:
        manifest: of the build.
        block: its module ``headrace_ip``, as SystemVerilog.
        memories: names of the files in its ``rtl/rom``.

    Raises:
        BuildError: the processing system has no memory port of the block's width, or part or name are none for Vivado.
    """
    clock_mhz = float(manifest["clock_mhz"])
    ports = tuple(PortView(direction=d, range=f"{r} " if r else "", name=n) for d, r, n in _PORT.findall(block))
    return {
        SCRIPT: template("vivado.tcl.j2").render(project=_project(manifest, memories)),
        f"{TOP}.v": template("vivado_top.v.j2").render(top=TopView(module=TOP, inside=IP, ports=ports)),
        CLOCK: f"create_clock -name aclk -period {1000 / clock_mhz:.3f} [get_ports aclk]\n",
    }


def _project(manifest: Mapping[str, Any], memories: Sequence[str]) -> ProjectView:
    ip, board = manifest["ip"], manifest["board"]
    ps, data_bits, address_bits = str(ip["ps"]), int(ip["data_bits"]), int(ip["address_bits"])
    processor, places = PROCESSORS[ps], address_map(ps)
    if data_bits not in processor.memory_widths:
        widths = " or ".join(map(str, processor.memory_widths))
        raise BuildError(f"{board['title']}: {processor.memory} of {ps} has {widths} data bits, not {data_bits}; mend its TOML")
    name, part = str(manifest["name"]), str(board["part"])
    if set(name) & set("{}\\\n"):
        raise BuildError(f"{name!r}: a name that Vivado's Tcl cannot take; rename the build's folder and compile it anew")
    if not re.fullmatch(r"[\w-]+", part):
        raise BuildError(f"{board['title']}: '{part}' is no part's name as Vivado writes them; mend the board's TOML")
    high = processor.high_memory if address_bits >= HIGH_MEMORY_BITS else None
    segments = {"block": f"{INSTANCE}/s_axi/reg0", "interrupts": f"{CONTROLLER}/S_AXI/Reg"}
    return ProjectView(
        name=name,
        board=" ".join(str(board["title"]).split()),
        part=part,
        sources=tuple(ip["sources"]),
        memories=tuple(memories),
        registers=register_views(register_map(len(ip["tensors"]))),
        block_bytes=places["block"][1],
        processor=processor,
        settings=tuple(settings(ps, float(manifest["clock_mhz"]), data_bits, address_bits)),
        wires=interrupt_wires(ps),
        ranges=tuple(
            RangeView(segment=segments[name], base=f"0x{base:08X}", size=f"0x{size:X}") for name, (base, size) in places.items()
        ),
        low_memory=f"{PS}/{processor.low_memory}",
        high_memory=high and f"{PS}/{high}",
        port_segments=f"{PS}/{processor.low_memory.partition('/')[0]}/*",
    )
