# SPDX-License-Identifier: Apache-2.0
"""Average precision against cases worked out by hand."""

import math

import numpy as np
import pytest
from headrace_host.boxes import Floats
from headrace_host.metrics import (
    METRICS,
    RECALLS_2007,
    TITLES,
    Found,
    Truth,
    average_precision,
    coco_figures,
    voc07_figures,
    voc_figures,
)
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def _found(*items: tuple[tuple[float, ...], float, int]) -> Found:
    return Found(
        boxes=np.array([b for b, _, _ in items], np.float64).reshape(-1, 4),
        scores=np.array([s for _, s, _ in items], np.float64),
        labels=np.array([c for _, _, c in items], np.int64),
    )


def _truth(*items: tuple[tuple[float, ...], int]) -> Truth:
    boxes = np.array([b for b, _ in items], np.float64).reshape(-1, 4)
    return Truth.of_boxes(boxes, np.array([c for _, c in items], np.int64))


A, B, C = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)
FAR = (100, 100, 110, 110)


def test_perfect() -> None:
    assert average_precision([_found((A, 0.9, 0), (B, 0.8, 0))], [_truth((A, 0), (B, 0))], 0) == 1.0


def test_nothing_found() -> None:
    assert average_precision([_found()], [_truth((A, 0))], 0) == 0.0


def test_no_object_has_no_precision() -> None:
    assert math.isnan(average_precision([_found((A, 0.9, 0))], [_truth((A, 1))], 0))


def test_envelope_by_hand() -> None:
    # In falling score: hit, miss, hit, miss, hit, of three objects. Precisions 1, 1/2, 2/3, 1/2, 3/5; the envelope at the
    # three recall steps is 1, 2/3, 3/5, so the area is (1 + 2/3 + 3/5) / 3.
    found = _found((A, 0.9, 0), (FAR, 0.8, 0), (B, 0.7, 0), (FAR, 0.6, 0), (C, 0.5, 0))
    expected = (1 + 2 / 3 + 3 / 5) / 3
    assert average_precision([found], [_truth((A, 0), (B, 0), (C, 0))], 0) == pytest.approx(expected)


def test_eleven_points_by_hand() -> None:
    # The same detections: the envelope is 1 at recalls 0 to 0.3, 2/3 at 0.4 to 0.6, 3/5 at 0.7 to 1.
    found = _found((A, 0.9, 0), (FAR, 0.8, 0), (B, 0.7, 0), (FAR, 0.6, 0), (C, 0.5, 0))
    truth = _truth((A, 0), (B, 0), (C, 0))
    assert average_precision([found], [truth], 0, recalls=RECALLS_2007) == pytest.approx((4 + 3 * 2 / 3 + 4 * 3 / 5) / 11)
    # Of two objects one is found: 6 of the 11 recalls are reached, though the area is a half.
    assert voc07_figures([_found((A, 0.9, 0))], [_truth((A, 0), (B, 0))], ["a"])["mean"] == pytest.approx(6 / 11)
    assert voc_figures([_found((A, 0.9, 0))], [_truth((A, 0), (B, 0))], ["a"])["mean"] == pytest.approx(1 / 2)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_perfect_by_every_metric(metric: str) -> None:
    # A difficult object (a crowd, for COCO) may be found or not.
    truth = Truth(np.array([A, B, C], np.float64), np.array([0, 1, 1]), np.array([False, False, True]), np.full(3, 100.0))
    for extra in ([], [(C, 0.95, 1)]):
        figures = METRICS[metric]([_found((A, 0.9, 0), (B, 0.8, 1), *extra)], [truth], ["a", "b"])
        assert figures["a"] == figures["b"] == figures["mean"] == pytest.approx(1.0)
    assert metric in TITLES


def test_second_detection_of_one_object_is_false() -> None:
    # Hit, miss (a duplicate), hit: envelope 1 and 2/3 over two objects.
    found = _found((A, 0.9, 0), ((1, 0, 11, 10), 0.8, 0), (B, 0.7, 0))
    assert average_precision([found], [_truth((A, 0), (B, 0))], 0) == pytest.approx((1 + 2 / 3) / 2)


def test_duplicate_may_not_take_the_next_best_object() -> None:
    # Both detections overlap A most; VOC gives the second one nothing, although it overlaps A's neighbour by more than half.
    near = (2, 0, 12, 10)
    found = _found((A, 0.9, 0), ((0.5, 0, 10.5, 10), 0.8, 0))
    assert average_precision([found], [_truth((A, 0), (near, 0))], 0) == pytest.approx(0.5)


def test_overlap_of_exactly_half_counts() -> None:
    assert average_precision([_found(((0, 0, 10, 5), 0.9, 0))], [_truth((A, 0))], 0) == 1.0
    assert average_precision([_found(((0, 0, 10, 4.9), 0.9, 0))], [_truth((A, 0))], 0) == 0.0


def test_pictures_share_one_ranking() -> None:
    # The false positive of the second picture outranks the hit of the first: precision 1/2 at full recall.
    found = [_found((A, 0.5, 0)), _found((A, 0.9, 0))]
    assert average_precision(found, [_truth((A, 0)), _truth()], 0) == pytest.approx(0.5)


def test_mean_over_classes_that_occur() -> None:
    found = [_found((A, 0.9, 0), (B, 0.8, 1))]
    result = voc_figures(found, [_truth((A, 0), (C, 1))], ("a", "b", "c"))
    assert result["a"] == 1.0
    assert result["b"] == 0.0
    assert math.isnan(result["c"])
    assert result["mean"] == pytest.approx(0.5)


def test_difficult_objects_do_not_count() -> None:
    easy = _truth((A, 0))
    truth = Truth(np.array([A, B], np.float64), np.zeros(2, np.int64), np.array([False, True]), np.full(2, 100.0))
    missed = _found((A, 0.5, 0))
    found = _found((B, 0.9, 0), (B, 0.8, 0), (A, 0.5, 0))
    assert average_precision([missed], [truth], 0) == average_precision([missed], [easy], 0) == 1.0
    assert average_precision([found], [truth], 0) == 1.0
    assert average_precision([found], [easy], 0) == pytest.approx(1 / 3)


def _random_case(seed: int, pictures: int, classes: int) -> tuple[list[Found], list[Truth]]:
    """Objects of all of COCO's sizes, crowds among them, and detections near and far from them, with equal scores."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(pictures):
        count = int(rng.integers(0, 9))
        corners = rng.integers(0, 300, (count, 2)).astype(np.float64)
        boxes = np.concatenate([corners, corners + rng.choice([9, 31, 32, 60, 96, 150], (count, 2))], axis=1)
        labels = rng.integers(0, classes, count)
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) * rng.uniform(0.5, 1, count)
        truth.append(Truth(boxes, labels, rng.random(count) < 0.2, sizes))
        near = rng.integers(0, count, int(rng.integers(0, 20))) if count else np.zeros(0, np.int64)
        guesses = boxes[near] + rng.integers(-9, 10, (len(near), 4)).astype(np.float64)
        guesses[:, 2:] = np.maximum(guesses[:, 2:], guesses[:, :2] + 1.0)
        guessed = np.where(rng.random(len(near)) < 0.8, labels[near], rng.integers(0, classes, len(near)))
        found.append(Found(guesses, rng.integers(1, 12, len(near)) / 12, guessed))
    return found, truth


def _by_pycocotools(found: list[Found], truth: list[Truth], classes: int) -> dict[str, float]:
    reference = COCO()
    reference.dataset = {
        "images": [{"id": i} for i in range(len(truth))],
        "categories": [{"id": c} for c in range(classes)],
        "annotations": [
            {"image_id": i, "category_id": int(c), "bbox": _sides(box), "area": float(area), "iscrowd": int(crowd)}
            for i, t in enumerate(truth)
            for box, c, crowd, area in zip(t.boxes, t.labels, t.ignored, t.areas, strict=True)
        ],
    }
    for number, entry in enumerate(reference.dataset["annotations"]):
        entry["id"] = number + 1
    reference.createIndex()
    rows = [
        {"image_id": i, "category_id": int(c), "bbox": _sides(box), "score": float(score)}
        for i, f in enumerate(found)
        for box, c, score in zip(f.boxes, f.labels, f.scores, strict=True)
    ]
    judge = COCOeval(reference, reference.loadRes(rows), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    names = ("mean", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
    figures = {name: float(judge.stats[k]) for k, name in enumerate(names)}
    each = judge.eval["precision"][:, :, :, 0, 2]  # (thresholds, recalls, classes)
    return {**figures, **{str(c): float(each[:, :, c].mean()) for c in range(classes)}}


def _sides(box: Floats) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


@pytest.mark.parametrize("seed", range(12))
def test_coco_agrees_with_pycocotools(seed: int) -> None:
    classes = 3
    found, truth = _random_case(seed, pictures=int(1 + 5 * (seed % 4)), classes=classes)
    ours = coco_figures(found, truth, [str(c) for c in range(classes)])
    theirs = _by_pycocotools(found, truth, classes)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert (math.isnan(ours[name]) and value == -1) or ours[name] == pytest.approx(value, abs=1e-9), name


def test_coco_looks_at_the_hundred_best() -> None:
    others = [((200 + 20 * (k % 10), 20 * (k // 10), 210 + 20 * (k % 10), 20 * (k // 10) + 10), 0.9, 0) for k in range(100)]
    assert coco_figures([_found(*others, (A, 0.5, 0))], [_truth((A, 0))], ["a"])["mean"] == 0.0
    assert coco_figures([_found(*others[1:], (A, 0.5, 0))], [_truth((A, 0))], ["a"])["mean"] > 0.0
