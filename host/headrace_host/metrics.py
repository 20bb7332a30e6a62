# SPDX-License-Identifier: Apache-2.0
"""Average precision of detections, numpy only.

VOC style: detections of a class are taken over all pictures in falling score; each matches the object with the largest overlap
if that is at least the threshold and the object is still free, else it is a false positive. The area is that under the monotone
envelope of the precision-recall curve (Everingham et al., IJCV 2015, section 4.2, as used by VOC since 2010), or the mean of
that envelope at 11 recalls (as VOC did until 2009, and those who follow Fast R-CNN's evaluation of VOC 2007 still do).

COCO style: each detection takes the free object with the largest overlap; precision is read at 101 recalls; thresholds from 0.5
to 0.95; objects and detections of some size alone (Lin et al., arXiv 1405.0312, and cocodataset.org/#detection-eval).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headrace_host.boxes import areas, iou_matrix, overlap_matrix

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""COCO's overlaps."""
RECALLS = np.linspace(0, 1, 101)
"""At which COCO reads precisions."""
RECALLS_2007 = np.linspace(0, 1, 11)
"""At which VOC did until 2009."""
SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""COCO's areas in pixels."""
MOST = 100
"""Detections of one class in one picture that COCO looks at."""


@dataclass(frozen=True)
class Found:
    """Detections in one picture: boxes (N, 4), scores (N,), labels (N,)."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]

    def of(self, label: int) -> Found:
        """Those of one class, best score first."""
        chosen = np.flatnonzero(self.labels == label)
        chosen = chosen[np.argsort(-self.scores[chosen], kind="stable")]
        return Found(self.boxes[chosen], self.scores[chosen], self.labels[chosen])


@dataclass(frozen=True)
class Truth:
    """Objects of one picture: boxes (M, 4), labels (M,).

    What is ``ignored`` (M,), VOC's difficult objects and COCO's crowds, need not be found, and finding it is no fault.
    ``areas`` (M,) are what COCO goes by for sizes: those of the objects, not of their boxes.
    """

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    areas: NDArray[np.float64]

    @classmethod
    def of_boxes(cls, boxes: NDArray[np.float64], labels: NDArray[np.int64]) -> Truth:
        """Objects that fill their boxes and are all to be found."""
        return cls(boxes, labels, np.zeros(len(labels), bool), areas(boxes))

    def of(self, label: int) -> Truth:
        """Those of one class."""
        chosen = self.labels == label
        return Truth(self.boxes[chosen], self.labels[chosen], self.ignored[chosen], self.areas[chosen])


@dataclass(frozen=True)
class _Judged:
    """Detections of one class in one picture, for each threshold (T, N): hits, and what does not count."""

    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    left_out: NDArray[np.bool_]


def average_precision(
    found: Sequence[Found],
    truth: Sequence[Truth],
    label: int,
    *,
    iou: float = 0.5,
    recalls: NDArray[np.float64] | None = None,
) -> float:
    """Return the average precision of one class, VOC style; nan where the class has no object.

    Args:
        found: by picture.
        truth: by picture.
        label: the class.
        iou: overlap from which on a detection is right.
        recalls: (R,), where precisions are read; without them the area under the curve is taken.

    Raises:
        ValueError: the two sequences differ in length.
    """
    pairs = [(f.of(label), t.of(label)) for f, t in zip(found, truth, strict=True)]
    total = sum(int((~t.ignored).sum()) for _, t in pairs)
    if not total:
        return float("nan")
    hit = _ranked([_largest_overlaps(f, t, iou) for f, t in pairs])[0]
    recall, precision = _curve(hit, total)
    if recalls is not None:
        return _read_off(recall, precision, recalls)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def voc_figures(found: Sequence[Found], truth: Sequence[Truth], classes: Sequence[str]) -> dict[str, float]:
    """Return the average precision of each class at an overlap of 0.5, VOC style, and their mean as ``mean``."""
    return _with_mean({name: average_precision(found, truth, label) for label, name in enumerate(classes)})


def voc07_figures(found: Sequence[Found], truth: Sequence[Truth], classes: Sequence[str]) -> dict[str, float]:
    """As `voc_figures`, with precisions read at 11 recalls: the figures that CenterNet's and CoDeNet's authors report."""
    each = {name: average_precision(found, truth, label, recalls=RECALLS_2007) for label, name in enumerate(classes)}
    return _with_mean(each)


def coco_figures(found: Sequence[Found], truth: Sequence[Truth], classes: Sequence[str]) -> dict[str, float]:
    """Return COCO's average precisions.

    Returns:
        that of each class over all thresholds, their mean as ``mean``, and, over classes, ``AP50`` and ``AP75`` at one
        threshold and ``AP_small``, ``AP_medium`` and ``AP_large``; nan where there is no object.
    """
    pairs = [[(f.of(label), t.of(label)) for f, t in zip(found, truth, strict=True)] for label in range(len(classes))]
    curves = np.array([_coco_precisions(pair, (0.0, 1e10)) for pair in pairs])
    each = _with_mean({name: float(curve.mean()) for name, curve in zip(classes, curves, strict=True)})
    one = {f"AP{round(100 * THRESHOLDS[t])}": _mean(curves[:, t]) for t in (0, 5)}
    sizes = {
        f"AP_{size}": _mean(np.array([_coco_precisions(pair, span).mean() for pair in pairs])) for size, span in SIZES.items()
    }
    return {**each, **one, **sizes}


Figures = Callable[[Sequence[Found], Sequence[Truth], Sequence[str]], dict[str, float]]
METRICS: Mapping[str, Figures] = {"voc": voc_figures, "voc07": voc07_figures, "coco": coco_figures}
TITLES = {"voc": "AP50", "voc07": "AP50, 11 points", "coco": "AP, IoU 0.50 to 0.95"}
"""Of the figures by class and their mean."""


def _with_mean(each: dict[str, float]) -> dict[str, float]:
    return {**each, "mean": _mean(np.array(list(each.values())))}


def _mean(values: NDArray[np.float64]) -> float:
    """Of those that are numbers; nan if none is."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if len(numbers) else float("nan")


def _ranked(judged: Sequence[_Judged]) -> list[NDArray[np.bool_]]:
    """Hits of all pictures in falling score, without what does not count, for each threshold."""
    scores = np.concatenate([j.scores for j in judged])
    order = np.argsort(-scores, kind="stable")
    hits, left_out = (
        np.concatenate(parts, axis=1)[:, order] for parts in zip(*((j.hits, j.left_out) for j in judged), strict=True)
    )
    return [h[~out] for h, out in zip(hits, left_out, strict=True)]


def _curve(hit: NDArray[np.bool_], total: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall after each detection, and the largest precision from there on."""
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    return np.cumsum(hit) / total, np.maximum.accumulate(precision[::-1])[::-1]


def _read_off(recall: NDArray[np.float64], precision: NDArray[np.float64], recalls: NDArray[np.float64]) -> float:
    """The mean precision at ``recalls``; 0 where they are not reached."""
    return float(np.append(precision, 0.0)[np.searchsorted(recall, recalls, side="left")].mean())


def _largest_overlaps(found: Found, truth: Truth, iou: float) -> _Judged:
    """VOC's rule: each detection goes with the object that it overlaps most, whether that is free or not."""
    hits, left_out = np.zeros((2, 1, len(found.scores)), bool)
    taken = np.zeros(len(truth.labels), bool)
    for index, row in enumerate(iou_matrix(found.boxes, truth.boxes) if len(taken) else ()):
        best = int(row.argmax())
        if row[best] < iou:
            continue
        if truth.ignored[best]:
            left_out[0, index] = True
        elif not taken[best]:
            hits[0, index] = taken[best] = True
    return _Judged(found.scores, hits, left_out)


def _coco_precisions(pairs: Sequence[tuple[Found, Truth]], span: tuple[float, float]) -> NDArray[np.float64]:
    """Average precision at each threshold (T,) of objects whose areas are in ``span``; nan if there are none."""
    least, most = span
    judged, total = [], 0
    for found, truth in pairs:
        ignored = truth.ignored | (truth.areas < least) | (truth.areas > most)
        total += int((~ignored).sum())
        judged.append(_free_overlaps(found, truth, ignored, span))
    if not total:
        return np.full(len(THRESHOLDS), np.nan)
    result = np.zeros(len(THRESHOLDS))
    for k, hit in enumerate(_ranked(judged)):
        recall, precision = _curve(hit, total)
        result[k] = _read_off(recall, precision, RECALLS)
    return result


def _free_overlaps(found: Found, truth: Truth, ignored: NDArray[np.bool_], span: tuple[float, float]) -> _Judged:
    """COCO's rule: each detection takes the free object that it overlaps most, one to be found before one that is not.

    A crowd can be taken again and again, and a detection within it overlaps it wholly.
    """
    boxes = found.boxes[:MOST]
    overlaps = np.where(truth.ignored, overlap_matrix(boxes, truth.boxes), iou_matrix(boxes, truth.boxes))
    sizes = areas(boxes)
    outside = (sizes < span[0]) | (sizes > span[1])
    hits, left_out = np.zeros((2, len(THRESHOLDS), len(boxes)), bool)
    for k, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(ignored), bool)
        for index, row in enumerate(overlaps):
            fits = free & (row >= threshold)
            fits = fits & ~ignored if np.any(fits & ~ignored) else fits
            if not fits.any():
                left_out[k, index] = outside[index]
                continue
            best = len(row) - 1 - int(np.where(fits, row, -1.0)[::-1].argmax())  # the last of equals, as COCO's code does
            free[best] = truth.ignored[best]
            hits[k, index], left_out[k, index] = not ignored[best], ignored[best]
    return _Judged(found.scores[:MOST], hits, left_out)
