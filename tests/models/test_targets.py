# SPDX-License-Identifier: Apache-2.0
"""Targets and augmentation: boxes follow pixels, and decoding the targets gives the boxes back."""

import numpy as np
import pytest
import torch
from headrace_host.detector import Letterbox, decode
from headrace_models.augment import Augmentation, BatchMaker, Picture
from headrace_models.evaluate import detector_config
from headrace_models.targets import detection_loss, draw_targets

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
