# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_pointwise`` over expressions, ranges, lanes and broadcast operands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from headrace_sim.runner import expect_refusal, run_bench
from random_nets import random_expression

from headrace.engines.pointwise import Pointwise
from headrace.ir.expressions import Expression, Interval, bounds
from headrace.ir.tensor import Tensor

A, B, C = (("in", k) for k in range(3))


def engine_of(expression: Expression, ranges: list[Interval], lanes: int, channels: list[int]) -> Pointwise:
    operands = tuple(
        Tensor(name=f"x{k}", shape=(1, 24, c), lo=lo, hi=hi)
        for k, ((lo, hi), c) in enumerate(zip(ranges, channels, strict=True))
    )
    lo, hi = bounds(expression, ranges)
    result = Tensor(name="y", shape=(1, 24, max(channels)), lo=lo, hi=hi)
    return Pointwise(name="e", expression=expression, operands=operands, result=result, lanes=lanes)


def parameters_of(engine: Pointwise) -> dict[str, int | str]:
    return {k: int(v) if isinstance(v, bool) else v for k, v in engine.parameters().items()}


def run(
    expression: Expression,
    ranges: list[Interval],
    lanes: int,
    channels: list[int],
    folder: Path,
    latency: int | None = None,
) -> None:
    engine = engine_of(expression, ranges, lanes, channels)
    case = {
        "expression": expression,
        "ranges": ranges,
        "channels": channels,
        "widths": engine.in_widths,
        "signed": engine.result.signed,
        "latency": engine.latency if latency is None else latency,
    }
    run_bench(
        "engine_pointwise",
        bench="headrace_sim.benches.engine_pointwise",
        folder=folder,
        parameters=parameters_of(engine),
        case=case,
    )


def scaled(x: Expression, factor: int) -> Expression:
    return ("mul", x, ("const", factor))


WIDE = (-(2**11), 2**11 - 1)
CASES = {
    "sum": (("add", A, B), [(0, 255), (0, 255)], 3, [3, 3], 1),
    "scaled sum": (("add", scaled(A, -7), scaled(B, 12)), [(-8, 7), (-8, 7)], 1, [3, 3], None),
    "great factors": (("add", scaled(A, -(2**31)), scaled(B, 2**31 - 1)), [(-128, 127), (-128, 127)], 1, [1, 1], None),
    "product": (("mul", A, B), [(-128, 127), (0, 255)], 2, [3, 3], 2),
    "wide product": (("mul", ("add", A, C), ("sub", A, B)), [WIDE, WIDE, (0, 1)], 1, [2, 2, 2], None),
    "per pixel": (("mul", A, B), [(0, 15), (-8, 7)], 2, [5, 1], 2),
    "first per pixel": (("sub", A, ("add", B, C)), [(0, 15), (-8, 7), (3, 9)], 4, [1, 9, 1], None),
    "not zero outside": (("sub", ("const", 5), ("abs", A)), [(-4, 4)], 2, [5], None),
    "comparisons": (
        ("add", ("mul", ("lt", A, B), ("const", 4)), ("add", ("mul", ("le", A, B), ("const", 2)), ("eq", A, B))),
        [(-2, 1), (-1, 2)],
        2,
        [2, 2],
        None,
    ),
    "constant": (("select", ("le", A, ("const", 9)), ("const", 3), B), [(-4, 4), (-1, 1)], 2, [3, 3], 1),
}


@pytest.mark.parametrize("name", CASES)
def test_computes_like_the_golden(name: str, tmp_path: Path) -> None:
    expression, ranges, lanes, channels, latency = CASES[name]
    run(expression, ranges, lanes, channels, tmp_path, latency)


@pytest.mark.parametrize("seed", [1, 3])
def test_computes_random_expressions(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    operands = int(rng.integers(1, 4))
    expression = random_expression(rng, operands, depth=4)
    grids = [(0, 255), (-128, 127), (0, 1), (-8, 7), (3, 12), (-1, 1)]
    ranges = [grids[int(rng.integers(len(grids)))] for _ in range(operands)]
    channels = int(rng.integers(1, 7))
    run(expression, ranges, int(rng.integers(1, channels + 1)), [channels] * operands, tmp_path)


def node(op: int, *arguments: int) -> tuple[int, int]:
    return op, sum(a << (8 * k) for k, a in enumerate(arguments))


# The twin's expression is C++ text, not nodes that a kernel could check.
@pytest.mark.rtl_only
@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node(0, 2), node(2, 0)], "node 0 reads stream 2 of 2"),
        ([node(0, 0), node(3, 0, 1), node(2, 1)], "node 1 reads node 1, which is not before it"),
        ([node(0, 0), node(2, 0), node(3, 0, 1), node(2, 2)], "node 2 reads node 0, which is 1 registers early"),
        ([node(0, 0), node(6, 0)], "node 1 is the last and must be a register; it has operation 6"),
        ([node(0, 0), node(14, 0), node(2, 1)], "node 1: no operation 14"),
    ],
)
def test_refuses(nodes: list[tuple[int, int]], message: str) -> None:
    count = len(nodes)
    parameters: dict[str, int | str] = {
        "Nodes": count,
        "Op": f"{4 * count}'h{sum(op << (4 * n) for n, (op, _) in enumerate(nodes)):x}",
        "Args": f"{24 * count}'h{sum(a << (24 * n) for n, (_, a) in enumerate(nodes)):x}",
        "Width": f"{8 * count}'h{sum(8 << (8 * n) for n in range(count)):x}",
        "Value": f"{64 * count}'h0",
    }
    expect_refusal("engine_pointwise", parameters=parameters, message=message)


def test_refuses_no_lanes() -> None:
    parameters = parameters_of(engine_of(("add", A, B), [(0, 255), (0, 255)], 1, [2, 2])) | {"Lanes": 0}
    message = "got Lanes 0, Channels 2, Operands 2, InW 8, OutW 9"
    expect_refusal("engine_pointwise", parameters=parameters, message=message)
