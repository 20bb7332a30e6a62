# SPDX-License-Identifier: Apache-2.0
"""Abs and Sign."""

from __future__ import annotations

from headrace.ir.expressions import const
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import common, truth

ELEMENTWISE = (
    Elementwise(types=("Abs",), grid=common, build=lambda x: ("abs", x)),
    Elementwise(types=("Sign",), grid=truth, build=lambda x: ("sub", ("lt", const(0), x), ("lt", x, const(0)))),
)
