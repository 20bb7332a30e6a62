# SPDX-License-Identifier: Apache-2.0
"""Writes device tree overlays (.dtbo): what loaders other than pynq's (``fpgautil``, ``xmutil``) tell Linux of a design.

Format: Devicetree Specification 0.4, chapter 5, with the nodes of overlays that ``dtc -@`` makes. Nodes: the kernel's bindings
``fpga-region`` and ``generic-uio``, and ``xlnx,fclk`` and ``xlnx,afi-fpga`` of AMD's kernels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import fdt

from headrace.backend.hwh import fabric_mhz
from headrace.backend.ip import IP
from headrace.backend.processors import PROCESSORS, address_map


@dataclass(frozen=True, slots=True)
class Label:
    """A node of the board's own tree."""

    name: str


Cells: TypeAlias = list["int | Label"]
Tree: TypeAlias = "Mapping[str, str | tuple[str, ...] | Cells | Tree]"
"""Properties (strings, or cells of 32 bits) and nodes by name."""
_LATER = 0xFFFF_FFFF
"""In place of what the loader resolves."""
_LEVEL_HIGH, _SHARED = 4, 0
"""Kinds of interrupts of the processor's controller."""
_NAME = IP.replace("_", "-")


def render_dtbo(name: str, ps: str, clock_mhz: float, data_bits: int) -> bytes:
    """An overlay that has ``NAME.bit.bin`` loaded, and then shows the block and its interrupt controller.

    Both are ``generic-uio`` devices, as the kernel's driver for such a controller does not take one that comes with an overlay.

    Args:
        name: of the bitstream.
        clock_mhz: asked for; the overlay sets what the processing system makes of it.
        data_bits: of the port to memory.
    """
    processor, places = PROCESSORS[ps], address_map(ps)
    clock: Cells = [Label(processor.clock_label), processor.clock_number]
    (block, block_bytes), (controller, controller_bytes) = places["block"], places["interrupts"]

    def reg(base: int, size: int) -> Cells:
        return [0, base, 0, size] if processor.tree_cells == 2 else [base, size]

    bus: dict[str, Any] = {
        f"{_NAME}-clock": {
            "compatible": "xlnx,fclk",
            "clocks": clock,
            "assigned-clocks": clock,
            "assigned-clock-rates": [round(fabric_mhz(ps, clock_mhz) * 1e6)],
            "#clock-cells": [0],
        },
        f"{_NAME}@{block:x}": {
            "compatible": (f"headrace,{_NAME}-1.0", "generic-uio"),
            "reg": reg(block, block_bytes),
        },
        f"{_NAME}-interrupts@{controller:x}": {
            "compatible": "generic-uio",
            "reg": reg(controller, controller_bytes),
            "interrupt-parent": [Label(processor.interrupts_label)],
            "interrupts": [_SHARED, processor.interrupt, _LEVEL_HIGH],
        },
    }
    if ports := processor.port_widths(data_bits):
        bus[f"{_NAME}-ports"] = {"compatible": "xlnx,afi-fpga", "config-afi": [word for pair in ports for word in pair]}
    return _compile(
        {
            "fragment@0": {"target": [Label("fpga_full")], "__overlay__": {"firmware-name": f"{name}.bit.bin"}},
            "fragment@1": {"target": [Label("amba")], "__overlay__": bus},
        }
    )


def _compile(tree: Tree) -> bytes:
    """A tree and its table of what is to be resolved, as a blob of version 17."""
    labels: defaultdict[str, list[str]] = defaultdict(list)
    out = fdt.FDT()
    out.header.version = 17
    out.root = _node("/", tree, "", labels)
    out.root.append(_node("__fixups__", {name: tuple(places) for name, places in labels.items()}, "", labels))
    return bytes(out.to_dtb())


def _node(name: str, tree: Tree, path: str, labels: defaultdict[str, list[str]]) -> fdt.Node:
    """A node; notes in ``labels`` where its cells are to be resolved."""
    node, below = fdt.Node(name), []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            below.append(_node(key, value, f"{path}/{key}", labels))
        elif isinstance(value, list):
            node.append(fdt.PropWords(key, *(_LATER if isinstance(cell, Label) else cell for cell in value)))
            for at, cell in enumerate(value):
                if isinstance(cell, Label):
                    labels[cell.name].append(f"{path}:{key}:{4 * at}")
        else:
            strings = [value] if isinstance(value, str) else value
            node.append(fdt.PropBytes(key, data=b"".join(string.encode() + b"\0" for string in strings)))
    for child in below:  # behind all properties, as the format wants it
        node.append(child)
    return node
