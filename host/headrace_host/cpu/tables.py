# SPDX-License-Identifier: Apache-2.0
"""Functions of one value as tables: lookups, and thresholds of inputs that span few values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace_host.cpu.finish import tiles
from headrace_host.cpu.memory import Array, Binder, Map, Margin

MAX_ENTRIES = 1 << 20
"""Largest table."""


@dataclass(frozen=True, slots=True)
class Table:
    """``table[c, x - lo]``."""

    source: str
    target: str
    table: Array
    """(C or 1, n), of the target's type; entries are whole numbers"""
    lo: int

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        rows, cols, channels = target.shape
        entries = self.table.shape[1]
        # an index below zero wraps to the end of the table, and so does x itself in a table that starts with zero's entry
        table = np.roll(self.table, self.lo, axis=1).astype(target.data.dtype).reshape(-1)
        for tile in tiles(binder, rows, 3 * cols * channels):
            size = *tile.count, cols * channels
            index = binder.scratch(size, np.intp)
            binder.do(np.copyto, index, source.rows[tile.frames, tile.rows], casting="unsafe")
            if len(self.table) > 1:
                pixels = index.reshape(-1, channels)
                binder.do(np.remainder, index, entries, index)
                binder.do(np.add, pixels, np.arange(channels) * entries, pixels)
            self._take(binder, table, index, target, target.rows[tile.frames, tile.rows])

    def _take(self, binder: Binder, table: Array, index: Array, target: Map, pixels: Array) -> None:
        if pixels.flags.c_contiguous:
            binder.do(table.take, index, None, pixels, "wrap")
        else:
            taken = binder.scratch(index.shape, target.data.dtype)
            binder.do(table.take, index, None, taken, "wrap")
            binder.do(np.copyto, pixels, taken)
