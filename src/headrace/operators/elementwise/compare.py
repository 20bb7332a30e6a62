# SPDX-License-Identifier: Apache-2.0
"""Comparisons, which give 0 or 1, and what is computed of such truth values."""

from __future__ import annotations

from headrace.ir.expressions import const
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import boolean, chosen, truth

ELEMENTWISE = (
    Elementwise(types=("Equal",), grid=truth, build=lambda a, b: ("eq", a, b)),
    Elementwise(types=("Less",), grid=truth, build=lambda a, b: ("lt", a, b)),
    Elementwise(types=("LessOrEqual",), grid=truth, build=lambda a, b: ("le", a, b)),
    Elementwise(types=("Greater",), grid=truth, build=lambda a, b: ("lt", b, a)),
    Elementwise(types=("GreaterOrEqual",), grid=truth, build=lambda a, b: ("le", b, a)),
    Elementwise(types=("Not",), grid=boolean, build=lambda a: ("sub", const(1), a)),
    Elementwise(types=("And",), grid=boolean, build=lambda a, b: ("min", a, b)),
    Elementwise(types=("Or",), grid=boolean, build=lambda a, b: ("max", a, b)),
    Elementwise(types=("Xor",), grid=boolean, build=lambda a, b: ("sub", const(1), ("eq", a, b))),
    Elementwise(types=("Where",), grid=chosen, build=lambda c, a, b: ("select", c, a, b)),
)
