# SPDX-License-Identifier: Apache-2.0
"""The exact integer reference of every operator, in numpy.

All tensors are NHWC integer arrays. Results are exact: sums run in float32 BLAS where every partial sum stays below
2**24, in float64 below 2**53, and in int64 beyond. RTL, HLS and the host's CPU path (`headrace_host.cpu`) are all checked
against this module, which is kept plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    IntArray = npt.NDArray[np.integer[Any]]
else:
    IntArray = np.ndarray  # numpy 1.21, on PYNQ images, cannot subscript np.integer
Pads = tuple[int, int, int, int]
"""Padding as (top, left, bottom, right) pixels."""


def exact_dtype(bound: int) -> type[np.float32] | type[np.float64] | type[np.int64]:
    """The fastest dtype whose arithmetic is exact for integers of magnitude up to ``bound``."""
    if bound < 1 << 24:
        return np.float32
    return np.float64 if bound < 1 << 53 else np.int64


def _magnitude(values: IntArray) -> int:
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0


def _as_int(acc: npt.NDArray[Any]) -> IntArray:
    if acc.dtype == np.int64:
        return acc
    return acc.astype(np.int32 if acc.dtype == np.float32 else np.int64)


def conv_size(size: int, kernel: int, stride: int, pad: int, dilation: int) -> int:
    """Output length along one axis; ``pad`` is the sum of both sides."""
    return (size + pad - dilation * (kernel - 1) - 1) // stride + 1


def _tap_view(
    padded: npt.NDArray[Any],
    i: int,
    j: int,
    out_hw: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> npt.NDArray[Any]:
    """The pixels that kernel tap (i, j) meets, as a view (N, OH, OW, C) of the padded map."""
    top, left = i * dilation[0], j * dilation[1]
    rows = slice(top, top + (out_hw[0] - 1) * stride[0] + 1, stride[0])
    cols = slice(left, left + (out_hw[1] - 1) * stride[1] + 1, stride[1])
    return padded[:, rows, cols, :]


def padded_map(x: IntArray, pad: Pads, value: int = 0) -> IntArray:
    """The map (N, H, W, C) with ``value`` around it; a negative padding cuts rows or columns off."""
    rows, cols = (max(0, pad[0]), max(0, pad[2])), (max(0, pad[1]), max(0, pad[3]))
    grown = np.pad(x, ((0, 0), rows, cols, (0, 0)), constant_values=value)
    top, left, bottom, right = (max(0, -p) for p in pad)
    return grown[:, top : grown.shape[1] - bottom, left : grown.shape[2] - right]


def conv2d(
    x: IntArray,
    w: IntArray,
    stride: tuple[int, int] = (1, 1),
    pad: Pads = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> IntArray:
    """Exact 2-D convolution (cross-correlation, as in ONNX ``Conv``).

    Args:
        x: activations (N, H, W, C).
        w: weights (M, KH, KW, C / groups).
        pad: zeros around the map; where negative, rows or columns that are cut off.

    Returns:
        accumulators (N, OH, OW, M).

    Raises:
        ValueError: the shapes do not fit each other, or the output would be empty.
    """
    n, h, width, c = x.shape
    m, kh, kw, c_group = w.shape
    if c != c_group * groups or m % groups:
        raise ValueError(f"conv2d: {c} channels, {m} filters of {c_group} channels and {groups} groups do not fit")
    out_hw = (
        conv_size(h, kh, stride[0], pad[0] + pad[2], dilation[0]),
        conv_size(width, kw, stride[1], pad[1] + pad[3], dilation[1]),
    )
    if min(out_hw) < 1:
        raise ValueError(f"conv2d: a {kh}x{kw} kernel leaves no output on a {h}x{width} map")
    weight_sum = int(np.abs(w.astype(np.int64)).reshape(m, -1).sum(axis=1).max())
    dtype = exact_dtype(weight_sum * _magnitude(x))
    padded = padded_map(x, pad).astype(dtype)
    weights = w.astype(dtype)
    acc = np.zeros((n, *out_hw, m), dtype)
    for i in range(kh):
        for j in range(kw):
            tap = _tap_view(padded, i, j, out_hw, stride, dilation)
            if c_group == 1 and m == c:
                acc += tap * weights[:, i, j, 0]
                continue
            for g in range(groups):
                filters = slice(g * (m // groups), (g + 1) * (m // groups))
                channels = slice(g * c_group, (g + 1) * c_group)
                acc[..., filters] += tap[..., channels] @ weights[filters, i, j, :].T
    return _as_int(acc)


def deform_depthwise(x: IntArray, d: IntArray, w: IntArray, lo: int, hi: int) -> IntArray:
    """Limited-range square deformable depthwise convolution (CoDeNet, arXiv 2006.08357), stride 1.

    Tap (i, j) of the output pixel p reads ``p + s * (i - (k-1)/2, j - (k-1)/2)`` with ``s = clip(d(p), lo, hi)``;
    taps outside the map are zero.

    Args:
        x: activations (N, H, W, C).
        d: dilations (N, H, W, 1).
        w: weights (k, k, C), k odd.

    Returns:
        accumulators (N, H, W, C).
    """
    n, h, width, c = x.shape
    k = w.shape[0]
    if w.shape != (k, k, c) or k % 2 == 0 or d.shape != (n, h, width, 1):
        raise ValueError(f"deform_depthwise: x {x.shape}, d {d.shape} and w {w.shape} do not fit")
    reach = max(abs(lo), abs(hi)) * ((k - 1) // 2)
    dtype = exact_dtype(int(np.abs(w.astype(np.int64)).sum(axis=(0, 1)).max()) * _magnitude(x))
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0))).astype(dtype)
    s = np.clip(d[..., 0].astype(np.int64), lo, hi)
    image = np.arange(n)[:, None, None]
    rows = np.arange(h)[None, :, None] + reach
    cols = np.arange(width)[None, None, :] + reach
    acc = np.zeros((n, h, width, c), dtype)
    for i in range(k):
        for j in range(k):
            tap = padded[image, rows + s * (i - (k - 1) // 2), cols + s * (j - (k - 1) // 2)]
            acc += tap * w[i, j].astype(dtype)
    return _as_int(acc)


def round_shift(v: IntArray, shift: int) -> IntArray:
    """``v / 2**shift`` rounded to the nearest integer, ties to even (as torch.round and ONNX ``Round``)."""
    v = v.astype(np.int64)
    if shift == 0:
        return v
    biased = v + (1 << (shift - 1))
    q = biased >> shift
    tie = (biased & ((1 << shift) - 1)) == 0
    rounded: IntArray = q - (tie & (q & 1).astype(bool))
    return rounded


def requant(acc: IntArray, mul: IntArray, add: IntArray, shift: int, lo: int, hi: int, odd: bool = False) -> IntArray:
    """``clip(round_half_even((acc * mul + add) / 2**shift), lo, hi)``; ``mul`` and ``add`` are per channel (C,) or scalar.

    With ``odd``, ties go to odd integers.
    """
    y = round_shift(acc.astype(np.int64) * mul + add + (int(odd) << shift), shift) - int(odd)
    return np.clip(y, lo, hi).astype(storage_dtype(lo, hi))


def storage_dtype(lo: int, hi: int) -> type[np.integer[Any]]:
    """The smallest numpy integer type that holds every value of [lo, hi]."""
    for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.int32):
        if np.iinfo(dtype).min <= lo and hi <= np.iinfo(dtype).max:
            return dtype
    return np.int64


def max_pool(
    x: IntArray,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: Pads = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> IntArray:
    """Maximum over windows; padding never wins. (N, H, W, C) -> (N, OH, OW, C)."""
    _, h, width, _ = x.shape
    out_hw = (
        conv_size(h, kernel[0], stride[0], pad[0] + pad[2], dilation[0]),
        conv_size(width, kernel[1], stride[1], pad[1] + pad[3], dilation[1]),
    )
    if min(out_hw) < 1:
        raise ValueError(f"max_pool: a {kernel[0]}x{kernel[1]} window leaves no output on a {h}x{width} map")
    floor = np.iinfo(x.dtype).min
    padded = np.pad(x, ((0, 0), (pad[0], pad[2]), (pad[1], pad[3]), (0, 0)), constant_values=floor)
    best = _tap_view(padded, 0, 0, out_hw, stride, dilation).copy()
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            np.maximum(best, _tap_view(padded, i, j, out_hw, stride, dilation), out=best)
    return best


def upsample_nearest(x: IntArray, factors: tuple[int, int]) -> IntArray:
    """Repeats every pixel ``factors`` = (rows, columns) times."""
    return x.repeat(factors[0], axis=1).repeat(factors[1], axis=2)


def channel_shuffle(x: IntArray, groups: int) -> IntArray:
    """ShuffleNet's permutation: ``out[n * groups + g] = in[g * (C / groups) + n]``."""
    n, h, w, c = x.shape
    if c % groups:
        raise ValueError(f"channel_shuffle: {groups} groups do not divide {c} channels")
    return x.reshape(n, h, w, groups, c // groups).swapaxes(3, 4).reshape(n, h, w, c)
