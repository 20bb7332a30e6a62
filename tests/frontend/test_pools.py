# SPDX-License-Identifier: Apache-2.0
"""Imported pools, reductions, choices and truncations against onnxruntime, and Brevitas' own pools against torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brevitas import nn as qnn
from brevitas.export import export_qonnx
from brevitas.quant import Int8ActPerTensorFloat, Uint8ActPerTensorFloat
from brevitas.quant.scaled_int import RoundTo8bit, ShiftRoundSaturateTo8bit, TruncTo8bit
from headrace_host.program import Program
from onnx import TensorProto
from ort import ort_run
from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2
from qonnx_file import QONNX, QonnxFile
from torch import nn

from headrace.compile import Lowered, lower
from headrace.errors import UnsupportedError
from headrace.ir.graph import to_program

Array = np.ndarray[Any, Any]
STEP = 2.0**-8
SHAPE = (1, 6, 7, 5)


def image(lowered: Lowered, few: bool = False) -> Array:
    """Random pixels NHWC; with ``few``, of three values, for ties."""
    tensor = lowered.graph.tensors[lowered.graph.inputs[0]]
    rng = np.random.default_rng(1)
    return rng.integers(0, 3, (1, *tensor.shape)) if few else rng.integers(tensor.lo, tensor.hi + 1, (1, *tensor.shape))


def results(lowered: Lowered, pixels: Array) -> list[Array]:
    """Real outputs, NCHW."""
    outputs = Program(*to_program(lowered.graph)).run({lowered.graph.inputs[0]: pixels})
    kinds = [lowered.graph.tensors[name] for name in lowered.graph.outputs]
    return [(outputs[k.name] * np.array(k.scale) + np.array(k.offset)).transpose(0, 3, 1, 2) for k in kinds]


def imported(folder: Path, op: str, constants: tuple[Array, ...], outputs: int = 1, **attrs: Any) -> Lowered:
    """A network of one node behind the input quantizer."""
    file = QonnxFile(shape=SHAPE)
    y = file.node(op, file.image(), *(file.constant(c, c.dtype) for c in constants), outputs=outputs, **attrs)
    return lower(file.save(folder / "net.onnx", y, *(f"{y}.{i}" for i in range(1, outputs))))


AXES = np.array([2, 3], np.int64)
MEANS = ["sum_pool", "constant", "pointwise"]
CASES: list[tuple[str, tuple[Array, ...], dict[str, Any], list[str]]] = [
    ("AveragePool", (), {"kernel_shape": [3, 2], "strides": [2, 1]}, ["sum_pool"]),
    ("AveragePool", (), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}, ["sum_pool"]),
    (
        "AveragePool",
        (),
        {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER", "count_include_pad": 1},
        ["sum_pool"],
    ),
    ("AveragePool", (), {"kernel_shape": [3, 1], "strides": [2, 2], "ceil_mode": 1}, ["sum_pool"]),
    ("AveragePool", (), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, MEANS),
    ("AveragePool", (), {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"}, MEANS),
    ("AveragePool", (), {"kernel_shape": [5, 4], "pads": [2, 3, 1, 0], "strides": [3, 1]}, MEANS),
    ("AveragePool", (), {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, MEANS),
    ("AveragePool", (), {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "pads": [1, 1, 1, 1]}, MEANS),
    ("AveragePool", (), {"kernel_shape": [7, 5]}, ["reduce"]),
    ("AveragePool", (), {"kernel_shape": [7, 1], "strides": [3, 1]}, ["reduce"]),
    ("MaxPool", (), {"kernel_shape": [1, 5], "strides": [1, 2]}, ["reduce"]),
    ("MaxPool", (), {"kernel_shape": [7, 1], "strides": [1, 2]}, ["max_pool"]),
    ("GlobalAveragePool", (), {}, ["reduce"]),
    ("GlobalMaxPool", (), {}, ["reduce"]),
    ("ReduceMean", (), {"axes": [-2, -1]}, ["reduce"]),
    ("ReduceMean", (), {"axes": [3]}, ["reduce"]),
    ("ReduceMax", (), {"axes": [2, 3]}, ["reduce"]),
    ("ReduceMax", (), {"axes": [1]}, ["top_k"]),
    ("ReduceMean", (), {"axes": [1]}, ["conv"]),
    ("ReduceMean", (), {"axes": [3, 1]}, ["conv", "reduce"]),
    ("ReduceMax", (), {"axes": [1, -2, -1]}, ["reduce", "top_k"]),
    ("ReduceMin", (), {"axes": [2, 3]}, ["requant", "reduce"]),
    ("ReduceMin", (), {"axes": [1]}, ["requant", "top_k"]),
    ("ReduceSum", (AXES,), {}, ["reduce"]),
    ("ReduceSum", (AXES[:1],), {}, ["reduce"]),
    ("ArgMax", (), {"axis": 1}, ["top_k"]),
    ("ArgMax", (), {"axis": -3, "select_last_index": 1}, ["top_k"]),
    ("ArgMin", (), {"axis": 1}, ["top_k"]),
]


@pytest.mark.parametrize(("op", "constants", "attrs", "kinds"), CASES, ids=lambda v: str(v)[:60])
def test_equals_onnxruntime(
    op: str, constants: tuple[Array, ...], attrs: dict[str, Any], kinds: list[str], tmp_path: Path
) -> None:
    lowered = imported(tmp_path, op, constants, **attrs)
    assert [node.op.kind for node in lowered.graph.nodes] == kinds
    pixels = image(lowered, few=op.startswith("Arg"))
    (ours,) = results(lowered, pixels)
    (theirs,) = ort_run(op, pixels.transpose(0, 3, 1, 2) * STEP, constants, opset=16, **attrs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("largest", [0, 1])
def test_top_k_gives_values_and_indices(largest: int, tmp_path: Path) -> None:
    constants = (np.array([3], np.int64),)
    lowered = imported(tmp_path, "TopK", constants, outputs=2, axis=1, largest=largest)
    pixels = image(lowered, few=True)
    theirs = ort_run("TopK", pixels.transpose(0, 3, 1, 2) * STEP, constants, outputs=2, opset=16, axis=1, largest=largest)
    for ours, expected in zip(results(lowered, pixels), theirs, strict=True):
        np.testing.assert_array_equal(ours, expected)
    places = lowered.graph.tensors[lowered.graph.outputs[1]]
    assert (places.scale, places.offset, places.lo, places.hi) == ((1.0,), (0.0,), 0, 5)


def test_an_unused_half_of_top_k_costs_nothing(tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    y = file.node("TopK", file.image(), file.constant([2], np.int64), outputs=2, axis=1)
    graph = lower(file.save(tmp_path / "net.onnx", f"{y}.1")).graph
    assert [getattr(node.op, "indices", None) for node in graph.nodes] == [True]


def test_a_mean_without_kept_dimensions_is_a_map_of_one_pixel(tmp_path: Path) -> None:
    lowered = imported(tmp_path, "ReduceMean", (), axes=[2, 3], keepdims=0)
    pixels = image(lowered)
    np.testing.assert_allclose(results(lowered, pixels)[0][..., 0, 0], pixels.mean((1, 2)) * STEP)


def test_classes_of_pixels_without_kept_dimensions_are_a_map(tmp_path: Path) -> None:
    lowered = imported(tmp_path, "ArgMax", (), axis=1, keepdims=0)
    assert [node.op.kind for node in lowered.graph.nodes] == ["top_k"]
    pixels = image(lowered, few=True)
    np.testing.assert_array_equal(results(lowered, pixels)[0][:, 0], pixels.argmax(-1))


def test_a_vector_is_reduced_and_chosen_from_like_a_pixel(tmp_path: Path) -> None:
    """Mean over pixels, without them; then the classes (N, C): axis 1 and the last one are the same."""
    file = QonnxFile(shape=SHAPE)
    mean = file.node("ReduceMean", file.image(), axes=[2, 3], keepdims=0)
    vector = file.quant(mean, STEP, signed=0)
    heads = [file.node("ArgMax", vector, axis=-1), file.node("ReduceMax", vector, axes=[1])]
    lowered = lower(file.save(tmp_path / "net.onnx", *heads))
    pixels = image(lowered)
    means = np.rint(pixels.mean((1, 2)))
    expected = [means.argmax(-1), means.max(-1) * STEP]
    for ours, theirs in zip(results(lowered, pixels), expected, strict=True):
        np.testing.assert_array_equal(ours.ravel(), theirs)


def test_reducing_rows_without_keeping_them_leaves_columns(tmp_path: Path) -> None:
    """(N, C, H, W) -> (N, C, W) -> its mean (N, C, 1), and a pool of its columns."""
    file = QonnxFile(shape=SHAPE)
    columns = file.node("ReduceMax", file.image(), axes=[2], keepdims=0)
    heads = [file.node("ReduceMean", columns, axes=[-1]), file.node("MaxPool", columns, kernel_shape=[2], strides=[2])]
    lowered = lower(file.save(tmp_path / "net.onnx", *heads))
    pixels = image(lowered)
    columns_of = pixels.max(1)[0].T * STEP
    mean, pooled = results(lowered, pixels)
    np.testing.assert_allclose(mean.ravel(), columns_of.mean(-1))
    np.testing.assert_allclose(pooled.reshape(6, 2), columns_of[:, :4].reshape(6, 2, 2).max(-1))


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("ceil", [False, True])
def test_means_at_borders_are_torchs(counted: bool, ceil: bool, tmp_path: Path) -> None:
    """Offsets and unlike channels pass where padding is not counted; the quantizer behind is exact at every border."""
    file = QonnxFile(shape=SHAPE)
    gains = np.linspace(0.5, 1.75, 6).reshape(1, 6, 1, 1)
    x = file.node("Mul", file.image(), file.constant(gains))
    x = x if counted else file.node("Add", x, file.constant(0.3125))
    attrs: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 1, 1, 1], "ceil_mode": int(ceil)}
    y = file.quant(file.node("AveragePool", x, count_include_pad=int(counted), **attrs), 2.0**-9, bits=12.0, signed=0)
    lowered = lower(file.save(tmp_path / "net.onnx", y))
    assert all(c.exact for c in lowered.certificates)
    pixels = image(lowered)
    real = torch.from_numpy(pixels.transpose(0, 3, 1, 2) * STEP * gains + (0 if counted else 0.3125))
    pool = nn.AvgPool2d((3, 2), (2, 3), (1, 1), ceil_mode=ceil, count_include_pad=counted)
    expected = np.rint(pool(real).numpy() * 2**9)
    np.testing.assert_array_equal(results(lowered, pixels)[0] * 2**9, expected)


def test_averages_feed_operators_and_quantizers_exactly(tmp_path: Path) -> None:
    """Offsets and factors pass through the mean; a ninth is a ninth, not a float near it."""
    file = QonnxFile(shape=SHAPE)
    x = file.node("Add", file.node("Mul", file.image(), file.constant(3.0)), file.constant(0.5))
    y = file.quant(file.node("AveragePool", x, kernel_shape=[3, 3]), STEP, bits=10.0, signed=0)
    lowered = lower(file.save(tmp_path / "net.onnx", y))
    assert lowered.certificates[0].exact
    pixels = image(lowered)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), (1, 2)).sum((-2, -1))
    expected = np.rint((windows * 3 + 4.5 * 256) / 9) / 256
    np.testing.assert_array_equal(results(lowered, pixels)[0].transpose(0, 2, 3, 1), expected)


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL", "DOWN"])
@pytest.mark.parametrize(("version", "signed"), [(1, 0), (2, 0), (2, 1)])
def test_trunc_is_that_of_qonnx(mode: str, version: int, signed: int, tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    x = file.quant("x", STEP, signed=signed)
    average = file.node("AveragePool", x, kernel_shape=[3, 3])
    scale = np.float32(STEP / 9)
    numbers: list[Any] = [scale, 0.0, 12.0, *([8.0] if version == 1 else [scale * 8, 8.0])]
    attrs: dict[str, Any] = {"rounding_mode": mode.lower()} | ({} if version == 1 else {"signed": signed, "narrow": 0})
    y = file.node("Trunc", average, *(file.constant(n) for n in numbers), domain=QONNX, **attrs)
    lowered = lower(file.save(tmp_path / "net.onnx", y))
    assert all(c.exact for c in lowered.certificates)
    pixels = image(lowered)
    (mean,) = ort_run("AveragePool", pixels.transpose(0, 3, 1, 2) * STEP, kernel_shape=[3, 3])
    arrays = [np.float32(n) for n in numbers]
    expected = trunc_v1(mean, *arrays, mode) if version == 1 else trunc_v2(mean, *arrays[:3], 0, signed, *arrays[3:], mode)
    np.testing.assert_allclose(results(lowered, pixels)[0], expected, rtol=1e-5)


BREVITAS_POOLS = {
    "trunc": lambda: qnn.TruncAvgPool2d(3, 2, trunc_quant=TruncTo8bit, return_quant_tensor=False),
    "round": lambda: qnn.TruncAvgPool2d(2, 2, trunc_quant=RoundTo8bit, bit_width=4, return_quant_tensor=False),
    "saturate": lambda: qnn.TruncAvgPool2d((2, 3), 1, trunc_quant=ShiftRoundSaturateTo8bit, return_quant_tensor=False),
    "global": lambda: qnn.TruncAdaptiveAvgPool2d((1, 1), trunc_quant=TruncTo8bit, return_quant_tensor=False),
}


@pytest.mark.parametrize("name", sorted(BREVITAS_POOLS))
@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_brevitas_pools(name: str, dynamo: bool, signed: bool, tmp_path: Path) -> None:
    torch.manual_seed(3)
    quantizer = Int8ActPerTensorFloat if signed else Uint8ActPerTensorFloat
    model = nn.Sequential(qnn.QuantIdentity(act_quant=quantizer, return_quant_tensor=True), BREVITAS_POOLS[name]())
    example = torch.rand(SHAPE) - (0.5 if signed else 0.0)
    model(example)
    model.eval()
    path = tmp_path / "net.onnx"
    export_qonnx(model, args=(example,), export_path=str(path), dynamo=dynamo)
    lowered = lower(path)
    pixels = image(lowered)
    scale = lowered.graph.tensors[lowered.graph.inputs[0]].scale[0]
    x = torch.from_numpy((pixels * np.float32(scale)).astype(np.float32).transpose(0, 3, 1, 2))
    with torch.no_grad():
        theirs = model(x).numpy()
    assert all(c.exact for c in lowered.certificates)
    np.testing.assert_allclose(results(lowered, pixels)[0], theirs, rtol=1e-5)


REFUSED: list[tuple[str, tuple[Array, ...], dict[str, Any], str]] = [
    ("AveragePool", (), {"kernel_shape": [2, 2], "pads": [2, 0, 0, 0]}, r"padding \(2, 0, 0, 0\) so wide"),
    ("AveragePool", (), {"kernel_shape": [2]}, "a 1-D window"),
    ("ReduceMean", (), {"axes": [0, 1]}, r"reduces axes \[0, 1\], the batch among them"),
    ("ReduceMean", (), {}, r"reduces axes all, the batch"),
    ("ReduceSum", (np.array([4], np.int64),), {}, r"axes \[4\] of a tensor of 4 axes"),
    ("ArgMax", (), {"axis": 2}, "chooses along axis 2; choose among channels"),
    ("ArgMax", (), {}, "chooses along axis 0"),
    ("TopK", (np.array([7], np.int64),), {"axis": 1}, r"the first \[7\] of 6 channels; choose 1 to 6"),
    ("LpPool", (), {"kernel_shape": [2, 2]}, "use MaxPool, AveragePool or ReduceMean"),
    ("Hardmax", (), {"axis": 1}, "use ArgMax"),
]


@pytest.mark.parametrize(("op", "constants", "attrs", "message"), REFUSED, ids=lambda v: str(v)[:40])
def test_refusals(op: str, constants: tuple[Array, ...], attrs: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=message):
        imported(tmp_path, op, constants, **attrs)


def test_comparisons_need_one_scale(tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    x = file.node("Mul", file.image(), file.constant(np.linspace(0.5, 1, 6).reshape(1, 6, 1, 1)))
    with pytest.raises(UnsupportedError, match="channels of different or negative scales; put a quantizer"):
        lower(file.save(tmp_path / "net.onnx", file.node("ArgMax", x, axis=1)))


@pytest.mark.parametrize(("kind", "fits"), [(TensorProto.INT32, True), (TensorProto.UINT8, True), (TensorProto.BOOL, False)])
def test_indices_may_be_cast_to_integers(kind: int, fits: bool, tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    path = file.save(tmp_path / "net.onnx", file.node("Cast", file.node("ArgMax", file.image(), axis=1), to=kind))
    if fits:
        assert [node.op.kind for node in lower(path).graph.nodes] == ["top_k"]
    else:
        with pytest.raises(UnsupportedError, match="casts an activation to another type"):
            lower(path)


def test_values_may_not_be_cast_to_integers(tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    path = file.save(tmp_path / "net.onnx", file.node("Cast", file.node("GlobalMaxPool", file.image()), to=TensorProto.INT32))
    with pytest.raises(UnsupportedError, match="casts an activation to another type"):
        lower(path)


@pytest.mark.parametrize("op", ["MaxPool", "GlobalMaxPool"])
def test_a_maximum_behind_a_negative_factor_turns_the_integers(op: str, tmp_path: Path) -> None:
    file = QonnxFile(shape=SHAPE)
    attrs: dict[str, Any] = {"kernel_shape": [3, 2]} if op == "MaxPool" else {}
    y = file.node(op, file.node("Mul", file.image(), file.constant(-2.0)), **attrs)
    lowered = lower(file.save(tmp_path / "net.onnx", y))
    pixels = image(lowered)
    (theirs,) = ort_run(op, pixels.transpose(0, 3, 1, 2) * STEP * -2, **attrs)
    np.testing.assert_array_equal(results(lowered, pixels)[0], theirs)
