# SPDX-License-Identifier: Apache-2.0
"""How tensors lie in the memory that the accelerator reads and writes.

A frame is its elements in NHWC order without gaps, the first in the low bits of the first byte. An element takes the least
power of two of bits that holds it, so those of 8, 16, 32 and 64 bits are numpy arrays as they are, and only smaller ones are
packed. Frames begin at multiples of the bus's words and end with a word for their check: the sum, modulo 2**64, of the 64-bit
parts of all other words and of a number that is different for each frame (`check_start`). By it the accelerator finds inputs,
and the host outputs, that are not what the other side wrote: changed bits, an unflushed cache, a frame of an earlier batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace_host.golden import IntArray


def check_start(tag: int, frames: int) -> npt.NDArray[np.uint64]:
    """What the check words of a command's frames (N,) start from: its tag, and the frames that are left."""
    return (np.uint64(tag & 0xFFFFFFFF) << np.uint64(32)) + np.arange(frames, 0, -1, dtype=np.uint64)


@dataclass(frozen=True)
class MemoryLayout:
    """The place of a tensor's frames in memory."""

    shape: tuple[int, ...]
    """(H, W, C) of a frame."""
    element_bits: int
    """Bits that an element takes: 1, 2, 4, 8, 16, 32 or 64."""
    signed: bool
    frame_bytes: int
    """From one frame to the next, a multiple of the bus's words."""
    check_offset: int
    """Of the check word's 8 bytes, from the start of a frame."""

    @classmethod
    def of(cls, shape: Sequence[int], bits: int, signed: bool, word_bytes: int) -> MemoryLayout:
        """The layout of a tensor of ``bits``-bit elements behind a bus of ``word_bytes``-byte words."""
        element_bits = 1 << (bits - 1).bit_length()
        words = -(-int(np.prod(shape)) * element_bits // (8 * word_bytes))
        return cls(tuple(shape), element_bits, signed, (words + 1) * word_bytes, words * word_bytes)

    @property
    def elements(self) -> int:
        """Of a frame."""
        return int(np.prod(self.shape))

    @property
    def packed_bytes(self) -> int:
        """Bytes of a frame that hold elements."""
        return -(-self.elements * self.element_bits // 8)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of unpacked elements."""
        return np.dtype(f"{'i' if self.signed else 'u'}{max(1, self.element_bits // 8)}")

    def pack(self, frames: IntArray, out: npt.NDArray[np.uint8]) -> None:
        """Writes frames (N, H, W, C) of integers in range into ``out`` (N, ``frame_bytes``), all but their check words."""
        n = len(frames)
        rows = out[:n]
        if self.packed_bytes < self.check_offset:
            rows[:, self.packed_bytes : self.check_offset] = 0
        if self.element_bits >= 8:
            np.copyto(self.view(out)[:n], frames, casting="unsafe")
            return
        words = self._bytes(frames).view(self._word) & self._low_bits  # of as many elements as a byte of memory holds
        step, held = 8 - self.element_bits, 1
        while held < 8 // self.element_bits:  # neighbours together, then pairs of them ...
            words |= words >> self._word.type(step * held)
            held *= 2
        np.copyto(rows[:, : self.packed_bytes], words, casting="unsafe")

    def _bytes(self, frames: IntArray) -> npt.NDArray[np.uint8]:
        """Elements (N, whole bytes of memory) as a byte each; no copy where they are that already."""
        n, whole = len(frames), self.packed_bytes * 8 // self.element_bits
        if whole == self.elements and frames.dtype.itemsize == 1 and frames.flags.c_contiguous:
            return frames.view(np.uint8).reshape(n, whole)
        flat = np.zeros((n, whole), np.uint8)
        np.copyto(flat[:, : self.elements], frames.reshape(n, self.elements), casting="unsafe")
        return flat

    @property
    def _word(self) -> np.dtype[Any]:
        """Holds the elements of a byte of memory as bytes, the first in the low byte."""
        return np.dtype(f"<u{8 // self.element_bits}")

    @property
    def _low_bits(self) -> Any:
        """The bits of elements in `_word`."""
        element = (1 << self.element_bits) - 1
        return self._word.type(int.from_bytes(bytes([element]) * (8 // self.element_bits), "little"))

    def seal(self, memory: npt.NDArray[np.uint8], starts: npt.NDArray[np.uint64]) -> None:
        """Writes the check words of packed frames (N, ``frame_bytes``); ``starts`` (N,) are of `check_start`."""
        self._checks(memory)[:, 0] = self._sums(memory) + starts

    def intact(self, memory: npt.NDArray[np.uint8], starts: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Whether each frame (N,) of a memory (N, ``frame_bytes``) is what its check word says."""
        same: npt.NDArray[np.bool_] = self._checks(memory)[:, 0] == self._sums(memory) + starts
        return same

    def _checks(self, memory: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
        return memory[:, self.check_offset : self.check_offset + 8].view("<u8")

    def _sums(self, memory: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
        sums: npt.NDArray[np.uint64] = memory[:, : self.check_offset].view("<u8").sum(axis=1, dtype=np.uint64)
        return sums

    def view(self, memory: npt.NDArray[np.uint8]) -> IntArray:
        """Frames (N, H, W, C) of a memory (N, ``frame_bytes``), without a copy; elements of at least 8 bits."""
        frames: IntArray = memory[:, : self.packed_bytes].view(self.dtype).reshape(len(memory), *self.shape)
        return frames

    def unpack(self, memory: npt.NDArray[np.uint8]) -> IntArray:
        """Inverse of :meth:`pack`: frames (N, H, W, C) of a memory (N, ``frame_bytes``), in an array of their own."""
        if self.element_bits >= 8:
            return np.array(self.view(memory))
        per_byte = 8 // self.element_bits
        words = memory[:, : self.packed_bytes].astype(self._word)
        step, held = 8 - self.element_bits, per_byte // 2
        while held:
            words |= words << self._word.type(step * held)
            held //= 2
        words &= self._low_bits
        flat = words.view(np.uint8)
        if self.signed:  # copies the sign bit upwards
            sign = np.uint8(1 << (self.element_bits - 1))
            flat ^= sign
            flat -= sign
        elements: IntArray = flat[:, : self.elements].view(self.dtype).reshape(len(memory), *self.shape)
        return elements
