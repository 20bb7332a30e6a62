# SPDX-License-Identifier: Apache-2.0
"""Integer expressions of the program file, evaluated on whole tensors.

An expression is a list: ``["in", k]`` (operand k), ``["const", c]``, or a name and its arguments: add, sub, mul, neg, abs,
max, min, eq, lt, le (1 where they hold, else 0) and select (argument 1 where argument 0 is not 0, else argument 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headrace_host.errors import HostError
from headrace_host.golden import IntArray

_Rule = tuple[int, Callable[..., Any], Callable[..., int]]
"""Arguments, the operation, and the largest magnitude of its result given those of its arguments."""

_RULES: dict[str, _Rule] = {
    "add": (2, np.add, lambda x, y: x + y),
    "sub": (2, np.subtract, lambda x, y: x + y),
    "mul": (2, np.multiply, lambda x, y: x * y),
    "neg": (1, np.negative, lambda x: x),
    "abs": (1, np.abs, lambda x: x),
    "max": (2, np.maximum, max),
    "min": (2, np.minimum, max),
    "eq": (2, np.equal, lambda _x, _y: 1),
    "lt": (2, np.less, lambda _x, _y: 1),
    "le": (2, np.less_equal, lambda _x, _y: 1),
    "select": (3, lambda c, x, y: np.where(c != 0, x, y), lambda _c, x, y: max(x, y)),
}
_LIMIT = 1 << 63


def evaluate(expression: Any, operands: Sequence[IntArray]) -> IntArray:
    """The value of ``expression`` (int64), exact.

    Args:
        operands: tensors (N, H, W, C); one of a single channel meets all channels of the others.

    Raises:
        HostError: it is no expression of these operands, or its values need more than 64 bits.
    """
    value, _ = _evaluate(expression, [np.asarray(x, np.int64) for x in operands])
    shape = np.broadcast_shapes(*(x.shape for x in operands))
    result: IntArray = np.broadcast_to(value, shape).astype(np.int64)
    return result


def _evaluate(expression: Any, operands: Sequence[IntArray]) -> tuple[IntArray, int]:
    """The value and a bound of its magnitude."""
    if not isinstance(expression, (list, tuple)) or not expression or not isinstance(expression[0], str):
        raise HostError(f"no expression: {_shown(expression)}; need a name and its arguments")
    name, rest = expression[0], expression[1:]
    if name in ("in", "const"):
        value = _leaf(expression, operands)
        return value, int(max(abs(int(value.max(initial=0))), abs(int(value.min(initial=0)))))
    if name not in _RULES or _RULES[name][0] != len(rest):
        known = ", ".join(f"{rule}/{arity}" for rule, (arity, _, _) in _RULES.items())
        raise HostError(f"no expression: {_shown(expression)}; the forms are in/1, const/1, {known}")
    parts = [_evaluate(argument, operands) for argument in rest]
    _, operation, magnitude = _RULES[name]
    largest = magnitude(*(bound for _, bound in parts))
    if largest >= _LIMIT:
        raise HostError(f"{_shown(expression)} can reach {largest}, more than 64 bits hold")
    return np.asarray(operation(*(value for value, _ in parts)), np.int64), largest


def _leaf(expression: Any, operands: Sequence[IntArray]) -> IntArray:
    whole = len(expression) == 2 and isinstance(expression[1], int) and not isinstance(expression[1], bool)
    if whole and expression[0] == "const" and abs(expression[1]) < _LIMIT:
        return np.asarray(expression[1], np.int64)
    if whole and expression[0] == "in" and 0 <= expression[1] < len(operands):
        value: IntArray = operands[expression[1]]
        return value
    raise HostError(f"no expression: {_shown(expression)}; there are {len(operands)} operands, constants have 64 bits")


def _shown(expression: Any) -> str:
    text = repr(expression)
    return text if len(text) <= 100 else f"{text[:97]}..."
