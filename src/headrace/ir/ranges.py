# SPDX-License-Identifier: Apache-2.0
"""Interval analysis: the exact range of accumulators, per output channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headrace.ir.ops import IntArray

Range = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Lowest and highest value per channel, (C,) each."""


def mac_range(weights: IntArray, lo: int, hi: int) -> Range:
    """Bounds of ``sum(w * x)`` over x in [lo, hi], where zero (padding) is always possible.

    Args:
        weights: (M, taps): all weights of each output channel.

    Returns:
        lowest and highest accumulator per output channel, (M,) each.
    """
    lo, hi = min(lo, 0), max(hi, 0)
    w = weights.astype(np.int64)
    positive, negative = np.maximum(w, 0).sum(axis=1), np.minimum(w, 0).sum(axis=1)
    return positive * lo + negative * hi, positive * hi + negative * lo
