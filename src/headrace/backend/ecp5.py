# SPDX-License-Identifier: Apache-2.0
"""What an ECP5 needs around ``headrace_serial``: clock, reset, pins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from headrace.backend.rtl import template
from headrace.boards import Board, Pins
from headrace.errors import BuildError

FAMILY = "ecp5"
TOP = "headrace_board"
"""Name of the module whose ports are the board's pins."""
INPUT_MHZ = (8, 400)
OUTPUT_MHZ = (3.125, 400)
PHASE_MHZ = (3.125, 400)
"""Of the two clocks that the PLL compares."""
VCO_MHZ = (400, 800)
"""Limits of its oscillator (Lattice FPGA-DS-02012)."""
DIVIDERS = range(1, 129)
TOLERANCE = Fraction(1, 1000)
"""That a clock may be off the one asked for."""
_PART = re.compile(r"LFE5(U|UM|UM5G)-(12|25|45|85)F-([678])(BG|MG|TG)(\d+)[CI]?")
_PACKAGES = {"BG": "CABGA", "MG": "CSFBGA", "TG": "TQFP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A device, as the tools name it."""

    die: str
    package: str
    speed: str

    @classmethod
    def of(cls, name: str) -> Part:
        """Of an ordering code.

        Raises:
            BuildError: it is none of an ECP5.
        """
        found = _PART.fullmatch(name)
        if not found:
            raise BuildError(f"part '{name}' is no ECP5; an example is LFE5U-85F-6BG381C")
        kind, size, speed, package, balls = found.groups()
        prefix = {"U": "", "UM": "um-", "UM5G": "um5g-"}[kind]
        return cls(die=f"{prefix}{size}k", package=f"{_PACKAGES[package]}{balls}", speed=speed)

    @property
    def options(self) -> tuple[str, ...]:
        """Of nextpnr-ecp5."""
        return (f"--{self.die}", "--package", self.package, "--speed", self.speed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pll:
    """Dividers of an EHXPLLL whose feedback is its output (Lattice FPGA-TN-02200)."""

    input_div: int
    feedback_div: int
    output_div: int

    @classmethod
    def of(cls, source: Fraction, wanted: Fraction) -> Pll:
        """The one nearest to ``wanted`` MHz from ``source`` MHz; of equals, that with the fastest phase comparison.

        Raises:
            BuildError: there is none.
        """
        choices = [
            cls(input_div=i, feedback_div=f, output_div=_output_div(made))
            for i in DIVIDERS
            if _within(source / i, PHASE_MHZ)
            for f in {int(wanted * i / source), int(wanted * i / source) + 1}
            if f in DIVIDERS and _within(made := source * f / i, OUTPUT_MHZ) and _output_div(made)
        ]
        best = min(choices, key=lambda p: (abs(p.output(source) - wanted), p.input_div), default=None)
        if best is None or not _within(source, INPUT_MHZ) or abs(best.output(source) - wanted) > TOLERANCE * wanted:
            nearest = f"; the nearest is {float(best.output(source)):g}" if best else ""
            raise BuildError(f"no PLL of an ECP5 makes {float(wanted):g} MHz of {float(source):g}{nearest}")
        return best

    def output(self, source: Fraction) -> Fraction:
        """In MHz."""
        return source * self.feedback_div / self.input_div

    @property
    def phase(self) -> int:
        """The edge of the output that meets the input's: the last of the divider's count."""
        return self.output_div - 1


def _within(mhz: Fraction, limits: tuple[float, float]) -> bool:
    return limits[0] <= mhz <= limits[1]


def _output_div(made: Fraction) -> int:
    """The divider that brings the oscillator next to the middle of its range; 0: none does."""
    fitting = [n for n in DIVIDERS if _within(made * n, VCO_MHZ)]
    return min(fitting, key=lambda n: abs(made * n - sum(VCO_MHZ) // 2), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardTop:
    """The module at the pins, and their constraints."""

    title: str
    part: Part
    pins: Pins
    clock_mhz: float

    @classmethod
    def of(cls, board: Board) -> BoardTop | None:
        """Of a board; None where its pins are not known.

        Raises:
            BuildError: its device is none that the top is for, or has no way to its clock.
        """
        if board.pins is None:
            return None
        if board.family != FAMILY:
            raise BuildError(f"{board.title}: pins are for boards of family '{FAMILY}', not '{board.family}'")
        top = cls(title=board.title, part=Part.of(board.part), pins=board.pins, clock_mhz=board.clock_mhz)
        _ = top.pll
        return top

    @property
    def pll(self) -> Pll | None:
        """None where the oscillator is the clock."""
        source, wanted = Fraction(str(self.pins.clock_mhz)), Fraction(str(self.clock_mhz))
        return None if source == wanted else Pll.of(source, wanted)

    def render(self, serial: str) -> str:
        """The module, around one named ``serial``."""
        return template("board_ecp5.sv.j2").render(top=self, module=TOP, serial=serial)

    def constraints(self) -> str:
        """A file of Lattice's preferences: sites and the oscillator's clock."""
        pins = self.pins
        pull = f" PULLMODE={'DOWN' if pins.button_pressed else 'UP'}"
        sites = [("clk_i", pins.clock, ""), ("rx_i", pins.rx, " PULLMODE=UP"), ("tx_o", pins.tx, "")]
        sites += [("button_i", pins.button, pull), ("led_o", pins.led, "")]
        sites += [(f"high_o[{n}]", site, "") for n, site in enumerate(pins.high)]
        lines = [f"# {self.title}; written by headrace"]
        for port, site, more in sites:
            lines += [f'LOCATE COMP "{port}" SITE "{site}";', f'IOBUF PORT "{port}" IO_TYPE=LVCMOS33{more};']
        lines.append(f'FREQUENCY PORT "clk_i" {pins.clock_mhz:g} MHZ;')
        return "\n".join(lines) + "\n"
