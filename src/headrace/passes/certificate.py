# SPDX-License-Identifier: Apache-2.0
"""What the compiler proves of each quantizer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

FLOAT32_EXACT = 1 << 24
"""Whole numbers up to here are exact in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was proved of one requantizer, over every accumulator value that interval analysis admits."""

    node: str
    exact: bool
    differing_values: int
    """Accumulator values, summed over channels, on which the integer result differs from the real quantizer."""
    reachable_values: int
    """Accumulator values compared, summed over channels."""
    mul_bits: int
    shift: int
    float32_exact: bool
    """Whether float32 arithmetic (PyTorch, Brevitas) provably rounds to the same integers."""
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The fields, for the manifest."""
        return asdict(self)


def power_of_two(value: int) -> bool:
    """Whether ``value`` is one."""
    return value > 0 and value & (value - 1) == 0
