# SPDX-License-Identifier: Apache-2.0
"""Tensors as the beats of a hardware stream, and back.

A stream carries the pixels of NHWC frames in raster order, ``lanes`` channels a beat; the last beat of a pixel is ragged:
its lanes beyond the channel count hold zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headrace_host.golden import IntArray


def beats_per_pixel(channels: int, lanes: int) -> int:
    """``ceil(channels / lanes)``."""
    return -(-channels // lanes)


def to_beats(x: IntArray, lanes: int) -> IntArray:
    """(N, H, W, C) -> (N * H * W * ceil(C / lanes), lanes)."""
    c = x.shape[-1]
    beats = beats_per_pixel(c, lanes)
    pixels = x.reshape(-1, c)
    padded = np.pad(pixels, ((0, 0), (0, beats * lanes - c)))
    return padded.reshape(-1, lanes)


def from_beats(beats: IntArray, shape: tuple[int, int, int], lanes: int) -> IntArray:
    """Inverse of :func:`to_beats`: (beats, lanes) -> (N, *shape) with shape = (H, W, C).

    Raises:
        ValueError: the beats are not a whole number of frames.
    """
    h, w, c = shape
    per_pixel = beats_per_pixel(c, lanes)
    if len(beats) % (h * w * per_pixel):
        raise ValueError(f"{len(beats)} beats are not a whole number of frames of {h * w * per_pixel}")
    return beats.reshape(-1, h, w, per_pixel * lanes)[..., :c]


def words_per_beat(bits: int) -> int:
    """32-bit words that hold one beat of ``bits`` bits."""
    return -(-bits // 32)


def pack_words(beats: IntArray, bits: int) -> npt.NDArray[np.uint32]:
    """Beats (n, lanes) of ``bits``-bit values as little-endian 32-bit words (n, words); lane 0 in the low bits."""
    n, lanes = beats.shape
    planes = (beats.astype(np.int64)[..., None] >> np.arange(bits)) & 1
    words = words_per_beat(lanes * bits)
    flat = np.zeros((n, words * 32), np.uint8)
    flat[:, : lanes * bits] = planes.reshape(n, lanes * bits)
    packed = np.packbits(flat, axis=1, bitorder="little")
    return packed.view("<u4").astype(np.uint32).reshape(n, words)


def unpack_words(words: npt.NDArray[np.uint32], lanes: int, bits: int, signed: bool) -> IntArray:
    """Inverse of :func:`pack_words`: words (n, words) -> values (n, lanes), sign-extended when ``signed``."""
    flat = np.unpackbits(np.ascontiguousarray(words, "<u4").view(np.uint8), axis=1, bitorder="little")
    planes = flat[:, : lanes * bits].reshape(-1, lanes, bits).astype(np.int64)
    values: IntArray = (planes << np.arange(bits)).sum(axis=-1)
    if signed:
        values = np.where(planes[..., -1] == 1, values - (1 << bits), values)
    return values
