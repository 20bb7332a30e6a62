# SPDX-License-Identifier: Apache-2.0
"""Where the tensors of a slice of frames lie: maps with zeros around them, and memory that is used again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]
else:
    Array = np.ndarray  # numpy 1.21, on PYNQ images, cannot subscript it
Step = Callable[[], object]
Shape = tuple[int, int, int]
"""Rows, columns, channels."""


@dataclass(frozen=True, slots=True)
class Margin:
    """Zeros that a reader wants to find around a map: rows above and below it, columns on either side."""

    rows: int = 0
    cols: int = 0

    def __or__(self, other: Margin) -> Margin:
        return Margin(max(self.rows, other.rows), max(self.cols, other.cols))


NO_MARGIN = Margin()
CLEARED = 1 << 15
"""Elements of a map beyond which its margin is cleared anew for each frame, rather than to keep memory for maps like it."""


class Map:
    """One tensor of a slice of frames, NHWC, in one piece of memory.

    Behind each row lie ``margin.cols`` pixels of zeros, which are the margin on the left of the next row, too; behind each
    frame ``margin.rows`` such rows. So a tap of a window is the same map at another offset, wherever it reaches, and without
    a margin all pixels are contiguous. Offsets and strides count elements; a *cell* is a pixel of the map or of its margin.
    """

    def __init__(self, frames: int, shape: Shape, margin: Margin, data: Array) -> None:
        """Lay the map out in ``data``, of `elements` elements; with a margin, all zero."""
        self.frames, self.shape, self.margin, self.data = frames, shape, margin, data
        height, width, self.channels = shape
        self.pitch = width + margin.cols
        self.frame_cells = (height + margin.rows) * self.pitch
        self.origin = (margin.rows * self.pitch + margin.cols) * self.channels
        self.strides = self.frame_cells * self.channels, self.pitch * self.channels, self.channels
        self.pixels = self.strided(0, (frames, *shape), (*self.strides, 1))
        """(N, H, W, C)"""
        self.rows = self.strided(0, (frames, height, width * self.channels), (*self.strides[:2], 1))
        """(N, H, W * C)"""

    @staticmethod
    def elements(frames: int, shape: Shape, margin: Margin) -> int:
        """Memory that a map takes; a row beyond the last one is for what is computed next to the map and never read."""
        height, width, channels = shape
        pitch = width + margin.cols
        around = margin.rows * pitch + margin.cols + (margin.rows + 1) * pitch
        return (frames * (height + margin.rows) * pitch + around) * channels

    @property
    def compact(self) -> bool:
        """Whether there is nothing between the pixels."""
        return self.margin == NO_MARGIN

    @property
    def cells(self) -> Array:
        """(cells, C) from the first pixel to the last row's end, margins between them included."""
        count = (self.frames - 1) * self.frame_cells + self.shape[0] * self.pitch
        return self.strided(0, (count, self.channels), (self.channels, 1))

    def surroundings(self) -> list[Array]:
        """Views of what has to be zero around the pixels, in front of the map, behind its rows, and behind its frames."""
        (height, width, channels), (frame, row, _) = self.shape, self.strides
        rows = self.frames * self.frame_cells // self.pitch
        views = [
            self.strided(-self.origin, (self.origin,), (1,)),
            self.strided(width * channels, (rows, self.margin.cols * channels), (row, 1)),
            self.strided(height * row, (self.frames, self.margin.rows * row), (frame, 1)),
        ]
        return [view for view in views if view.size]

    def strided(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], width: int = 1) -> Array:
        """A view that begins ``offset`` elements behind the first pixel's first channel.

        Args:
            width: elements per entry: entries of more than one are moved as a block and support nothing else.
        """
        size = self.data.itemsize
        kind = self.data.dtype if width == 1 else np.dtype((np.void, width * size))
        return np.ndarray(
            shape, kind, self.data.data, (self.origin + offset) * size, tuple(stride * size for stride in strides)
        )

    def blocks(self, start: int = 0, channels: int | None = None) -> Array:
        """(N, H, W) blocks of ``channels`` channels from ``start`` on."""
        n, h, w, c = self.pixels.shape
        return self.strided(start, (n, h, w), self.strides, c - start if channels is None else channels)


def blocks_of(x: Array, shape: tuple[int, ...], width: int) -> Array:
    """Contiguous ``x`` as an array of blocks of ``width`` elements."""
    return np.ndarray(shape, np.dtype((np.void, width * x.itemsize)), x.data)


def thinned(rows: Array, stride: int, channels: int, out: Array) -> tuple[Array, Array]:
    """A copy that keeps every ``stride``-th pixel of contiguous ``rows`` (N, H, elements): to and from.

    Args:
        out: contiguous, (N, H, W * channels).
    """
    shape, size = (*out.shape[:2], out.shape[2] // channels), rows.itemsize
    target = out.reshape(shape) if channels == 1 else blocks_of(out, shape, channels)
    strides = (*rows.strides[:2], stride * channels * size)
    return target, np.ndarray(shape, target.dtype, rows.data, 0, strides)


@dataclass(slots=True)
class Binder:
    """Places the tensors of ``frames`` frames in memory and collects the steps that compute them.

    Memory is zero at first, and afterwards goes from one tensor or intermediate result to another of the same type, so
    what lies beyond the pixels of a map is always finite. Small maps with a margin go to such of the same shape only: as
    nothing but pixels is written, their margins stay zero.
    """

    frames: int
    steps: list[Step] = field(default_factory=list)
    maps: dict[str, Map] = field(default_factory=dict)
    _alone: set[str] = field(default_factory=set)
    _tables: dict[tuple[int, int], tuple[Array, Array]] = field(default_factory=dict)
    _free: list[Array] = field(default_factory=list)
    _free_maps: list[Map] = field(default_factory=list)
    _lent: list[Array] = field(default_factory=list)

    def do(self, function: Callable[..., object], *arguments: Any, **options: Any) -> None:
        """Adds a step."""
        self.steps.append(partial(function, *arguments, **options))

    def place(self, name: str, shape: Shape, dtype: npt.DTypeLike, margin: Margin, *, alone: bool = False) -> Map:
        """A map for the tensor ``name``; ``alone``: of memory that held and will hold nothing else."""
        elements, kind = Map.elements(self.frames, shape, margin), np.dtype(dtype)
        if alone:
            self._alone.add(name)
            made = Map(self.frames, shape, margin, np.zeros(elements, kind))
        elif margin == NO_MARGIN or elements > CLEARED:
            made = Map(self.frames, shape, margin, self._memory(elements, kind))
            for zeros in made.surroundings():
                self.do(zeros.fill, 0)
        else:
            same = (m for m in self._free_maps if (m.shape, m.margin, m.data.dtype) == (shape, margin, kind))
            made = next(same, None) or Map(self.frames, shape, margin, np.zeros(elements, kind))
            self._free_maps = [m for m in self._free_maps if m is not made]
        self.maps[name] = made
        return made

    def free(self, name: str) -> None:
        """The tensor will not be read any more."""
        if name in self._alone:
            return
        gone = self.maps.pop(name)
        if gone.compact or gone.data.size > CLEARED:
            self._free.append(gone.data)
        else:
            self._free_maps.append(gone)

    def scratch(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> Array:
        """Memory for steps up to the next `release`; it holds anything finite."""
        elements = int(np.prod(shape, dtype=np.int64))
        memory = self._memory(elements, np.dtype(dtype))
        self._lent.append(memory)
        return memory[:elements].reshape(shape)

    def repeated(self, values: Array, times: int) -> Array:
        """``values`` (C,) one after the other ``times`` times; the same array for the same question."""
        key = id(values), times
        if key not in self._tables:
            self._tables[key] = values, np.tile(values, times)  # with the values, or another array might get their id
        return self._tables[key][1]

    def release(self) -> None:
        """What was scratch so far may be used again."""
        self._free += self._lent
        self._lent = []

    def _memory(self, elements: int, dtype: np.dtype[Any]) -> Array:
        """The smallest free piece that is large enough and not far too large, else a new one."""
        fits = [m for m in self._free if m.dtype == dtype and elements <= m.size <= 4 * elements + 4096]
        if not fits:
            return np.zeros(elements, dtype)
        best = min(fits, key=lambda memory: memory.size)
        self._free = [m for m in self._free if m is not best]
        return best
