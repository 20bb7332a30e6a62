# SPDX-License-Identifier: Apache-2.0
"""Import of every shape of convolution and matrix product: the integer program against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executions import integer_run, onnxruntime_run
from qonnx_file import QonnxFile

from headrace.compile import Lowered, lower
from headrace.errors import UnsupportedError


def onnx_shape(file: QonnxFile) -> tuple[int, ...]:
    """The input's shape, of one frame."""
    return (1, *(int(n) for n in file.shape[1:]))


def compared(file: QonnxFile, folder: Path, *outputs: str) -> Lowered:
    """Imports the file, runs it and compares every output with onnxruntime; scales are powers of two, so all is exact."""
    path = file.save(folder / "net.onnx", *outputs)
    lowered = lower(path)
    (name,) = lowered.graph.inputs
    kind = lowered.graph.tensors[name]
    pixels = np.random.default_rng(3).integers(kind.lo, kind.hi + 1, (1, *kind.shape))
    pixels[:, 0], pixels[:, -1] = kind.hi, kind.lo
    x = (pixels * kind.scale[0]).transpose(0, 3, 1, 2).reshape(onnx_shape(file))
    theirs = onnxruntime_run(file.proto(*outputs), x)
    for ours, other in zip(integer_run(lowered, pixels), theirs, strict=True):
        np.testing.assert_array_equal(ours.reshape(other.shape), other)
    return lowered


@pytest.mark.parametrize(
    ("weight", "attrs"),
    [
        ((8, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
        ((12, 1, 3, 3), {"group": 4, "strides": [2, 1], "pads": [0, 1, 1, 0]}),
        ((6, 2, 1, 1), {"group": 2}),
        ((4, 1, 7, 5), {"group": 4, "auto_pad": "SAME_LOWER"}),
        ((5, 4, 9, 8), {}),
    ],
)
def test_convolutions(weight: tuple[int, ...], attrs: dict[str, Any], tmp_path: Path) -> None:
    file = QonnxFile(shape=(1, 4, 9, 8))
    bias = file.constant(np.arange(weight[0]) / 16)
    scale = 2.0 ** -np.arange(weight[0]).reshape(-1, 1, 1, 1).clip(0, 3)
    compared(file, tmp_path, file.node("Conv", file.image(), file.weight(weight, scale), bias, **attrs))


@pytest.mark.parametrize(
    ("weight", "attrs"),
    [
        ((6, 3, 5), {"pads": [2, 2]}),
        ((6, 1, 3), {"group": 3, "strides": [2], "dilations": [2], "pads": [0, 1]}),
        ((4, 3, 1), {}),
        ((4, 3, 16), {}),
    ],
)
def test_one_axis(weight: tuple[int, ...], attrs: dict[str, Any], tmp_path: Path) -> None:
    """Sequences are maps of one column; pools and constants of one axis go along."""
    file = QonnxFile(shape=(1, 3, 16))
    x = file.node("Conv", file.image(), file.weight(weight), **attrs)
    x = file.node("Add", x, file.constant(np.arange(weight[0]).reshape(-1, 1) / 8))
    x = file.quant(file.node("Mul", x, file.constant(np.full((1, weight[0], 1), 0.5))), 0.125)
    pooled = file.node("AveragePool", file.node("MaxPool", x, kernel_shape=[1]), kernel_shape=[1])
    compared(file, tmp_path, x, file.node("Flatten", file.quant(pooled, 0.5)))


def test_pools_of_one_axis(tmp_path: Path) -> None:
    file = QonnxFile(shape=(1, 3, 17))
    x = file.image()
    most = file.node("MaxPool", x, kernel_shape=[3], strides=[2], pads=[1, 0])
    mean = file.node("AveragePool", x, kernel_shape=[4], strides=[4])
    whole = file.node("GlobalAveragePool", file.node("AveragePool", x, kernel_shape=[2], strides=[2]))
    compared(file, tmp_path, file.node("Identity", most), file.quant(mean), file.quant(whole, 2.0**-6))


def test_fully_connected(tmp_path: Path) -> None:
    """A flattened map, a vector, biases, transposed weights, factors; constants of a vector."""
    file = QonnxFile(shape=(1, 3, 4, 5))
    flat = file.node("Flatten", file.image())
    scales = 2.0 ** -np.arange(7.0).reshape(-1, 1).clip(0, 3)
    a = file.node("Gemm", flat, file.weight((7, 60), scales), file.constant(np.arange(7) / 4), transB=1, alpha=0.5, beta=2.0)
    a = file.quant(a, 0.25, signed=1)
    b = file.node("Add", file.node("MatMul", a, file.weight((7, 6), scales[:6].T)), file.constant(np.arange(6) / 8))
    b = file.quant(file.node("Relu", b), 0.125, signed=0)
    c = file.node("Gemm", file.node("Mul", b, file.constant(np.full((1, 6), 2.0))), file.weight((6, 4)))
    lowered = compared(file, tmp_path, a, b, c)
    assert [lowered.graph.tensors[name].shape for name in lowered.graph.outputs] == [(1, 1, 7), (1, 1, 6), (1, 1, 4)]


def test_vectors_and_sequences(tmp_path: Path) -> None:
    """Models that read (N, F), and linear layers along the last axis of (N, C, L) and (N, C, H, W)."""
    file = QonnxFile(shape=(1, 9))
    compared(
        file,
        tmp_path,
        file.node("MatMul", file.quant(file.node("Gemm", file.image(), file.weight((9, 5)))), file.weight((5, 3))),
    )
    for shape, perm in (((1, 5, 6), [0, 2, 1]), ((1, 5, 3, 4), [0, 2, 3, 1])):
        file = QonnxFile(shape=shape)
        last = file.node("Transpose", file.image(), perm=perm)
        x = file.node("Add", file.node("MatMul", last, file.weight((5, 7))), file.constant(np.arange(7.0)))
        x = file.node("MatMul", file.quant(x, 0.25), file.weight((7, 2)))
        compared(file, tmp_path, file.node("Transpose", x, perm=[0, len(shape) - 1, *range(1, len(shape) - 1)]))
    file = QonnxFile(shape=(1, 5, 6))
    compared(file, tmp_path, file.node("MatMul", file.weight((4, 5)), file.image()))


TRANSPOSED = [
    ((4, 3, 2, 2), {"strides": [2, 2]}),
    ((4, 3, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ((4, 2, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ((4, 2, 3, 3), {"strides": [2, 3], "pads": [0, 1, 2, 1], "group": 2}),
    ((4, 1, 5, 3), {"strides": [3, 2], "group": 4, "dilations": [1, 2], "output_padding": [2, 1]}),
    ((4, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((4, 3, 3, 2), {"dilations": [2, 3], "pads": [3, 2, 1, 0]}),
    ((4, 2, 1, 1), {"strides": [2, 2]}),
    ((4, 2, 2, 3), {"strides": [4, 5], "pads": [0, 1, 1, 0], "output_padding": [3, 2]}),
    ((4, 2, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ((4, 2, 4, 3), {"strides": [3, 2], "auto_pad": "SAME_LOWER"}),
    ((4, 2, 3, 3), {"strides": [2, 2], "output_shape": [9, 12]}),
    ((4, 6, 3, 3), {"strides": [2, 2], "group": 2, "pads": [1, 0, 1, 0]}),
]


@pytest.mark.parametrize(("weight", "attrs"), TRANSPOSED)
def test_transposed(weight: tuple[int, ...], attrs: dict[str, Any], tmp_path: Path) -> None:
    file = QonnxFile(shape=(1, 4, 5, 6))
    m = weight[1] * attrs.get("group", 1)
    bias = file.constant(np.arange(m) / 16)
    scale = 2.0 ** -np.arange(weight[1]).reshape(1, -1, 1, 1).clip(0, 3)
    compared(file, tmp_path, file.node("ConvTranspose", file.image(), file.weight(weight, scale), bias, **attrs))


def test_transposed_along_one_axis(tmp_path: Path) -> None:
    file = QonnxFile(shape=(1, 4, 6))
    attrs: dict[str, Any] = {"strides": [2], "pads": [1, 0], "output_padding": [1]}
    compared(file, tmp_path, file.node("ConvTranspose", file.image(), file.weight((4, 3, 3)), **attrs))


@pytest.mark.parametrize(
    ("op", "weight", "attrs", "message"),
    [
        ("Conv", (6, 3, 3, 3), {"group": 2}, "weights (6, 3, 3, 3) in 2 groups"),
        ("Conv", (5, 2, 3, 3), {"group": 2}, "5 filters in 2 groups"),
        ("Conv", (4, 4, 1, 1, 1), {}, "weights with 5 axes"),
        ("Conv", (4, 4, 3), {}, "a 1-D window on a tensor of 4 axes"),
        ("ConvTranspose", (3, 3, 3, 3), {}, "4 channels for weights (3, 3, 3, 3)"),
        ("ConvTranspose", (4, 3, 3, 3), {"output_padding": [1, 1]}, "output_padding (1, 1)"),
        ("ConvTranspose", (4, 3, 3, 3), {"pads": [5, 5, 5, 5]}, "leaves nothing of the output"),
        ("MatMul", (4, 3), {}, "6 channels for weights (3, 4, 1, 1)"),
        ("Gemm", (4, 3), {}, "flatten it before"),
    ],
)
def test_refuses(op: str, weight: tuple[int, ...], attrs: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = QonnxFile(shape=(1, 4, 5, 6))
    path = file.save(tmp_path / "net.onnx", file.node(op, file.image(), file.weight(weight), **attrs))
    with pytest.raises(UnsupportedError) as caught:
        lower(path)
    assert message in str(caught.value)
