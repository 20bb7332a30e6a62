# SPDX-License-Identifier: Apache-2.0
"""Integer expressions of up to three operands, as nested tuples that JSON can carry.

| form | value |
|---|---|
| ``("in", k)`` | operand k |
| ``("const", c)`` | the integer c |
| ``("add", x, y)``, ``("sub", x, y)``, ``("mul", x, y)`` | sum, difference, product |
| ``("neg", x)``, ``("abs", x)`` | negative, magnitude |
| ``("max", x, y)``, ``("min", x, y)`` | the greater, the less |
| ``("eq", x, y)``, ``("lt", x, y)``, ``("le", x, y)`` | 1 if x = y, x < y, x <= y; else 0 |
| ``("select", c, x, y)`` | x where c is not 0, else y |

What they compute is `headrace_host.expressions`; here is what the compiler must know of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import ModelError

Expression = tuple[Any, ...]
Interval = tuple[int, int]

MAX_OPERANDS = 3
ARITY = {"neg": 1, "abs": 1, "add": 2, "sub": 2, "mul": 2, "max": 2, "min": 2, "eq": 2, "lt": 2, "le": 2, "select": 3}
"""Arguments of each form that has any."""


def operand(index: int) -> Expression:
    """Operand ``index``."""
    return ("in", index)


def const(value: int) -> Expression:
    """A constant."""
    return ("const", value)


def check(expression: Expression, operands: int) -> None:
    """Checks that ``expression`` is well formed and reads each of ``operands`` operands, and no other.

    Raises:
        ModelError: says what is wrong with which part.
    """
    read: set[int] = set()
    for part in parts(expression):
        kind, *rest = part
        if kind in ("in", "const") and len(rest) == 1 and isinstance(rest[0], int):
            read |= {rest[0]} if kind == "in" else set()
        elif ARITY.get(kind) != len(rest):
            raise ModelError(f"no expression: {part!r}; the forms are in, const, {', '.join(ARITY)}")
    if not 1 <= operands <= MAX_OPERANDS or read != set(range(operands)):
        raise ModelError(f"an expression of {operands} operands (1 to {MAX_OPERANDS} are possible) reads {sorted(read)}")


def parts(expression: Any) -> Iterator[Expression]:
    """``expression`` and all expressions within it."""
    if not isinstance(expression, tuple) or not expression or not isinstance(expression[0], str):
        raise ModelError(f"no expression: {expression!r}; need a tuple of a name and its arguments")
    yield expression
    if expression[0] in ARITY:
        for argument in expression[1:]:
            yield from parts(argument)


def bounds(expression: Expression, ranges: Sequence[Interval]) -> Interval:
    """Interval arithmetic: every value of ``expression`` lies within, for operands in ``ranges``.

    Exact where no operand occurs twice; a part combined with itself (``x * x``, ``x - x``) is recognised.
    """
    kind = expression[0]
    if kind == "in":
        return ranges[expression[1]]
    if kind == "const":
        return expression[1], expression[1]
    if kind == "select":
        return _chosen(expression, ranges)
    x = bounds(expression[1], ranges)
    if kind == "neg":
        return -x[1], -x[0]
    if kind == "abs":
        return (0 if x[0] <= 0 <= x[1] else min(abs(x[0]), abs(x[1]))), max(abs(x[0]), abs(x[1]))
    if expression[1] == expression[2]:
        return _with_itself(kind, x)
    return _combined(kind, x, bounds(expression[2], ranges))


def _chosen(expression: Expression, ranges: Sequence[Interval]) -> Interval:
    condition, x, y = (bounds(part, ranges) for part in expression[1:])
    if condition == (0, 0):
        return y
    if not condition[0] <= 0 <= condition[1]:
        return x
    return min(x[0], y[0]), max(x[1], y[1])


def _with_itself(kind: str, x: Interval) -> Interval:
    if kind == "mul":
        squares = (x[0] * x[0], x[1] * x[1])
        return (0 if x[0] <= 0 <= x[1] else min(squares)), max(squares)
    if kind in ("max", "min"):
        return x
    if kind == "add":
        return 2 * x[0], 2 * x[1]
    return (0, 0) if kind in ("sub", "lt") else (1, 1)


def _combined(kind: str, x: Interval, y: Interval) -> Interval:
    if kind == "add":
        return x[0] + y[0], x[1] + y[1]
    if kind == "sub":
        return x[0] - y[1], x[1] - y[0]
    if kind == "mul":
        corners = [a * b for a in x for b in y]
        return min(corners), max(corners)
    if kind == "max":
        return max(x[0], y[0]), max(x[1], y[1])
    if kind == "min":
        return min(x[0], y[0]), min(x[1], y[1])
    never, always = {
        "eq": (x[1] < y[0] or y[1] < x[0], x[0] == x[1] == y[0] == y[1]),
        "lt": (x[0] >= y[1], x[1] < y[0]),
        "le": (x[0] > y[1], x[1] <= y[0]),
    }[kind]
    return int(always), int(not never)


def real_value(expression: Expression, operands: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """``expression`` over the reals, in float64, of operands that broadcast to each other."""
    kind, *rest = expression
    if kind == "in":
        return operands[rest[0]]
    if kind == "const":
        return np.float64(rest[0]) * np.ones(1)
    x, *others = (real_value(part, operands) for part in rest)
    functions: dict[str, Any] = {
        "neg": np.negative,
        "abs": np.abs,
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "max": np.maximum,
        "min": np.minimum,
        "eq": np.equal,
        "lt": np.less,
        "le": np.less_equal,
        "select": lambda c, a, b: np.where(c != 0, a, b),
    }
    return np.asarray(functions[kind](x, *others), np.float64)
