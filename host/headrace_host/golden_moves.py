# SPDX-License-Identifier: Apache-2.0
"""The exact reference of the operators that only move integers about. All tensors are NHWC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from headrace_host.golden import padded_map

if TYPE_CHECKING:
    IntArray = npt.NDArray[np.integer[Any]]
else:
    IntArray = np.ndarray


def gather(x: IntArray, indices: Sequence[int]) -> IntArray:
    """Channel n of the result is channel ``indices[n]``, or zero where that is -1: (N, H, W, C) -> (N, H, W, len(indices))."""
    chosen = np.asarray(indices, np.int64)
    result: IntArray = x[..., chosen] * (chosen >= 0).astype(x.dtype)
    return result


def depth_to_space(x: IntArray, block: tuple[int, int]) -> IntArray:
    """(N, H, W, rows * cols * C) -> (N, H * rows, W * cols, C); channels are ordered (row, column, channel).

    With a square block this is ONNX ``DepthToSpace`` in mode DCR.

    Raises:
        ValueError: the channels do not fill the blocks.
    """
    n, h, w, c = x.shape
    rows, cols = block
    if c % (rows * cols):
        raise ValueError(f"depth_to_space: {c} channels do not fill blocks of {rows}x{cols} pixels")
    each = c // (rows * cols)
    return x.reshape(n, h, w, rows, cols, each).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * rows, w * cols, each)


def space_to_depth(x: IntArray, block: tuple[int, int]) -> IntArray:
    """The inverse of :func:`depth_to_space`, as ONNX ``SpaceToDepth``.

    Raises:
        ValueError: the map is no whole number of blocks.
    """
    n, h, w, c = x.shape
    rows, cols = block
    if h % rows or w % cols:
        raise ValueError(f"space_to_depth: a {h}x{w} map is no whole number of {rows}x{cols} blocks")
    y = x.reshape(n, h // rows, rows, w // cols, cols, c).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(n, h // rows, w // cols, rows * cols * c)


def raster(x: IntArray, size: tuple[int, int]) -> IntArray:
    """The same pixels in rows of another length: (N, H, W, C) -> (N, *size, C)."""
    return x.reshape(x.shape[0], *size, x.shape[3])


def crop(x: IntArray, pad: tuple[int, int, int, int], stride: tuple[int, int] = (1, 1)) -> IntArray:
    """Zero-pads by ``pad`` = (top, left, bottom, right), cuts where it is negative, then takes every ``stride``-th pixel.

    Raises:
        ValueError: nothing is left.
    """
    cut = padded_map(x, pad)[:, :: stride[0], :: stride[1]]
    if 0 in cut.shape:
        raise ValueError(f"crop: padding {pad} leaves nothing of a {x.shape[1]}x{x.shape[2]} map")
    return cut


def shift(x: IntArray, offsets: IntArray) -> IntArray:
    """Moves every channel: ``out[y, x, c] = in[y + offsets[c, 0], x + offsets[c, 1], c]``, zero outside the map.

    Args:
        x: (N, H, W, C).
        offsets: (C, 2), rows and columns.
    """
    _, h, w, _ = x.shape
    out = np.zeros_like(x)
    for dy, dx in np.unique(offsets, axis=0).tolist():
        channels = np.flatnonzero((offsets[:, 0] == dy) & (offsets[:, 1] == dx))
        top, left = max(0, -dy), max(0, -dx)
        bottom, right = min(h, h - dy), min(w, w - dx)
        if top < bottom and left < right:
            out[:, top:bottom, left:right, channels] = x[:, top + dy : bottom + dy, left + dx : right + dx, channels]
    return out
