# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolutions: sums over the taps of shifted rows, each by its weights repeated along the row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace_host.cpu.conv import Window
from headrace_host.cpu.finish import Picks, accumulators, compact_picks, finish, tiles
from headrace_host.cpu.memory import Array, Binder, Map, Margin, blocks_of, thinned
from headrace_host.cpu.raw import einsum
from headrace_host.cpu.rescale import Rescale

RUN = 2048
"""Elements that numpy's innermost loop takes at a time, about."""
LONG_ROW = 256
"""Elements of a row from which on twice the columns are computed faster than every second one."""


def run_length(pixels: int, channels: int) -> int:
    """A divisor of ``pixels`` so that a run of so many has about `RUN` elements."""
    wanted = max(1, RUN // channels)
    divisors = [d for d in range(1, pixels + 1) if pixels % d == 0]
    return min(divisors, key=lambda d: max(d, wanted) / min(d, wanted))


@dataclass(frozen=True, slots=True)
class Depthwise:
    """One filter per channel."""

    source: str
    target: str
    window: Window
    weight: Array
    """(KH, KW, C), of the type of the sums: float32, or int16 where they fit"""
    rescale: Rescale | None

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs; so many columns that a row of the result fits into a row with its margin."""
        _, left, _, right = self.window.pad
        wider = left + right - self.window.dilation[1] * (self.window.kernel[1] - 1)
        return {self.source: self.window.margin | Margin(0, max(0, wider))}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        if self.window.stride == (1, 1) or (self.window.stride[1] <= 2 and source.strides[1] >= LONG_ROW):
            self._shifted(binder, source, target)
        else:
            self._gathered(binder, source, target)

    def _shifted(self, binder: Binder, source: Map, target: Map) -> None:
        """Whole rows with their margins, several at a time; columns between and margins are dropped."""
        rows, cols, channels = target.shape
        frame, step, _, down, across = self.window.strides(source)
        row = source.strides[1]
        for tile in tiles(binder, rows, row):
            frames, count = tile.count
            together = run_length(count, row) if step == row else 1
            run = together * row
            taps = source.strided(
                self.window.start(source, tile),
                (frames, count // together, *self.window.kernel, run),
                (frame, together * step, down, across, 1),
            )
            picks, cells = Picks((frames, count, cols * channels), (count * row, row)), frames * count * source.pitch
            if self.window.stride[1] == 1:
                acc = accumulators(binder, target, tile, self.rescale, cells, self.weight.dtype)
                self._sum(binder, taps, run, acc.reshape(frames, count // together, run))
            else:
                every = binder.scratch((frames, count, row), self.weight.dtype)
                self._sum(binder, taps, run, every.reshape(frames, count // together, run))
                picks = compact_picks(frames, count, cols * channels)
                acc = accumulators(binder, target, tile, self.rescale, frames * count * cols, self.weight.dtype)
                kept = thinned(every, self.window.stride[1], channels, acc.reshape(picks.shape))
                binder.do(np.copyto, *kept)
            finish(binder, self.rescale, acc, picks, target, tile)

    def _gathered(self, binder: Binder, source: Map, target: Map) -> None:
        """A map for each tap first, since numpy is slow at skipping pixels."""
        (rows, cols, channels), kernel = target.shape, self.window.kernel
        frame, row, col, down, across = self.window.strides(source)
        count = kernel[0] * kernel[1]
        for tile in tiles(binder, rows, cols * channels * count // 4):
            size = *tile.count, cols
            pixels = int(np.prod(size))
            view = source.strided(self.window.start(source, tile), (*kernel, *size), (down, across, frame, row, col), channels)
            maps = binder.scratch((count, pixels * channels), self.weight.dtype)
            binder.do(np.copyto, blocks_of(maps, view.shape, channels) if channels > 1 else maps.reshape(view.shape), view)
            run = run_length(pixels, channels) * channels
            taps = maps.reshape(*kernel, 1, -1, run).transpose(2, 3, 0, 1, 4)
            acc = accumulators(binder, target, tile, self.rescale, pixels, self.weight.dtype)
            self._sum(binder, taps, run, acc.reshape(1, -1, run))
            finish(binder, self.rescale, acc, compact_picks(*size[:2], cols * channels), target, tile)

    def _sum(self, binder: Binder, taps: Array, run: int, out: Array) -> None:
        """Adds the step: ``taps`` (n, b, KH, KW, run) times the weights to ``out`` (n, b, run)."""
        kh, kw, channels = self.weight.shape
        weights = binder.repeated(self.weight, run // channels).reshape(kh, kw, run)
        binder.do(einsum, "nbijx,ijx->nbx", taps, weights, out=out)
