# SPDX-License-Identifier: Apache-2.0
"""Comparisons, which give 0 or 1, and what is computed of such truth values."""

from __future__ import annotations

from headrace.ir.expressions import const
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import boolean, chosen, truth

EQUAL = Elementwise(types=("Equal",), grid=truth, build=lambda a, b: ("eq", a, b))
LESS = Elementwise(types=("Less",), grid=truth, build=lambda a, b: ("lt", a, b))
LESS_OR_EQUAL = Elementwise(types=("LessOrEqual",), grid=truth, build=lambda a, b: ("le", a, b))
GREATER = Elementwise(types=("Greater",), grid=truth, build=lambda a, b: ("lt", b, a))
GREATER_OR_EQUAL = Elementwise(types=("GreaterOrEqual",), grid=truth, build=lambda a, b: ("le", b, a))

NOT = Elementwise(types=("Not",), grid=boolean, build=lambda a: ("sub", const(1), a))
AND = Elementwise(types=("And",), grid=boolean, build=lambda a, b: ("min", a, b))
OR = Elementwise(types=("Or",), grid=boolean, build=lambda a, b: ("max", a, b))
XOR = Elementwise(types=("Xor",), grid=boolean, build=lambda a, b: ("sub", const(1), ("eq", a, b)))
WHERE = Elementwise(types=("Where",), grid=chosen, build=lambda c, a, b: ("select", c, a, b))
