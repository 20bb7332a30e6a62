# SPDX-License-Identifier: Apache-2.0
"""The engine that brings a constant map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headrace.engines.base import Parameter, ResultEngine, Rom
from headrace.engines.technology import Resources, Technology, index_bits
from headrace.ir.ops import IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sets:
    """A map by its unlike rows and columns: pixel (y, x) is ``words[rows[y], cols[x]]``."""

    words: IntArray
    """(R, S, C)"""
    rows: IntArray
    """(H,)"""
    cols: IntArray
    """(W,)"""


def sets_of(value: IntArray) -> Sets:
    """The unlike rows and columns of a map (H, W, C), each in order of its first occurrence."""
    rows, row_of = _unlike(value.reshape(value.shape[0], -1))
    kept = value[rows]
    cols, col_of = _unlike(kept.swapaxes(0, 1).reshape(value.shape[1], -1))
    return Sets(words=kept[:, cols], rows=row_of, cols=col_of)


def _unlike(lines: IntArray) -> tuple[IntArray, IntArray]:
    """The first of each kind of ``lines`` (n, ...), and the kind of each line."""
    _, first, kind = np.unique(lines, axis=0, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return np.sort(first), rank[kind.ravel()].astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(ResultEngine):
    """A constant map (H, W, C), ``lanes`` channels in each clock cycle."""

    module: ClassVar[str] = "engine_constant"
    in_ports: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    sets: Sets

    @property
    def words(self) -> int:
        """Words of the memory."""
        rows, cols, _ = self.sets.words.shape
        return int(rows * cols * self.beats)

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Nothing comes in."""
        return ()

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_constant.sv."""
        rows, cols, _ = self.sets.words.shape
        return {
            "Lanes": self.lanes,
            "LaneW": self.result.bits,
            "Rows": self.result.shape[0],
            "Cols": self.result.shape[1],
            "Beats": self.beats,
            "RowSets": rows,
            "ColSets": cols,
            "RomFile": f'"{self.name}.hex"',
            "RowFile": f'"{self.name}_rows.hex"',
            "ColFile": f'"{self.name}_cols.hex"',
        }

    def roms(self) -> tuple[Rom, ...]:
        """The words, and where those of each row and each column begin, if rows or columns differ."""
        rows, cols, channels = self.sets.words.shape
        padded = np.zeros((rows * cols, self.beats * self.lanes), np.int64)
        padded[:, :channels] = self.sets.words.reshape(-1, channels)
        out = [Rom(file=f"{self.name}.hex", fields=padded.reshape(-1, self.lanes), widths=(self.result.bits,))]
        address = index_bits(self.words)
        for name, count, first in (
            ("rows", rows, self.sets.rows * cols * self.beats),
            ("cols", cols, self.sets.cols * self.beats),
        ):
            if count > 1:
                out.append(Rom(file=f"{self.name}_{name}.hex", fields=first[:, None], widths=(address,)))
        return tuple(out)

    def memories(self, technology: Technology) -> Resources:
        """The memory, those of the bases, counters and the address (fitted to yosys)."""
        rows, cols, _ = self.sets.words.shape
        h, w, _ = self.result.shape
        address = (self.words - 1).bit_length()
        total = technology.read_only(self.words, self.lanes * self.result.bits)
        total += technology.read_only(h, address) if rows > 1 else Resources()
        total += technology.read_only(w, address) if cols > 1 else Resources()
        return total

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """Counters and the address (fitted to yosys)."""
        h, w, _ = self.result.shape
        address = (self.words - 1).bit_length()
        counted = sum((count - 1).bit_length() for count in (h, w, self.beats))
        return Resources(lut=counted + address + 2, ff=counted + 3)
