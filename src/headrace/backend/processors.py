# SPDX-License-Identifier: Apache-2.0
"""The block design around ``headrace_ip``: one description for the simulated board's handoff and for Vivado's project.

A processing system, ``headrace_ip``, the interrupt controller that PYNQ's interrupts need, and what lies between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace_host.registers import MAP_BYTES

from headrace.backend.ip import IP

PS = "ps"
INSTANCE = f"{IP}_0"
CONTROLLER = "controller"
"""Names of instances."""
CONTROLLER_VLNV = "xilinx.com:ip:axi_intc:4.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """What differs between processing systems: names and the fabric's place in the address space (AMD UG585, UG1085)."""

    modtype: str
    vlnv: str
    irq: str
    master: str
    base: int
    """Of the first address range towards the fabric."""
    clock: str
    """Pin of the first clock for the fabric."""
    reset: str
    bus_clocks: tuple[str, ...]
    """Pins that take the clock of the ports to and from the fabric."""
    memory: str
    """Port through which the fabric reaches memory."""
    memory_widths: tuple[int, ...]
    """Data bits that this port can have."""
    low_memory: str
    """Address segment of that port which holds memory, as Vivado names it."""
    high_memory: str | None = None
    """The segment of what lies above 4 GiB."""
    pads: tuple[str, ...] = ()
    """Interfaces to the package's pins, which the design must bring out."""
    tree_cells: int
    """Words of an address, and of a size, in the device tree of its Linux."""
    interrupts_label: str
    clock_label: str
    """Nodes of that tree."""
    clock_number: int
    """The first clock for the fabric, as the kernel's bindings number it."""
    interrupt: int
    """The first interrupt from the fabric, as the kernel counts shared ones: the processor's own number less 32."""
    memory_registers: tuple[int, ...] = ()
    """Those that say how wide the port to memory is, as the binding of ``xlnx,afi-fpga`` numbers them."""
    master_register: tuple[int, int] | None = None
    """The one that says how wide the port to registers is, and its value after a power-on: 128 bits."""

    def port_widths(self, data_bits: int) -> tuple[tuple[int, int], ...]:
        """Registers and their values for a port to memory of ``data_bits``."""
        if self.master_register is None:
            return ()
        code = {128: 0, 64: 1}[data_bits]
        return (*((register, code) for register in self.memory_registers), self.master_register)


PROCESSORS = {
    "zynq7": Processor(
        modtype="processing_system7",
        vlnv="xilinx.com:ip:processing_system7:5.5",
        irq="IRQ_F2P",
        master="M_AXI_GP0",
        base=0x4000_0000,
        clock="FCLK_CLK0",
        reset="FCLK_RESET0_N",
        bus_clocks=("M_AXI_GP0_ACLK", "S_AXI_HP0_ACLK"),
        memory="S_AXI_HP0",
        memory_widths=(64,),
        low_memory="S_AXI_HP0/HP0_DDR_LOWOCM",
        pads=("DDR", "FIXED_IO"),
        tree_cells=1,
        interrupts_label="intc",
        clock_label="clkc",
        clock_number=15,
        interrupt=29,
    ),
    "zynqmp": Processor(
        modtype="zynq_ultra_ps_e",
        vlnv="xilinx.com:ip:zynq_ultra_ps_e:3.5",
        irq="pl_ps_irq0",
        master="M_AXI_HPM0_FPD",
        base=0xA000_0000,
        clock="pl_clk0",
        reset="pl_resetn0",
        bus_clocks=("maxihpm0_fpd_aclk", "saxihp0_fpd_aclk"),
        memory="S_AXI_HP0_FPD",
        memory_widths=(64, 128),
        low_memory="SAXIGP2/HP0_DDR_LOW",
        high_memory="SAXIGP2/HP0_DDR_HIGH",
        tree_cells=2,
        interrupts_label="gic",
        clock_label="zynqmp_clk",
        clock_number=71,
        interrupt=89,
        memory_registers=(4, 5),
        master_register=(14, 0xA00),
    ),
}
HIGH_MEMORY_BITS = 36
"""Address bits that reach what lies above 4 GiB (UG1085: from 0x8_0000_0000)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """An interrupt on its way, between pins of two instances."""

    name: str
    source: tuple[str, str]
    target: tuple[str, str]


def interrupt_wires(ps: str) -> tuple[Wire, Wire]:
    """From the block to the controller, and from there to the processor."""
    return (
        Wire(name="block_irq", source=(INSTANCE, "irq"), target=(CONTROLLER, "intr")),
        Wire(name="controller_irq", source=(CONTROLLER, "irq"), target=(PS, PROCESSORS[ps].irq)),
    )


def address_map(ps: str) -> dict[str, tuple[int, int]]:
    """First address and size of the block and of the interrupt controller beside it."""
    base = PROCESSORS[ps].base
    return {"block": (base, MAP_BYTES), "interrupts": (base + 0x1_0000, 0x1000)}


def settings(ps: str, clock_mhz: float, data_bits: int, address_bits: int) -> Iterator[tuple[str, str]]:
    """What Vivado is to configure of a processing system: name and value of its ``CONFIG`` properties.

    Only what the fabric sees. Memory controller, pins and the processors' own clocks are set up when the board boots, long
    before a bitstream is loaded, and PYNQ takes of the handoff file no more than clocks and widths of ports.
    """
    if ps == "zynq7":
        yield "PCW_FPGA0_PERIPHERAL_FREQMHZ", f"{clock_mhz:.10g}"
        yield "PCW_FCLK0_PERIPHERAL_CLKSRC", "IO PLL"
        for k in range(4):
            yield f"PCW_FPGA_FCLK{k}_ENABLE", str(int(k == 0))
        yield "PCW_EN_CLK0_PORT", "1"
        yield "PCW_EN_RST0_PORT", "1"
        yield "PCW_USE_M_AXI_GP0", "1"
        yield "PCW_USE_S_AXI_HP0", "1"
        yield "PCW_S_AXI_HP0_DATA_WIDTH", str(data_bits)
        yield "PCW_USE_FABRIC_INTERRUPT", "1"
        yield "PCW_IRQ_F2P_INTR", "1"
        return
    yield "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ", f"{clock_mhz:.10g}"
    yield "PSU__CRL_APB__PL0_REF_CTRL__SRCSEL", "IOPLL"
    for k in range(4):
        yield f"PSU__FPGA_PL{k}_ENABLE", str(int(k == 0))
    yield "PSU__USE__FABRIC__RST", "1"
    for k in range(3):  # HPM0_FPD, HPM1_FPD, HPM0_LPD
        yield f"PSU__USE__M_AXI_GP{k}", str(int(k == 0))
    yield "PSU__MAXIGP0__DATA_WIDTH", "128"  # as after reset, so that nobody has to set it
    yield "PSU__USE__S_AXI_GP2", "1"  # HP0
    yield "PSU__SAXIGP2__DATA_WIDTH", str(data_bits)
    yield "PSU__USE__IRQ0", "1"
    if address_bits >= HIGH_MEMORY_BITS:
        yield "PSU__HIGH_ADDRESS__ENABLE", "1"
