# SPDX-License-Identifier: Apache-2.0
"""Tensor types of the integer graph."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.errors import ModelError


def bits_for_range(lo: int, hi: int) -> int:
    """Bits that hold every integer of [lo, hi]: two's complement when ``lo`` is negative, else unsigned; at least 1."""
    if lo < 0:
        return max((-lo - 1).bit_length(), hi.bit_length() if hi > 0 else 0) + 1
    return max(1, hi.bit_length())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One NHWC integer tensor of the graph (without its batch axis).

    ``real = integer * scale + offset``, per channel where ``scale`` and ``offset`` hold more than one value. Both
    belong to the network's boundary and to requantizers; the hardware never sees them.
    """

    name: str
    shape: tuple[int, int, int]
    """Rows, columns, channels."""
    lo: int
    hi: int
    """Every value that can occur lies in [lo, hi]."""
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ModelError(f"tensor '{self.name}': every axis of {self.shape} must be at least 1")
        if self.lo > self.hi:
            raise ModelError(f"tensor '{self.name}': empty range [{self.lo}, {self.hi}]")

    @property
    def bits(self) -> int:
        """Width of one value in hardware."""
        return bits_for_range(self.lo, self.hi)

    @property
    def signed(self) -> bool:
        """Whether the hardware treats the value as two's complement."""
        return self.lo < 0

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""
        return self.shape[0] * self.shape[1]

    @property
    def channels(self) -> int:
        """Channels of one pixel."""
        return self.shape[2]

    def __str__(self) -> str:
        h, w, c = self.shape
        return f"%{self.name}: {'s' if self.signed else 'u'}{self.bits}[{h}x{w}x{c}]"
