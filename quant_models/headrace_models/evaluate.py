# SPDX-License-Identifier: Apache-2.0
"""How cellnet's heads are decoded, and its accuracy on pictures. Needs no torch."""

from collections.abc import Callable, Sequence

from headrace_host import evaluation
from headrace_host.detector import Accelerator, Detector, DetectorConfig

from headrace_models.cbc import CLASSES, Sample
from headrace_models.recipes import IMAGE_EXPONENT, STRIDE

SCORE_THRESHOLD = 0.4
"""Where cellnet's F1 is highest on the training pictures; for people, not for precision-recall curves."""


def detector_config(score_threshold: float = SCORE_THRESHOLD) -> DetectorConfig:
    """Return how to decode cellnet; see `SCORE_THRESHOLD`."""
    return DetectorConfig(
        classes=CLASSES, stride=STRIDE, image_scale=2.0**IMAGE_EXPONENT, heatmap="heatmap", box="box",
        box_scale=float(STRIDE), score_threshold=score_threshold, nms_iou=0.5, max_detections=100,
    )  # fmt: skip


def evaluate(
    network: Accelerator, samples: Sequence[Sample], *, batch: int = 8, progress: Callable[[int], None] | None = None
) -> dict[str, float]:
    """Return AP50 by class name, and ``mean``, over ``samples``; ``progress`` is told of the pictures done."""
    return evaluation.evaluate(Detector(network, detector_config()), samples, batch=batch, progress=progress)
