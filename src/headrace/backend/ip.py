# SPDX-License-Identifier: Apache-2.0
"""Renders ``headrace_ip``: the network between memories, with AXI4-Lite control and one AXI4 master."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headrace_host.layout import MemoryLayout
from headrace_host.registers import MAP_VERSION, MAX_PER_SIDE, MAX_TENSORS, tensor_offset

from headrace.backend.design import Design, Stream, WeightStream
from headrace.backend.ports import PortView, layout_of, ports_of
from headrace.backend.rtl import NETWORK, rtl_sources, template
from headrace.backend.weights import BURST, Region, bus_bytes, depths_of, region_bytes, regions_of
from headrace.boards import Memory
from headrace.engines.mac import weight_reader
from headrace.engines.plumbing import Fifo
from headrace.engines.technology import Resources
from headrace.errors import BuildError
from headrace.ir.graph import Graph

IP = "headrace_ip"
"""Name of the top module."""
VLNV = "headrace.org:ip:headrace_ip:1.0"
"""Vendor, library, name and version under which drivers find the block."""
WEIGHTS = "headrace_weights"
"""Name under which streamed weights stand among the tensors, as one input behind all others."""
_PARTS = ("ip_control", "axi_read_mux", "axi_write_mux", "tensor_reader", "tensor_writer")
_WEIGHT_PARTS = ("weight_feed", "weight_unpack")


@dataclass(frozen=True, slots=True, kw_only=True)
class IpView:
    """All that the template writes."""

    module: str
    network: str
    build_id: str
    data_bits: int
    address_bits: int
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    weights: tuple[WeightStream, ...] = ()
    regions: tuple[Region, ...] = ()
    """Of the weights, in memory."""
    depths: tuple[int, ...] = ()
    """Bursts that their buffers hold."""

    @property
    def size(self) -> int:
        """AxSIZE of a whole word."""
        return (self.data_bits // 8).bit_length() - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ip:
    """A design's block for one kind of memory port."""

    graph: Graph
    design: Design
    memory: Memory
    held: tuple[str, ...] = ()
    """Inputs that stay the same from frame to frame: memory has one frame of them, which is read again for each."""

    def __post_init__(self) -> None:
        check_held(self.graph, self.held)
        inputs, outputs = len(self.design.inputs) + bool(self.design.weights), len(self.design.outputs)
        if max(inputs, outputs) > MAX_PER_SIDE or inputs + outputs > MAX_TENSORS:
            raise BuildError(
                f"the network has {inputs} inputs and {outputs} outputs; {IP} has registers for {MAX_PER_SIDE} of each, "
                f"{MAX_TENSORS} in all"
            )

    @property
    def module(self) -> str:
        """Name of the top module."""
        return IP

    def _layout(self, stream: Stream) -> MemoryLayout:
        return layout_of(self.graph, stream, self.memory.data_bits // 8)

    @property
    def _regions(self) -> tuple[Region, ...]:
        return regions_of(self.design.weights, self.memory.data_bits // 8)

    @property
    def _depths(self) -> tuple[int, ...]:
        return depths_of(self.design.weights, self.design.bottleneck.cycles, self.memory.data_bits // 8)

    def render(self, build_id: str) -> str:
        """The top module; ``build_id`` is 16 hexadecimal digits."""
        inputs, outputs = ports_of(self.graph, self.design, self.held)
        behind = bool(self.design.weights)
        view = IpView(
            module=IP,
            network=NETWORK,
            build_id=build_id,
            data_bits=self.memory.data_bits,
            address_bits=self.memory.address_bits,
            inputs=inputs,
            outputs=tuple(replace(port, index=port.index + behind) for port in outputs),
            weights=self.design.weights,
            regions=self._regions,
            depths=self._depths,
        )
        return template("ip.sv.j2").render(ip=view)

    def sources(self) -> list[Path]:
        """The files under hw/rtl that the top module needs besides the network."""
        return rtl_sources((*_PARTS, *_WEIGHT_PARTS) if self.design.weights else _PARTS)

    def resources(self) -> Resources:
        """Registers and the ways to and from memory, by tensors and width of the bus (fitted to yosys)."""
        tensors = len(self.design.inputs) + len(self.design.outputs)
        if self.memory.data_bits == 64:
            around = Resources(lut=450 + 913 * tensors, ff=960 + 435 * tensors)
        else:
            around = Resources(lut=610 + 1200 * tensors, ff=1020 + 500 * tensors)
        for stream, depth in zip(self.design.weights, self._depths, strict=True):
            around += weight_reader(stream.width, self.memory.data_bits)
            around += self._buffer(depth).less(self._buffer(2))
        return around

    def _buffer(self, bursts: int) -> Resources:
        words = bursts * BURST
        return Fifo(name="", index=0, width=self.memory.data_bits, depth=words, frame_beats=0).resources(self.design.technology)

    def beside(self) -> Mapping[str, str]:
        """None."""
        return {}

    def describe(self, sources: Sequence[str]) -> Mapping[str, Any]:
        """The manifest's part: where drivers find what, and how tensors lie in memory."""
        tensors: list[dict[str, Any]] = []
        bus = self.memory.data_bits // 8
        for side, streams in (("input", self.design.inputs), ("output", self.design.outputs)):
            for stream in streams:
                layout = self._layout(stream)
                tensors.append(
                    {
                        "tensor": stream.tensor,
                        "side": "held" if stream.tensor in self.held else side,
                        "address_register": tensor_offset(len(tensors)),
                        "element_bits": layout.element_bits,
                        "frame_bytes": layout.frame_bytes,
                    }
                )
            if side == "input" and self.design.weights:
                tensors.append(
                    {
                        "tensor": WEIGHTS,
                        "side": "weights",
                        "address_register": tensor_offset(len(tensors)),
                        "frame_bytes": sum(bus_bytes(stream, bus) * stream.passes for stream in self.design.weights),
                        "region_bytes": region_bytes(self._regions, bus),
                    }
                )
        return {
            "top": IP,
            "vlnv": VLNV,
            "register_map": MAP_VERSION,
            "ps": self.memory.ps,
            "data_bits": self.memory.data_bits,
            "address_bits": self.memory.address_bits,
            "tensors": tensors,
            "sources": list(sources),
        }


def check_held(graph: Graph, held: Sequence[str]) -> None:
    """Raises BuildError unless ``held`` are some of the graph's inputs, and not all of them."""
    inputs = ", ".join(graph.inputs)
    for name in held:
        if name not in graph.inputs:
            raise BuildError(f"the network has no input '{name}' to hold; its inputs are {inputs}")
    if held and not set(graph.inputs) - set(held):
        raise BuildError(f"with {inputs} held, no input is left for frames; hold some, not all")
