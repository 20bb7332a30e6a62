# SPDX-License-Identifier: Apache-2.0
"""What every engine tells the compiler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headrace.ir.ops import IntArray
from headrace.ir.tensor import Tensor

Parameter = int | bool | str
"""A module parameter; strings are SystemVerilog expressions."""


class Packed(str):
    """The literal of a packed array parameter; ``values`` are its elements, element 0 in the low bits."""

    values: tuple[int, ...]

    def __new__(cls, text: str, values: Iterable[int]) -> Packed:
        """The literal ``text``, which means ``values``."""
        literal = super().__new__(cls, text)
        literal.values = tuple(int(value) for value in values)
        return literal


def packed(values: Sequence[int], bits: int) -> Packed:
    """The literal of a packed array of ``bits``-bit elements."""
    total = sum((value & ((1 << bits) - 1)) << (bits * k) for k, value in enumerate(values))
    return Packed(f"{len(values) * bits}'h{total:x}", values)


def ceil_div(a: int, b: int) -> int:
    """``a / b`` rounded up."""
    return -(-a // b)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Fabric resources; block RAM counts in units of 36 kbit."""

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram36: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            lut=self.lut + other.lut,
            ff=self.ff + other.ff,
            dsp=self.dsp + other.dsp,
            bram36=self.bram36 + other.bram36,
        )

    def less(self, other: Resources) -> Resources:
        """The difference, not below zero."""
        return Resources(
            lut=max(0, self.lut - other.lut),
            ff=max(0, self.ff - other.ff),
            dsp=max(0, self.dsp - other.dsp),
            bram36=max(0.0, self.bram36 - other.bram36),
        )

    def share_of(self, whole: Resources) -> float:
        """The largest fraction that any resource takes of ``whole``."""
        pairs = ((self.lut, whole.lut), (self.ff, whole.ff), (self.dsp, whole.dsp), (self.bram36, whole.bram36))
        return max(used / total if total else (0.0 if not used else float("inf")) for used, total in pairs)

    def to_json(self) -> dict[str, float]:
        """The four figures."""
        return {"lut": self.lut, "ff": self.ff, "dsp": self.dsp, "bram36": self.bram36}


LUT_WORDS = 64
"""Words of one bit that a LUT holds as memory."""
SHALLOW_WORDS = 32
"""Up to this depth, four LUTs hold six bits of a memory, not three."""
LUT_MEMORY_BITS = 8192
"""Up to this size a memory is cheaper in LUTs (about 170) than in half a block RAM of 18 kbit."""
BRAM36_SHAPES = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1))


def in_block(words: int, bits: int) -> bool:
    """Whether a memory of ``words`` x ``bits`` is better kept in block RAM."""
    return words > LUT_WORDS and words * bits > LUT_MEMORY_BITS


def memory(words: int, bits: int, *, block: bool | None = None) -> Resources:
    """A memory of ``words`` x ``bits``: in LUTs when small, else in the block RAM shape that wastes least (AMD UG473).

    Args:
        block: whether the hardware source forces block RAM or LUTs; None leaves it to the size.
    """
    if block is None:
        block = in_block(words, bits)
    if not block:
        rows = 2 * bits / 3 if words <= SHALLOW_WORDS else ceil_div(words, LUT_WORDS) * bits * 4 / 3
        return Resources(lut=int(rows), ff=bits)
    half_blocks = min(ceil_div(words, depth) * ceil_div(bits * 2, width) for depth, width in BRAM36_SHAPES)
    return Resources(bram36=half_blocks / 2)


MUX_WORDS = 256
"""Words that a LUT memory selects with the slices' own multiplexers; deeper ones take further LUTs."""


def read_only(words: int, bits: int, *, block: bool | None = None) -> Resources:
    """A read-only memory with an address of its own and a registered output (fitted to yosys).

    In LUTs, one of up to two words is made of its registers, and one of few words holds few different columns.

    Args:
        block: whether the hardware source forces block RAM or LUTs; None leaves it to the size.
    """
    if block is None:
        block = in_block(words, bits)
    if block:
        return memory(words, bits, block=True)
    if words == 1:
        return Resources()
    columns = min(bits, 1 << min(words, 30))
    lut = ceil_div(words, LUT_WORDS) * columns * (4 if words > MUX_WORDS else 3) // 3
    return Resources(lut=lut if words > 2 else 0, ff=columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rom:
    """Contents of a read-only memory: one word of ``bits`` bits per row of ``fields``, field 0 in the low bits."""

    file: str
    fields: IntArray
    """(words, n)"""
    widths: tuple[int, ...]
    """Bits of each field, repeating along a row."""

    def lines(self) -> list[str]:
        """One hexadecimal word a line, for $readmemh."""
        n = self.fields.shape[1]
        widths = self.widths * (n // len(self.widths))
        digits = ceil_div(sum(widths), 4)
        out = []
        for row in self.fields.tolist():
            word, at = 0, 0
            for value, width in zip(row, widths, strict=True):
                word |= (value & ((1 << width) - 1)) << at
                at += width
            out.append(f"{word:0{digits}x}")
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine(ABC):
    """One instance of a SystemVerilog module."""

    name: str
    module: ClassVar[str]
    in_ports: ClassVar[tuple[tuple[str, str, str], ...]] = (("valid_i", "ready_o", "data_i"),)
    """(valid, ready, data) port names of each input stream."""
    out_ports: ClassVar[tuple[tuple[str, str, str], ...]] = (("valid_o", "ready_i", "data_o"),)
    """(valid, ready, data) port names of each output stream."""
    bundled_in: ClassVar[bool] = False
    """All input streams share one set of ports, stream 0 in the low bits."""
    bundled_out: ClassVar[bool] = False
    """All output streams share the valid and ready ports, and one data bus."""

    @abstractmethod
    def parameters(self) -> Mapping[str, Parameter]:
        """Module parameters by name."""

    @property
    @abstractmethod
    def in_widths(self) -> tuple[int, ...]:
        """Bits of one beat of each input stream."""

    @property
    @abstractmethod
    def out_widths(self) -> tuple[int, ...]:
        """Bits of one beat of each output stream."""

    @property
    @abstractmethod
    def cycles(self) -> int:
        """Clock cycles for one frame when nothing stalls."""

    @abstractmethod
    def resources(self) -> Resources:
        """Estimated fabric resources."""

    def tied_ports(self) -> tuple[tuple[str, str], ...]:
        """(port, expression) of ports that this configuration leaves idle."""
        return ()

    def own_module(self) -> str | None:
        """The SystemVerilog of a module that is written for this instance alone; None: it lies under hw/rtl."""
        return None

    def rom(self) -> Rom | None:
        """The engine's memory contents, if it has one memory."""
        return None

    def roms(self) -> tuple[Rom, ...]:
        """The contents of all its memories, a file each."""
        rom = self.rom()
        return () if rom is None else (rom,)


@dataclass(frozen=True, kw_only=True)
class LaneEngine(Engine):
    """An engine whose one input and one output have the same beats."""

    bits: int
    """Bits of a lane."""
    lanes: int

    @property
    def in_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.lanes * self.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.lanes * self.bits,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultEngine(Engine):
    """An engine that gives ``lanes`` values of its result in each clock cycle."""

    result: Tensor
    lanes: int

    @property
    def beats(self) -> int:
        """Beats of a pixel."""
        return ceil_div(self.result.channels, self.lanes)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Activations."""
        return (self.lanes * self.result.bits,)

    @property
    def cycles(self) -> int:
        """One beat each cycle."""
        return self.result.pixels * self.beats


def fields_of(values: IntArray, bits: int) -> int:
    """Bits of a two's complement field that holds every value, at least ``bits``."""
    lo, hi = (int(values.min()), int(values.max())) if values.size else (0, 0)
    return max(bits, (-lo - 1).bit_length() + 1 if lo < 0 else 1, hi.bit_length() + 1)


def fold_matrix(weights: IntArray, rows: int, cols: int) -> IntArray:
    """Zero-pads a matrix (M, K) to whole tiles and orders it as tiles: (M/rows * K/cols, rows * cols)."""
    m, k = weights.shape
    m_tiles, k_tiles = ceil_div(m, rows), ceil_div(k, cols)
    padded = np.zeros((m_tiles * rows, k_tiles * cols), weights.dtype)
    padded[:m, :k] = weights
    tiles = padded.reshape(m_tiles, rows, k_tiles, cols).transpose(0, 2, 1, 3)
    return tiles.reshape(m_tiles * k_tiles, rows * cols)
