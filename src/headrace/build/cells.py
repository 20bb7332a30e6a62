# SPDX-License-Identifier: Apache-2.0
"""What the cells of a synthesised netlist take of a device, by family, and the commands that make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.engines.technology import Resources
from headrace.errors import ToolError


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPrices:
    """Of one family."""

    command: str
    """Of Yosys; the top module is to be added."""
    lut: Mapping[str, int]
    ff: frozenset[str]
    dsp: frozenset[str]
    bram36: Mapping[str, float]
    uram: frozenset[str]
    free: frozenset[str]
    """Multiplexers and carries beside the LUTs, buffers, pads."""

    def resources(self, cells: Mapping[str, int]) -> Resources:
        """Of counted cells.

        Raises:
            ToolError: the price of a cell is not known.
        """
        known = {*self.lut, *self.ff, *self.dsp, *self.bram36, *self.uram, *self.free}
        unknown = sorted(cell for cell in cells if cell not in known and not cell.startswith("$"))
        if unknown:
            raise ToolError(f"no price is known of the cells {', '.join(unknown)}")
        return Resources(
            lut=sum(n * cells.get(cell, 0) for cell, n in self.lut.items()),
            ff=sum(cells.get(cell, 0) for cell in self.ff),
            dsp=sum(cells.get(cell, 0) for cell in self.dsp),
            bram36=sum(n * cells.get(cell, 0) for cell, n in self.bram36.items()),
            uram=sum(cells.get(cell, 0) for cell in self.uram),
        )


_LUTS = {**{f"LUT{n}": 1 for n in range(1, 7)}, "LUT6_2": 1, "SRL16E": 1, "SRLC32E": 1}
LUTRAM_CELLS = {
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8,
    "RAM128X1D": 4, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM256X1D": 8,
}  # fmt: skip
_FFS = frozenset(("FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1"))
_FREE = frozenset(
    ("CARRY4", "CARRY8", "MUXF7", "MUXF8", "MUXF9", "INV", "BUFG", "IBUF", "OBUF", "GND", "VCC")  # INV: into the LUTs behind it
)

PRICES: Mapping[str, CellPrices] = {
    "xc7": CellPrices(
        command="synth_xilinx -family xc7 -flatten -noiopad",
        lut=_LUTS | LUTRAM_CELLS,
        ff=_FFS,
        dsp=frozenset(("DSP48E1",)),
        bram36={"RAMB36E1": 1.0, "RAMB18E1": 0.5},
        uram=frozenset(),
        free=_FREE,
    ),
    "xcup": CellPrices(
        command="synth_xilinx -family xcup -flatten -noiopad",
        lut=_LUTS | LUTRAM_CELLS,
        ff=_FFS,
        dsp=frozenset(("DSP48E2",)),
        bram36={"RAMB36E2": 1.0, "RAMB18E2": 0.5},
        uram=frozenset(("URAM288",)),
        free=_FREE,
    ),
    "ecp5": CellPrices(
        command="synth_ecp5",
        lut={"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},  # two of these are where its address is written
        ff=frozenset(("TRELLIS_FF",)),
        dsp=frozenset(("MULT18X18D",)),
        bram36={"DP16KD": 0.5, "PDPW16KD": 0.5},
        uram=frozenset(),
        free=frozenset(("PFUMX", "L6MUX21", "TRELLIS_IO", "EHXPLLL", "DCCA")),
    ),
}
"""By the family that a board's description names."""


def prices_of(family: str) -> CellPrices:
    """Of a family.

    Raises:
        ToolError: Yosys is not told how to synthesise for it.
    """
    if family not in PRICES:
        raise ToolError(f"family '{family}' is none that is synthesised here; known: {', '.join(PRICES)}")
    return PRICES[family]
