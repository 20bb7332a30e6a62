# SPDX-License-Identifier: Apache-2.0
"""QONNX quantizers of every rounding mode and granularity, against qonnx's own execution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headrace_host.program import Program
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes
from qonnx_file import QonnxFile

from headrace.compile import Lowered, lower
from headrace.ir.graph import to_program
from headrace.ir.rounding import MODES

Array = np.ndarray[Any, np.dtype[Any]]


def compared(path: Path) -> tuple[Lowered, Array, Array]:
    """The import, its real values on random and extreme frames, and those of qonnx."""
    lowered = lower(path)
    tensor = lowered.graph.tensors[lowered.graph.inputs[0]]
    pixels = np.random.default_rng(0).integers(tensor.lo, tensor.hi + 1, (3, *tensor.shape))
    pixels[1], pixels[2] = tensor.lo, tensor.hi
    out = lowered.graph.tensors[lowered.graph.outputs[0]]
    ours = Program(*to_program(lowered.graph)).run({tensor.name: pixels})[out.name] * np.array(out.scale) + np.array(out.offset)
    model = ModelWrapper(str(path)).transform(InferShapes())
    x = (pixels * np.float32(tensor.scale[0])).astype(np.float32).transpose(0, 3, 1, 2)
    theirs = [execute_onnx(model, {"x": frame[None]})[model.graph.output[0].name] for frame in x]
    return lowered, ours.transpose(0, 3, 1, 2), np.concatenate(theirs)


@pytest.mark.parametrize("zero", [0.0, 3.0])
@pytest.mark.parametrize("mode", ["ROUND", *MODES])
def test_rounding_modes(mode: str, zero: float, tmp_path: Path) -> None:
    """Power-of-two scales, so that ties are frequent and float32 is exact; of weights and of activations."""
    file = QonnxFile()
    weights = file.constant(np.random.default_rng(1).integers(-32, 33, (4, 3, 1, 1)) / 8)
    acc = file.conv(file.image(), file.quant(weights, 0.25, bits=5.0, rounding_mode=mode))
    lowered, ours, theirs = compared(file.save(tmp_path / "m.onnx", file.quant(acc, 2.0**-5, zero=zero, rounding_mode=mode)))
    assert all(c.exact for c in lowered.certificates)
    assert len(np.unique(theirs)) > 20
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dense", [False, True])
def test_scales_per_channel_of_activations(dense: bool, tmp_path: Path) -> None:
    """A depthwise convolution keeps them apart; a dense one needs one grid, exact in whole ratios."""
    file = QonnxFile()
    scale = np.array([1.0, 2, 3, 0.5] if dense else [1.0, 0.7, 1.3, 0.9]).reshape(1, 4, 1, 1) / 8
    x = file.quant(file.conv(file.image(), file.weight((4, 3, 1, 1))), scale, bits=6.0)
    x = file.node("MaxPool", file.node("Relu", x), kernel_shape=[2, 2])
    y = file.conv(x, file.weight((4, 4, 3, 3))) if dense else file.conv(x, file.weight((4, 1, 3, 3)), group=4)
    lowered, ours, theirs = compared(file.save(tmp_path / "m.onnx", file.quant(y, 2.0**-6)))
    assert len(np.unique(theirs)) > 10
    assert np.mean(ours != theirs) <= (0 if dense else 0.05)  # float32 makes ties of what is next to one
    assert [n.op.kind for n in lowered.graph.nodes].count("requant") == (4 if dense else 3)  # thirds have ties


def test_a_concatenation_of_whole_ratios_feeds_a_convolution(tmp_path: Path) -> None:
    """Scales 1/8 and 3/8, one branch shifted by a constant, one behind a Relu: brought to one grid without rounding."""
    file = QonnxFile()
    image = file.image()
    a = file.quant(file.conv(image, file.weight((4, 3, 1, 1))), 1 / 8, bits=6.0)
    b = file.node("Mul", file.quant(file.conv(image, file.weight((4, 3, 1, 1))), 1 / 8, bits=5.0), file.constant(3.0))
    joined = file.node("Concat", file.node("Add", a, file.constant(0.25)), file.node("Relu", b), axis=1)
    y = file.quant(file.conv(joined, file.weight((3, 8, 3, 3))), 0.5)
    lowered, ours, theirs = compared(file.save(tmp_path / "m.onnx", y))
    assert len(np.unique(theirs)) > 10
    assert all(c.exact for c in lowered.certificates)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("clamped", [False, True])
def test_a_concatenation_of_any_ratio_feeds_a_convolution(clamped: bool, tmp_path: Path) -> None:
    """One convolution for each scale, added with factors of 12 bits; the quantizer behind is the first to round."""
    file = QonnxFile()
    image = file.image()
    parts = [file.quant(file.conv(image, file.weight((4, 3, 1, 1))), scale, bits=6.0) for scale in (0.1, 0.0734, 0.31)]
    joined = file.node("Concat", *parts, axis=1)
    joined = file.node("Relu", joined) if clamped else joined
    weight = file.weight((5, 12, 3, 3), np.array([0.2, 0.13, 0.3, 0.21, 0.1]).reshape(5, 1, 1, 1))
    bias = file.constant(np.array([0.5, -1, 0, 1, 2]))
    y = file.quant(file.node("Conv", joined, weight, bias, pads=[1, 1, 1, 1], strides=[2, 2]), 1 / 16)
    lowered, ours, theirs = compared(file.save(tmp_path / "m.onnx", y))
    kinds = [n.op.kind for n in lowered.graph.nodes]
    assert (kinds.count("conv"), kinds.count("pointwise")) == (6, 1)
    assert not lowered.certificates[-1].exact
    assert len(np.unique(theirs)) > 30
    assert np.mean(ours != theirs) <= 0.02
