# SPDX-License-Identifier: Apache-2.0
"""Pictures with boxes, labels and counts, by any version of pillow that boards have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from headrace_host.detector import Detection
from headrace_host.draw import colour_of, draw
from PIL import ImageFont

FOUND = [
    Detection(box=(20, 30, 90, 100), score=0.9, label=0, name="RBC"),
    Detection(box=(2, 1, 50, 40), score=0.5, label=1, name="WBC"),
]


def without_sizes(*arguments: Any) -> ImageFont.ImageFont:
    """``ImageFont.load_default`` before pillow 10.1."""
    if arguments:
        raise TypeError("load_default() takes 0 positional arguments but 1 was given")
    return ImageFont.load_default_imagefont()


def without_files(*_: Any) -> ImageFont.FreeTypeFont:
    raise OSError("cannot open resource")


@pytest.mark.parametrize("age", ["now", "no sizes", "no sizes and no fonts"])
def test_boxes_labels_and_counts(age: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if age != "now":
        monkeypatch.setattr(ImageFont, "load_default", without_sizes)
    if age == "no sizes and no fonts":
        monkeypatch.setattr(ImageFont, "truetype", without_files)
    picture = np.full((120, 160, 3), 120, np.uint8)
    drawn = draw(picture, FOUND, ["RBC", "WBC", "Platelets"])
    pixels = np.asarray(drawn)
    zoom = pixels.shape[1] // 160
    assert zoom == 5
    assert pixels.shape[0] > 120 * zoom  # the legend is below
    for found in FOUND:
        left, top, right, _ = (round(edge * zoom) for edge in found.box)
        assert tuple(pixels[top, (left + right) // 2]) == colour_of(found.label)
    legend = {tuple(pixel) for pixel in pixels[120 * zoom :].reshape(-1, 3)}
    assert {colour_of(label) for label in range(3)} <= legend
    assert (255, 255, 255) in legend  # there are texts
    assert np.all(picture == 120)
