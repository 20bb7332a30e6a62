# SPDX-License-Identifier: Apache-2.0
"""Blocks around the network, which bring its frames: from memory, or from a serial line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from headrace.backend.design import Design
from headrace.backend.ecp5 import BoardTop
from headrace.backend.ip import Ip
from headrace.backend.rtl import TECHNOLOGY
from headrace.backend.serial import SerialBlock
from headrace.boards import Board
from headrace.engines.technology import Resources
from headrace.files import write_files
from headrace.ir.graph import Graph

NO_ID = "0" * 16


class Block(Protocol):
    """What stands around the network."""

    @property
    def module(self) -> str:
        """Name of the top module."""
        ...

    def render(self, build_id: str) -> str:
        """The top module; ``build_id`` is 16 hexadecimal digits."""
        ...

    def sources(self) -> list[Path]:
        """The files under hw/rtl that the top module needs besides the network."""
        ...

    def resources(self) -> Resources:
        """Estimated fabric resources."""
        ...

    def beside(self) -> Mapping[str, str]:
        """Further files in the module's folder, by name."""
        ...

    def describe(self, sources: Sequence[str]) -> Mapping[str, Any]:
        """The manifest's part."""
        ...


def blocks_for(board: Board, graph: Graph, design: Design, held: tuple[str, ...] = ()) -> dict[str, Block]:
    """What a board needs around a network, by its name in the manifest: one block, or none."""
    if board.memory:
        return {"ip": Ip(graph=graph, design=design, memory=board.memory, held=held)}
    if board.serial:
        top = BoardTop.of(board)
        block = SerialBlock(graph=graph, design=design, baud=board.serial.baud, clock_mhz=board.clock_mhz, board_top=top)
        return {"serial": block}
    return {}


def write_block(block: Block, folder: Path, present: Sequence[str]) -> list[str]:
    """Writes a block into ``folder``, with a build id of zero; returns the names of all its files in compile order.

    Args:
        present: the network's files there, in compile order.
    """
    parts = [source for source in block.sources() if source.name not in present]  # what is there may be of the build's own
    for source in parts:
        (folder / source.name).write_text(source.read_text())
    (folder / f"{block.module}.sv").write_text(block.render(NO_ID))
    write_files(block.beside(), folder)
    packages = [name for name in present if name.startswith(TECHNOLOGY)]
    rest = [name for name in present if name not in packages]
    return [*packages, *(source.name for source in parts), *rest, f"{block.module}.sv"]
