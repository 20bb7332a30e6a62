# SPDX-License-Identifier: Apache-2.0
"""What every engine tells the compiler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headrace.engines.technology import XC7, Resources, Technology, ceil_div
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rom:
    """Contents of a read-only memory: one word of ``bits`` bits per row of ``fields``, field 0 in the low bits."""

    file: str
    fields: IntArray
    """(words, n)"""
    widths: tuple[int, ...]
    """Bits of each field, repeating along a row."""

    @property
    def bits(self) -> int:
        """Of a word."""
        return sum(self.widths) * (int(self.fields.shape[1]) // len(self.widths))

    def lines(self) -> list[str]:
        """One hexadecimal word a line, for $readmemh."""
        digits = ceil_div(self.bits, 4)
        return [f"{word:0{digits}x}" for word in self.words()]

    def words(self) -> list[int]:
        """The words as non-negative numbers."""
        widths = self.widths * (self.fields.shape[1] // len(self.widths))
        out = []
        for row in self.fields.tolist():
            word, at = 0, 0
            for value, width in zip(row, widths, strict=True):
                word |= (value & ((1 << width) - 1)) << at
                at += width
            out.append(word)
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

    @property
    def in_bursts(self) -> bool:
        """Whether it takes no input for a while, then all that comes, so that beats must not have to collect behind a FIFO."""
        return False

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

    def resources(self, technology: Technology = XC7) -> Resources:
        """Estimated fabric resources; of a 7-series device if not told of another."""
        return self.memories(technology) + technology.calibrated(self.cost_name, self.logic(technology))

    @property
    def cost_name(self) -> str:
        """Under which its costs are calibrated: engines that are made of other things have another."""
        return self.module

    def memories(self, technology: Technology) -> Resources:  # noqa: ARG002
        """What it stores apart from registers."""
        return Resources()

    @abstractmethod
    def logic(self, technology: Technology) -> Resources:
        """All the rest; LUTs and flip-flops as in a 7-series device."""

    def tied_ports(self) -> tuple[tuple[str, str], ...]:
        """(port, expression) of ports that this configuration leaves idle."""
        return ()

    def own_module(self) -> str | None:
        """The SystemVerilog of a module that is written for this instance alone; None: it lies under hw/rtl."""
        return None

    def streamed(self) -> Rom | None:
        """The words that come to its last input again and again from outside the network, if it wants some."""
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
    return max(bits, (-lo - 1).bit_length() + 1 if lo < 0 else 1, max(hi, 0).bit_length() + 1)


def fold_matrix(weights: IntArray, rows: int, cols: int) -> IntArray:
    """Zero-pads a matrix (M, K) to whole tiles and orders it as tiles: (M/rows * K/cols, rows * cols)."""
    m, k = weights.shape
    m_tiles, k_tiles = ceil_div(m, rows), ceil_div(k, cols)
    padded = np.zeros((m_tiles * rows, k_tiles * cols), weights.dtype)
    padded[:m, :k] = weights
    tiles = padded.reshape(m_tiles, rows, k_tiles, cols).transpose(0, 2, 1, 3)
    return tiles.reshape(m_tiles * k_tiles, rows * cols)
