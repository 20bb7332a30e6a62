# SPDX-License-Identifier: Apache-2.0
"""Renders ``headrace_serial``: the network behind a serial line, for boards without a processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace_host.serial_link import MOST_PORTS, VERSION

from headrace.backend.design import Design
from headrace.backend.ecp5 import TOP, BoardTop
from headrace.backend.ports import PortView, ports_of
from headrace.backend.rtl import NETWORK, rtl_sources, template
from headrace.engines.technology import Resources
from headrace.errors import BuildError
from headrace.ir.graph import Graph

SERIAL = "headrace_serial"
"""Name of the block's module."""
CONSTRAINTS = f"{TOP}.lpf"
MOST_OFF = 0.01
"""Of the line's rate from the one that is asked for."""
LEAST_CYCLES = 4
"""For a bit, so that its middle is found."""
_PARTS = (
    "uart_rx", "uart_tx", "hdlc_receiver", "hdlc_sender", "serial_link", "packet_buffer", "replay_buffer", "bytes_to_tensor",
    "tensor_to_bytes",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialView:
    """All that the template writes."""

    module: str
    network: str
    build_id: str
    step: int
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialBlock:
    """A design's block for a line of ``baud`` bits a second, under a clock of ``clock_mhz``."""

    graph: Graph
    design: Design
    baud: int
    clock_mhz: float
    board_top: BoardTop | None = None
    """What brings clock and line to it; None where the board's pins are not known."""

    def __post_init__(self) -> None:
        inputs, outputs = len(self.design.inputs), len(self.design.outputs)
        if max(inputs, outputs) > MOST_PORTS:
            raise BuildError(f"the network has {inputs} inputs and {outputs} outputs; a serial board has {MOST_PORTS} of each")
        if self.clock_mhz * 1e6 < LEAST_CYCLES * self.baud:
            raise BuildError(
                f"{self.baud:,} baud need a clock of {LEAST_CYCLES * self.baud / 1e6:g} MHz, not {self.clock_mhz:g}"
            )
        made = self.step * self.clock_mhz * 1e6 / 65536
        if abs(made - self.baud) > MOST_OFF * self.baud:
            raise BuildError(
                f"{self.baud:,} baud come out as {made:,.0f} of a clock of {self.clock_mhz:g} MHz, more than {MOST_OFF:.0%} off"
            )

    @property
    def module(self) -> str:
        """Name of the top module."""
        return SERIAL

    @property
    def step(self) -> int:
        """Bits of the line in a cycle, times 65536."""
        return round(65536 * self.baud / (self.clock_mhz * 1e6))

    def render(self, build_id: str) -> str:
        """The module; ``build_id`` is 16 hexadecimal digits."""
        inputs, outputs = ports_of(self.graph, self.design)
        view = SerialView(
            module=SERIAL, network=NETWORK, build_id=build_id, step=self.step, inputs=inputs, outputs=outputs
        )  # fmt: skip
        return template("serial.sv.j2").render(block=view)

    def sources(self) -> list[Path]:
        """The files under hw/rtl that the module needs besides the network."""
        return rtl_sources(_PARTS)

    def resources(self) -> Resources:
        """The line and its packets, and buffers of each tensor (fitted to yosys for ECP5; 7 series need fewer LUTs)."""
        tensors = len(self.design.inputs) + len(self.design.outputs)
        return Resources(lut=590 + 225 * tensors, ff=620 + 95 * tensors, bram36=0.5 * tensors)

    def beside(self) -> Mapping[str, str]:
        """The module at the board's pins and its constraints, by file name."""
        if self.board_top is None:
            return {}
        return {f"{TOP}.sv": self.board_top.render(SERIAL), CONSTRAINTS: self.board_top.constraints()}

    def describe(self, sources: Sequence[str]) -> Mapping[str, Any]:
        """The manifest's part."""
        return {
            "top": SERIAL,
            "protocol": VERSION,
            "baud": self.baud,
            "cycles_per_bit": 65536 / self.step,
            "sources": list(sources),
            **(self._pins() if self.board_top else {}),
        }

    def _pins(self) -> Mapping[str, Any]:
        assert self.board_top is not None
        return {"board_top": TOP, "constraints": CONSTRAINTS, "button_pressed": self.board_top.pins.button_pressed}
