# SPDX-License-Identifier: Apache-2.0
"""Writes device tree overlays (.dtbo): what loaders other than pynq's (``fpgautil``, ``xmutil``) tell Linux of a design.

Format: Devicetree Specification 0.4, chapter 5, with the nodes of overlays that ``dtc -@`` makes. Nodes: the kernel's bindings
``fpga-region``, ``xlnx,axi-intc`` and ``generic-uio``, and ``xlnx,fclk`` and ``xlnx,afi-fpga`` of AMD's kernels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import fdt

from headrace.backend.ip import IP
from headrace.backend.processors import PROCESSORS, address_map


@dataclass(frozen=True, slots=True)
class Label:
    """A node of the board's own tree."""

    name: str


@dataclass(frozen=True, slots=True)
class Local:
    """A node of the overlay, by its phandle there."""

    phandle: int


Cells: TypeAlias = list["int | Label | Local"]
Tree: TypeAlias = "Mapping[str, str | tuple[str, ...] | Cells | Tree]"
"""Properties (strings, or cells of 32 bits; no cells: it is there) and nodes by name."""
_NAME = IP.replace("_", "-")
_LATER = 0xFFFF_FFFF
"""In place of what the loader resolves."""
_CONTROLLER = 1
"""Phandle of the interrupt controller."""
_LEVEL_HIGH, _SHARED = 4, 0
"""Kinds of interrupts of the processor's controller."""


def render_dtbo(name: str, ps: str, clock_mhz: float, data_bits: int) -> bytes:
    """An overlay that has ``NAME.bit.bin`` loaded, and then shows the block and its interrupt controller.

    Args:
        name: of the bitstream.
        data_bits: of the port to memory.
    """
    processor, places = PROCESSORS[ps], address_map(ps)
    clock: Cells = [Label(processor.clock_label), processor.clock_number]
    (block, block_bytes), (controller, controller_bytes) = places["block"], places["interrupts"]
    wide = processor.tree_cells == 2

    def reg(base: int, size: int) -> Cells:
        return [0, base, 0, size] if wide else [base, size]

    bus: dict[str, Any] = {
        f"interrupt-controller@{controller:x}": {
            "compatible": ("xlnx,axi-intc-4.1", "xlnx,xps-intc-1.00.a"),
            "reg": reg(controller, controller_bytes),
            "#address-cells": [0],
            "#interrupt-cells": [2],
            "interrupt-controller": [],
            "interrupt-parent": [Label(processor.interrupts_label)],
            "interrupts": [_SHARED, processor.interrupt, _LEVEL_HIGH],
            "xlnx,kind-of-intr": [0],
            "xlnx,num-intr-inputs": [1],
            "phandle": [_CONTROLLER],
        },
        f"{_NAME}-clock": {
            "compatible": "xlnx,fclk",
            "clocks": clock,
            "assigned-clocks": clock,
            "assigned-clock-rates": [round(clock_mhz * 1e6)],
            "#clock-cells": [0],
        },
        f"{_NAME}@{block:x}": {
            "compatible": (f"headrace,{_NAME}-1.0", "generic-uio"),
            "reg": reg(block, block_bytes),
            "interrupt-parent": [Local(_CONTROLLER)],
            "interrupts": [0, _LEVEL_HIGH],
        },
    }
    if processor.port_registers:
        code = {128: 0, 64: 1, 32: 2}[data_bits]
        bus[f"{_NAME}-memory-port"] = {
            "compatible": "xlnx,afi-fpga",
            "config-afi": [word for register in processor.port_registers for word in (register, code)],
        }
    return _compile(
        {
            "fragment@0": {"target": [Label("fpga_full")], "__overlay__": {"firmware-name": f"{name}.bit.bin"}},
            "fragment@1": {"target": [Label("amba")], "__overlay__": bus},
        }
    )


def _compile(tree: Tree) -> bytes:
    """A tree and its tables of what is to be resolved, as a blob of version 17."""
    labels: defaultdict[str, list[str]] = defaultdict(list)
    local: dict[str, Any] = {}
    out = fdt.FDT()
    out.header.version = 17
    out.root = _node("/", tree, "", labels, local)
    out.root.append(_node("__fixups__", {name: tuple(places) for name, places in labels.items()}, "", labels, {}))
    out.root.append(_node("__local_fixups__", local, "", labels, {}))
    return bytes(out.to_dtb())


def _node(name: str, tree: Tree, path: str, labels: defaultdict[str, list[str]], local: dict[str, Any]) -> fdt.Node:
    """A node; notes in ``labels`` and ``local`` where its cells are to be resolved."""
    node = fdt.Node(name)
    below: list[fdt.Node] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            inside: dict[str, Any] = {}
            below.append(_node(key, value, f"{path}/{key}", labels, inside))
            if inside:
                local[key] = inside
        elif isinstance(value, list):
            node.append(fdt.PropWords(key, *map(_word, value)) if value else fdt.Property(key))
            for at, cell in enumerate(value):
                if isinstance(cell, Label):
                    labels[cell.name].append(f"{path}:{key}:{4 * at}")
            if places := [4 * at for at, cell in enumerate(value) if isinstance(cell, Local)]:
                local[key] = places
        else:
            strings = [value] if isinstance(value, str) else value
            node.append(fdt.PropBytes(key, data=b"".join(string.encode() + b"\0" for string in strings)))
    for child in below:
        node.append(child)
    return node


def _word(cell: int | Label | Local) -> int:
    if isinstance(cell, Label):
        return _LATER
    return cell.phandle if isinstance(cell, Local) else cell
