# SPDX-License-Identifier: Apache-2.0
"""From accumulators to a stored tensor: requantize in place, and write the pixels where they belong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from headrace_host.cpu.memory import Array, Binder, Map
from headrace_host.cpu.raw import clip
from headrace_host.cpu.rescale import Rescale

TABLE = 8192
"""Elements up to which factors are repeated for every pixel: the fastest form, as numpy then sees one long row."""
ROW = 4096
"""Elements of the repeated factors of larger tensors."""
TILE = 1 << 16
"""Elements of intermediate results that are kept at a time, to stay in the second-level cache."""


STRAYS, STRAY, STRAY_PIXEL = 1500.0, 800.0, 3.0
"""Nanoseconds, about, that channels cost which are computed once more: all together, each, and each of their pixels."""
WIDE, WIDE_ELEMENT = 1000.0, 0.45
"""Nanoseconds, about, that float64 costs beyond float32: by itself, and for each element."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Some frames, or some rows of one frame."""

    frames: slice
    rows: slice

    @property
    def count(self) -> tuple[int, int]:
        """Frames and rows."""
        return self.frames.stop - self.frames.start, self.rows.stop - self.rows.start


def tiles(binder: Binder, rows: int, row_elements: int, least_rows: int = 1) -> Iterator[Tile]:
    """Cuts frames of ``rows`` rows into parts of at least ``least_rows`` that take up to `TILE` elements, if they can.

    The parts have their scratch memory one after the other.
    """
    for tile in _cut(binder.frames, rows, max(least_rows, TILE // max(1, row_elements))):
        yield tile
        binder.release()


def _cut(frames: int, rows: int, fit: int) -> Iterator[Tile]:
    if fit >= rows:
        together = fit // rows
        for first in range(0, frames, together):
            yield Tile(slice(first, min(frames, first + together)), slice(0, rows))
        return
    parts = -(-rows // fit)
    bounds = [rows * part // parts for part in range(parts + 1)]
    for n in range(frames):
        for start, stop in pairwise(bounds):
            yield Tile(slice(n, n + 1), slice(start, stop))


@dataclass(frozen=True, slots=True)
class Picks:
    """Which of the accumulators (cells, C) are pixels: (frames, rows, row elements) with strides of elements."""

    shape: tuple[int, int, int]
    strides: tuple[int, int]

    def of(self, cells: Array) -> Array:
        """Their view of ``cells``, which are contiguous."""
        size = cells.itemsize
        return np.ndarray(self.shape, cells.dtype, cells.data, 0, (self.strides[0] * size, self.strides[1] * size, size))

    def channel(self, channels: int) -> Picks:
        """The same pixels where there is one of ``channels`` channels."""
        frames, rows, elements = self.shape
        return Picks((frames, rows, elements // channels), (self.strides[0] // channels, self.strides[1] // channels))


def compact_picks(frames: int, rows: int, row_elements: int) -> Picks:
    """Pixels without anything between them."""
    return Picks((frames, rows, row_elements), (rows * row_elements, row_elements))


def accumulators(binder: Binder, target: Map, tile: Tile, rescale: Rescale | None, cells: int, dtype: Any) -> Array:
    """Memory (cells, C) for the accumulators of a tile: the target's own where they are its pixels, else scratch."""
    frames, rows = tile.count
    rescale = suited(rescale, cells, target.channels)
    direct = rescale is None or rescale.dtype == dtype
    if direct and target.compact and target.data.dtype == dtype and cells == frames * rows * target.pitch:
        start = (tile.frames.start * target.shape[0] + tile.rows.start) * target.pitch
        return target.cells[start : start + cells]
    return binder.scratch((cells, target.channels), dtype)


def suited(rescale: Rescale | None, cells: int, channels: int) -> Rescale | None:
    """The cheaper form of a requantizer: in float64, or in float32 with some channels done once more."""
    if rescale is None or rescale.near is None:
        return rescale
    again = STRAYS + (STRAY + STRAY_PIXEL * cells) * len(rescale.near.strays)
    return rescale.near if again < WIDE + WIDE_ELEMENT * cells * channels else rescale


def finish(binder: Binder, rescale: Rescale | None, acc: Array, picks: Picks, target: Map, tile: Tile) -> None:
    """Adds the steps from accumulators (cells, C) to the pixels of a tile; the accumulators are overwritten."""
    rescale, pixels = suited(rescale, *acc.shape), target.rows[tile.frames, tile.rows]
    if rescale is None:
        _move(binder, picks.of(acc), pixels)
        return
    if rescale.dtype != acc.dtype:
        wide = binder.scratch(acc.shape, rescale.dtype)
        binder.do(np.copyto, wide, acc)
        acc = wide
    if rescale.exact is None:
        _requantize(binder, rescale, acc, picks, pixels)
        return
    again = binder.scratch((len(rescale.strays), len(acc)), np.float64)
    for row, channel in zip(again, rescale.strays, strict=True):
        binder.do(np.copyto, row, acc[:, channel])
    _requantize(binder, rescale, acc, picks, pixels)
    for operation, values in _operations(rescale.exact):
        binder.do(operation, again, *(value if value.ndim == 0 else value[:, None] for value in values), again)
    one = picks.channel(target.channels)
    for row, channel in zip(again, rescale.strays, strict=True):
        binder.do(np.copyto, target.pixels[tile.frames, tile.rows, :, channel], one.of(row), casting="unsafe")


def _requantize(binder: Binder, rescale: Rescale, acc: Array, picks: Picks, pixels: Array) -> None:
    """Adds the steps in the accumulators' own type."""
    steps = list(_operations(rescale))
    writes = bool(steps) and pixels.dtype.kind == "f" and all(value.ndim == 0 for value in steps[-1][1])
    last = steps.pop() if writes else None
    for operation, values in steps:
        for part, operands in _spread(binder, acc, values):
            binder.do(operation, part, *operands, part)
    if last is None:
        _move(binder, picks.of(acc), pixels)
    else:  # writes the pixels itself
        binder.do(last[0], picks.of(acc), *last[1], pixels)


def _move(binder: Binder, source: Array, pixels: Array) -> None:
    if source.ctypes.data != pixels.ctypes.data or source.dtype != pixels.dtype:
        binder.do(np.copyto, pixels, source, casting="unsafe")


def _operations(rescale: Rescale) -> Iterator[tuple[Callable[..., object], tuple[Array, ...]]]:
    """Operations on accumulators with their further operands: one value, or (C,)."""
    if rescale.mul is not None:
        yield np.multiply, (_operand(rescale.mul),)
    if rescale.add is not None:
        yield np.add, (_operand(rescale.add),)
    if rescale.lo is not None or rescale.hi is not None:
        ends = (-np.inf if rescale.lo is None else rescale.lo, np.inf if rescale.hi is None else rescale.hi)
        yield clip, tuple(np.array(end, rescale.dtype) for end in ends)
    if not rescale.whole:
        yield np.rint, ()
    if rescale.odd:
        yield np.subtract, (np.array(1, rescale.dtype),)


def _operand(values: Array) -> Array:
    """(C,), or an array without axes where there is one value: those are what numpy applies fastest."""
    return values.reshape(()) if len(values) == 1 else values


def _spread(binder: Binder, acc: Array, values: tuple[Array, ...]) -> Iterator[tuple[Array, tuple[Array, ...]]]:
    """Parts of (cells, C) with operands (C,) repeated, so that numpy's inner loops are long."""
    cells, channels = acc.shape
    flat = acc.reshape(-1)
    if all(value.ndim == 0 for value in values):
        yield flat, values
        return
    repeats = cells if flat.size <= TABLE else max(1, min(cells, ROW // channels))
    rows = cells // repeats
    tables = tuple(value if value.ndim == 0 else binder.repeated(value, repeats) for value in values)
    body = flat[: rows * repeats * channels]
    yield (body if rows == 1 else body.reshape(rows, -1)), tables
    rest = flat[body.size :]
    if rest.size:
        yield rest, tuple(table if table.ndim == 0 else table[: rest.size] for table in tables)
