# SPDX-License-Identifier: Apache-2.0
"""Integer expressions of the program file: against Python's own integers, and refused when they are nonsense."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import numpy as np
import pytest
from headrace_host.errors import HostError
from headrace_host.expressions import evaluate
from random_nets import random_expression

from headrace.errors import ModelError
from headrace.ir.expressions import bounds, check, real_value

PYTHON = {
    "in": "x[{0}]",
    "const": "({0})",
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "neg": "(-{0})",
    "abs": "abs({0})",
    "max": "max({0}, {1})",
    "min": "min({0}, {1})",
    "eq": "int({0} == {1})",
    "lt": "int({0} < {1})",
    "le": "int({0} <= {1})",
    "select": "({1} if {0} else {2})",
}


def python_text(expression: Any) -> str:
    """``expression`` as Python source over the list ``x``."""
    kind, *rest = expression
    return PYTHON[kind].format(*(python_text(part) if isinstance(part, tuple) else part for part in rest))


@pytest.mark.parametrize("seed", range(40))
def test_equals_pythons_integers_and_stays_within_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    operands = int(rng.integers(1, 4))
    expression = random_expression(rng, operands, depth=4)
    check(expression, operands)
    lows = rng.integers(-4, 4, operands)
    ranges = [(int(lo), int(lo + rng.integers(1, 6))) for lo in lows]
    grid = np.array(list(product(*(range(lo, hi + 1) for lo, hi in ranges))))
    columns = [grid[:, k].reshape(1, -1, 1, 1) for k in range(operands)]

    expected = [eval(python_text(expression), {"x": row}) for row in grid.tolist()]
    got = evaluate(json.loads(json.dumps(expression)), columns)
    assert got.shape == (1, len(grid), 1, 1)
    assert got.ravel().tolist() == expected
    np.testing.assert_array_equal(np.broadcast_to(real_value(expression, columns), got.shape), got)
    lo, hi = bounds(expression, ranges)
    assert lo <= min(expected)
    assert hi >= max(expected)


@pytest.mark.parametrize(
    "expression",
    [
        ("add", ("in", 0), ("in", 1)),
        ("sub", ("mul", ("in", 0), ("const", -3)), ("in", 1)),
        ("mul", ("in", 0), ("in", 1)),
        ("mul", ("in", 0), ("in", 0)),
        ("abs", ("sub", ("in", 0), ("in", 1))),
        ("neg", ("max", ("in", 0), ("in", 1))),
        ("select", ("lt", ("in", 0), ("in", 1)), ("const", 9), ("const", -9)),
        ("eq", ("in", 0), ("const", 100)),
        ("le", ("in", 0), ("const", 100)),
    ],
)
@pytest.mark.parametrize("ranges", [[(-3, 5), (-2, 2)], [(1, 4), (0, 6)], [(-7, -2), (3, 3)]])
def test_bounds_are_reached(expression: Any, ranges: list[tuple[int, int]]) -> None:
    values = np.ix_(*(np.arange(lo, hi + 1) for lo, hi in ranges))
    got = evaluate(expression, values)
    assert bounds(expression, ranges) == (got.min(), got.max())


def test_one_channel_meets_all() -> None:
    x, gate = np.arange(12).reshape(1, 2, 2, 3), np.arange(4).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(evaluate(["mul", ["in", 0], ["in", 1]], [x, gate]), x * gate)
    np.testing.assert_array_equal(evaluate(["const", 3], [x]), np.full(x.shape, 3))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (["shift", ["in", 0]], r"no expression: \['shift', .*; the forms are in/1, const/1, add/2"),
        (["add", ["in", 0]], "the forms are"),
        (["in", 1], "there are 1 operands"),
        (["in", True], "there are 1 operands"),
        (["const", 1.5], "constants have 64 bits"),
        (["const", 1 << 63], "constants have 64 bits"),
        (["in"], "there are 1 operands"),
        ([], "need a name and its arguments"),
        ("in", "need a name and its arguments"),
        ([["in", 0]], "need a name and its arguments"),
        (["mul", ["in", 0], ["const", 1 << 60]], r"can reach \d+, more than 64 bits hold"),
    ],
)
def test_nonsense_is_refused(expression: Any, message: str) -> None:
    with pytest.raises(HostError, match=message):
        evaluate(expression, [np.full((1, 1, 1, 1), 100)])


@pytest.mark.parametrize(
    ("expression", "operands", "message"),
    [
        (("shift", ("in", 0)), 1, "no expression: .*; the forms are in, const, neg"),
        (("add", ("in", 0), 3), 1, "need a tuple of a name and its arguments"),
        (("in", 0), 2, r"an expression of 2 operands .* reads \[0\]"),
        (("add", ("in", 0), ("in", 2)), 2, r"reads \[0, 2\]"),
        (("const", 1), 0, "an expression of 0 operands"),
    ],
)
def test_the_compiler_refuses_nonsense(expression: Any, operands: int, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check(expression, operands)
