# SPDX-License-Identifier: Apache-2.0
"""Rounding modes of quantizers, by the names of QONNX.

Every mode is a rising step function that leaves integers alone, so it is told in full by where it reaches each level.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import numpy.typing as npt

HALF_EVEN = "HALF_EVEN"
ALIASES = {"ROUND": HALF_EVEN, "ROUND_TO_ZERO": "DOWN"}
"""Other names: QONNX's default, and what Brevitas writes for DOWN."""
MODES = (HALF_EVEN, "FLOOR", "CEIL", "DOWN", "UP", "HALF_UP", "HALF_DOWN")
"""DOWN is toward zero, UP away from it; HALF_UP and HALF_DOWN are to nearest, ties away from zero and toward it."""

Levels = npt.NDArray[np.int64]


def mode_of(name: str) -> str | None:
    """The mode that a QONNX ``rounding_mode`` names, in any case; None if there is none of that name."""
    upper = name.upper()
    mode = ALIASES.get(upper, upper)
    return mode if mode in MODES else None


def rounded(value: Fraction, mode: str, zero: int = 0) -> int:
    """``mode(value + zero) - zero``: rounding on a grid whose real zero is the integer ``zero``."""
    v = value + zero
    sign, size, half = -1 if v < 0 else 1, abs(v), Fraction(1, 2)
    whole = {
        HALF_EVEN: round(v),
        "FLOOR": floor(v),
        "CEIL": ceil(v),
        "DOWN": sign * floor(size),
        "UP": sign * ceil(size),
        "HALF_UP": sign * floor(size + half),
        "HALF_DOWN": sign * ceil(size - half),
    }[mode]
    return whole - zero


def rounded_array(values: npt.NDArray[np.float64], mode: str, zero: int = 0) -> npt.NDArray[np.float64]:
    """:func:`rounded` of floats."""
    v = values + zero
    size = np.abs(v)
    whole = {
        HALF_EVEN: np.rint(v),
        "FLOOR": np.floor(v),
        "CEIL": np.ceil(v),
        "DOWN": np.trunc(v),
        "UP": np.copysign(np.ceil(size), v),
        "HALF_UP": np.copysign(np.floor(size + 0.5), v),
        "HALF_DOWN": np.copysign(np.ceil(size - 0.5), v),
    }[mode]
    return np.asarray(whole - zero, np.float64)


def rises(levels: Levels, mode: str, zero: int = 0) -> tuple[Levels, Levels]:
    """Where :func:`rounded` reaches each level: from ``level - half / 2`` on, or just beyond it where ``strict`` is 1.

    Returns:
        half (0, 1 or 2) and strict (0 or 1), one of each per level.
    """
    above = levels + zero > 0
    constant = {"FLOOR": (0, 0), "CEIL": (2, 1)}
    signed = {"DOWN": ((0, 0), (2, 1)), "UP": ((2, 1), (0, 0)), "HALF_UP": ((1, 0), (1, 1)), "HALF_DOWN": ((1, 1), (1, 0))}
    if mode == HALF_EVEN:
        return np.ones_like(levels), (levels + zero) & 1
    over, under = signed.get(mode) or (constant[mode], constant[mode])
    return np.where(above, over[0], under[0]), np.where(above, over[1], under[1])
