# SPDX-License-Identifier: Apache-2.0
"""Average precision against cases worked out by hand."""

import math

import numpy as np
import pytest
from headrace_models.metrics import Found, Truth, average_precision, average_precisions


def _found(*items: tuple[tuple[float, ...], float, int]) -> Found:
    return Found(
        boxes=np.array([b for b, _, _ in items], np.float64).reshape(-1, 4),
        scores=np.array([s for _, s, _ in items], np.float64),
        labels=np.array([c for _, _, c in items], np.int64),
    )


def _truth(*items: tuple[tuple[float, ...], int]) -> Truth:
    return Truth(
        boxes=np.array([b for b, _ in items], np.float64).reshape(-1, 4), labels=np.array([c for _, c in items], np.int64)
    )


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
    result = average_precisions(found, [_truth((A, 0), (C, 1))], ("a", "b", "c"))
    assert result["a"] == 1.0
    assert result["b"] == 0.0
    assert math.isnan(result["c"])
    assert result["mean"] == pytest.approx(0.5)
