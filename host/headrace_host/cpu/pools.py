# SPDX-License-Identifier: Apache-2.0
"""Maxima and sums over windows, down the columns and then along the rows, and over whole maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headrace_host.cpu.conv import Window
from headrace_host.cpu.finish import Tile, accumulators, compact_picks, finish, tiles
from headrace_host.cpu.memory import Array, Binder, Map, Margin, thinned
from headrace_host.cpu.rescale import Rescale


@dataclass(frozen=True, slots=True)
class Pool:
    """The maximum or sum of windows."""

    source: str
    target: str
    window: Window
    operation: Callable[..., object]
    """`np.maximum` or `np.add`"""
    floor: float
    """What the padding holds: of a maximum, nothing above the least value."""
    rescale: Rescale | None

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {} if self.floor else {self.source: self.window.margin}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        if self.floor:
            source = self._bordered(binder, source)
        (kh, kw), (rows, cols, channels) = self.window.kernel, target.shape
        frame, row, _, down, across = self.window.strides(source)
        span = ((cols - 1) * self.window.stride[1] + 1) * channels
        wide = span + (kw - 1) * across
        for tile in tiles(binder, rows, wide):
            frames, count = tile.count
            start = self.window.start(source, tile)
            parts = [source.strided(start + i * down, (frames, count, wide), (frame, row, 1)) for i in range(kh)]
            columns = self._combine(binder, parts, None)
            acc = accumulators(binder, target, tile, self.rescale, frames * count * cols, source.data.dtype)
            out = acc.reshape(frames, count, cols * channels)
            parts = [columns[..., j * across : j * across + span] for j in range(kw)]
            if self.window.stride[1] == 1:
                self._combine(binder, parts, out)
            else:
                self._thin_out(binder, self._combine(binder, parts, None), out, channels)
            finish(binder, self.rescale, acc, compact_picks(frames, count, cols * channels), target, tile)

    def _bordered(self, binder: Binder, source: Map) -> Map:
        """Adds the step that copies the map into one with ``floor`` in its margin."""
        margin = self.window.margin
        elements = Map.elements(binder.frames, source.shape, margin)
        bordered = Map(binder.frames, source.shape, margin, np.full(elements, self.floor, source.data.dtype))
        binder.do(np.copyto, bordered.rows, source.rows)
        return bordered

    def _combine(self, binder: Binder, parts: list[Array], out: Array | None) -> Array:
        """Adds the steps that combine ``parts``, into ``out`` if it is given."""
        if len(parts) == 1 and out is None:
            return parts[0]
        out = binder.scratch(parts[0].shape, parts[0].dtype) if out is None else out
        if len(parts) == 1:
            binder.do(np.copyto, out, parts[0])
        for part in parts[1:]:
            binder.do(self.operation, parts[0] if part is parts[1] else out, part, out=out)
        return out

    def _thin_out(self, binder: Binder, rows: Array, out: Array, channels: int) -> None:
        """Adds the steps that keep every ``stride``-th pixel of rows (frames, rows, elements)."""
        if not rows.flags.c_contiguous:
            copied = binder.scratch(rows.shape, rows.dtype)
            binder.do(np.copyto, copied, rows)
            rows = copied
        binder.do(np.copyto, *thinned(rows, self.window.stride[1], channels, out))


@dataclass(frozen=True, slots=True)
class Reduce:
    """The sum or maximum over all rows, all columns, or both."""

    source: str
    target: str
    axes: tuple[int, ...]
    """Of (N, H, W, C)"""
    total: bool
    rescale: Rescale | None

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        rows, cols, channels = target.shape
        tile = Tile(slice(0, binder.frames), slice(0, rows))
        acc = accumulators(binder, target, tile, self.rescale, binder.frames * rows * cols, source.data.dtype)
        if self.total and self.axes == (1, 2):  # BLAS sums faster, and margins are zero
            cells = source.shape[0] * source.pitch
            x = source.strided(0, (binder.frames, cells, channels), (source.strides[0], channels, 1))
            binder.do(np.matmul, np.ones((1, cells), acc.dtype), x, acc.reshape(binder.frames, 1, channels))
        else:
            operation = np.add if self.total else np.maximum
            out = acc.reshape(binder.frames, rows, cols, channels)
            binder.do(operation.reduce, source.pixels, axis=self.axes, out=out, keepdims=True)
        finish(binder, self.rescale, acc, compact_picks(binder.frames, rows, cols * channels), target, tile)
        binder.release()
