# SPDX-License-Identifier: Apache-2.0
"""Writes hardware handoff files (.hwh), from which PYNQ knows what a bitstream holds and at which addresses.

Vivado writes one beside each bitstream. Ours describes the same block design - processing system, ``headrace_ip`` and the
interrupt controller that PYNQ's interrupts need - where no Vivado was run: on the simulated board.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headrace_host.registers import Register, register_map

from headrace.backend.ip import IP, VLNV
from headrace.backend.processors import (
    CONTROLLER,
    CONTROLLER_VLNV,
    INSTANCE,
    PROCESSORS,
    address_map,
    interrupt_wires,
)
from headrace.backend.rtl import template

_SOURCE_MHZ = {"zynq7": 1000.0, "zynqmp": 1500.0}
"""Of the PLL that PL clocks are divided from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortView:
    """An interrupt wire's end."""

    name: str
    direction: str
    net: str
    peer: str
    peer_port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterView:
    """A register as HWH files name its access."""

    name: str
    offset: int
    text: str
    access: str
    fields: tuple[FieldView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """Bits of a register."""

    name: str
    first: int
    width: int
    text: str
    access: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """A block with registers."""

    name: str
    kind: str
    vlnv: str
    slave: str
    address: int
    size: int
    registers: tuple[RegisterView, ...]
    ports: tuple[PortView, ...]

    @property
    def base(self) -> str:
        """First address."""
        return f"0x{self.address:08X}"

    @property
    def high(self) -> str:
        """Last address."""
        return f"0x{self.address + self.size - 1:08X}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HwhView:
    """All that the template writes."""

    design: str
    part: str
    ps: str
    ps_vlnv: str
    ps_irq: str
    ps_master: str
    ps_parameters: tuple[tuple[str, str], ...]
    parts: tuple[PartView, ...]


def _access(access: str) -> str:
    return "read-only" if access == "ro" else "read-write"


def register_views(registers: Iterable[Register]) -> tuple[RegisterView, ...]:
    return tuple(
        RegisterView(
            name=register.name,
            offset=register.offset,
            text=register.text,
            access=_access(register.access),
            fields=tuple(
                FieldView(name=f.name, first=f.first, width=f.width, text=f.text, access=_access(f.access))
                for f in register.fields
            ),
        )
        for register in registers
    )


def divisors(ps: str, clock_mhz: float) -> tuple[int, int]:
    """Two divisors of 1 to 63 whose product brings the PLL's rate nearest to ``clock_mhz`` from below."""
    wanted = _SOURCE_MHZ[ps] / clock_mhz
    return min(
        ((a, b) for a in range(1, 64) for b in range(1, a + 1) if a * b >= wanted * (1 - 1e-9)),
        key=lambda pair: (pair[0] * pair[1], pair[0]),
    )


def fabric_mhz(ps: str, clock_mhz: float) -> float:
    """The clock that the processing system gives if ``clock_mhz`` are asked for."""
    first, second = divisors(ps, clock_mhz)
    return _SOURCE_MHZ[ps] / first / second


def _clocks(ps: str, clock_mhz: float) -> Iterable[tuple[str, str]]:
    """Parameters of the four PL clocks, of which the first is used."""
    first, second = divisors(ps, clock_mhz)
    for k in range(4):
        if ps == "zynq7":
            yield f"PCW_FPGA_FCLK{k}_ENABLE", str(int(k == 0))
            yield f"PCW_FCLK{k}_PERIPHERAL_DIVISOR0", str(first)
            yield f"PCW_FCLK{k}_PERIPHERAL_DIVISOR1", str(second)
            yield f"PCW_FCLK{k}_PERIPHERAL_CLKSRC", "IO PLL"
        else:
            yield f"PSU__FPGA_PL{k}_ENABLE", str(int(k == 0))
            yield f"PSU__CRL_APB__PL{k}_REF_CTRL__DIVISOR0", str(first)
            yield f"PSU__CRL_APB__PL{k}_REF_CTRL__DIVISOR1", str(second)
            yield f"PSU__CRL_APB__PL{k}_REF_CTRL__SRCSEL", "IOPLL"
            yield f"PSU__CRL_APB__PL{k}_REF_CTRL__ACT_FREQMHZ", f"{fabric_mhz(ps, clock_mhz):.6f}"


def _ports(instance: str, ps: str) -> tuple[PortView, ...]:
    """The interrupts' ends at an instance, inputs first."""
    wires = interrupt_wires(ps)
    ends = [("I", wire, wire.target, wire.source) for wire in wires] + [("O", wire, wire.source, wire.target) for wire in wires]
    return tuple(
        PortView(name=own[1], direction=direction, net=wire.name, peer=other[0], peer_port=other[1])
        for direction, wire, own, other in ends
        if own[0] == instance
    )


def render_hwh(design: str, part: str, ps: str, clock_mhz: float, tensors: Sequence[str]) -> str:
    """The handoff file of a block design around ``headrace_ip``.

    Args:
        design: its name.
        part: the device.
        ps: a key of `headrace.backend.processors.PROCESSORS`.
        tensors: inputs and outputs, in the order of their address registers.
    """
    processor, places = PROCESSORS[ps], address_map(ps)
    block = PartView(
        name=INSTANCE,
        kind=IP,
        vlnv=VLNV,
        slave="s_axi",
        address=places["block"][0],
        size=places["block"][1],
        registers=register_views(register_map(len(tensors))),
        ports=_ports(INSTANCE, ps),
    )
    controller = PartView(
        name=CONTROLLER,
        kind="axi_intc",
        vlnv=CONTROLLER_VLNV,
        slave="s_axi",
        address=places["interrupts"][0],
        size=places["interrupts"][1],
        registers=(),
        ports=_ports(CONTROLLER, ps),
    )
    view = HwhView(
        design=design,
        part=part,
        ps=processor.modtype,
        ps_vlnv=processor.vlnv,
        ps_irq=processor.irq,
        ps_master=processor.master,
        ps_parameters=tuple(_clocks(ps, clock_mhz)),
        parts=(block, controller),
    )
    return template("hwh.xml.j2").render(hwh=view)
