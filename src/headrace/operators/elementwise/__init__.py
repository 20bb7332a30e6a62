# SPDX-License-Identifier: Apache-2.0
"""Elementwise operators: one module each, one line here; see "Adding an elementwise operator" in docs/extending.md."""

from __future__ import annotations

from importlib import import_module

from headrace.operators.base import Operator, lane_folds
from headrace.operators.elementwise.base import Elementwise, Pointwise, map_pointwise

__all__ = ["ELEMENTWISE", "OPERATORS", "Elementwise", "Pointwise"]

MODULES = (
    "add",
    "sub",
    "mul",
    "power",
    "sums",
    "extremes",
    "signs",
    "compare",
)
"""Modules of this package; each has its operators in ``ELEMENTWISE``."""

ELEMENTWISE: tuple[Elementwise, ...] = tuple(
    entry for module in MODULES for entry in import_module(f"{__name__}.{module}").ELEMENTWISE
)

OPERATORS = (
    Operator(
        op=Pointwise,
        map=map_pointwise,
        folds=lane_folds,
        handlers={name: entry.handler for entry in ELEMENTWISE for name in entry.types},
    ),
)
