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
        """(2, taps): rows and columns of each tap from the window's first pixel, or where it is square from its middle."""
        places = np.array(list(np.ndindex(*self.window.kernel)))
        return (places - self.middle if self.square else places * np.array(self.window.dilation)).T

    @property
    def middle(self) -> Array:
        """(2,): row and column of the kernel's middle."""
        return np.array([(size - 1) // 2 for size in self.window.kernel])

    @property
    def margin(self) -> Margin:
        """Zeros around the map that the farthest taps reach."""
        bits, pad = self.fraction_bits, self.window.pad
        reach = []
        for axis, (anchors, middle) in enumerate(zip(self.anchors.tolist(), self.middle.tolist(), strict=True)):
            if self.square:
                ends = [d * anchor for d in (self.lo, self.hi) for anchor in anchors]
                least, most = middle + (min(ends) >> bits), middle + (max(ends) >> bits)
            else:
                least, most = self.lo >> bits, anchors[-1] + (self.hi >> bits)
            last = most + int(bits > 0) - (self.window.kernel[axis] - 1) * self.window.dilation[axis]
            reach.append(max(0, pad[axis] - least, pad[axis + 2] + last))
        return Margin(*reach)

    def origins(self, tile: Tile, cols: int, source: Map) -> Array:
        """(pixels,): the cell of the map's memory where each pixel's window begins."""
        frames, rows = (np.arange(part.start, part.stop) for part in (tile.frames, tile.rows))
        (down, across), (top, left) = self.window.stride, self.window.pad[:2]
        cells = (
            frames[:, None, None] * source.frame_cells
            + (rows[:, None] * down - top) * source.pitch
            + (np.arange(cols) * across - left)
        )
        origins: Array = cells.reshape(-1) + source.origin // source.channels
        return origins


@dataclass(frozen=True, slots=True, kw_only=True)
class Deform:
    """A deformable convolution of whole or fractional offsets, with or without masks; depthwise or of one group.

    Samples are (taps, pixels, C) for depthwise sums, else (pixels, taps, C), for a matrix product.
    """

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
                parts = samples.reshape(self.taps.count, -1, run).transpose(1, 0, 2)
                binder.do(einsum, "btx,tx->bx", parts, weights, out=acc.reshape(-1, run))
            finish(binder, self.rescale, acc, compact_picks(*tile.count, cols * channels), target, tile)

    def _ordered(self, x: Array) -> Array:
        """A view of something (..., pixels, taps) in the order of the samples."""
        return x if self.product is not None else x.swapaxes(-1, -2)

    def _per_tap(self, x: Array) -> Array:
        """Something (..., taps) to meet all pixels."""
        return self._ordered(x[..., None, :])

    def _samples(self, binder: Binder, source: Map, tile: Tile, cols: int) -> Array:
        """Adds the steps to the samples."""
        places = self._places(binder, tile)
        weights = self._weights(binder, places) if self.taps.fraction_bits else None
        index = self._addresses(binder, source, tile, cols, places)
        if len(self.sources) > 2:
            mask = self._ordered(self._pixels(binder, self.sources[2], tile, np.float32))
            if weights is None:
                weights = mask[None]
            else:
                binder.do(np.multiply, weights, mask, weights)
        cells = source.data[: source.data.size // source.channels * source.channels].reshape(-1, source.channels)
        samples = binder.scratch((*index.shape, source.channels))
        binder.do(cells.take, index, 0, samples, "clip")
        if weights is not None:
            binder.do(np.multiply, samples, weights[..., None], samples)
        for corner in samples[1:]:
            binder.do(np.add, samples[0], corner, samples[0])
        result: Array = samples[0]
        return result

    def _pixels(self, binder: Binder, name: str, tile: Tile, dtype: type) -> Array:
        """Adds the step that copies a tile of an input: (pixels, channels)."""
        kept = binder.maps[name].rows[tile.frames, tile.rows]
        out = binder.scratch(kept.shape, dtype)
        binder.do(np.copyto, out, kept, casting="unsafe")
        return out.reshape(-1, binder.maps[name].channels)

    def _places(self, binder: Binder, tile: Tile) -> Array:
        """Adds the steps to rows and columns of the taps, in the order of the samples, in steps from each window's origin."""
        taps = self.taps
        offset = self._pixels(binder, self.sources[1], tile, np.intp)
        binder.do(clip, offset, np.array(taps.lo), np.array(taps.hi), offset)
        shape = (2, len(offset), taps.count)
        out = binder.scratch(shape if self.product is not None else (2, taps.count, len(offset)), np.intp)
        if taps.square:
            binder.do(np.multiply, self._ordered(offset[None]), self._per_tap(taps.anchors), out)
            start = (taps.middle << taps.fraction_bits)[:, None, None]
            binder.do(np.add, out, start, out)
        else:  # rows and columns of the taps in turn
            pairs = offset.reshape(-1, taps.count, 2).transpose(2, 0, 1)
            binder.do(np.add, self._ordered(pairs), self._per_tap(taps.anchors << taps.fraction_bits), out)
        return out

    def _weights(self, binder: Binder, places: Array) -> Array:
        """Adds the steps to the corners' weights: above left, above right, below left, below right."""
        one = 1 << self.taps.fraction_bits
        fractions = binder.scratch(places.shape, np.intp)
        binder.do(np.bitwise_and, places, one - 1, fractions)
        sides = binder.scratch((2, *places.shape))
        binder.do(np.copyto, sides[1], fractions)
        binder.do(np.subtract, np.array(one, np.float32), sides[1], sides[0])
        weights = binder.scratch((2, 2, *places.shape[1:]))
        binder.do(np.multiply, sides[:, 0][:, None], sides[:, 1][None], weights)
        return weights.reshape(4, *places.shape[1:])

    def _addresses(self, binder: Binder, source: Map, tile: Tile, cols: int, places: Array) -> Array:
        """Adds the steps from places to cells of the map's memory, one for each corner; places are overwritten."""
        bits = self.taps.fraction_bits
        if bits:
            binder.do(np.right_shift, places, bits, places)
        binder.do(np.multiply, places[0], source.pitch, places[0])
        binder.do(np.add, places[0], places[1], places[0])
        here = self._ordered(self.taps.origins(tile, cols, source)[:, None])
        if not bits:
            binder.do(np.add, places[0], here, places[0])
            return places[:1]
        index = binder.scratch((4, *places.shape[1:]), np.intp)
        corners = np.array([0, 1, source.pitch, source.pitch + 1])[:, None, None]
        binder.do(np.add, places[0], here + corners, index)
        return index
