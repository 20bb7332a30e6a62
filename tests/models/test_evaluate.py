# SPDX-License-Identifier: Apache-2.0
"""Accuracy through letterbox and decoding: an oracle that knows the pictures scores full marks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headrace_host.datasets import Sample
from headrace_host.detector import letterbox
from headrace_models.datasets import CBC, load
from headrace_models.evaluate import evaluate
from headrace_models.targets import draw_targets
from numpy.typing import NDArray


@dataclass
class _Info:
    scale: float
    offset: float = 0.0


class _Oracle:
    """An accelerator that recognises the pictures and answers with their targets, quantized as cellnet's head is."""

    input_shape = (1, 96, 128, 3)
    outputs = {"heatmap": _Info(2.0**-4), "box": _Info(2.0**-3)}  # noqa: RUF012  # a fixed description

    def __init__(self, samples: tuple[Sample, ...]) -> None:
        self.samples = {letterbox(s.pixels(), 96, 128)[0].tobytes(): s for s in samples}

    def run(self, batch: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        heat, box = zip(*(self._answer(self.samples[pixels.tobytes()]) for pixels in batch), strict=True)
        return {"heatmap": np.stack(heat), "box": np.stack(box)}

    def _answer(self, sample: Sample) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        boxes = sample.truth.boxes.astype(np.float32) * np.float32(128 / sample.pixels().shape[1] / 4)
        heat, box, _ = draw_targets(boxes, sample.truth.labels, classes=len(CBC.classes), height=24, width=32)
        logits = np.where(heat == 1, 100, -128).astype(np.int8)
        return logits.transpose(1, 2, 0), np.rint(box * 8).astype(np.uint8).transpose(1, 2, 0)


def test_an_oracle_scores_full_marks(data_set: Path) -> None:
    samples = load("cbc", data_set, "training", complete=False)[:3]
    result = evaluate(_Oracle(samples), samples, batch=2)
    # Discs of one class may hide each other in these pictures, so a few objects may be suppressed.
    assert result["WBC"] == pytest.approx(1.0)
    assert result["Platelets"] == pytest.approx(1.0)
    assert result["RBC"] > 0.6
