# SPDX-License-Identifier: Apache-2.0
"""The boards that headrace knows: one TOML file each under hw/boards."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headrace.engines.technology import ULTRA_BITS, Resources, Technology, technology_of
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
class Pins:
    """Where the device's package meets a board without a processor: sites, and what is connected to them."""

    clock: str
    clock_mhz: float
    """Of the oscillator."""
    rx: str
    """What the host sends."""
    tx: str
    button: str
    button_pressed: int
    """Level of the button's site while it is held down."""
    led: str
    led_on: int
    """Level at which the lamp lights."""
    high: tuple[str, ...] = ()
    """Sites that are driven high, or the board does something else."""

    def __post_init__(self) -> None:
        if not 0 < self.clock_mhz < float("inf"):
            raise ValueError(f"the oscillator's clock_mhz {self.clock_mhz} is not positive")
        for name in ("button_pressed", "led_on"):
            if getattr(self, name) not in (0, 1):
                raise ValueError(f"{name} {getattr(self, name)} is neither 0 nor 1")
        sites = [self.clock, self.rx, self.tx, self.button, self.led, *self.high]
        if twice := sorted({site for site in sites if sites.count(site) > 1}):
            raise ValueError(f"site {twice[0]} stands twice in the pins")

    @classmethod
    def from_toml(cls, raw: Mapping[str, Any]) -> Pins:
        """Of a board's table of pins."""
        names = ("clock", "rx", "tx", "button", "led")
        return cls(
            **{name: str(raw[name]) for name in names},
            clock_mhz=float(raw["clock_mhz"]),
            button_pressed=int(raw["button_pressed"]),
            led_on=int(raw["led_on"]),
            high=tuple(str(site) for site in raw.get("high", ())),
        )


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
    pins: Pins | None = None
    """None where a processor's design knows them, and where no bitstream is to be made."""

    @property
    def technology(self) -> Technology:
        """Of its device: that of the family, with UltraRAM if it has some."""
        return replace(technology_of(self.family), ultra_bits=ULTRA_BITS if self.resources.uram else 0)


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
        amounts, memory, serial, pins = raw["resources"], raw.get("memory"), raw.get("serial"), raw.get("pins")
        if memory is not None and serial is not None:
            raise ValueError("memory and serial: frames come one way or the other")
        if pins is not None and serial is None:
            raise ValueError("pins without serial: they are those of a serial line")
        board = Board(
            name=path.stem,
            title=str(raw["title"]),
            part=str(raw["part"]),
            family=str(raw["family"]),
            clock_mhz=float(raw["clock_mhz"]),
            resources=Resources(
                lut=int(amounts["lut"]),
                ff=int(amounts["ff"]),
                dsp=int(amounts["dsp"]),
                bram36=float(amounts["bram36"]),
                uram=int(amounts.get("uram", 0)),
            ),
            memory=None
            if memory is None
            else Memory(ps=str(memory["ps"]), data_bits=int(memory["data_bits"]), address_bits=int(memory["address_bits"])),
            serial=None if serial is None else Serial(baud=int(serial["baud"])),
            pins=None if pins is None else Pins.from_toml(pins),
        )
    except (tomllib.TOMLDecodeError, AttributeError, KeyError, ValueError, TypeError) as error:
        raise BuildError(f"{path}: not a valid board description ({error!r})") from error
    technology_of(board.family)
    figures = {"clock_mhz": board.clock_mhz, **board.resources.to_json()}
    if wrong := [name for name, value in figures.items() if not 0 < value < float("inf")]:
        raise BuildError(f"{path}: not a valid board description ({wrong[0]} = {figures[wrong[0]]}; need a positive number)")
    return board
