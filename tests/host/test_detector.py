# SPDX-License-Identifier: Apache-2.0
"""Letterbox, decoding, suppression and drawing."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from headrace_host.boxes import iou_matrix, suppress
from headrace_host.detector import SIZES, Detection, Detector, DetectorConfig, Letterbox, decode, letterbox
from headrace_host.draw import PALETTE, draw
from headrace_host.errors import HostError
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

CONFIG = DetectorConfig(
    classes=("red", "white"),
    stride=4,
    image_scale=2.0**-8,
    heatmap="heatmap",
    box="box",
    box_scale=4.0,
    score_threshold=0.5,
    nms_iou=0.5,
    max_detections=10,
)
WHOLE = Letterbox(scale=1.0, left=0, top=0, image_width=64, image_height=48)


def _maps() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.full((12, 16, 2), -8.0), np.full((12, 16, 4), 1.0)


@pytest.mark.parametrize(
    ("size", "scale", "left", "top"),
    [((480, 640), 0.4, 0, 0), ((192, 256), 1.0, 0, 0), ((100, 100), 1.92, 32, 0), ((100, 400), 0.64, 0, 64)],
)
def test_letterbox_keeps_aspect_and_centres(size: tuple[int, int], scale: float, left: int, top: int) -> None:
    image = np.full((*size, 3), 255, np.uint8)
    canvas, placed = letterbox(image, 192, 256)
    assert canvas.shape == (192, 256, 3)
    assert canvas.dtype == np.uint8
    assert placed.scale == pytest.approx(scale)
    assert (placed.left, placed.top) == (left, top)
    rows, columns = np.nonzero(canvas[..., 0])
    assert (columns.min(), rows.min()) == (left, top)
    assert (columns.max() + 1, rows.max() + 1) == (256 - left, 192 - top)


@given(st.integers(20, 800), st.integers(20, 800), st.data())
def test_letterbox_takes_boxes_there_and_back(height: int, width: int, data: st.DataObject) -> None:
    _, placed = letterbox(np.zeros((height, width, 3), np.uint8), 48, 64)
    x = sorted(data.draw(st.tuples(*[st.floats(0, width)] * 2)))
    y = sorted(data.draw(st.tuples(*[st.floats(0, height)] * 2)))
    box = np.array([[x[0], y[0], x[1], y[1]]])
    there = box * placed.scale + np.array([placed.left, placed.top] * 2)
    np.testing.assert_allclose(placed.to_image(there), box, atol=1e-6)


def test_same_size_is_untouched() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert np.array_equal(letterbox(image, 48, 64)[0], image)


def test_decodes_one_peak() -> None:
    heatmap, box = _maps()
    heatmap[5, 7, 1] = 2.0
    heatmap[5, 8, 1] = 1.0  # a slope is no peak
    box[5, 7] = [1.5, 2.5, 3.5, 0.5]
    (found,) = decode({"heatmap": heatmap, "box": box}, CONFIG, WHOLE)
    assert found.box == (30 - 6, 22 - 10, 30 + 14, 22 + 2)
    assert (found.label, found.name) == (1, "white")
    assert found.score == pytest.approx(1 / (1 + np.exp(-2)))


def test_decodes_sizes_and_offsets() -> None:
    heatmap, sizes = np.full((12, 16, 2), -8.0), np.zeros((12, 16, 2))
    offsets = np.zeros((12, 16, 2))
    heatmap[5, 7, 0] = 2.0
    sizes[5, 7] = [3.0, 1.5]
    offsets[5, 7] = [0.25, 0.75]
    config = replace(CONFIG, kind=SIZES, offset="offset")
    (found,) = decode({"heatmap": heatmap, "box": sizes, "offset": offsets}, config, WHOLE)
    assert found.box == (29 - 6, 23 - 3, 29 + 6, 23 + 3)
    assert DetectorConfig.from_json(config.to_json()) == config
    with pytest.raises(HostError, match="output offset has 4 channels; its detector description has 2"):
        decode({"heatmap": heatmap, "box": sizes, "offset": np.zeros((12, 16, 4))}, config, WHOLE)
    with pytest.raises(HostError, match="'centernet' with offsets in ''; 'centernet' needs them"):
        replace(CONFIG, kind=SIZES)
    assert "offset" not in CONFIG.to_json()


def test_boxes_are_cut_at_the_pictures_edge_and_scaled() -> None:
    heatmap, box = _maps()
    heatmap[0, 0, 0] = 3.0
    box[0, 0] = 9.0
    placed = Letterbox(scale=0.5, left=0, top=0, image_width=128, image_height=70)
    (found,) = decode({"heatmap": heatmap, "box": box}, CONFIG, placed)
    assert found.box == (0, 0, 76, 70)


def test_ties_are_settled_by_place() -> None:
    heatmap, box = _maps()
    heatmap[2, 9, 0] = heatmap[2, 3, 0] = heatmap[8, 3, 1] = heatmap[8, 3, 0] = 1.0
    found = decode({"heatmap": heatmap, "box": box}, CONFIG, WHOLE)
    assert [(d.box[0], d.box[1], d.label) for d in found] == [(10, 6, 0), (34, 6, 0), (10, 30, 0), (10, 30, 1)]
    again = decode({"heatmap": heatmap, "box": box}, CONFIG, WHOLE)
    assert found == again


def test_plateaus_become_one_detection() -> None:
    heatmap, box = _maps()
    heatmap[4:6, 4:6, 0] = 1.0
    box[...] = 3.0
    assert len(decode({"heatmap": heatmap, "box": box}, CONFIG, WHOLE)) == 1


def test_nothing_above_the_threshold() -> None:
    assert decode(dict(zip(("heatmap", "box"), _maps(), strict=True)), CONFIG, WHOLE) == []


def test_no_more_than_asked_for() -> None:
    heatmap, box = _maps()
    box[...] = 0.5
    heatmap[::2, ::2] = np.linspace(1, 2, 48)[:, None].reshape(6, 8, 1)
    found = decode({"heatmap": heatmap, "box": box}, CONFIG, WHOLE)
    assert len(found) == CONFIG.max_detections
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)


def test_overlap_by_hand() -> None:
    first = np.array([[0.0, 0, 10, 10], [0, 0, 0, 0]])
    second = np.array([[5.0, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 0, 0]])
    np.testing.assert_allclose(iou_matrix(first, second), np.array([[1 / 3, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))


def test_suppression_is_within_a_class_and_greedy() -> None:
    # The second overlaps the first and goes; the third overlaps only the second and stays.
    boxes = np.array([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10], [0, 0, 10, 10]])
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    kept = suppress(boxes, scores, np.array([0, 0, 0, 1]), 0.5)
    assert kept.tolist() == [0, 2, 3]
    assert suppress(boxes, np.full(4, 0.5), np.zeros(4, np.int64), 0.5).tolist() == [0, 2]
    assert suppress(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64), 0.5).tolist() == []


@dataclass
class _Info:
    scale: float
    offset: float = 0.0


class _Stub:
    """An accelerator that finds one object in the middle of each picture whose middle pixel is bright."""

    input_shape = (1, 48, 64, 3)

    def __init__(self, outputs: tuple[str, ...] = ("heatmap", "box")) -> None:
        self.outputs = {name: _Info(scale=0.0625 if name == "heatmap" else 0.125) for name in outputs}

    def run(self, batch: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        heatmap = np.full((len(batch), 12, 16, 2), -128, np.int8)
        heatmap[batch[:, 24, 32, 0] > 128, 6, 8, 0] = 64
        return {"heatmap": heatmap, "box": np.full((len(batch), 12, 16, 4), 16, np.uint8)}


def test_detector_runs_pictures_of_several_sizes() -> None:
    bright, dark = np.full((96, 128, 3), 255, np.uint8), np.zeros((30, 30, 3), np.uint8)
    found = Detector(_Stub(), CONFIG).detect([bright, dark])
    assert found[1] == []
    (one,) = found[0]
    # Cell (6, 8), distances of 2 cells = 8 input pixels, at half scale.
    assert one.box == (52, 36, 84, 68)
    assert one.name == "red"
    assert Detector(_Stub(), CONFIG).detect([]) == []


def test_detector_refuses_an_accelerator_without_its_outputs() -> None:
    with pytest.raises(HostError, match="no output box; it has heatmap"):
        Detector(_Stub(("heatmap",)), CONFIG)


def test_configuration_survives_json_and_says_what_is_missing() -> None:
    assert DetectorConfig.from_json({**CONFIG.to_json(), "later": 1}) == CONFIG
    with pytest.raises(HostError, match="lacks nms_iou, stride"):
        DetectorConfig.from_json({k: v for k, v in CONFIG.to_json().items() if k not in ("stride", "nms_iou")})
    with pytest.raises(HostError, match="'yolo' is unknown"):
        DetectorConfig.from_json({**CONFIG.to_json(), "kind": "yolo"})
    with pytest.raises(HostError, match="out of range"):
        DetectorConfig.from_json({**CONFIG.to_json(), "stride": 0})


def test_drawing_marks_boxes_and_counts() -> None:
    image = np.full((480, 640, 3), 230, np.uint8)
    before = image.copy()
    found = [
        Detection(box=(100, 100, 200, 180), score=0.9, label=0, name="red"),
        Detection(box=(0, 0, 30, 20), score=0.6, label=1, name="white"),
        Detection(box=(630, 470, 640, 480), score=0.6, label=1, name="white"),
    ]
    picture = draw(image, found, CONFIG.classes)
    assert np.array_equal(image, before)
    assert picture.width == 640
    assert picture.height > 480
    assert picture.getpixel((150, 100)) == PALETTE[0]
    assert picture.getpixel((15, 19)) == PALETTE[1]
    assert picture.tobytes() == draw(image, found, CONFIG.classes).tobytes()


def test_small_pictures_are_enlarged_and_legends_wrap() -> None:
    picture = draw(np.zeros((60, 80, 3), np.uint8), [], [f"a rather long class name {i}" for i in range(12)])
    assert picture.width == 800
    assert picture.height > 600 + 2 * 24
