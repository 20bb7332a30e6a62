# SPDX-License-Identifier: Apache-2.0
"""How the networks' heads are decoded, and their accuracy on pictures. Needs no torch."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from headrace_host import evaluation
from headrace_host.datasets import Sample
from headrace_host.detector import SIZES, Accelerator, Detector, DetectorConfig

from headrace_models.datasets import CBC
from headrace_models.errors import RecipeError
from headrace_models.recipes import IMAGE_EXPONENT, STRIDE, CoDeNetShape, Shape

SCORE_THRESHOLD = 0.4
"""Where cellnet's F1 is highest on the training pictures; for people, not for precision-recall curves."""


def detector_config(
    score_threshold: float = SCORE_THRESHOLD,
    shape: Shape | CoDeNetShape | None = None,
    classes: tuple[str, ...] = CBC.classes,
) -> DetectorConfig:
    """Return how to decode a network of ``shape``, cellnet if there is none, with ``classes``; see `SCORE_THRESHOLD`.

    Raises:
        RecipeError: the network has more classes or fewer.
    """
    if shape is not None and shape.classes != len(classes):
        raise RecipeError(f"the network has {shape.classes} classes; names are given of {len(classes)}: {', '.join(classes)}")
    config = DetectorConfig(
        classes=classes, stride=STRIDE, image_scale=2.0**IMAGE_EXPONENT, heatmap="heatmap", box="box",
        box_scale=float(STRIDE), score_threshold=score_threshold, nms_iou=0.5, max_detections=100,
    )  # fmt: skip
    return replace(config, kind=SIZES, box="size", offset="offset") if isinstance(shape, CoDeNetShape) else config


def evaluate(
    network: Accelerator,
    samples: Sequence[Sample],
    *,
    shape: Shape | CoDeNetShape | None = None,
    classes: tuple[str, ...] = CBC.classes,
    metric: str = "voc",
    batch: int = 8,
    progress: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Return average precisions by class name, and ``mean``, over ``samples``; ``progress`` is told of the pictures done.

    ``shape`` and ``classes`` are the network's, see `detector_config`; ``metric`` is a key of `headrace_host.metrics.METRICS`.
    """
    detector = Detector(network, detector_config(shape=shape, classes=classes))
    return evaluation.evaluate(detector, samples, metric=metric, batch=batch, progress=progress)
