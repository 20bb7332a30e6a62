# SPDX-License-Identifier: Apache-2.0
"""Boxes: overlap and non-maximum suppression. numpy only, and deterministic where scores tie.

A box is (left, top, right, bottom) in pixels; right and bottom are exclusive.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def iou_matrix(first: Floats, second: Floats) -> Floats:
    """Return the intersection over union of every pair, (N, M), for boxes (N, 4) and (M, 4).

    A pair without any area has overlap 0.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    total = _areas(first)[:, None] + _areas(second)[None, :] - shared
    return np.asarray(np.divide(shared, total, out=np.zeros_like(shared), where=total > 0))


def suppress(boxes: Floats, scores: Floats, labels: NDArray[np.int64], iou: float) -> NDArray[np.int64]:
    """Return the indices that survive class-wise greedy suppression, best score first.

    Of two boxes of one class that overlap by more than ``iou`` the better score stays; where scores tie, the
    one with the lower index.
    """
    order = np.argsort(-scores, kind="stable")
    overlap = iou_matrix(boxes[order], boxes[order]) > iou
    overlap &= labels[order][:, None] == labels[order][None, :]
    alive = np.ones(len(order), bool)
    for rank in range(len(order)):
        if alive[rank]:
            alive[rank + 1 :] &= ~overlap[rank, rank + 1 :]
    return order[alive]


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))
