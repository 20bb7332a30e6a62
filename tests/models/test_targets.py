# SPDX-License-Identifier: Apache-2.0
"""Targets and augmentation: boxes follow pixels, and decoding the targets gives the boxes back."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from headrace_host.boxes import iou_matrix
from headrace_host.detector import SIZES, Letterbox, decode
from headrace_models.augment import BatchMaker, Picture
from headrace_models.evaluate import detector_config
from headrace_models.recipes import Augmentation
from headrace_models.targets import OVERLAP, Targets, detection_loss, draw_points, draw_targets, gaussian_radius, point_loss
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

STILL = Augmentation(zoom=(1.0, 1.0), shift=0.0, colour=0.0, hue=0.0)


def _maker(augmentation: Augmentation) -> BatchMaker:
    return BatchMaker(width=64, height=64, stride=4, classes=3, augmentation=augmentation)


def _picture() -> Picture:
    # A bright block of 20x30 pixels on black, in a picture at 1.25 times the network's input.
    pixels = torch.zeros(3, 80, 80, dtype=torch.uint8)
    pixels[:, 20:50, 30:50] = 200
    return Picture(pixels=pixels, boxes=np.array([[30, 20, 50, 50]], np.float32), labels=np.array([1]))


def test_decoding_the_targets_gives_the_boxes_back() -> None:
    boxes = np.array([[4, 8, 30, 28], [34, 30, 60, 62], [40, 5, 48, 12]], np.float32)
    labels = np.array([0, 1, 2])
    heat, distances, _ = draw_targets(boxes / np.float32(4), labels, classes=3, height=16, width=16)
    logits = np.log(heat.clip(1e-6, 1 - 1e-6)) - np.log1p(-heat.clip(1e-6, 1 - 1e-6))
    placed = Letterbox(scale=1.0, left=0, top=0, image_width=64, image_height=64)
    found = decode({"heatmap": logits.transpose(1, 2, 0), "box": distances.transpose(1, 2, 0)}, detector_config(0.9), placed)
    assert sorted(d.label for d in found) == [0, 1, 2]
    for detection in found:
        np.testing.assert_allclose(detection.box, boxes[detection.label], atol=1e-4)


def _points(boxes: NDArray[np.float32], labels: NDArray[np.int64]) -> Targets:
    heat, distances, weight = (
        torch.from_numpy(part)[None] for part in draw_points(boxes, labels, classes=3, height=16, width=16)
    )
    return Targets(heat=heat, box=distances, weight=weight[:, None])


def test_sizes_and_offsets_give_the_boxes_back() -> None:
    boxes = np.array([[4, 8, 30, 28], [34, 30, 60, 62], [40, 5, 48, 12]], np.float32)
    targets = _points(boxes / np.float32(4), np.array([0, 1, 2]))
    near, far = targets.box[0, :2], targets.box[0, 2:]
    maps = {"heatmap": torch.logit(targets.heat[0], 1e-6), "box": near + far, "offset": 0.5 + (far - near) / 2}
    config = replace(detector_config(0.9), kind=SIZES, offset="offset")
    placed = Letterbox(scale=1.0, left=0, top=0, image_width=64, image_height=64)
    found = decode({name: values.permute(1, 2, 0).numpy() for name, values in maps.items()}, config, placed)
    assert sorted(d.label for d in found) == [0, 1, 2]
    for detection in found:
        np.testing.assert_allclose(detection.box, boxes[detection.label], atol=1e-4)
    best = point_loss(maps["heatmap"][None], maps["box"][None], maps["offset"][None], targets, (1.0, 1.0, 1.0))
    for name, change in (("heatmap", -4.0), ("box", 1.0), ("offset", 0.1)):
        other = {**maps, name: maps[name] + change}
        assert point_loss(other["heatmap"][None], other["box"][None], other["offset"][None], targets, (1.0, 1.0, 1.0)) > best
    assert best < 1e-3


@given(st.integers(1, 60), st.integers(1, 60))
def test_boxes_within_the_radius_overlap_enough(width: int, height: int) -> None:
    radius = gaussian_radius(width, height)
    moved = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]]) * radius  # both corners along the diagonal
    whole = np.array([[0.0, 0.0, width, height]])
    others = np.array([[a, a, width + b, height + b] for a, b in moved])
    overlaps = iou_matrix(whole, others)[0]
    assert overlaps.min() == pytest.approx(OVERLAP, abs=1e-6)


def test_smaller_object_owns_the_cell() -> None:
    boxes = np.array([[6, 6, 10, 10], [0, 0, 16, 16]], np.float32)
    _, distances, weight = draw_targets(boxes, np.array([0, 0]), classes=1, height=16, width=16)
    assert distances[:, 8, 8].tolist() == [2.5, 2.5, 1.5, 1.5]
    assert weight[8, 8] > 0


def test_no_objects() -> None:
    heat, distances, weight = draw_targets(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), classes=3, height=4, width=4)
    assert not heat.any()
    assert not distances.any()
    assert not weight.any()


@pytest.mark.parametrize("seed", range(12))
def test_boxes_follow_pixels(seed: int) -> None:
    change = Augmentation(zoom=(0.7, 1.0), shift=0.1, colour=0.0, hue=0.0)
    images, targets = _maker(change).batch([_picture()], np.random.default_rng(seed))
    rows, columns = np.nonzero(images[0, 0].numpy() > 0.4)
    row, column = np.argwhere(targets.heat[0, 1].numpy() == 1)[0]
    left, top, right, bottom = targets.box[0, :, row, column].numpy() * 4
    centre_x, centre_y = (column + 0.5) * 4, (row + 0.5) * 4
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose((centre_x - left, centre_y - top, centre_x + right, centre_y + bottom), seen, atol=1.01)


def test_augmentation_depends_on_its_generator_alone() -> None:
    maker = _maker(Augmentation())
    first, second, other = (maker.batch([_picture()], np.random.default_rng(s))[0] for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.min() >= 0
    assert first.max() <= 255 / 256
    assert torch.equal(first * 256, (first * 256).round())


def test_objects_out_of_view_are_no_targets() -> None:
    picture = Picture(
        pixels=torch.zeros(3, 80, 80, dtype=torch.uint8), boxes=np.array([[76, 0, 80, 4]], np.float32), labels=np.array([0])
    )
    # Zoomed in three times, the corner is far outside.
    _, targets = _maker(Augmentation(zoom=(3.0, 3.0), shift=0.0)).batch([picture], np.random.default_rng(0))
    assert not targets.heat.any()


def test_loss_prefers_the_truth() -> None:
    _, targets = _maker(STILL).batch([_picture()], np.random.default_rng(0))
    right = torch.logit(targets.heat.clamp(1e-4, 1 - 1e-4))
    weights = (1.0, 1.0, 1.0)
    best = detection_loss(right, targets.box, targets, weights)
    assert detection_loss(right, targets.box + 2, targets, weights) > best
    assert detection_loss(-right, targets.box, targets, weights) > best
    assert best < 0.5


def test_class_weights_scale_a_classs_part() -> None:
    _, targets = _maker(STILL).batch([_picture()], np.random.default_rng(0))
    flat = torch.zeros(1, 3, 16, 16)
    one, two = (detection_loss(flat, targets.box, targets, (0.0, w, 0.0)) for w in (1.0, 2.0))
    none = detection_loss(flat, targets.box, targets, (0.0, 0.0, 0.0))
    torch.testing.assert_close(two - none, 2 * (one - none))
