# SPDX-License-Identifier: Apache-2.0
"""Rounding modes against QONNX's own functions, and their steps against both."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from qonnx.custom_op.general.intquant import resolve_rounding_mode

from headrace.ir.rounding import MODES, mode_of, rises, rounded, rounded_array

VALUES = [Fraction(n, 8) for n in range(-44, 45)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("zero", [0, 3, -2])
def test_modes_are_those_of_qonnx(mode: str, zero: int) -> None:
    floats = np.array([float(v) for v in VALUES])
    expected = resolve_rounding_mode(mode)(floats + zero) - zero
    np.testing.assert_array_equal([rounded(v, mode, zero) for v in VALUES], expected)
    np.testing.assert_array_equal(rounded_array(floats, mode, zero), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("zero", [0, 3, -2])
def test_a_level_is_reached_where_its_step_stands(mode: str, zero: int) -> None:
    levels = np.arange(-7, 8)
    half, strict = rises(levels, mode, zero)
    for level, h, s in zip(levels.tolist(), half.tolist(), strict.tolist(), strict=True):
        edge = level - Fraction(h, 2)
        for value in VALUES:
            assert (rounded(value, mode, zero) >= level) == (value > edge if s else value >= edge)


def test_names() -> None:
    assert [mode_of(name) for name in ("round", "Half_Even", "ROUND_TO_ZERO", "floor", "DPU")] == [
        "HALF_EVEN",
        "HALF_EVEN",
        "DOWN",
        "FLOOR",
        None,
    ]
