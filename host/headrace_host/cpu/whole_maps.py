# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolutions of large kernels on small maps: for each channel a matrix from all pixels to all pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace_host.cpu.conv import Window
from headrace_host.cpu.finish import Tile, accumulators, compact_picks, finish
from headrace_host.cpu.memory import Array, Binder, Margin
from headrace_host.cpu.rescale import Rescale

MAX_ELEMENTS = 1 << 20
"""Of all matrices together."""
LEAST_PRODUCTS = 2048
"""In a channel."""


@dataclass(frozen=True, slots=True)
class WholeMaps:
    """One filter per channel, as matrices."""

    source: str
    target: str
    matrices: Array
    """(C, pixels of the result, pixels of the map)"""
    rescale: Rescale | None

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        (height, width, channels), (rows, cols, _), frames = source.shape, target.shape, binder.frames
        before = binder.scratch((channels, height * width, frames))
        binder.do(np.copyto, before.reshape(channels, height, width, frames), source.pixels.transpose(3, 1, 2, 0))
        after = binder.scratch((channels, rows * cols, frames))
        binder.do(np.matmul, self.matrices, before, after)
        tile = Tile(slice(0, frames), slice(0, rows))
        acc = accumulators(binder, target, tile, self.rescale, frames * rows * cols, np.float32)
        binder.do(np.copyto, acc.reshape(frames, rows * cols, channels), after.transpose(2, 1, 0))
        finish(binder, self.rescale, acc, compact_picks(frames, rows, cols * channels), target, tile)
        binder.release()


def pays(window: Window, shape: tuple[int, ...]) -> bool:
    """Whether matrices are smaller than the sums over the window's taps on a map (H, W, C), and worth a call each."""
    height, width, channels = shape
    rows, cols = window.size(shape)
    pixels, taps = height * width, window.kernel[0] * window.kernel[1]
    return pixels <= taps and rows * cols * taps >= LEAST_PRODUCTS and channels * rows * cols * pixels <= MAX_ELEMENTS


def matrices(window: Window, weight: Array, shape: tuple[int, ...]) -> Array:
    """Those of weights (KH, KW, C) on a map (H, W, C)."""
    height, width, channels = shape
    size = window.size(shape)
    out = np.zeros((channels, *size, height, width), np.float32)
    for i, j in np.ndindex(*window.kernel):
        at = [np.arange(size[a]) * window.stride[a] - window.pad[a] + k * window.dilation[a] for a, k in enumerate((i, j))]
        to_rows, to_cols = (np.flatnonzero((x >= 0) & (x < shape[a])) for a, x in enumerate(at))
        out[:, to_rows[:, None], to_cols, at[0][to_rows][:, None], at[1][to_cols]] += weight[i, j][:, None, None]
    return out.reshape(channels, size[0] * size[1], height * width)
