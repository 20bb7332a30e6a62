# SPDX-License-Identifier: Apache-2.0
"""What the stand-in for Vivado knows of IP: pins, buses, parameters and address segments, as AMD documents them.

Product guides PG082 (processing system 7), PG201 (UltraScale+), PG247 (SmartConnect), PG164 (reset), PG099 (interrupts).
A pin or bus is there if parameters have at least the values that stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SWITCH = "0|1"
Library = dict[str, dict[str, Any]]

_ZYNQ7: dict[str, Any] = {
    "parameters": {
        "PCW_FPGA0_PERIPHERAL_FREQMHZ": r"[\d.]+",
        "PCW_FCLK0_PERIPHERAL_CLKSRC": "(IO|ARM|DDR) PLL",
        **{f"PCW_FPGA_FCLK{k}_ENABLE": SWITCH for k in range(4)},
        "PCW_EN_CLK0_PORT": SWITCH,
        "PCW_EN_RST0_PORT": SWITCH,
        "PCW_USE_M_AXI_GP0": SWITCH,
        "PCW_USE_S_AXI_HP0": SWITCH,
        "PCW_S_AXI_HP0_DATA_WIDTH": "32|64",
        "PCW_USE_FABRIC_INTERRUPT": SWITCH,
        "PCW_IRQ_F2P_INTR": SWITCH,
    },
    "pins": {
        "FCLK_CLK0": ["clock_out", {"PCW_EN_CLK0_PORT": 1, "PCW_FPGA_FCLK0_ENABLE": 1}],
        "FCLK_RESET0_N": ["reset_out", {"PCW_EN_RST0_PORT": 1}],
        "M_AXI_GP0_ACLK": ["clock", {"PCW_USE_M_AXI_GP0": 1}],
        "S_AXI_HP0_ACLK": ["clock", {"PCW_USE_S_AXI_HP0": 1}],
        "IRQ_F2P": ["irq", {"PCW_USE_FABRIC_INTERRUPT": 1, "PCW_IRQ_F2P_INTR": 1}],
    },
    "buses": {
        "M_AXI_GP0": ["master", {"PCW_USE_M_AXI_GP0": 1}],
        "S_AXI_HP0": ["slave", {"PCW_USE_S_AXI_HP0": 1}],
        "DDR": ["pads", {}],
        "FIXED_IO": ["pads", {}],
    },
    "spaces": {"Data": {}},
    "segments": {"S_AXI_HP0/HP0_DDR_LOWOCM": {"PCW_USE_S_AXI_HP0": 1}},
}
_ZYNQMP: dict[str, Any] = {
    "parameters": {
        "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ": r"[\d.]+",
        "PSU__CRL_APB__PL0_REF_CTRL__SRCSEL": "IOPLL|RPLL|DPLL",
        **{f"PSU__FPGA_PL{k}_ENABLE": SWITCH for k in range(4)},
        "PSU__USE__FABRIC__RST": SWITCH,
        **{f"PSU__USE__M_AXI_GP{k}": SWITCH for k in range(3)},
        "PSU__MAXIGP0__DATA_WIDTH": "32|64|128",
        "PSU__USE__S_AXI_GP2": SWITCH,
        "PSU__SAXIGP2__DATA_WIDTH": "32|64|128",
        "PSU__USE__IRQ0": SWITCH,
        "PSU__HIGH_ADDRESS__ENABLE": SWITCH,
    },
    "pins": {
        "pl_clk0": ["clock_out", {"PSU__FPGA_PL0_ENABLE": 1}],
        "pl_resetn0": ["reset_out", {"PSU__USE__FABRIC__RST": 1}],
        "maxihpm0_fpd_aclk": ["clock", {"PSU__USE__M_AXI_GP0": 1}],
        "maxihpm1_fpd_aclk": ["clock", {"PSU__USE__M_AXI_GP1": 1}],
        "maxihpm0_lpd_aclk": ["clock", {"PSU__USE__M_AXI_GP2": 1}],
        "saxihp0_fpd_aclk": ["clock", {"PSU__USE__S_AXI_GP2": 1}],
        "pl_ps_irq0": ["irq", {"PSU__USE__IRQ0": 1}],
    },
    "buses": {
        "M_AXI_HPM0_FPD": ["master", {"PSU__USE__M_AXI_GP0": 1}],
        "M_AXI_HPM1_FPD": ["master", {"PSU__USE__M_AXI_GP1": 1}],
        "M_AXI_HPM0_LPD": ["master", {"PSU__USE__M_AXI_GP2": 1}],
        "S_AXI_HP0_FPD": ["slave", {"PSU__USE__S_AXI_GP2": 1}],
    },
    "spaces": {"Data": {}},
    "segments": {
        "SAXIGP2/HP0_DDR_LOW": {"PSU__USE__S_AXI_GP2": 1},
        "SAXIGP2/HP0_DDR_HIGH": {"PSU__USE__S_AXI_GP2": 1, "PSU__HIGH_ADDRESS__ENABLE": 1},
        "SAXIGP2/HP0_LPS_OCM": {"PSU__USE__S_AXI_GP2": 1},
        "SAXIGP2/HP0_QSPI": {"PSU__USE__S_AXI_GP2": 1},
    },
}
_SMARTCONNECT: dict[str, Any] = {
    "parameters": {"NUM_SI": r"[1-9]|1[0-6]", "NUM_MI": r"[1-9]|1[0-6]"},
    "pins": {"aclk": ["clock", {}], "aresetn": ["reset", {}]},
    "buses": {
        **{f"S{k:02}_AXI": ["slave", {"NUM_SI": k + 1}] for k in range(16)},
        **{f"M{k:02}_AXI": ["master", {"NUM_MI": k + 1}] for k in range(16)},
    },
}
_RESET: dict[str, Any] = {
    "pins": {
        "slowest_sync_clk": ["clock", {}],
        "ext_reset_in": ["reset", {}],
        "interconnect_aresetn": ["reset_out", {}],
        "peripheral_aresetn": ["reset_out", {}],
    }
}
_CONTROLLER: dict[str, Any] = {
    "parameters": {"C_IRQ_CONNECTION": SWITCH},
    "pins": {
        "s_axi_aclk": ["clock", {}],
        "s_axi_aresetn": ["reset", {}],
        "intr": ["irq", {}],
        "irq": ["irq_out", {"C_IRQ_CONNECTION": 1}],
    },
    "buses": {"s_axi": ["slave", {}]},
    "segments": {"S_AXI/Reg": {}},
}
AMD = {
    "xilinx.com:ip:processing_system7": _ZYNQ7,
    "xilinx.com:ip:zynq_ultra_ps_e": _ZYNQMP,
    "xilinx.com:ip:smartconnect": _SMARTCONNECT,
    "xilinx.com:ip:proc_sys_reset": _RESET,
    "xilinx.com:ip:axi_intc": _CONTROLLER,
}
ON_AT_FIRST = {"PSU__USE__M_AXI_GP1", "PSU__USE__M_AXI_GP2", "NUM_SI", "NUM_MI"}
"""Parameters that are not zero in a new cell, or that we take no chances with."""

_PORT = re.compile(r"((?:\(\*.*?\*\)\s*)*)(input|output)\s+wire\s+(?:\[(\d+):0\]\s+)?(\w+)\s*(?:,|$)", re.DOTALL)
_INFO = re.compile(r'X_INTERFACE_INFO\s*=\s*"xilinx\.com:signal:(\w+):1\.0 (\w+) (\w+)"')
_PARAMETERS = re.compile(r'X_INTERFACE_PARAMETER\s*=\s*"([^"]*)"')
_SIGNALS = {"clock": "CLK", "reset": "RST", "interrupt": "INTERRUPT"}
_CHANNELS = {
    "aw": ("addr", "prot", "valid"), "w": ("data", "strb", "valid"), "ar": ("addr", "prot", "valid"),
    "b": ("ready",), "r": ("ready",),
}  # fmt: skip
_ANSWERS = {"aw": ("ready",), "w": ("ready",), "ar": ("ready",), "b": ("resp", "valid"), "r": ("data", "resp", "valid")}
_BURSTS = {"aw": ("len", "size", "burst"), "ar": ("len", "size", "burst"), "w": ("last",)}


@dataclass(frozen=True, order=True)
class Port:
    """Of a module."""

    output: bool
    width: int


def top_ports(text: str) -> tuple[dict[str, Port], dict[str, tuple[str, str]]]:
    """Ports of the plain Verilog top; and, by port, what its attributes tell: kind of interface and its parameters."""
    header = text[text.index("(", text.index("\nmodule ")) + 1 : text.index("\n);")]
    ports, told = {}, {}
    for attributes, direction, last, name in _PORT.findall(header):
        ports[name] = Port(direction == "output", int(last or 0) + 1)
        if (info := _INFO.search(attributes)) and info[2] == name and _SIGNALS.get(info[1]) == info[3]:
            parameters = _PARAMETERS.search(attributes)
            told[name] = (info[1], parameters[1] if parameters else "")
    return ports, told


def _is_bus(ports: Mapping[str, Port], name: str, master: bool) -> bool:
    """Whether all signals of an AXI interface are there, in the right directions; a master's with bursts."""
    asked = [(channel, signal) for channel, signals in _CHANNELS.items() for signal in signals]
    if master:
        asked += [(channel, signal) for channel, signals in _BURSTS.items() for signal in signals]
    answers = [(channel, signal) for channel, signals in _ANSWERS.items() for signal in signals]
    answers += [("r", "last")] if master else []
    wanted = {f"{name}_{c}{s}": master for c, s in asked} | {f"{name}_{c}{s}": not master for c, s in answers}
    if not all(port in ports and ports[port].output == output for port, output in wanted.items()):
        return False
    return ports[f"{name}_rdata"].width == ports[f"{name}_wdata"].width == 8 * ports[f"{name}_wstrb"].width


def inferred(text: str) -> dict[str, dict[str, str]]:
    """The interfaces that the packager makes of a top: their parameters by name."""
    ports, told = top_ports(text)
    buses = {"s_axi": False, "m_axi": True}
    found: dict[str, dict[str, str]] = {name: {} for name, master in buses.items() if _is_bus(ports, name, master)}
    for name, (_, parameters) in told.items():
        found[name] = dict(entry.strip().split(" ", 1) for entry in parameters.split(",") if entry)
    return found


def block(text: str) -> dict[str, Any]:
    """The IP that comes of packaging a top, as `AMD` describes others."""
    _, told = top_ports(text)
    modes = {"clock": "clock", "reset": "reset", "interrupt": "irq_out"}
    return {
        "pins": {name: [modes[kind], {}] for name, (kind, _) in told.items()},
        "buses": {name: [mode, {}] for name, mode in (("s_axi", "slave"), ("m_axi", "master")) if name in inferred(text)},
        "spaces": {"m_axi": {}},
        "segments": {"s_axi/reg0": {}},
    }


def library(text: str, vlnv: str) -> Library:
    """All that the stand-in knows, given the top of our own IP."""
    known: Library = {}
    for name, entry in {**AMD, vlnv: block(text)}.items():
        parameters = entry.get("parameters", {})
        known[name] = {
            "parameters": parameters,
            "defaults": {parameter: int(parameter in ON_AT_FIRST) for parameter in parameters},
            **{table: entry.get(table, {}) for table in ("pins", "buses", "spaces", "segments")},
        }
    return known


def tcl(value: Any) -> str:
    """A value as a word of Tcl: dictionaries and lists as lists."""
    if isinstance(value, dict):
        return "{" + " ".join(f"{tcl(key)} {tcl(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "{" + " ".join(map(tcl, value)) + "}"
    return "{" + str(value) + "}"
