# SPDX-License-Identifier: Apache-2.0
"""Sums of sums whose operands stand in no whole ratio, against real arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headrace_host.program import Program
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.ir.graph import to_program

Array = np.ndarray[Any, Any]

STEPS = {"x": 0.1 * 2**0.5, "y": 0.1 * 3**0.5, "z": 0.1 * 5**0.5, "u": np.pi / 20, "v": np.e / 70}
OUT = 7**0.5 / 18
FACTORS = (0.5, 1.25, 2.0)
POOL: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
GROW: dict[str, Any] = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def sum_of_sums(f: QonnxFile, x: str, y: str, z: str, u: str, _: str) -> str:
    return f.node("Add", f.node("Add", x, y), f.node("Add", z, u))


def five(f: QonnxFile, *operands: str) -> str:
    return f.node("Sum", *operands)


def scaled_between(f: QonnxFile, x: str, y: str, z: str, *_: str) -> str:
    moved = f.node("Add", f.node("Sub", x, y), f.constant(0.25))
    return f.node("Sub", f.node("Mul", moved, f.constant(1.75)), z)


def clipped_between(f: QonnxFile, x: str, y: str, z: str, *_: str) -> str:
    return f.node("Add", f.node("Relu", f.node("Add", x, y)), z)


def enlarged_between(f: QonnxFile, x: str, y: str, z: str, *_: str) -> str:
    small = f.node("MaxPool", f.node("Add", x, y), **POOL)
    return f.node("Add", f.node("Resize", small, "", f.constant([1.0, 1.0, 2.0, 2.0]), **GROW), z)


def factors_between(f: QonnxFile, x: str, y: str, z: str, *_: str) -> str:
    return f.node("Add", f.node("Mul", f.node("Add", x, y), f.constant(np.reshape(FACTORS, (1, 3, 1, 1)))), z)


def averaged(f: QonnxFile, x: str, y: str, *_: str) -> str:
    return f.node("AveragePool", f.node("Add", x, y), **POOL)


def blocks(x: Array) -> Array:
    return x.reshape(-1, 4, 2, 4, 2, 3)


CASES: dict[str, tuple[Callable[..., str], Callable[..., Array]]] = {
    "sum of sums": (sum_of_sums, lambda x, y, z, u, _: x + y + z + u),
    "five operands": (five, lambda x, y, z, u, v: x + y + z + u + v),
    "scaled and moved between": (scaled_between, lambda x, y, z, *_: (x - y + 0.25) * 1.75 - z),
    "clipped between": (clipped_between, lambda x, y, z, *_: np.maximum(x + y, 0) + z),
    "enlarged between": (
        enlarged_between,
        lambda x, y, z, *_: np.kron(blocks(x + y).max(axis=(2, 4)), np.ones((1, 2, 2, 1))) + z,
    ),
    "a factor for each channel between": (factors_between, lambda x, y, z, *_: (x + y) * np.array(FACTORS) + z),
    "averaged": (averaged, lambda x, y, *_: blocks(x + y).mean(axis=(2, 4))),
}


@pytest.mark.parametrize("name", CASES)
def test_sums_of_sums(name: str, tmp_path: Path) -> None:
    build, real = CASES[name]
    f = QonnxFile(extra_inputs=dict.fromkeys("yzuv", (1, 3, 8, 8)))
    operands = [f.quant(n, step, bits=5.0) for n, step in STEPS.items()]
    outputs = [f.quant(build(f, *operands), OUT, bits=6.0), *(f.quant(x, 0.5) for x in operands)]
    lowered = lower(f.save(tmp_path / "model.onnx", *outputs))
    rng = np.random.default_rng(0)
    pixels = {n: rng.integers(-16, 16, (20, 8, 8, 3)) for n in STEPS}
    got = Program(*to_program(lowered.graph)).run(pixels)[lowered.graph.outputs[0]]
    values = [pixels[n] * np.float64(np.float32(step)) for n, step in STEPS.items()]
    expected = np.clip(np.rint(real(*values) / np.float64(np.float32(OUT))), -32, 31)
    assert len(np.unique(expected)) > 15
    wrong = got != expected
    assert np.mean(wrong) <= (0.001 if build is factors_between else 0.0)  # where each channel's factors have 12 bits
    assert lowered.certificates[0].differing_values > 0 or not np.any(wrong)
    assert np.abs(got - expected).max() <= 1


def test_three_operands_one_by_one_are_compared_in_all_combinations(tmp_path: Path) -> None:
    f = QonnxFile(extra_inputs=dict.fromkeys("yz", (1, 3, 8, 8)))
    x, y, z = (f.quant(n, STEPS[n], bits=4.0) for n in "xyz")
    two = f.node("Add", x, y)
    outputs = f.quant(f.node("Add", two, z), OUT, bits=6.0), f.quant(two, 0.2)
    certificates = lower(f.save(tmp_path / "model.onnx", *outputs)).certificates
    assert {c.reachable_values for c in certificates} == {16**2, 16**3}


@pytest.mark.parametrize("pooled", [False, True])
def test_what_is_not_compared_is_never_certified_exact(pooled: bool, tmp_path: Path) -> None:
    f = QonnxFile(extra_inputs=dict.fromkeys("yzu", (1, 3, 8, 8)))
    x, y, z, u = (f.quant(n, STEPS[n], bits=2.0) for n in "xyzu")
    total = averaged(f, x, y) if pooled else f.node("Add", sum_of_sums(f, x, y, z, u, ""), x)
    outputs = [f.quant(total, OUT, bits=6.0), *(f.quant(v, 0.5) for v in (z, u))]
    certificate = lower(f.save(tmp_path / "model.onnx", *outputs)).certificates[0]
    assert not certificate.exact
    assert "not compared" in certificate.reason
