# SPDX-License-Identifier: Apache-2.0
"""One grid for channels of unequal scales or offsets: exact where they stand in whole ratios."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd, lcm

import numpy as np
import numpy.typing as npt

from headrace.frontend.values import ExactArray, Real
from headrace.ir.tensor import Tensor

MAX_FACTOR_BITS = 16
"""Widest whole factor that brings a channel to the common grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """``real = step * clip(integer * factor + term, lo, hi)`` with whole numbers throughout, ``factor`` and ``term`` (C,)."""

    step: Fraction
    factor: npt.NDArray[np.int64]
    term: npt.NDArray[np.int64]
    lo: int
    hi: int


def common_step(values: ExactArray) -> Fraction:
    """The largest number of which all (nonzero) ``values`` are whole multiples; 0 if all are zero."""
    nonzero = [value for value in set(values.tolist()) if value]
    denominator = reduce(lcm, (value.denominator for value in nonzero), 1)
    return Fraction(reduce(gcd, (int(value * denominator) for value in nonzero), 0), denominator)


def common_grid(real: Real, source: Tensor) -> Grid | None:
    """The coarsest grid that holds every channel of ``real``, its offset and its clamp; None if its factors are too wide."""
    bounds = [bound for bound in (real.lo, real.hi) if bound is not None]
    step = common_step(np.array([*real.scale, *real.offset, *bounds], object))
    if not step or max(abs(v / step) for v in real.scale) >= 1 << MAX_FACTOR_BITS:
        return None
    if max(abs(v / step) for v in [*real.offset, *bounds]) >= 1 << 2 * MAX_FACTOR_BITS:
        return None
    factor, term = (np.broadcast_to((p / step).astype(np.int64), source.channels) for p in (real.scale, real.offset))
    ends = np.stack([factor * source.lo + term, factor * source.hi + term])
    lo, hi = int(ends.min()), int(ends.max())
    if real.lo is not None:
        lo, hi = (max(end, int(real.lo / step)) for end in (lo, hi))
    if real.hi is not None:
        lo, hi = (min(end, int(real.hi / step)) for end in (lo, hi))
    return Grid(step=step, factor=factor, term=term, lo=lo, hi=hi)
