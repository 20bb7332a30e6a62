# SPDX-License-Identifier: Apache-2.0
"""The exact integer reference of limited-range deformable convolutions: per tap or square, fractional, with masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from headrace_host.golden import IntArray, Pads, conv_size, exact_dtype

if TYPE_CHECKING:
    Int64Array = npt.NDArray[np.int64]
else:
    Int64Array = np.ndarray  # numpy 1.21, on PYNQ images, cannot subscript np.int64


def _offsets_of_tap(offset: Int64Array, kernel: tuple[int, int], i: int, j: int, square: bool) -> tuple[Int64Array, Int64Array]:
    """Displacements (N, OH, OW) in rows and columns of tap (i, j), in steps of the offsets."""
    if square:
        dilation = offset[..., 0]
        return dilation * (i - (kernel[0] - 1) // 2), dilation * (j - (kernel[1] - 1) // 2)
    tap = i * kernel[1] + j
    return offset[..., 2 * tap], offset[..., 2 * tap + 1]


def _neighbour(x: Int64Array, rows: Int64Array, cols: Int64Array) -> Int64Array:
    """Pixels (N, OH, OW, C) of ``x`` at whole positions (N, OH, OW); zero outside the map."""
    n, height, width, _ = x.shape
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    image = np.arange(n)[:, None, None]
    picked: Int64Array = x[image, rows.clip(0, height - 1), cols.clip(0, width - 1)] * inside[..., None]
    return picked


def _sample(x: Int64Array, rows: Int64Array, cols: Int64Array, fraction_bits: int) -> Int64Array:
    """Bilinear samples at fixed-point positions, times ``2**(2 * fraction_bits)``."""
    one = 1 << fraction_bits
    top, left = rows >> fraction_bits, cols >> fraction_bits
    below, right = (rows & (one - 1))[..., None], (cols & (one - 1))[..., None]
    if fraction_bits == 0:
        return _neighbour(x, top, left)
    upper = _neighbour(x, top, left) * (one - right) + _neighbour(x, top, left + 1) * right
    lower = _neighbour(x, top + 1, left) * (one - right) + _neighbour(x, top + 1, left + 1) * right
    sample: Int64Array = upper * (one - below) + lower * below
    return sample


def _magnitude(values: IntArray) -> int:
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0


def deform_conv(
    x: IntArray,
    offset: IntArray,
    w: IntArray,
    mask: IntArray | None = None,
    *,
    stride: tuple[int, int] = (1, 1),
    pad: Pads = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    square: bool = False,
    fraction_bits: int = 0,
    lo: int,
    hi: int,
) -> IntArray:
    """Limited-range deformable convolution (DCN arXiv 1703.06211, masks 1811.11168, square CoDeNet 2006.08357), exact.

    With F = ``fraction_bits`` and offsets clipped to [lo, hi], tap (i, j) of output pixel p lies at
    ``p * stride - pad + (i, j) * dilation + offset / 2**F``, or with ``square`` at
    ``p * stride - pad + mid + (i - mid, j - mid) * d / 2**F`` with ``mid = (K - 1) / 2``. It is the sum of its four neighbours
    (zero outside the map) times ``2**F - f`` or ``f`` along rows and columns, f its fraction, hence scaled by ``2**(2 * F)``;
    then times its mask.

    Args:
        x: activations (N, H, W, C).
        offset: (N, OH, OW, 2 * KH * KW), row and column of each tap along the kernel's rows as in ONNX ``DeformConv``; with
            ``square`` (N, OH, OW, 1).
        w: weights (M, KH, KW, C / groups).
        mask: (N, OH, OW, KH * KW), in the order of the taps.
        pad: top, left, bottom, right.

    Returns:
        accumulators (N, OH, OW, M).

    Raises:
        ValueError: the shapes do not fit each other.
    """
    n, height, width, _ = x.shape
    m, kh, kw, _ = w.shape
    out_hw = (
        conv_size(height, kh, stride[0], pad[0] + pad[2], dilation[0]),
        conv_size(width, kw, stride[1], pad[1] + pad[3], dilation[1]),
    )
    _check(x, offset, w, mask, out_hw, groups, square, dilation)
    steps = np.clip(offset.astype(np.int64), lo, hi)
    wide = x.astype(np.int64)
    bound = _magnitude(x) << (2 * fraction_bits)
    if mask is not None:
        bound *= _magnitude(mask)
    dtype = exact_dtype(bound * int(np.abs(w.astype(np.int64)).reshape(m, -1).sum(axis=1).max()))
    origin = (
        ((np.arange(out_hw[0]) * stride[0] - pad[0]) << fraction_bits)[None, :, None],
        ((np.arange(out_hw[1]) * stride[1] - pad[1]) << fraction_bits)[None, None, :],
    )
    acc: npt.NDArray[Any] = np.zeros((n, *out_hw, m), dtype)
    for i in range(kh):
        for j in range(kw):
            down, across = _offsets_of_tap(steps, (kh, kw), i, j, square)
            place = ((kh - 1) // 2, (kw - 1) // 2) if square else (i * dilation[0], j * dilation[1])
            rows = origin[0] + (place[0] << fraction_bits) + down
            cols = origin[1] + (place[1] << fraction_bits) + across
            tap = _sample(wide, rows, cols, fraction_bits)
            if mask is not None:
                tap = tap * mask[..., i * kw + j, None].astype(np.int64)
            acc += _products(tap.astype(dtype), w[:, i, j].astype(dtype), groups)
    return acc if acc.dtype == np.int64 else acc.astype(np.int32 if acc.dtype == np.float32 else np.int64)


def _products(tap: npt.NDArray[Any], weights: npt.NDArray[Any], groups: int) -> npt.NDArray[Any]:
    """Products (N, OH, OW, M) of one tap (N, OH, OW, C) with its weights (M, C / groups)."""
    m, c_group = weights.shape
    if c_group == 1 and m == groups:
        depthwise: npt.NDArray[Any] = tap * weights[:, 0]
        return depthwise
    per_group = [
        tap[..., g * c_group : (g + 1) * c_group] @ weights[g * (m // groups) : (g + 1) * (m // groups)].T
        for g in range(groups)
    ]
    return np.concatenate(per_group, axis=-1)


def _check(
    x: IntArray,
    offset: IntArray,
    w: IntArray,
    mask: IntArray | None,
    out_hw: tuple[int, int],
    groups: int,
    square: bool,
    dilation: tuple[int, int],
) -> None:
    n, _, _, c = x.shape
    m, kh, kw, c_group = w.shape
    fits = c == c_group * groups and m % groups == 0 and min(out_hw) >= 1
    fits = fits and offset.shape == (n, *out_hw, 1 if square else 2 * kh * kw)
    fits = fits and (mask is None or mask.shape == (n, *out_hw, kh * kw))
    if square:
        fits = fits and kh % 2 == 1 and kw % 2 == 1 and tuple(dilation) == (1, 1)
    if not fits:
        raise ValueError(
            f"deform_conv: x {x.shape}, offset {offset.shape}, w {w.shape}, mask {None if mask is None else mask.shape},"
            f" groups {groups} and an output of {out_hw[0]}x{out_hw[1]} pixels do not fit"
        )
