# SPDX-License-Identifier: Apache-2.0
"""What memories, multipliers and logic cost in a family of devices, and where its engines put their memories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from math import ceil
from pathlib import Path

from headrace.errors import BuildError

BRAM36_SHAPES = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1))
"""Words and bits of a block RAM of 36 kbit (AMD UG473); half of one is a DP16KD of an ECP5 (Lattice FPGA-TN-02204)."""
ULTRA_ROWS, ULTRA_WIDTH = 4096, 72
"""Of an UltraRAM block (AMD UG573)."""
ULTRA_BITS = 4 * 36 * 1024
"""Memories of four block RAMs and more are in UltraRAM, where there is some: half of one of its blocks."""
CALIBRATION = Path(__file__).with_name("calibration.json")
"""Factors by family; benchmarks/calibrate.py writes them."""


def ceil_div(a: int, b: int) -> int:
    """``a / b`` rounded up."""
    return -(-a // b)


def index_bits(count: int) -> int:
    """Bits of a number from 0 to ``count - 1``, at least 1."""
    return max(1, (count - 1).bit_length())


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Fabric resources; block RAM counts in units of 36 kbit."""

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram36: float = 0.0
    uram: int = 0
    """UltraRAM blocks of 288 kbit, which some UltraScale+ devices have."""

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            lut=self.lut + other.lut,
            ff=self.ff + other.ff,
            dsp=self.dsp + other.dsp,
            bram36=self.bram36 + other.bram36,
            uram=self.uram + other.uram,
        )

    def times(self, count: int) -> Resources:
        """Of so many alike."""
        return Resources(
            lut=self.lut * count,
            ff=self.ff * count,
            dsp=self.dsp * count,
            bram36=self.bram36 * count,
            uram=self.uram * count,
        )

    def less(self, other: Resources) -> Resources:
        """The difference, not below zero."""
        return Resources(
            lut=max(0, self.lut - other.lut),
            ff=max(0, self.ff - other.ff),
            dsp=max(0, self.dsp - other.dsp),
            bram36=max(0.0, self.bram36 - other.bram36),
            uram=max(0, self.uram - other.uram),
        )

    def share_of(self, whole: Resources) -> float:
        """The largest fraction that any resource takes of ``whole``."""
        pairs = zip(self.measures(), whole.measures(), strict=True)
        return max(used / total if total else (0.0 if not used else float("inf")) for used, total in pairs)

    def measures(self) -> tuple[float, ...]:
        """What is budgeted."""
        return (self.lut, self.ff, self.dsp, self.bram36, self.uram)

    def to_json(self) -> dict[str, float]:
        """The figures; of UltraRAM if there is any."""
        ultra = {"uram": self.uram} if self.uram else {}
        return {"lut": self.lut, "ff": self.ff, "dsp": self.dsp, "bram36": self.bram36, **ultra}


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """A family of devices. The constants up to ``narrow_bits`` are those of technology_pkg.sv too."""

    family: str
    ram_words: int
    ram_bits: int
    """A memory of more words and more bits than these is kept in block RAM, another in LUTs."""
    rom_words: int
    rom_bits: int
    """The same of read-only memories."""
    fifo_words: int
    fifo_bits: int
    """The same of FIFOs."""
    fifo_deep: int
    """FIFOs of more words are in block RAM however narrow."""
    wide_bits: int
    narrow_bits: int
    """Operands of a multiplier, both signed."""
    lut_words: int
    """Words of one bit that a LUT holds as read-only memory."""
    ram_column: tuple[int, int, int]
    """Words, bits and LUTs of the least memory that can be written."""
    select: float
    """LUTs of a bit for each memory more that it is chosen from."""
    part_select: float
    """The same of parts of a read-only memory."""
    mux_rows: int
    """LUTs of a bit of a read-only memory that the slices' own multiplexers select from."""
    dsp_registers: bool
    """Whether synthesis puts registers and an adder into multipliers."""
    ultra_bits: int = 0
    """A memory that is in block RAM by its size, written and read, is in UltraRAM from so many bits on; 0: there is none."""
    factors: Mapping[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    """LUTs and flip-flops of an engine's logic, relative to what it says for 7 series, by `Engine.cost_name`."""

    def memory(self, words: int, bits: int, *, block: bool | None = None) -> Resources:
        """A memory of ``words`` x ``bits``: in LUTs when small, else in the block RAM shape that wastes least.

        Args:
            block: whether the hardware source forces block RAM or LUTs; None leaves it to the size.
        """
        if block is None:
            block = words > self.ram_words and words * bits > self.ram_bits
            if block and 0 < self.ultra_bits <= words * bits:
                return self.ultra_memory(words, bits)
        return self.block_memory(words, bits) if block else Resources(lut=self._in_luts(words, bits), ff=bits)

    def _in_luts(self, words: int, bits: int) -> int:
        depth, width, luts = self.ram_column
        if self.lut_words == 64 and words <= SHALLOW_WORDS:
            width *= 2
        rows = ceil_div(words, depth)
        writes = rows if rows > 1 else 0  # which of the rows is written
        return rows * ceil_div(bits, width) * luts + self._chosen(rows, bits) + writes

    def _chosen(self, rows: int, bits: int) -> int:
        """LUTs of a choice among ``rows`` words."""
        return bits * ceil((rows - 1) * self.select)

    def block_memory(self, words: int, bits: int) -> Resources:
        """A memory in block RAM, in the shape that wastes least; of such shapes that of fewest rows."""
        shapes = ((ceil_div(words, depth), ceil_div(bits * 2, width)) for depth, width in BRAM36_SHAPES)
        halves, rows = min((rows * columns, rows) for rows, columns in shapes)
        return Resources(lut=self._chosen(rows, bits), bram36=halves / 2)

    def ultra_memory(self, words: int, bits: int) -> Resources:
        """A memory in UltraRAM: rows of as many words, 1, 2, 4 or 8, as their bytes of 9 bits hold."""
        across = next((count for count in (8, 4, 2) if ULTRA_WIDTH // count >= bits), 1)
        deep = ceil_div(ceil_div(words, across), ULTRA_ROWS)
        lut = self._chosen(across * deep, bits) + (across if across > 1 else 0)  # the second: which word is written
        return Resources(lut=lut, ff=index_bits(across) if across > 1 else 0, uram=deep * ceil_div(bits, ULTRA_WIDTH))

    def read_only(self, words: int, bits: int, *, block: bool | None = None, late: bool = False) -> Resources:
        """A read-only memory with an address of its own and a registered output (fitted to yosys).

        In LUTs, one of up to two words is made of its registers, and one of few words holds few different columns.

        Args:
            block: as for `memory`.
            late: it takes two cycles, with a register before LUTs or behind a block RAM.
        """
        if block is None:
            block = words > self.rom_words and words * bits > self.rom_bits
        if late:
            held = Resources(ff=bits if block else (words - 1).bit_length())
            return self.read_only(words, bits, block=block) + held
        if block:
            return self.block_memory(words, bits)
        if words == 1:
            return Resources()
        columns = min(bits, 1 << min(words, 30))
        rows = ceil_div(words, self.lut_words)
        rows = 1 << (rows - 1).bit_length() if rows <= self.mux_rows else ceil(rows * MUXES)
        return Resources(lut=rows * columns if words > 2 else 0, ff=columns)

    def read_in_turn(self, words: int, bits: int, *, block: bool | None = None) -> Resources:
        """A read-only memory whose words come in turn (stream_rom_loop.sv), of which parts are read ahead.

        Args:
            block: as for `memory`.
        """
        if block is None:
            block = words > self.rom_words and words * bits > self.rom_bits
        parts = ceil_div(words, PART_WORDS)
        if block or parts == 1:
            return self.read_only(words, bits, block=block)
        last = self.read_only(words - (parts - 1) * PART_WORDS, bits, block=False)
        lut = self.read_only(PART_WORDS, bits, block=False).lut * (parts - 1) + last.lut
        return Resources(lut=lut + bits * ceil((parts - 1) * self.part_select), ff=bits * (parts + 1))

    def fifo_in_block(self, words: int, bits: int) -> bool:
        """Whether a FIFO keeps its beats in block RAM."""
        return words > self.fifo_deep or (words > self.fifo_words and words * bits > self.fifo_bits)

    def dsps(self, a: int, b: int) -> int:
        """Multipliers of one product of ``a`` and ``b`` signed bits; their lower parts are unsigned."""
        wide, narrow = max(a, b), min(a, b)
        return ceil_div(max(wide - 1, 1), self.wide_bits - 1) * ceil_div(max(narrow - 1, 1), self.narrow_bits - 1)

    def calibrated(self, name: str, logic: Resources) -> Resources:
        """``logic`` as engines say it, in this family."""
        if name not in self.factors:
            return logic
        lut, ff = self.factors[name]
        return replace(logic, lut=round(logic.lut * lut), ff=round(logic.ff * ff))

    def package(self) -> str:
        """The text of technology_pkg.sv."""
        names = {
            "RamWords": self.ram_words, "RamBits": self.ram_bits, "RomWords": self.rom_words, "RomBits": self.rom_bits,
            "FifoWords": self.fifo_words, "FifoBits": self.fifo_bits, "FifoDeep": self.fifo_deep,
            "WideW": self.wide_bits, "NarrowW": self.narrow_bits, "UltraBits": self.ultra_bits,
        }  # fmt: skip
        lines = "\n".join(f"  localparam int unsigned {name} = {value};" for name, value in names.items())
        return _PACKAGE.format(lines=lines)


SHALLOW_WORDS = 32
"""Up to this depth, four LUTs of a 7-series device hold six bits of a memory, not three."""
MUXES = 5 / 4
"""Of what holds the words of a read-only memory, what is taken where the slices' own multiplexers do not choose among them."""
PART_WORDS = 64
"""Of a part of a memory that is read in turn."""
_PACKAGE = """\
// SPDX-License-Identifier: Apache-2.0

/// What the device's memories and multipliers hold. Builds for other families than 7 series and
/// UltraScale+ bring a package of their own.
///
/// Memories of more words and more bits than these go into block RAM, others into LUTs; FIFOs deeper
/// than FifoDeep in any case. Memories of UltraBits and more go into UltraRAM, unless that is 0. A
/// multiplier takes operands of WideW and NarrowW signed bits.
package technology_pkg;
  /* verilator lint_off UNUSEDPARAM */
{lines}
  /* verilator lint_on UNUSEDPARAM */

  /// Parts of a signed number of `bits` that hold `step` bits each, the upper one and a sign.
  function automatic int unsigned parts(int unsigned bits, int unsigned step);
    return bits > 1 ? (bits - 2) / step + 1 : 1;
  endfunction

  /// Multipliers of one product of signed numbers of `a` and `b` bits.
  function automatic int unsigned product_parts(int unsigned a, int unsigned b);
    return parts(a > b ? a : b, WideW - 1) * parts(a > b ? b : a, NarrowW - 1);
  endfunction

  /// Cycles that `product_terms` takes for it.
  function automatic int unsigned product_latency(int unsigned a, int unsigned b);
    return product_parts(a, b) > 2 ? $clog2(product_parts(a, b)) : 1;
  endfunction
endpackage
"""


XC7 = Technology(
    family="xc7", ram_words=64, ram_bits=8192, rom_words=64, rom_bits=8192, fifo_words=256, fifo_bits=8192, fifo_deep=1024,
    wide_bits=25, narrow_bits=18, lut_words=64, ram_column=(64, 3, 4), select=1 / 3, part_select=1 / 3, mux_rows=4,
    dsp_registers=True,
)  # fmt: skip
"""7 series: DSP48E1 (AMD UG479), RAM64M (AMD UG474)."""
XCUP = replace(XC7, family="xcup", dsp_registers=False)
"""UltraScale+: its DSP48E2 are hardly wider than those of 7 series, and its LUTs the same. Yosys leaves their registers
unused, so it needs flip-flops beside them that Vivado does not."""
ECP5 = Technology(
    family="ecp5", ram_words=64, ram_bits=4096, rom_words=128, rom_bits=8192, fifo_words=64, fifo_bits=4096, fifo_deep=512,
    wide_bits=18, narrow_bits=18, lut_words=16, ram_column=(16, 4, 6), select=1.2, part_select=3 / 4, mux_rows=8,
    dsp_registers=False,
)  # fmt: skip
"""Lattice ECP5: MULT18X18D, DPR16X4, of whose six LUTs two are taken by its writing address (FPGA-DS-02012). `select` is
fitted to what Yosys makes of FIFOs, `part_select` to read-only memories of random words."""


@cache
def technology_of(family: str) -> Technology:
    """Of a board's family.

    Raises:
        BuildError: no costs of the family are known.
    """
    known = {t.family: t for t in (XC7, XCUP, ECP5)}
    if family not in known:
        raise BuildError(f"family '{family}' is none whose costs are known: {', '.join(known)}")
    factors = json.loads(CALIBRATION.read_text(encoding="utf-8")).get(family, {})
    return replace(known[family], factors={name: (float(lut), float(ff)) for name, (lut, ff) in factors.items()})
