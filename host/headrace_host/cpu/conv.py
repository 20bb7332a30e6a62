# SPDX-License-Identifier: Apache-2.0
"""Convolutions as matrix products in float32, exact because no sum of products of any order reaches 2**24."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from headrace_host import golden
from headrace_host.cpu.finish import Picks, Tile, accumulators, compact_picks, finish, tiles
from headrace_host.cpu.memory import Array, Binder, Map, Margin, blocks_of
from headrace_host.cpu.rescale import Rescale

FLOAT32_EXACT = 1 << 24
MAX_PARTS = 64
"""Parts of a sum beyond which splitting it makes no sense."""
PRODUCT_PIXELS = 96
"""Pixels per matrix product at least: BLAS packs the weights anew for each."""
DENSE_GROUP = 32
"""Channels up to which groups are joined to one product with zeros between them."""


def magnitude(weight: Array, lo: int, hi: int) -> Array:
    """Bounds (M,) of the magnitude of any sum of some products of weights (..., M) with inputs from ``lo`` to ``hi``."""
    w = weight.reshape(-1, weight.shape[-1]).astype(np.int64)
    up, down = np.maximum(w, 0).sum(axis=0), np.maximum(-w, 0).sum(axis=0)
    above, below = max(hi, 0), max(-lo, 0)
    bounds: Array = np.maximum(up * above + down * below, up * below + down * above)
    return bounds


def folded(weight: Array, rescale: Rescale | None, lo: int, hi: int) -> tuple[Array, Rescale | None]:
    """Whole weights (..., M) times the factors of the requantizer behind them, in float32, where their sums stay exact.

    Returns:
        weights in float32, and the requantizer without factors; or both as they are.
    """
    if rescale is None or rescale.mul is None or rescale.shift is None:
        return weight, rescale
    scaled = weight * np.ldexp(rescale.mul.astype(np.float64), rescale.shift).astype(np.int64)
    if magnitude(scaled, lo, hi).max() >= FLOAT32_EXACT:
        return weight, rescale
    return np.ldexp(scaled.astype(np.float32), -rescale.shift), replace(rescale, mul=None)


@dataclass(frozen=True, slots=True)
class Window:
    """Where a convolution reads: kernel, stride, padding (top, left, bottom, right) and dilation."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: golden.Pads
    dilation: tuple[int, int]

    def size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of the result on a map (H, W, ...)."""
        rows, cols = (
            golden.conv_size(shape[a], self.kernel[a], self.stride[a], self.pad[a] + self.pad[a + 2], self.dilation[a])
            for a in (0, 1)
        )
        return rows, cols

    def meets(self, shape: tuple[int, ...]) -> bool:
        """Whether each window meets a pixel of a map (H, W, ...), not only padding."""
        return all(
            any(0 <= at * self.stride[a] - self.pad[a] + tap * self.dilation[a] < shape[a] for tap in range(self.kernel[a]))
            for a, count in enumerate(self.size(shape))
            for at in range(count)
        )

    def without_idle_taps(self, weight: Array, shape: tuple[int, ...]) -> tuple[Window, Array]:
        """The window and weights (M, KH, KW, ...) without the outer taps that only meet padding, on a map (H, W, ...)."""
        out, pad, kept = self.size(shape), list(self.pad), []
        for axis in (0, 1):
            last = (out[axis] - 1) * self.stride[axis]
            starts = [tap * self.dilation[axis] - self.pad[axis] for tap in range(self.kernel[axis])]
            used = [tap for tap, start in enumerate(starts) if start < shape[axis] and start + last >= 0] or [0]
            pad[axis] -= used[0] * self.dilation[axis]
            pad[axis + 2] -= (self.kernel[axis] - 1 - used[-1]) * self.dilation[axis]
            kept.append(slice(used[0], used[-1] + 1))
        kernel = kept[0].stop - kept[0].start, kept[1].stop - kept[1].start
        return replace(self, kernel=kernel, pad=(pad[0], pad[1], pad[2], pad[3])), weight[:, kept[0], kept[1]]

    @property
    def margin(self) -> Margin:
        """The zeros that it reads around the map."""
        top, left, bottom, right = self.pad
        return Margin(max(top, bottom, 0), max(left, right, 0))

    @property
    def plain(self) -> bool:
        """Whether each pixel of the result is a function of the one pixel at its place."""
        return self.kernel == (1, 1) and self.stride == (1, 1) and self.pad == (0, 0, 0, 0)

    def start(self, source: Map, tile: Tile) -> int:
        """Offset of the first tap of a tile's first pixel."""
        frame, row, pixel = source.strides
        first: int = tile.frames.start
        rows: int = tile.rows.start * self.stride[0] - self.pad[0]
        return first * frame + rows * row - self.pad[1] * pixel

    def strides(self, source: Map) -> tuple[int, int, int, int, int]:
        """Elements from one frame, result row, result column, kernel row and kernel column to the next."""
        frame, row, pixel = source.strides
        return (
            frame, self.stride[0] * row, self.stride[1] * pixel, self.dilation[0] * row, self.dilation[1] * pixel
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Product:
    """Matrix product (n, K) x (K, M), exact: in float32, or as a sum in float64 of parts of K that are."""

    parts: tuple[tuple[slice, Array], ...]

    @classmethod
    def of(cls, weight: Array, lo: int, hi: int) -> Product | None:
        """With whole or `folded` weights (K, M) and inputs from ``lo`` to ``hi``; None if that takes too many parts."""
        if weight.dtype == np.float32:
            return cls(((slice(0, len(weight)), np.ascontiguousarray(weight)),))
        count = 1
        while count <= MAX_PARTS:
            bounds = [len(weight) * part // count for part in range(count + 1)]
            cuts = [slice(a, b) for a, b in pairwise(bounds) if a < b]
            if all(magnitude(weight[cut], lo, hi).max() < FLOAT32_EXACT for cut in cuts):
                return cls(tuple((cut, np.ascontiguousarray(weight[cut], np.float32)) for cut in cuts))
            count *= 2
        return None

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """Of the result."""
        return np.float32 if len(self.parts) == 1 else np.float64

    def bind(self, binder: Binder, x: Array, out: Array) -> None:
        """Adds the steps: ``x`` (n, K) of float32 to ``out`` (n, M)."""
        if len(self.parts) == 1:
            binder.do(np.dot, x, self.parts[0][1], out)
            return
        part = binder.scratch(out.shape)
        for k, (cut, weight) in enumerate(self.parts):
            binder.do(np.dot, x[:, cut], weight, part)
            binder.do(np.add, out, part, out) if k else binder.do(np.copyto, out, part)


@dataclass(frozen=True, slots=True)
class Dense:
    """A convolution of one group: patches of pixels, side by side, times the weights."""

    source: str
    target: str
    window: Window
    product: Product
    rescale: Rescale | None

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {self.source: self.window.margin}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        if self.window.plain:
            self._plain(binder, source, target)
        elif self.window.kernel == source.shape[:2] and source.compact and target.shape[:2] == (1, 1):
            (tile,) = tiles(binder, 1, 0)
            whole = source.strided(0, (binder.frames, int(np.prod(source.shape))), (source.strides[0], 1))
            self._multiply(binder, whole, target, tile, compact_picks(binder.frames, 1, target.channels))
        else:
            self._patches(binder, source, target)

    def _plain(self, binder: Binder, source: Map, target: Map) -> None:
        """The cells as they lie, with those of the margins between them, are the matrix."""
        width, channels = source.channels, target.channels
        for tile in _tiles(binder, target, source.pitch * channels):
            frames, rows = tile.count
            cells = (frames - 1) * source.frame_cells + rows * source.pitch
            start = tile.frames.start * source.frame_cells + tile.rows.start * source.pitch
            x = source.strided(start * width, (cells, width), (width, 1))
            picks = Picks((frames, rows, target.shape[1] * channels), (source.frame_cells * channels, source.pitch * channels))
            self._multiply(binder, x, target, tile, picks)

    def _patches(self, binder: Binder, source: Map, target: Map) -> None:
        """One row of the matrix for each pixel."""
        (kh, kw), (_, cols, channels) = self.window.kernel, target.shape
        size = kh * kw * source.channels
        for tile in _tiles(binder, target, cols * (size + channels)):
            frames, rows = tile.count
            patches = binder.scratch((frames * rows * cols, size))
            copy_patches(binder, self.window, source, tile, patches, (frames, rows, cols))
            self._multiply(binder, patches, target, tile, compact_picks(frames, rows, cols * channels))

    def _multiply(self, binder: Binder, x: Array, target: Map, tile: Tile, picks: Picks) -> None:
        acc = accumulators(binder, target, tile, self.rescale, len(x), self.product.dtype)
        self.product.bind(binder, x, acc)
        finish(binder, self.rescale, acc, picks, target, tile)


def _tiles(binder: Binder, target: Map, row_elements: int) -> Iterator[Tile]:
    """Tiles with enough pixels for a matrix product."""
    rows, cols, _ = target.shape
    return tiles(binder, rows, row_elements, -(-PRODUCT_PIXELS // cols))


def copy_patches(binder: Binder, window: Window, source: Map, tile: Tile, patches: Array, size: tuple[int, int, int]) -> None:
    """Adds the step that copies the patch of each of a tile's (frames, rows, columns) pixels, in blocks."""
    (kh, kw), channels = window.kernel, source.channels
    frame, row, col, down, across = window.strides(source)
    start = window.start(source, tile)
    if window.dilation[1] == 1 or kw == 1:  # the columns of a kernel's row lie side by side
        view = source.strided(start, (*size, kh), (frame, row, col, down), kw * channels)
    else:
        view = source.strided(start, (*size, kh, kw), (frame, row, col, down, across), channels)
    width = view.dtype.itemsize // source.data.itemsize
    binder.do(np.copyto, blocks_of(patches, view.shape, width) if width > 1 else patches.reshape(view.shape), view)


@dataclass(frozen=True, slots=True)
class Grouped:
    """A convolution of several groups, as many of them in one product as make up `DENSE_GROUP` channels."""

    source: str
    target: str
    window: Window
    weight: Array
    """(blocks, K, M / blocks)"""
    rescale: Rescale | None

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {self.source: self.window.margin}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        blocks, size, _ = self.weight.shape
        (kh, kw), (_, cols, channels) = self.window.kernel, target.shape
        width = source.channels // blocks
        frame, row, col, down, across = self.window.strides(source)
        for tile in _tiles(binder, target, cols * (blocks * size + channels)):
            frames, rows = tile.count
            pixels = frames * rows * cols
            view = source.strided(
                self.window.start(source, tile),
                (blocks, frames, rows, cols, kh, kw),
                (width, frame, row, col, down, across),
                width,
            )
            patches = binder.scratch((blocks, pixels, size))
            binder.do(np.copyto, blocks_of(patches, view.shape, width) if width > 1 else patches.reshape(view.shape), view)
            acc = accumulators(binder, target, tile, self.rescale, pixels, np.float32)
            binder.do(np.matmul, patches, self.weight, acc.reshape(pixels, blocks, -1).transpose(1, 0, 2))
            finish(binder, self.rescale, acc, compact_picks(frames, rows, cols * channels), target, tile)


def grouped_weight(weight: Array, groups: int) -> Array:
    """Weights (M, KH, KW, C / groups) as blocks (blocks, KH * KW * channels of a block, M / blocks), zeros between groups."""
    m, kh, kw, c_group = weight.shape
    m_group = m // groups
    joined = max(d for d in range(1, groups + 1) if groups % d == 0 and (d == 1 or d * max(c_group, m_group) <= DENSE_GROUP))
    out = np.zeros((groups // joined, kh, kw, joined, c_group, joined, m_group), np.float32)
    parted = weight.reshape(groups // joined, joined, m_group, kh, kw, c_group)
    for g in range(joined):
        out[:, :, :, g, :, g, :] = parted[:, g].transpose(0, 2, 3, 4, 1)
    return out.reshape(groups // joined, kh * kw * joined * c_group, joined * m_group)
