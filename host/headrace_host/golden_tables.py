# SPDX-License-Identifier: Apache-2.0
"""The exact integer reference of functions of one value: steps at thresholds, and tables.

Tensors are NHWC integer arrays, as in :mod:`headrace_host.golden`. Where a table has one row, all channels share it.
"""

from __future__ import annotations

import numpy as np

from headrace_host.golden import IntArray, storage_dtype


def _stored(y: IntArray, values: IntArray) -> IntArray:
    return y.astype(storage_dtype(int(values.min()), int(values.max())))


def thresholds(x: IntArray, steps: IntArray, values: IntArray) -> IntArray:
    """``values[n]`` where n thresholds of the channel are not above ``x``.

    Args:
        x: (..., C).
        steps: thresholds (C or 1, N), rising along each row.
        values: (C or 1, N + 1).

    Returns:
        (..., C), in the smallest type that holds all values.
    """
    y = np.empty(x.shape, np.int64)
    for c in range(x.shape[-1]):
        index = np.searchsorted(steps[c % len(steps)], x[..., c], side="right")
        y[..., c] = values[c % len(values)][index]
    return _stored(y, values)


def lookup(x: IntArray, table: IntArray, lo: int) -> IntArray:
    """``table[x - lo]``.

    Args:
        x: (..., C), from ``lo`` to ``lo + n - 1``.
        table: (C or 1, n).

    Returns:
        (..., C), in the smallest type that holds all values.
    """
    rows = np.arange(x.shape[-1]) % len(table)
    return _stored(table[rows, x.astype(np.int64) - lo], table)
