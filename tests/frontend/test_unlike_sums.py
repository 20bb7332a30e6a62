# SPDX-License-Identifier: Apache-2.0
"""Sums of operands whose channels have scales and offsets of their own, read by one quantizer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from executions import integer_run, onnxruntime_run, pixels_for
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.errors import UnsupportedError
from headrace.operators.elementwise.unlike import ratio_of

SHAPE = (1, 4, 5, 6)


def norm(f: QonnxFile, x: str, seed: int, *, binary: bool) -> str:
    """A batch norm of random factors and terms; with ``binary``, whole multiples of binary fractions."""
    rng = np.random.default_rng(seed)
    gamma, beta = rng.uniform(0.5, 2, 4), rng.normal(size=4)
    gamma, beta = (np.rint(v * 8) / 8 for v in (gamma, beta)) if binary else (gamma, beta)
    constants = [f.constant(v) for v in (gamma, beta, np.zeros(4), np.ones(4))]
    return f.node("BatchNormalization", x, *constants, epsilon=0.0)


def repvgg(f: QonnxFile, x: str, *, binary: bool) -> str:
    """A 3x3 and a 1x1 convolution and the input itself, each with a batch norm; one sum, one quantizer."""
    scales = np.array([1, 2, 3, 5]) / 16 if binary else np.array([0.11, 0.07, 0.31, 0.2])
    weights = [f.weight((4, 4, k, k), scales.reshape(4, 1, 1, 1) * (1 + k)) for k in (3, 1)]
    large = norm(f, f.conv(x, weights[0], pads=[1, 1, 1, 1]), 1, binary=binary)
    small = norm(f, f.conv(x, weights[1]), 2, binary=binary)
    total = f.node("Add", f.node("Add", large, small), norm(f, x, 3, binary=binary))
    return f.quant(f.node("Relu", total), 2.0**-4, bits=6.0, signed=0)


def test_binary_branches_are_exact(tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    path = file.save(tmp_path / "net.onnx", repvgg(file, file.quant("x", 2.0**-4, bits=5.0), binary=True))
    lowered = lower(path)
    assert all(c.exact for c in lowered.certificates)
    pixels, x = pixels_for(lowered)
    ours = integer_run(lowered, pixels)[0]
    theirs = np.concatenate([onnxruntime_run(file.proto(file.nodes[-1].output[0]), frame[None])[0] for frame in x])
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("chained", [False, True])
def test_other_branches_are_certified(chained: bool, tmp_path: Path) -> None:
    """Sums of sums are one sum: each operand is rounded to its factor once."""
    file = QonnxFile(shape=SHAPE)
    scales = np.array([0.11, 0.07, 0.31, 0.2]).reshape(4, 1, 1, 1)
    x = file.quant("x", 0.173, bits=5.0)
    large = norm(file, file.conv(x, file.weight((4, 4, 3, 3), scales), pads=[1, 1, 1, 1]), 1, binary=False)
    small = norm(file, file.conv(x, file.weight((4, 4, 1, 1), scales * 2.1)), 2, binary=False)
    identity = norm(file, x, 3, binary=False)
    total = file.node("Sum", large, small, identity)
    if chained:
        total = file.node("Add", identity, file.node("Sub", large, file.node("Neg", small)))
    path = file.save(tmp_path / "net.onnx", file.quant(file.node("Relu", total), 0.071, bits=6.0, signed=0))
    lowered = lower(path)
    (certificate,) = lowered.certificates
    assert not certificate.exact
    assert 0 < certificate.differing_values < certificate.reachable_values // 100
    assert all(getattr(node.op, "slack", None) is None for node in lowered.graph.nodes)
    pixels, x_real = pixels_for(lowered, frames=20)
    ours = integer_run(lowered, pixels)[0]
    theirs = np.concatenate([onnxruntime_run(file.proto(file.nodes[-1].output[0]), frame[None])[0] for frame in x_real])
    assert np.mean(np.abs(ours - theirs) > 0.01) < 0.002


def test_offsets_on_no_grid_are_added_to_the_result(tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    x = file.quant("x", 2.0**-4, bits=5.0)
    y = file.node("Conv", x, file.weight((4, 4, 1, 1)), file.constant([0.3, 0.1, -0.7, 1 / 3]))
    path = file.save(tmp_path / "net.onnx", file.quant(file.node("Sub", x, y), 2.0**-3))
    lowered = lower(path)
    assert [node.op.kind for node in lowered.graph.nodes] == ["conv", "pointwise", "requant"]
    assert lowered.certificates[0].exact
    pixels, real = pixels_for(lowered)
    theirs = np.concatenate([onnxruntime_run(file.proto(file.nodes[-1].output[0]), frame[None])[0] for frame in real])
    np.testing.assert_array_equal(integer_run(lowered, pixels)[0], theirs)


@pytest.mark.parametrize("scales", [(0.3, 0.2), (0.1, -0.07, 0.0123), (1e-3, 1.0), (2.0**-10, 3.0)])
def test_factors_are_near(scales: tuple[float, ...]) -> None:
    exact = tuple(Fraction(s) for s in scales)
    ratio = ratio_of(exact)
    assert ratio is not None
    for scale, factor, missed in zip(exact, ratio.factors, ratio.missed, strict=True):
        assert ratio.step * (factor + missed) == scale
        assert abs(missed) <= Fraction(1, 2)
    assert any(ratio.missed) == (scales != (2.0**-10, 3.0))
    assert ratio_of((Fraction(1), Fraction(1e-9))) is None


def test_only_a_quantizer_reads_such_a_sum(tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    x = file.quant("x", 0.173, bits=5.0)
    total = file.node(
        "Add", norm(file, x, 1, binary=False), norm(file, file.conv(x, file.weight((4, 4, 1, 1))), 2, binary=False)
    )
    with pytest.raises(UnsupportedError, match="put a quantizer directly behind the addition"):
        lower(file.save(tmp_path / "net.onnx", file.conv(total, file.weight((2, 4, 1, 1)))))


def test_channels_that_batch_norms_leave_out(tmp_path: Path) -> None:
    """Pruned in one branch or in both; a falling one beside them keeps its precision."""
    file = QonnxFile(shape=SHAPE)
    x = file.quant("x", 0.173, bits=5.0)
    branches = []
    for kernel, gamma in ((3, [0.0, 0.7, -1.3, 0.9]), (1, [0.0, 0.0, 0.6, -0.4])):
        conv = file.conv(x, file.weight((4, 4, kernel, kernel), 0.11), pads=[kernel // 2] * 4)
        constants = [file.constant(v) for v in (gamma, [0.3, 0.1, -0.2, 0.5], np.zeros(4), np.ones(4))]
        branches.append(file.node("BatchNormalization", conv, *constants))
    lowered = lower(file.save(tmp_path / "net.onnx", file.quant(file.node("Add", *branches), 0.071, bits=6.0)))
    pixels, real = pixels_for(lowered, frames=20)
    ours = integer_run(lowered, pixels)[0]
    theirs = np.concatenate([onnxruntime_run(file.proto(file.nodes[-1].output[0]), frame[None])[0] for frame in real])
    assert np.mean(np.abs(ours - theirs) > 0.01) < 0.002
    assert [len(np.unique(theirs[:, c])) > 1 for c in range(4)] == [False, True, True, True]
