# SPDX-License-Identifier: Apache-2.0
"""The boards that headrace knows: one TOML file each under hw/boards."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from headrace.engines.base import Resources
from headrace.errors import BuildError
from headrace.resources import data_dir

PROCESSORS = ("zynq7", "zynqmp")
"""Processing systems beside the fabric: Zynq-7000 and Zynq UltraScale+."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The way from the fabric to the processor's memory."""

    ps: str
    """One of `PROCESSORS`."""
    data_bits: int
    address_bits: int

    def __post_init__(self) -> None:
        if self.ps not in PROCESSORS:
            raise ValueError(f"ps '{self.ps}' is none of {', '.join(PROCESSORS)}")
        if self.data_bits not in (64, 128):
            raise ValueError(f"data_bits {self.data_bits} is neither 64 nor 128")
        if not 32 <= self.address_bits <= 64:
            raise ValueError(f"address_bits {self.address_bits} is not within 32 to 64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serial:
    """The serial line of a board whose fabric has no processor beside it."""

    baud: int

    def __post_init__(self) -> None:
        if self.baud < 1:
            raise ValueError(f"baud {self.baud} is not positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board's device, clock and what its fabric holds."""

    name: str
    title: str
    part: str
    family: str
    clock_mhz: float
    resources: Resources
    memory: Memory | None = None
    """None where the fabric has no processor beside it."""
    serial: Serial | None = None
    """None where frames come from memory."""


def board_names() -> list[str]:
    """Names that :func:`load_board` takes."""
    return sorted(path.stem for path in (data_dir("hw") / "boards").glob("*.toml"))


def load_board(name: str) -> Board:
    """The board ``name``, or the one described by a TOML file at that path.

    Raises:
        BuildError: no such board, or its file is not a valid description.
    """
    path = Path(name) if name.endswith(".toml") else data_dir("hw") / "boards" / f"{name}.toml"
    if not path.is_file():
        raise BuildError(f"unknown board '{name}'; known: {', '.join(board_names())} (or give the path of a board's TOML file)")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        amounts, memory, serial = raw["resources"], raw.get("memory"), raw.get("serial")
        if memory is not None and serial is not None:
            raise ValueError("memory and serial: frames come one way or the other")
        board = Board(
            name=path.stem,
            title=str(raw["title"]),
            part=str(raw["part"]),
            family=str(raw["family"]),
            clock_mhz=float(raw["clock_mhz"]),
            resources=Resources(
                lut=int(amounts["lut"]), ff=int(amounts["ff"]), dsp=int(amounts["dsp"]), bram36=float(amounts["bram36"])
            ),
            memory=None
            if memory is None
            else Memory(ps=str(memory["ps"]), data_bits=int(memory["data_bits"]), address_bits=int(memory["address_bits"])),
            serial=None if serial is None else Serial(baud=int(serial["baud"])),
        )
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as error:
        raise BuildError(f"{path}: not a valid board description ({error!r})") from error
    figures = {"clock_mhz": board.clock_mhz, **board.resources.to_json()}
    if wrong := [name for name, value in figures.items() if not 0 < value < float("inf")]:
        raise BuildError(f"{path}: not a valid board description ({wrong[0]} = {figures[wrong[0]]}; need a positive number)")
    return board
