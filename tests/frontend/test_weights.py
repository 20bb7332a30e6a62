# SPDX-License-Identifier: Apache-2.0
"""Weights in every layout of scales, zero points and float grids, against their real values."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import UnsupportedError
from headrace.frontend.context import OnnxNode
from headrace.frontend.values import QuantConst
from headrace.frontend.weights import floats_on_grid, integer_weights

NODE = OnnxNode.of(onnx.NodeProto(op_type="Conv", name="conv"), 0)


@pytest.mark.parametrize("shape", [(), (1,), (4, 1, 1, 1)])
def test_one_scale_per_output_leaves_the_integers_alone(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    value = QuantConst(integers=rng.integers(-8, 8, (4, 3, 2, 3)), scale=rng.uniform(0.1, 1, shape).astype(np.float32))
    integers, scales = integer_weights(NODE, value)
    np.testing.assert_array_equal(integers, value.integers)
    np.testing.assert_array_equal(scales.astype(np.float64), value.scale.ravel())


@pytest.mark.parametrize("shape", [(4, 1, 1, 3), (3, 1, 1), (1, 3, 2, 1), (4, 1, 1, 1)])
@pytest.mark.parametrize("axis", [0, 1])
def test_scales_of_any_layout_keep_their_values(shape: tuple[int, ...], axis: int) -> None:
    """Scales in small whole ratios come to one grid per output; the values stay what they are."""
    rng = np.random.default_rng(0)
    scale = (rng.integers(1, 20, shape) * 2.0**-9).astype(np.float32)
    value = QuantConst(integers=rng.integers(-8, 8, (4, 3, 2, 3)), scale=scale)
    integers, scales = integer_weights(NODE, value, axis)
    assert scales.shape == (value.integers.shape[axis],)
    spread = scales.reshape([-1 if i == axis else 1 for i in range(4)])
    np.testing.assert_array_equal((integers.astype(object) * spread).astype(np.float64), value.real)


def test_scales_in_no_whole_ratio_are_refused() -> None:
    value = QuantConst(integers=np.ones((4, 3, 1, 1), np.int64), scale=np.array([1, 0.7, 0.3], np.float32).reshape(1, 3, 1, 1))
    with pytest.raises(
        UnsupportedError, match=r"weight scales of shape \(1, 3, 1, 1\); scale weights per tensor or per output"
    ):
        integer_weights(NODE, value)


@given(
    bits=st.integers(2, 8),
    step=st.floats(2**-13, 10, width=32),
    seed=st.integers(0, 1000),
    outputs=st.integers(1, 5),
    axis=st.integers(0, 1),
)
def test_float_weights_on_a_grid_are_found(bits: int, step: float, seed: int, outputs: int, axis: int) -> None:
    """What an exporter leaves that multiplies integers by their scale: the same floats come back, from few levels."""
    rng = np.random.default_rng(seed)
    steps = np.float32(step) * rng.uniform(0.5, 2, outputs).astype(np.float32)
    integers = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (outputs, 3, 2, 2))
    floats = np.moveaxis(integers.astype(np.float32) * steps[:, None, None, None], 0, axis)
    found = floats_on_grid(floats, axis)
    assert found is not None
    np.testing.assert_array_equal(found.integers.astype(np.float32) * found.scale.astype(np.float32), floats)
    assert np.abs(found.integers).max() <= 1 << (bits - 1)


def test_any_other_float_weights_are_not_quantized() -> None:
    rng = np.random.default_rng(0)
    others: list[Any] = [rng.normal(size=(4, 3, 3, 3)), rng.normal(size=(4, 3, 3, 3)).astype(np.float32)]
    others += [np.full((2, 2, 1, 1), np.nan), np.full((2, 2, 1, 1), np.inf), np.full((1, 2, 1, 1), 1 / 3)]
    for values in others:
        assert floats_on_grid(values) is None
        with pytest.raises(UnsupportedError, match="its weights are not quantized; quantize them"):
            integer_weights(NODE, values)
