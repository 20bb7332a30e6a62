# SPDX-License-Identifier: Apache-2.0
"""Accuracy of a network on pictures, through the very letterbox and decoding that run on the board. Needs no torch."""

from collections.abc import Callable, Sequence

import numpy as np
from headrace_host.detector import Accelerator, DetectorConfig, Letterbox, decode, letterbox, real_values
from numpy.typing import NDArray

from headrace_models.cbc import CLASSES, Sample
from headrace_models.metrics import Found, Truth, average_precisions
from headrace_models.recipes import IMAGE_EXPONENT, STRIDE

Maps = NDArray[np.float64]

Network = Callable[[NDArray[np.uint8]], tuple[Maps, Maps]]
"""Maps pixels uint8 (N, H, W, 3) to the real-valued heatmap (N, H', W', classes) and boxes (N, H', W', 4)."""

LOWEST_SCORE = 0.02
"""Detections below it are left out of precision-recall curves; they no longer change the result."""

SCORE_THRESHOLD = 0.4
"""Where cellnet's F1 is highest on the training pictures; for people, not for precision-recall curves."""


def detector_config(score_threshold: float = SCORE_THRESHOLD) -> DetectorConfig:
    """Return how to decode cellnet; see `SCORE_THRESHOLD`."""
    return DetectorConfig(
        classes=CLASSES, stride=STRIDE, image_scale=2.0**IMAGE_EXPONENT, heatmap="heatmap", box="box",
        box_scale=float(STRIDE), score_threshold=score_threshold, nms_iou=0.5, max_detections=100,
    )  # fmt: skip


def accelerator_network(accelerator: Accelerator, config: DetectorConfig) -> Network:
    """Wrap an accelerator (the CPU's integers, a simulation or a board) so that `evaluate` can measure it."""

    def run(batch: NDArray[np.uint8]) -> tuple[Maps, Maps]:
        outputs = accelerator.run(batch)
        heatmap, box = (real_values(outputs[name], accelerator.outputs[name]) for name in (config.heatmap, config.box))
        return heatmap, box

    return run


def evaluate(
    network: Network,
    samples: Sequence[Sample],
    *,
    width: int,
    height: int,
    batch: int = 8,
    progress: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Return AP50 by class name, and ``mean``, over ``samples``; ``progress`` is told of the pictures done."""
    found: list[Found] = []
    for start in range(0, len(samples), batch):
        part = samples[start : start + batch]
        fitted = [letterbox(sample.pixels(), height, width) for sample in part]
        heatmap, box = network(np.stack([pixels for pixels, _ in fitted]))
        found += [_found(heatmap[i], box[i], placed) for i, (_, placed) in enumerate(fitted)]
        if progress is not None:
            progress(len(part))
    truth = [Truth(boxes=s.boxes.astype(np.float64), labels=s.labels) for s in samples]
    return average_precisions(found, truth, CLASSES)


def _found(heatmap: Maps, box: Maps, placed: Letterbox) -> Found:
    detections = decode(heatmap, box, detector_config(LOWEST_SCORE), placed)
    return Found(
        boxes=np.array([d.box for d in detections], np.float64).reshape(-1, 4),
        scores=np.array([d.score for d in detections], np.float64),
        labels=np.array([d.label for d in detections], np.int64),
    )
