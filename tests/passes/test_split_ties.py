# SPDX-License-Identifier: Apache-2.0
"""Averages whose ties fall on whole accumulators, and addends fitted to a quantizer's steps: exact where they can be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from headrace_host import golden
from headrace_host.program import Program
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.ir.graph import to_program
from headrace.ir.ops import Quantize
from headrace.passes.requantize import realise


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize(
    ("size", "scale", "zero"), [((3, 4), 0.5, 0.0), ((3, 4), 0.25, 3.0), ((6, 5), 1.0, 4.0), ((7, 7), 1.0, 1.0)]
)
def test_means_round_half_to_even(signed: int, size: tuple[int, int], scale: float, zero: float, tmp_path: Path) -> None:
    zero = zero if signed == 0 else -zero
    f = QonnxFile(shape=(1, 8, *size))
    x = f.quant("x", 0.5, bits=4.0, signed=signed)
    y = f.quant(f.node("GlobalAveragePool", x), scale, bits=4.0, signed=signed, zero=zero)
    lowered = lower(f.save(tmp_path / "net.onnx", y))
    assert all(certificate.exact for certificate in lowered.certificates)
    kind = lowered.graph.tensors[lowered.graph.inputs[0]]
    pixels = np.random.default_rng(0).integers(kind.lo, kind.hi + 1, (600, *kind.shape))
    pixels = np.clip(pixels + np.arange(-16, 16).repeat(19)[:600, None, None, None], kind.lo, kind.hi)
    (ours,) = Program(*to_program(lowered.graph)).run({kind.name: pixels}).values()
    lo, hi = (-8, 7) if signed else (0, 15)
    totals = pixels.sum(axis=(1, 2)).ravel().tolist()
    theirs = [min(max(round(Fraction(t, 2 * size[0] * size[1]) / Fraction(scale) + int(zero)), lo), hi) - zero for t in totals]
    np.testing.assert_array_equal(ours.ravel(), theirs)
    assert len(set(theirs)) > 5


def test_addends_are_fitted_where_rounded_ones_miss_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(-300_000, 300_001)
    rng = np.random.default_rng(0)
    slopes = rng.uniform(0.0003, 0.0006, 20).astype(np.float32).tolist()
    exact = {}
    for fits in (True, False):
        if not fits:
            monkeypatch.setattr("headrace.passes.requantize._fitted", lambda _problem, _op, best, _widest: best)
        exact[fits] = 0
        for number in slopes:
            op = Quantize(
                slope=np.array([Fraction(number)], object), offset=np.array([Fraction(1, 3)], object), lo=-128, hi=127
            )
            requant, certificate = realise("q", op, (x[:1], x[-1:]))
            wanted = np.clip(np.rint(x * number + 1 / 3), op.lo, op.hi)
            assert certificate.differing_values == int(
                (
                    wanted != golden.requant(x[:, None], requant.mul, requant.add, requant.shift, requant.lo, requant.hi)[:, 0]
                ).sum()
            )
            exact[fits] += certificate.exact
    assert exact[True] > exact[False]
