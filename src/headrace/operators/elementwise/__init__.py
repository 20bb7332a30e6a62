# SPDX-License-Identifier: Apache-2.0
"""Elementwise operators: one line here for each, see "Adding an elementwise operator" in docs/extending.md."""

from __future__ import annotations

from headrace.operators.base import Operator, lane_folds
from headrace.operators.elementwise import add, compare, extremes, mul, power, signs, sub, sums
from headrace.operators.elementwise.base import Elementwise, Pointwise, map_pointwise

__all__ = ["ELEMENTWISE", "OPERATORS", "Elementwise", "Pointwise"]

ELEMENTWISE: tuple[Elementwise, ...] = (
    add.ADD,
    sub.SUB,
    mul.MUL,
    power.POW,
    sums.SUM,
    sums.MEAN,
    extremes.MAX,
    extremes.MIN,
    signs.ABS,
    signs.SIGN,
    compare.EQUAL,
    compare.LESS,
    compare.LESS_OR_EQUAL,
    compare.GREATER,
    compare.GREATER_OR_EQUAL,
    compare.NOT,
    compare.AND,
    compare.OR,
    compare.XOR,
    compare.WHERE,
)

OPERATORS = (
    Operator(
        op=Pointwise,
        map=map_pointwise,
        folds=lane_folds,
        handlers={name: entry.handler for entry in ELEMENTWISE for name in entry.types},
    ),
)
