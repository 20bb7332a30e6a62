# SPDX-License-Identifier: Apache-2.0
"""How the networks' heads are decoded, and their accuracy on pictures. Needs no torch."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from headrace_host import evaluation
from headrace_host.detector import SIZES, Accelerator, Detector, DetectorConfig

from headrace_models.cbc import CLASSES, Sample
from headrace_models.errors import RecipeError
from headrace_models.recipes import IMAGE_EXPONENT, STRIDE, CoDeNetShape, Shape

SCORE_THRESHOLD = 0.4
"""Where cellnet's F1 is highest on the training pictures; for people, not for precision-recall curves."""


def detector_config(score_threshold: float = SCORE_THRESHOLD, shape: Shape | CoDeNetShape | None = None) -> DetectorConfig:
    """Return how to decode a network of ``shape``, cellnet if there is none; see `SCORE_THRESHOLD`.

    Raises:
        RecipeError: the network has other classes than those of blood cells, whose names are not known here.
    """
    if shape is not None and shape.classes != len(CLASSES):
        raise RecipeError(f"the network has {shape.classes} classes; names are known of {len(CLASSES)}: {', '.join(CLASSES)}")
    config = DetectorConfig(
        classes=CLASSES, stride=STRIDE, image_scale=2.0**IMAGE_EXPONENT, heatmap="heatmap", box="box",
        box_scale=float(STRIDE), score_threshold=score_threshold, nms_iou=0.5, max_detections=100,
    )  # fmt: skip
    return replace(config, kind=SIZES, box="size", offset="offset") if isinstance(shape, CoDeNetShape) else config


def evaluate(
    network: Accelerator,
    samples: Sequence[Sample],
    *,
    shape: Shape | CoDeNetShape | None = None,
    batch: int = 8,
    progress: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Return AP50 by class name, and ``mean``, over ``samples``; ``progress`` is told of the pictures done.

    ``shape`` is the network's; see `detector_config`.
    """
    return evaluation.evaluate(Detector(network, detector_config(shape=shape)), samples, batch=batch, progress=progress)
