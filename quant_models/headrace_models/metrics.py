# SPDX-License-Identifier: Apache-2.0
"""Average precision of detections, numpy only.

VOC style with all-point interpolation (the area under the monotone envelope of the precision-recall curve; Everingham et al.,
IJCV 2015, section 4.2, as used by VOC since 2010): detections of a class are taken over all pictures in falling score; each
matches the object with the largest overlap if that is at least the threshold and the object is still free, else it is a false
positive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from headrace_host.boxes import iou_matrix
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Detections in one picture: boxes (N, 4), scores (N,), labels (N,)."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Objects of one picture: boxes (M, 4), labels (M,)."""

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]


def average_precision(found: Sequence[Found], truth: Sequence[Truth], label: int, *, iou: float = 0.5) -> float:
    """Return the average precision of one class; nan where the class has no object.

    Raises:
        ValueError: the two sequences differ in length.
    """
    total = sum(int((t.labels == label).sum()) for t in truth)
    if not total:
        return float("nan")
    scores, hits = [], []
    for f, t in zip(found, truth, strict=True):
        chosen = f.labels == label
        order = np.argsort(-f.scores[chosen], kind="stable")
        boxes = f.boxes[chosen][order]
        scores.append(f.scores[chosen][order])
        hits.append(_match(boxes, t.boxes[t.labels == label], iou))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit = np.concatenate(hits)[order]
    recall = np.cumsum(hit) / total
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def average_precisions(
    found: Sequence[Found], truth: Sequence[Truth], classes: Sequence[str], *, iou: float = 0.5
) -> dict[str, float]:
    """Return the average precision of each class by name, and their mean as ``mean``."""
    each = {name: average_precision(found, truth, label, iou=iou) for label, name in enumerate(classes)}
    return {**each, "mean": float(np.nanmean(list(each.values())))}


def _match(boxes: NDArray[np.float64], objects: NDArray[np.float64], iou: float) -> NDArray[np.bool_]:
    """Return for each box, best score first, whether it takes a free object; VOC's rule of the largest overlap."""
    hits = np.zeros(len(boxes), bool)
    if not len(objects):
        return hits
    taken = np.zeros(len(objects), bool)
    for index, row in enumerate(iou_matrix(boxes, objects)):
        best = int(row.argmax())
        if row[best] >= iou and not taken[best]:
            hits[index] = taken[best] = True
    return hits
