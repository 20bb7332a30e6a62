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
    shared = _shared(first, second)
    return _ratio(shared, areas(first)[:, None] + areas(second)[None, :] - shared)


def overlap_matrix(first: Floats, second: Floats) -> Floats:
    """Return the share of each first box (N, 4) that lies in each second one (M, 4), (N, M); of a box without area, 0."""
    return _ratio(_shared(first, second), areas(first)[:, None])


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


def areas(boxes: Floats) -> Floats:
    """Return the areas (N,) of boxes (N, 4)."""
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))


def _shared(first: Floats, second: Floats) -> Floats:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2))


def _ratio(part: Floats, whole: Floats) -> Floats:
    whole = np.broadcast_to(whole, part.shape)
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))
