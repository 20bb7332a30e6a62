# SPDX-License-Identifier: Apache-2.0
"""Limited-range deformable convolutions: pixels taken by index, of a map with zeros as far around it as any offset reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace_host.cpu.conv import Product, Window
from headrace_host.cpu.depthwise import run_length
from headrace_host.cpu.finish import Tile, accumulators, compact_picks, finish, tiles
from headrace_host.cpu.memory import Array, Binder, Map, Margin
from headrace_host.cpu.raw import clip, einsum
from headrace_host.cpu.rescale import Rescale


@dataclass(frozen=True, slots=True, kw_only=True)
class Taps:
    """Where the taps of a deformable convolution lie, in steps of ``2**-fraction_bits`` pixels, as `golden_deform` says."""

    window: Window
    square: bool
    fraction_bits: int
    lo: int
    hi: int

    @property
    def count(self) -> int:
        """Taps of the kernel."""
        return self.window.kernel[0] * self.window.kernel[1]

    @property
    def anchors(self) -> Array:
        """(taps, 2): rows and columns of each tap from the window's first pixel, or where it is square from its middle."""
        kernel, dilation = self.window.kernel, self.window.dilation
        places = np.array(list(np.ndindex(*kernel)))
        return places - self._middle if self.square else places * np.array(dilation)

    @property
    def _middle(self) -> Array:
        return np.array([(size - 1) // 2 for size in self.window.kernel])

    @property
    def margin(self) -> Margin:
        """Zeros around the map that the farthest taps reach."""
        bits, pad = self.fraction_bits, self.window.pad
        reach = []
        for axis in (0, 1):
            if self.square:
                ends = [int(d) * int(a) for d in (self.lo, self.hi) for a in self.anchors[:, axis]]
                least, most = int(self._middle[axis]) + (min(ends) >> bits), int(self._middle[axis]) + (max(ends) >> bits)
            else:
                least, most = self.lo >> bits, int(self.anchors[-1, axis]) + (self.hi >> bits)
            last = most + int(bits > 0) - (self.window.kernel[axis] - 1) * self.window.dilation[axis]
            reach.append(max(0, pad[axis] - least, pad[axis + 2] + last))
        return Margin(*reach)

    def positions(self, binder: Binder, offset: Array, axis: int) -> Array:
        """Adds the steps that compute where the taps lie along an axis.

        Args:
            offset: (pixels, 1 or 2 * taps) whole numbers, clipped.

        Returns:
            (taps, pixels), in steps, without the pixel's own place.
        """
        out = binder.scratch((self.count, len(offset)), np.intp)
        if self.square:
            binder.do(np.multiply, self.anchors[:, axis : axis + 1], offset.T, out)
            start = np.array(int(self._middle[axis]) << self.fraction_bits)
        else:
            binder.do(np.copyto, out, offset.T[axis::2])
            start = self.anchors[:, axis : axis + 1] << self.fraction_bits
        binder.do(np.add, out, start, out)
        return out

    def origins(self, tile: Tile, cols: int, axis: int) -> Array:
        """(pixels,): the first row (or column) of each pixel's window."""
        frames, count = tile.count
        stride, pad = self.window.stride[axis], self.window.pad[axis]
        along = np.arange(tile.rows.start, tile.rows.stop)[:, None] if axis == 0 else np.arange(cols)
        return np.broadcast_to(along * stride - pad, (frames, count, cols)).reshape(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deform:
    """A deformable convolution of whole or fractional offsets, with or without masks; depthwise or of one group."""

    sources: tuple[str, ...]
    """Activations, offsets, and maybe masks"""
    target: str
    taps: Taps
    depthwise: Array | None
    """(taps, C)"""
    product: Product | None
    """(taps * C, M)"""
    rescale: Rescale | None

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {self.sources[0]: self.taps.margin}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.sources[0]], binder.maps[self.target]
        rows, cols, channels = target.shape
        corners = 4 if self.taps.fraction_bits else 1
        for tile in tiles(binder, rows, cols * corners * self.taps.count * source.channels // 2):
            pixels = int(np.prod(tile.count)) * cols
            samples = self._samples(binder, source, tile, cols)
            dtype = np.dtype(np.float32) if self.product is None else np.dtype(self.product.dtype)
            acc = accumulators(binder, target, tile, self.rescale, pixels, dtype)
            if self.product is not None:
                self.product.bind(binder, samples.reshape(pixels, -1), acc)
            elif self.depthwise is not None:
                run = run_length(pixels, channels) * channels
                weights = binder.repeated(self.depthwise, run // channels).reshape(-1, run)
                taps = samples.reshape(self.taps.count, -1, run).transpose(1, 0, 2)
                binder.do(einsum, "btx,tx->bx", taps, weights, out=acc.reshape(-1, run))
            finish(binder, self.rescale, acc, compact_picks(*tile.count, cols * channels), target, tile)

    def _samples(self, binder: Binder, source: Map, tile: Tile, cols: int) -> Array:
        """Adds the steps to the samples: (taps, pixels, C), or (pixels, taps, C) if they go into a product."""
        places = self._places(binder, tile)
        index, weights = self._addresses(binder, source, tile, cols, places)
        if len(self.sources) > 2:
            mask = self._pixels(binder, self.sources[2], tile, np.float32)
            if weights is None:
                weights = mask.T[None]
            else:
                binder.do(np.multiply, weights, mask.T, weights)
        if self.product is not None:
            index = index.transpose(0, 2, 1)
            weights = None if weights is None else weights.transpose(0, 2, 1)
        cells = source.data[: source.data.size // source.channels * source.channels].reshape(-1, source.channels)
        order = binder.scratch(index.shape, np.intp)
        if index.flags.c_contiguous:
            order = index
        else:
            binder.do(np.copyto, order, index)
        samples = binder.scratch((*index.shape, source.channels))
        binder.do(cells.take, order, 0, samples, "clip")
        if weights is not None:
            binder.do(np.multiply, samples, weights[..., None], samples)
        for corner in samples[1:]:
            binder.do(np.add, samples[0], corner, samples[0])
        result: Array = samples[0]
        return result

    def _places(self, binder: Binder, tile: Tile) -> tuple[Array, Array]:
        """Positions (taps, pixels) along rows and columns, in steps, relative to each window's first pixel."""
        offset = self._pixels(binder, self.sources[1], tile, np.intp)
        binder.do(clip, offset, np.array(self.taps.lo), np.array(self.taps.hi), offset)
        return self.taps.positions(binder, offset, 0), self.taps.positions(binder, offset, 1)

    def _pixels(self, binder: Binder, name: str, tile: Tile, dtype: type) -> Array:
        """Adds the step that copies a tile of an input: (pixels, channels)."""
        kept = binder.maps[name].rows[tile.frames, tile.rows]
        out = binder.scratch(kept.shape, dtype)
        binder.do(np.copyto, out, kept, casting="unsafe")
        return out.reshape(-1, binder.maps[name].channels)

    def _addresses(
        self, binder: Binder, source: Map, tile: Tile, cols: int, places: tuple[Array, Array]
    ) -> tuple[Array, Array | None]:
        """Adds the steps to cells of the map's memory (corners, taps, pixels), and to the corners' weights."""
        bits, (down, across) = self.taps.fraction_bits, places
        index = binder.scratch((4 if bits else 1, *down.shape), np.intp)
        weights = self._weights(binder, down, across) if bits else None
        if bits:
            binder.do(np.right_shift, down, bits, down)
            binder.do(np.right_shift, across, bits, across)
        binder.do(np.multiply, down, source.pitch, down)
        binder.do(np.add, down, across, index[0])
        first = np.repeat(np.arange(tile.frames.start, tile.frames.stop) * source.frame_cells, tile.count[1] * cols)
        here = first + self.taps.origins(tile, cols, 0) * source.pitch + self.taps.origins(tile, cols, 1)
        binder.do(np.add, index[0], here + source.origin // source.channels, index[0])
        for corner, step in ((1, 1), (2, source.pitch), (3, source.pitch + 1)):
            if bits:
                binder.do(np.add, index[0], step, index[corner])
        return index, weights

    def _weights(self, binder: Binder, down: Array, across: Array) -> Array:
        """Adds the steps to the weights (4, taps, pixels) of the corners: above left, above right, below left, below right."""
        one = 1 << self.taps.fraction_bits
        fractions = []
        for places in (down, across):
            later, sooner, whole = (
                binder.scratch(places.shape),
                binder.scratch(places.shape),
                binder.scratch(places.shape, np.intp),
            )
            binder.do(np.bitwise_and, places, one - 1, whole)
            binder.do(np.copyto, later, whole)
            binder.do(np.subtract, np.array(one, np.float32), later, sooner)
            fractions.append((sooner, later))
        weights = binder.scratch((4, *down.shape))
        for corner in range(4):
            binder.do(np.multiply, fractions[0][corner >> 1], fractions[1][corner & 1], weights[corner])
        return weights
