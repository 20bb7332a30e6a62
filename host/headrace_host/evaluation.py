# SPDX-License-Identifier: Apache-2.0
"""Average precision of a detector on annotated pictures, through the letterbox, batches and decoding that detection uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from headrace_host.datasets import Sample
from headrace_host.detector import Detection, Detector
from headrace_host.metrics import METRICS, Found
from headrace_host.sources import Picture

LOWEST_SCORE = 0.02
"""Detections below it are left out of precision-recall curves; they no longer change the result."""


def evaluate(
    detector: Detector,
    samples: Sequence[Sample],
    *,
    metric: str = "voc",
    batch: int = 8,
    progress: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Return the average precisions of a detector.

    Args:
        detector: its score threshold does not matter; each curve goes down to `LOWEST_SCORE`.
        samples: pictures and what is to be found in them.
        metric: a key of `headrace_host.metrics.METRICS`.
        batch: pictures that go to the accelerator at once.
        progress: called with the number of pictures done.

    Returns:
        figures by class, their ``mean``, and for COCO's metric those that go by overlap and size; nan where there is no object.

    Raises:
        HostError: a picture cannot be read, or the accelerator failed.
    """
    thorough = Detector(detector.accelerator, replace(detector.config, score_threshold=LOWEST_SCORE))
    found: list[Found] = []
    for _, detections in thorough.stream((Picture(str(s.path), s.pixels()) for s in samples), batch):
        found.append(_found(detections))
        if progress is not None:
            progress(len(found))
    return METRICS[metric](found, [sample.truth for sample in samples], detector.config.classes)


def _found(detections: Sequence[Detection]) -> Found:
    return Found(
        boxes=np.array([d.box for d in detections], np.float64).reshape(-1, 4),
        scores=np.array([d.score for d in detections], np.float64),
        labels=np.array([d.label for d in detections], np.int64),
    )
