# SPDX-License-Identifier: Apache-2.0
"""Writes hardware handoff files (.hwh), from which PYNQ knows what a bitstream holds and at which addresses.

Vivado writes one beside each bitstream. Ours describes the same block design - processing system, ``headrace_ip`` and the
interrupt controller that PYNQ's interrupts need - where no Vivado was run: on the simulated board.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headrace_host.registers import MAP_BYTES, Register, register_map

from headrace.backend.ip import IP, VLNV
from headrace.backend.rtl import template

INSTANCE = f"{IP}_0"
CONTROLLER = "controller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """What differs between processing systems: names and the fabric's place in the address space (AMD UG585, UG1085)."""

    modtype: str
    vlnv: str
    irq: str
    master: str
    base: int
    """Of the first address range towards the fabric."""


PROCESSORS = {
    "zynq7": Processor(
        modtype="processing_system7",
        vlnv="xilinx.com:ip:processing_system7:5.5",
        irq="IRQ_F2P",
        master="M_AXI_GP0",
        base=0x4000_0000,
    ),
    "zynqmp": Processor(
        modtype="zynq_ultra_ps_e",
        vlnv="xilinx.com:ip:zynq_ultra_ps_e:3.5",
        irq="pl_ps_irq0",
        master="M_AXI_HPM0_FPD",
        base=0xA000_0000,
    ),
}
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


def _registers(registers: Iterable[Register]) -> tuple[RegisterView, ...]:
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
            yield f"PSU__CRL_APB__PL{k}_REF_CTRL__ACT_FREQMHZ", f"{_SOURCE_MHZ[ps] / first / second:.6f}"


def address_map(ps: str) -> dict[str, tuple[int, int]]:
    """First address and size of the block and of the interrupt controller beside it."""
    base = PROCESSORS[ps].base
    return {"block": (base, MAP_BYTES), "interrupts": (base + 0x1_0000, 0x1000)}


def render_hwh(design: str, part: str, ps: str, clock_mhz: float, tensors: Sequence[str]) -> str:
    """The handoff file of a block design around ``headrace_ip``.

    Args:
        design: its name.
        part: the device.
        ps: a key of `PROCESSORS`.
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
        registers=_registers(register_map(len(tensors))),
        ports=(PortView(name="irq", direction="O", net="block_irq", peer=CONTROLLER, peer_port="intr"),),
    )
    controller = PartView(
        name=CONTROLLER,
        kind="axi_intc",
        vlnv="xilinx.com:ip:axi_intc:4.1",
        slave="s_axi",
        address=places["interrupts"][0],
        size=places["interrupts"][1],
        registers=(),
        ports=(
            PortView(name="intr", direction="I", net="block_irq", peer=INSTANCE, peer_port="irq"),
            PortView(name="irq", direction="O", net="controller_irq", peer="ps", peer_port=processor.irq),
        ),
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
