# SPDX-License-Identifier: Apache-2.0
"""The exact integer reference of pooling, reductions over a map, and choices among the channels of a pixel."""

from __future__ import annotations

import numpy as np

from headrace_host.golden import IntArray, Pads, conv_size


def sum_pool(
    x: IntArray,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: Pads = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> IntArray:
    """Sum over windows, zero in the padding. (N, H, W, C) -> (N, OH, OW, C)."""
    _, h, width, _ = x.shape
    rows = conv_size(h, kernel[0], stride[0], pad[0] + pad[2], dilation[0])
    cols = conv_size(width, kernel[1], stride[1], pad[1] + pad[3], dilation[1])
    if min(rows, cols) < 1:
        raise ValueError(f"sum_pool: a {kernel[0]}x{kernel[1]} window leaves no output on a {h}x{width} map")
    padded = np.pad(x.astype(np.int64), ((0, 0), (pad[0], pad[2]), (pad[1], pad[3]), (0, 0)))
    # a window is as separable as its sum: first down the columns, then along the rows
    total = np.add.reduce([_steps(padded, 1, i * dilation[0], rows, stride[0]) for i in range(kernel[0])])
    result: IntArray = np.add.reduce([_steps(total, 2, j * dilation[1], cols, stride[1]) for j in range(kernel[1])])
    return result


def _steps(x: IntArray, axis: int, start: int, count: int, stride: int) -> IntArray:
    """``count`` entries along ``axis``, ``stride`` apart."""
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, start + (count - 1) * stride + 1, stride)
    return x[tuple(index)]


def reduce_map(x: IntArray, rows: bool, cols: bool, total: bool) -> IntArray:
    """Sum (``total``) or maximum over all rows, all columns, or both; reduced axes keep one entry."""
    axes = tuple(axis for axis, chosen in ((1, rows), (2, cols)) if chosen)
    result: IntArray = x.astype(np.int64).sum(axis=axes, keepdims=True) if total else x.max(axis=axes, keepdims=True)
    return result


def top_k(x: IntArray, k: int, largest: bool, last: bool, indices: bool) -> IntArray:
    """The ``k`` largest or smallest channels of each pixel, sorted, or their indices. (N, H, W, C) -> (N, H, W, k).

    Of equal channels the lower index comes first, with ``last`` the higher one.
    """
    if not 1 <= k <= x.shape[-1]:
        raise ValueError(f"top_k: {k} of {x.shape[-1]} channels")
    keys = -x.astype(np.int64) if largest else x.astype(np.int64)
    if last:
        order = x.shape[-1] - 1 - np.argsort(keys[..., ::-1], axis=-1, kind="stable")
    else:
        order = np.argsort(keys, axis=-1, kind="stable")
    order = order[..., :k].astype(np.int64)
    result: IntArray = order if indices else np.take_along_axis(x, order, axis=-1)
    return result
