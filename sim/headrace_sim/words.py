# SPDX-License-Identifier: Apache-2.0
"""Conversions between integer tensors and the words that streams and ROMs carry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def ceil_div(a: int, b: int) -> int:
    """Return the quotient of two positive integers, rounded up."""
    return -(-a // b)


def pack(beats: npt.ArrayLike, *, bits: int) -> list[int]:
    """Pack integers (beats, lanes) into one word a beat, lane 0 in the low bits, two's complement.

    Raises:
        ValueError: A value fits neither signed nor unsigned into ``bits`` bits.
    """
    values = np.asarray(beats, dtype=object)
    if values.ndim != 2:
        raise ValueError(f"need (beats, lanes), got shape {values.shape}")
    if values.size and not (-(1 << (bits - 1)) <= values.min() and values.max() < 1 << bits):
        raise ValueError(f"{values.min()}..{values.max()} does not fit {bits} bits")
    mask = (1 << bits) - 1
    return [sum((int(value) & mask) << (lane * bits) for lane, value in enumerate(row)) for row in values]


def unpack(words: Sequence[int], *, bits: int, lanes: int, signed: bool = False) -> IntArray:
    """Return the lanes (beats, lanes) of packed words of at most 63 bits a lane."""
    mask, half = (1 << bits) - 1, 1 << (bits - 1)
    out = np.empty((len(words), lanes), dtype=np.int64)
    for row, word in enumerate(words):
        for lane in range(lanes):
            value = (word >> (lane * bits)) & mask
            out[row, lane] = value - 2 * half if signed and value >= half else value
    return out


def beats_of(tensor: npt.NDArray[Any], lanes: int) -> npt.NDArray[Any]:
    """Cut a tensor (..., C) into beats (pixels * ceil(C / lanes), lanes), zeros beyond lane C."""
    channels = tensor.shape[-1]
    per_pixel = ceil_div(channels, lanes)
    pixels = tensor.reshape(-1, channels)
    padded = np.zeros((len(pixels), per_pixel * lanes), dtype=tensor.dtype)
    padded[:, :channels] = pixels
    return padded.reshape(-1, lanes)


def pixels_of(beats: npt.NDArray[Any], channels: int) -> npt.NDArray[Any]:
    """Join beats (pixels * ceil(C / lanes), lanes) into pixels (pixels, C).

    Raises:
        ValueError: A lane beyond the last channel is not zero, or beats do not fill pixels.
    """
    lanes = beats.shape[1]
    per_pixel = ceil_div(channels, lanes)
    if len(beats) % per_pixel:
        raise ValueError(f"{len(beats)} beats are no whole number of pixels of {per_pixel} beats")
    rows = beats.reshape(-1, per_pixel * lanes)
    if rows[:, channels:].any():
        raise ValueError(f"lanes beyond channel {channels} are not zero")
    return rows[:, :channels]


def rom_lines(words: Iterable[int], *, width: int) -> str:
    """Return the text of a ``$readmemh`` file of ``width``-bit words; negative is two's complement."""
    digits, mask = ceil_div(width, 4), (1 << width) - 1
    return "".join(f"{word & mask:0{digits}x}\n" for word in words)
