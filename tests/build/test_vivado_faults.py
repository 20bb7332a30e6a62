# SPDX-License-Identifier: Apache-2.0
"""Faults in the Vivado project of a build: each is found by running it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from headrace_host.manifest import Build
from vivado_check import PROJECT, problems

SCRIPT, TOP = "build.tcl", "headrace_ip_top.v"
ZYNQ7, ZYNQMP = "pynq-z2", "kv260"
# By file and board: the text, what takes its place, and what is said of it.
FAULTS = {
    (SCRIPT, ZYNQ7): {
        "a bus is left open": (r"\n  join_buses control/M01_AXI .*", "", "controller/s_axi .* is connected 0 times"),
        "buses are swapped": ("control/M00_AXI headrace_ip_0/s_axi", "headrace_ip_0/s_axi ps/S_AXI_HP0", "slave"),
        "a clock is left open": (r"\n    control/aclk", "", r"control/aclk \(clock\) is driven by nothing"),
        "a reset is left open": (r"\{control/aresetn memory/aresetn\}", "control/aresetn", "memory/aresetn .* nothing"),
        "a reset is a clock": ("reset/interconnect_aresetn", "ps/FCLK_CLK0", "two nets"),
        "a reset that is no slower": ("block_reset_n reset/peripheral_aresetn", "ps_reset_n ps/FCLK_RESET0_N", "follow"),
        "an interrupt is left open": (r"\n  join_pins block_irq .*", "", r"controller/intr \(irq\) is driven by nothing"),
        "no interrupts": (r"\n.*PCW_USE_FABRIC_INTERRUPT.*", "", "design has 0 of ps/IRQ_F2P"),
        "a bus of interrupts": (r"\n.*C_IRQ_CONNECTION.*", "", "design has 0 of controller/irq"),
        "another width": (r"HP0_DATA_WIDTH \{64\}", "HP0_DATA_WIDTH {32}", "widths of the memory port differ"),
        "another clock": (r"FREQMHZ \{100\}", "FREQMHZ {50}", "the clock is 50 MHz"),
        "a name that is none": (
            "headrace_ip_0/m_axi memory",
            "headrace_ip_0/maxi memory",
            "design has 0 of headrace_ip_0/maxi",
        ),
        "another part": ("set part    .*", "set part xc7z010clg400-1", "parts are"),
        "a parameter of others": ("PCW_USE_S_AXI_HP0", "PSU__USE__S_AXI_GP2", "has no parameter PSU__USE__S_AXI_GP2"),
        "clocks unlike the handoff's": (r"FCLK1_ENABLE \{0\}", "FCLK1_ENABLE {1}", "handoff's PCW_FPGA_FCLK1"),
        "pads stay inside": (r"\n  make_bd_intf_pins_external -name DDR.*", "", r"ps/DDR \(pads\)"),
        "another address": ("0x40010000", "0x40020000", "addresses of registers are"),
        "another name of the IP": ("set_property name headrace_ip", "set_property name other_ip", "no IP headrace.org"),
        "another version": ("set_property version 1.0", "set_property version 1.1", "no IP headrace.org"),
        "another instance": ("headrace_ip_0", "block_0", "block_0|headrace_ip_0"),
        "another controller": ("ip:axi_intc", "ip:axi_gpio", "no IP xilinx.com:ip:axi_gpio"),
        "a missing source": (r"\n  stream_fifo\.sv", "", "sources are not the build's"),
        "a source that is not there": (r"\n  stream_fifo\.sv", "\n  stream_lifo.sv", "no file .*stream_lifo.sv"),
        "a missing memory file": (r"\n  conv_2\.hex", "", "finds no conv_2.hex"),
        "memory files lie elsewhere": (r"\n  cd \$work", "", "no file .*hex"),
        "memory files of no type": (r"\n.*Memory Initialization Files.*", "", "memory files are missing"),
        "warnings of memory files": (r"\nset_msg_config.*", "", "missing memory files would be no error"),
        "a register elsewhere": (r"\{FRAMES 16 ", "{FRAMES 20 ", r"registers differ: \['FRAMES'\]"),
        "a lost register": (r"\n  \{GIE .*\n.*", "", r"registers differ: \['GIE', 'GIE/Enable'\]"),
        "no such command": ("validate_bd_design", "check_bd_design", "invalid command name"),
        "no such option": ("-target_address_space", "-address_space", "has no option -address_space"),
        "no such property": ("address_offset", "offset", "register has no property offset"),
        "not validated": (r"\n  validate_bd_design", "", "not validated"),
        "not placed": (r"\n  place_design", "", "not placed"),
        "no catalogue": (r"\n  update_ip_catalog", "", "no IP headrace.org"),
        "no handoff": (r"\n  generate_target .*", "", "0 handoff files"),
        "a project is left open": (r"(save_core \$core)\n  close_project", r"\1", "still open"),
    },
    (SCRIPT, ZYNQMP): {
        "memory is not reached": ("memory/M00_AXI ps/S_AXI_HP0_FPD", "memory/S00_AXI ps/S_AXI_HP0_FPD", "slave"),
        "a port's clock is left open": (r"\n    ps/saxihp0_fpd_aclk", "", "saxihp0_fpd_aclk .* driven by nothing"),
        "an interrupt goes past": ("controller/irq ps/pl_ps_irq0", "headrace_ip_0/irq ps/pl_ps_irq0", "handoff"),
        "another width too": (r"SAXIGP2__DATA_WIDTH \{128\}", "SAXIGP2__DATA_WIDTH {64}", "memory port differ"),
        "no such width": (r"SAXIGP2__DATA_WIDTH \{128\}", "SAXIGP2__DATA_WIDTH {256}", "does not take"),
        "a port too many": (r"M_AXI_GP2 \{0\}", "M_AXI_GP2 {1}", "M_AXI_HPM0_LPD .* connected 0 times"),
        "another range": ("-offset 0xA0000000 -range 0x1000", "-offset 0xA0000000 -range 0x10000", "addresses of"),
        "memory without its upper part": (r"\n +/ps/SAXIGP2/HP0_DDR_HIGH .*", "", "headrace_ip reaches"),
        "registers as memory": ("HP0_DDR_LOW", "HP0_QSPI", "headrace_ip reaches"),
        "nothing is excluded": (r"ps/SAXIGP2/\*", "ps/SAXIGP2/HP0_DDR_LOW", "neither used nor excluded"),
    },
    (TOP, ZYNQ7): {
        "a port too narrow": (r"\[63:0\] m_axi_wdata", "[31:0] m_axi_wdata", "no interface m_axi"),
        "a port of another address": (r"\[31:0\] m_axi_araddr", "[39:0] m_axi_araddr", "ports of the top differ"),
        "a lost port": (r"\n.*wire m_axi_bready", "", "no interface m_axi"),
        "an open port": (r"\n    \.s_axi_awprot\(s_axi_awprot\),", "", "not all joined.*s_axi_awprot"),
        "ports are swapped": (r"\.m_axi_rlast\(m_axi_rlast\)", ".m_axi_rlast(m_axi_rvalid)", "not all joined"),
        "an interrupt like any wire": ("signal:interrupt", "signal:data", "no interface irq"),
        "a clock of one bus": ("s_axi:m_axi", "s_axi", "aclk is the clock of 's_axi'"),
        "a reset that is high": ("ACTIVE_LOW", "ACTIVE_HIGH", "the reset not low"),
    },
}
CASES = [(place, fault) for place, faults in FAULTS.items() for fault in faults]


@pytest.mark.parametrize(("place", "fault"), CASES, ids=[fault for _, fault in CASES])
def test_faults_are_found(vivado_projects: dict[str, Path], tmp_path: Path, place: tuple[str, str], fault: str) -> None:
    file, board = place
    old, new, said = FAULTS[place][fault]
    folder = Path(shutil.copytree(vivado_projects[board], tmp_path / "build", ignore=shutil.ignore_patterns("sim")))
    path = folder / PROJECT / file
    text, count = re.subn(old, new, path.read_text())
    assert count, "the fault is none"
    path.write_text(text)
    found = problems(Build.load(folder))
    assert found, "the fault is not found"
    assert any(re.search(said, line) for line in found), found


def test_a_block_of_other_ports_is_found(vivado_projects: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(vivado_projects[ZYNQ7], tmp_path / "build", ignore=shutil.ignore_patterns("sim")))
    path = folder / "rtl" / "headrace_ip.sv"
    text = path.read_text()
    path.write_text(text.replace("  output logic        irq,", "  output logic        irq,\n  output logic        more,"))
    assert path.read_text() != text
    assert any("ports of the top differ" in line for line in problems(Build.load(folder)))
