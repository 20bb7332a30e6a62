# SPDX-License-Identifier: Apache-2.0
"""Inputs that the model normalises in front of their quantizer: hosts feed the quantizer's integers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from executions import integer_run, onnxruntime_run
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.errors import ModelError

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def normalised(f: QonnxFile) -> str:
    centred = f.node("Sub", f.node("Div", "x", f.constant(255.0)), f.constant(MEAN.reshape(1, 3, 1, 1)))
    return f.node("Div", centred, f.constant(STD.reshape(1, 3, 1, 1)))


def batch_norm(f: QonnxFile) -> str:
    return f.node("BatchNormalization", "x", *(f.constant(v) for v in (-STD, MEAN, 100 * MEAN, 900 * STD)))


@pytest.mark.parametrize("build", [normalised, batch_norm])
def test_hosts_feed_the_first_quantizers_integers(build: Callable[[QonnxFile], str], tmp_path: Path) -> None:
    f = QonnxFile()
    x = f.quant(build(f), 2.0**-6)
    y = f.quant(f.conv(x, f.weight((4, 3, 3, 3)), pads=[1, 1, 1, 1]), 0.25)
    lowered = lower(f.save(tmp_path / "net.onnx", y))
    kind = lowered.graph.tensors[lowered.graph.inputs[0]]
    assert (kind.lo, kind.hi, len(kind.scale), len(kind.offset)) == (-128, 127, 3, 3)
    pixels = np.random.default_rng(0).integers(kind.lo, kind.hi + 1, (1, *kind.shape))
    real = (pixels * np.array(kind.scale) + np.array(kind.offset)).transpose(0, 3, 1, 2)
    (ours,), (theirs,) = integer_run(lowered, pixels), onnxruntime_run(f.proto(y), np.ascontiguousarray(real))
    np.testing.assert_array_equal(ours, theirs)
    assert len(np.unique(ours)) > 30


def test_refuses_normalisations_that_lose_or_change_the_input(tmp_path: Path) -> None:
    def refused(message: str, *values: Callable[[QonnxFile], str]) -> None:
        f = QonnxFile()
        outputs = [f.quant(f.quant(value(f)), 1.0, bits=4.0) for value in values]
        with pytest.raises(ModelError, match=message):
            lower(f.save(tmp_path / "net.onnx", *outputs))

    refused(
        "'x' is multiplied by zero; repair", lambda f: f.node("Mul", "x", f.constant(np.array([1, 0, 1]).reshape(1, 3, 1, 1)))
    )
    refused("'x' is quantized in two different ways", lambda _: "x", lambda f: f.node("Mul", "x", f.constant(2.0)))
    refused("reads the input 'x' before", lambda f: f.node("Sigmoid", f.node("Mul", "x", f.constant(2.0))))
