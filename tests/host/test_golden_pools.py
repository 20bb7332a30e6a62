# SPDX-License-Identifier: Apache-2.0
"""Golden pooling, reductions and choices against onnxruntime, in integers that float32 holds exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from headrace_host import golden_pools
from ort import ort_run

Pair = tuple[int, int]
Array = np.ndarray[Any, Any]


def oracle(op: str, x: Array, constants: tuple[Array, ...] = (), **options: Any) -> list[Array]:
    """onnxruntime's outputs for NHWC integers, as ONNX lays them out."""
    return ort_run(op, x.transpose(0, 3, 1, 2), constants, **options)


def integers(shape: tuple[int, ...], lo: int = -128, hi: int = 127, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(lo, hi + 1, shape)


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "dilation"),
    [
        ((3, 3), (1, 1), (0, 0, 0, 0), (1, 1)),
        ((2, 3), (2, 1), (1, 1, 0, 2), (1, 1)),
        ((2, 2), (1, 3), (0, 1, 1, 0), (3, 2)),
        ((7, 1), (1, 2), (0, 0, 0, 0), (1, 1)),
    ],
)
def test_sum_pool_is_the_average_times_its_size(kernel: Pair, stride: Pair, pad: tuple[int, ...], dilation: Pair) -> None:
    x = integers((2, 7, 8, 3))
    attrs: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": stride,
        "pads": pad,
        "dilations": dilation,
        "count_include_pad": 1,
    }
    (average,) = oracle("AveragePool", x, **attrs)
    total = np.rint(average * (kernel[0] * kernel[1])).transpose(0, 2, 3, 1)
    top, left, bottom, right = pad
    np.testing.assert_array_equal(golden_pools.sum_pool(x, kernel, stride, (top, left, bottom, right), dilation), total)


def test_sum_pool_does_not_overflow_narrow_types() -> None:
    x = np.full((1, 4, 4, 1), 255, np.uint8)
    np.testing.assert_array_equal(golden_pools.sum_pool(x, (4, 4), (1, 1)), np.full((1, 1, 1, 1), 16 * 255))
    np.testing.assert_array_equal(golden_pools.reduce_map(x, True, False, True), np.full((1, 1, 4, 1), 4 * 255))


def test_sum_pool_refuses_windows_larger_than_the_map() -> None:
    with pytest.raises(ValueError, match="a 5x2 window leaves no output on a 4x4 map"):
        golden_pools.sum_pool(integers((1, 4, 4, 1)), (5, 2), (1, 1))


@pytest.mark.parametrize(("rows", "cols"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("total", [True, False])
def test_reductions(rows: bool, cols: bool, total: bool) -> None:
    x = integers((3, 5, 4, 6))
    axes = np.array([axis for axis, chosen in ((2, rows), (3, cols)) if chosen], np.int64)
    (expected,) = oracle("ReduceSum" if total else "ReduceMax", x, (axes,))
    result = golden_pools.reduce_map(x, rows, cols, total)
    assert result.shape == (3, 1 if rows else 5, 1 if cols else 4, 6)
    np.testing.assert_array_equal(result, expected.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_top_k_with_ties(largest: bool, k: int) -> None:
    x = integers((2, 5, 4, 6), -2, 2)
    values, places = oracle("TopK", x, (np.array([k], np.int64),), outputs=2, axis=1, largest=int(largest))
    np.testing.assert_array_equal(golden_pools.top_k(x, k, largest, False, False), values.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(golden_pools.top_k(x, k, largest, False, True), places.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_arg_max_takes_the_first_or_the_last_of_equals(largest: bool, last: bool) -> None:
    x = integers((2, 5, 4, 6), -1, 1)
    (places,) = oracle("ArgMax" if largest else "ArgMin", x, axis=1, select_last_index=int(last))
    np.testing.assert_array_equal(golden_pools.top_k(x, 1, largest, last, True), places.transpose(0, 2, 3, 1))


def test_top_k_refuses_more_than_there_are() -> None:
    with pytest.raises(ValueError, match="7 of 6 channels"):
        golden_pools.top_k(integers((1, 1, 1, 6)), 7, True, False, True)
