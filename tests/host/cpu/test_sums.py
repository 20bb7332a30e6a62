# SPDX-License-Identifier: Apache-2.0
"""Sums of two scaled tensors in float32: right for every pair of values, or not taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cpu_check import check_graph
from headrace_host import golden
from headrace_host.cpu import planner, sums
from headrace_host.cpu.rescale import Requantizer
from headrace_host.cpu.sums import linear, scaled_sum
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import NetBuilder

from headrace.ir.ops import Requant
from headrace.operators.elementwise import Pointwise

RANGES = [(0, 255), (-128, 127)]


def requantizer(mul: int, add: int, shift: int, **more: Any) -> Requantizer:
    numbers = {"lo": 0, "hi": 255, "least": -(1 << 22), "most": 1 << 22, **more}
    return Requantizer(mul=np.array([mul]), add=np.array([add]), shift=shift, **numbers)


def terms(c: int, d: int) -> Any:
    return ["add", ["mul", ["in", 0], ["const", c]], ["mul", ["in", 1], ["const", d]]]


@settings(max_examples=40)
@given(
    c=st.integers(1, 4096), d=st.integers(-4096, 4096), mul=st.integers(1 << 18, (1 << 24) - 1), add=st.floats(-3, 3),
    signed=st.booleans(),
)  # fmt: skip
def test_every_pair_is_right(c: int, d: int, mul: int, add: float, signed: bool) -> None:
    lo, hi = (-128, 127) if signed else (0, 255)
    shift = int(np.log2(mul * (abs(c) + abs(d)))) + 1
    stated = requantizer(mul, int(add * 2.0**shift), shift, lo=lo, hi=hi)
    found = scaled_sum(terms(c, d), RANGES, stated)
    if found is None:
        return
    (_, *parts), last = found
    x, y = (v.reshape(-1) for v in np.meshgrid(*(np.arange(a, b + 1) for a, b in RANGES)))
    total = x.astype(np.float32) * np.float32(parts[0][2][1]) + y.astype(np.float32) * np.float32(parts[1][2][1])
    total = total if last.add is None else total + last.add
    got = np.rint(total.clip(np.float32(last.lo), np.float32(last.hi)))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, golden.requant(x * c + y * d, stated.mul, stated.add, shift, lo, hi))


def test_most_are_found() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(20):
        c, d, mul = (int(v) for v in (*rng.integers(500, 4096, 2), rng.integers(1 << 20, 1 << 23)))
        found += scaled_sum(terms(c, d), RANGES, requantizer(mul, 0, int(np.log2(mul * (c + d))) + 1)) is not None
    assert found >= 15


@pytest.mark.parametrize(
    ("expression", "factors"),
    [
        (("add", ("in", 0), ("in", 1)), (1, 1)),
        (terms(3, -2), (3, -2)),
        (("add", ("in", 0), ("in", 0)), None),
        (("add", ("in", 1), ("in", 0)), None),
        (("sub", ("in", 0), ("in", 1)), None),
        (("add", ("in", 0), ("const", 1)), None),
        (("in", 0), None),
    ],
)
def test_linear_expressions(expression: Any, factors: tuple[int, int] | None) -> None:
    assert linear(expression) == factors


@pytest.mark.parametrize(
    ("ranges", "stated"),
    [
        ([(0, 1023), (0, 1023)], requantizer(12345677, 0, 34)),
        (RANGES, requantizer(12345677, 0, 34, odd=True)),
        (RANGES, requantizer(12345677, 0, 34, hi=1 << 21)),
        (RANGES, Requantizer(mul=np.array([3, 4]), add=np.array([0]), shift=9, lo=0, hi=255, least=0, most=1 << 20)),
    ],
    ids=["many pairs", "ties to odd", "large results", "factors of channels"],
)
def test_what_is_not_tried(ranges: Any, stated: Requantizer) -> None:
    assert scaled_sum(terms(2731, 1999), ranges, stated) is None


def test_residual_sums_run_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    x, y = net.input((6, 5, 3)), net.input((6, 5, 3), -128, 127)
    acc = net.emit(Pointwise(expression=terms(2731, 1999)), (x, y), (6, 5, 3), -(1 << 20), 1 << 20)
    mul = np.array([12_345_677] * 3)
    q = net.emit(Requant(mul=mul, add=mul * 0 + (3 << 33), shift=35, lo=0, hi=255), (acc,), (6, 5, 3), 0, 255)
    taken: list[bool] = []

    def watched(*arguments: Any) -> Any:
        found = sums.scaled_sum(*arguments)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(planner, "scaled_sum", watched)
    assert check_graph(net.graph(q)) == ["Pointwise"]
    assert all(taken)
