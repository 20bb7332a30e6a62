# SPDX-License-Identifier: Apache-2.0
"""Data movement as torch exports it: what is imported equals what onnxruntime makes of the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from executions import integer_run, pixels_for, qonnx_run
from headrace_host.program import Program
from move_check import Move, Moved, check, exported
from onnx import helper, numpy_helper
from qonnx_file import QONNX, QonnxFile
from torch import Tensor
from torch.nn import functional

from headrace.compile import lower
from headrace.ir.graph import to_program


def groups(x: Tensor, count: int) -> Tensor:
    n, c, h, w = x.shape
    return x.reshape(n, count, c // count, h, w).transpose(1, 2).reshape(n, c, h, w)


def halves_as_in_nanodet(x: Tensor) -> tuple[Tensor, Tensor]:
    """A shuffle and its halves in one, the batch merged with the channels."""
    n, c, h, w = x.shape
    y = x.reshape(n * c // 2, 2, h * w).permute(1, 0, 2).reshape(2, -1, c // 2, h, w)
    return y[0] + 0, y[1] + 0


def focus(x: Tensor) -> Tensor:
    """The first layer of YOLOv5."""
    return torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)


def shifted(x: Tensor) -> Tensor:
    """A shift network's layer by crops and paddings."""
    a, b, c = x.chunk(3, 1)
    return torch.cat([functional.pad(a[:, :, 1:], (0, 0, 0, 1)), functional.pad(b[..., :-2], (2, 0)), c], 1)


def rows_out_of_channels(x: Tensor) -> Tensor:
    n, c, h, _ = x.shape
    return x.reshape(n, c // 3, 3, h).transpose(2, 3).reshape(n, c // 3, 3 * h, 1)


def longer(x: Tensor) -> Tensor:
    n, c, length = x.shape
    return x.reshape(n, c // 3, 3, length).transpose(2, 3).reshape(n, c // 3, 3 * length)


def repeated(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x[:, :, :, None, :, None].expand(n, c, h, 2, w, 3).reshape(n, c, 2 * h, 3 * w)


def vectors(x: Tensor) -> Tensor:
    return torch.cat([x.flatten(1), functional.max_pool2d(x, 2).flatten(1)], 1)


def several(x: Tensor) -> tuple[Tensor, ...]:
    x = x.relu()
    return x, 2 * x, x.flatten(1), x


def channels_last(x: Tensor) -> Tensor:
    return (x.permute(0, 2, 3, 1) * 2).relu().permute(0, 3, 1, 2)


# name, what torch does, shape, operators that remain
VECTORS = ["max_pool", "space_to_depth", "gather", "space_to_depth", "split", "interleave", "concat"]
MOVES: tuple[tuple[str, Move, tuple[int, ...], list[str]], ...] = (
    ("pixel shuffle", lambda x: functional.pixel_shuffle(x, 2), (1, 20, 3, 4), ["gather", "depth_to_space"]),
    ("pixel unshuffle", lambda x: functional.pixel_unshuffle(x, 3), (1, 2, 6, 9), ["space_to_depth", "gather"]),
    ("unshuffled and back", lambda x: functional.pixel_shuffle(functional.pixel_unshuffle(x, 2).relu(), 2), (1, 3, 4, 6), []),
    ("focus", focus, (1, 3, 6, 8), ["space_to_depth", "gather"]),
    ("channel shuffle", lambda x: groups(x, 3), (1, 6, 3, 4), ["split", "interleave"]),
    ("shuffle of many groups", lambda x: groups(x, 6), (1, 12, 3, 4), ["gather"]),
    ("halves", halves_as_in_nanodet, (1, 6, 3, 4), ["gather", "gather"]),
    ("chosen channels", lambda x: x[:, [4, 0, 0, 2]], (1, 5, 3, 4), ["gather"]),
    ("flipped channels", lambda x: x.flip(1), (1, 5, 3, 4), ["gather"]),
    ("every other channel", lambda x: x[:, ::2], (1, 5, 3, 4), ["gather"]),
    ("some channels", lambda x: x[:, 1:4], (1, 5, 3, 4), ["split", "concat"]),
    ("chunks", lambda x: torch.cat(x.chunk(2, 1)[::-1], 1), (1, 6, 3, 4), ["split", "concat"]),
    ("crop", lambda x: x[:, :, 1:-2, 2:], (1, 2, 6, 5), ["crop"]),
    ("every third row", lambda x: x[:, :, 1::3, ::2], (1, 2, 8, 5), ["crop"]),
    ("border", lambda x: functional.pad(x, (1, 2, 0, 3)), (1, 2, 4, 5), ["crop"]),
    ("border and crop", lambda x: functional.pad(x, (1, -2, -1, 3)), (1, 2, 4, 5), ["crop"]),
    ("shifts", shifted, (1, 6, 5, 4), ["split", "crop", "crop", "concat"]),
    ("channels last and back", channels_last, (1, 3, 4, 5), []),
    ("flattened", lambda x: torch.flatten(x, 1), (1, 3, 4, 5), ["space_to_depth", "gather"]),
    ("flattened, channels last", lambda x: x.permute(0, 2, 3, 1).flatten(1), (1, 3, 4, 5), ["space_to_depth"]),
    ("one row", lambda x: x.flatten(2), (1, 3, 4, 5), ["raster"]),
    ("rows of another length", lambda x: x.reshape(1, 3, 2, 10), (1, 3, 4, 5), ["raster"]),
    ("row to column", lambda x: x.squeeze(2).unsqueeze(-1), (1, 3, 1, 5), ["raster"]),
    (
        "sub-pixel of rows",
        rows_out_of_channels,
        (1, 6, 5, 1),
        ["split", "interleave", "depth_to_space"],
    ),
    ("map on its side", lambda x: x.transpose(2, 3), (1, 3, 4, 5), ["space_to_depth", "gather", "depth_to_space"]),
    ("tokens", lambda x: x.flatten(2).transpose(1, 2), (1, 3, 2, 5), ["space_to_depth", "gather", "depth_to_space"]),
    ("upside down", lambda x: x.flip(2), (1, 3, 4, 5), ["space_to_depth", "gather", "depth_to_space"]),
    (
        "repeated pixels",
        repeated,
        (1, 2, 3, 4),
        ["upsample"],
    ),
    ("shortcut with zeros", lambda x: functional.pad(x[..., ::2, ::2], (0, 0, 0, 0, 2, 1)), (1, 3, 4, 6), ["crop", "gather"]),
    ("repeated channels", lambda x: x.expand(1, 4, 3, 5), (1, 1, 3, 5), ["gather"]),
    ("one channel", lambda x: x[:, 2].unsqueeze(1), (1, 4, 3, 5), ["split", "concat"]),
    ("sub-pixel of a sequence", longer, (1, 6, 5), ["split", "interleave", "depth_to_space"]),
    ("later elements", lambda x: functional.pad(x[..., 1:], (0, 1)), (1, 3, 6), ["crop"]),
    ("a sequence as one row", lambda x: x.unsqueeze(2), (1, 3, 6), ["raster"]),
    ("a sequence, flattened", lambda x: x.transpose(1, 2).flatten(1), (1, 3, 6), ["space_to_depth"]),
    ("one map as several outputs", several, (1, 3, 4, 5), ["space_to_depth", "gather"]),
    ("joined rows", lambda x: torch.cat([x.relu(), x[:, :, 1:3]], 2), (1, 2, 4, 3), ["crop"] * 3 + ["pointwise"]),
    ("rolled by nothing", lambda x: torch.roll(x.relu(), 0, 2), (1, 2, 4, 3), []),
    ("zeros behind", lambda x: torch.cat([torch.zeros(1, 1, 2, 3), x, torch.zeros(1, 2, 2, 3)], 1), (1, 2, 2, 3), ["gather"]),
    ("zeros between", lambda x: torch.cat([x, torch.zeros(1, 2, 2), x.relu()], 2), (1, 2, 5), ["crop"] * 3 + ["pointwise"]),
    ("vectors of maps", vectors, (1, 2, 4, 4), VECTORS),
    ("stacked", lambda x: torch.stack([x.relu(), x], 2).flatten(1, 2), (1, 3, 4, 5), ["interleave"]),
    ("stacked groups", lambda x: torch.stack([x.relu(), x], 1).flatten(1, 2), (1, 3, 4, 5), ["concat"]),
    ("joined sequences", lambda x: torch.cat([x.relu(), x], 2), (1, 2, 5), ["crop", "crop", "pointwise"]),
    ("a longer sequence", lambda x: functional.interpolate(x, scale_factor=2), (1, 3, 5), ["upsample"]),
    (
        "coordinates",
        lambda x: torch.cat([x, torch.linspace(-2, 2, 5).view(1, 1, 1, 5).expand(1, 1, 4, 5)], 1),
        (1, 2, 4, 5),
        ["constant", "concat"],
    ),
    (
        "positions of tokens",
        lambda x: (x.flatten(2).transpose(1, 2) + torch.arange(20.0).view(1, 20, 1)).transpose(1, 2).reshape(1, 2, 4, 5),
        (1, 2, 4, 5),
        ["constant", "pointwise"],
    ),
    (
        "smoothed rows",
        lambda x: functional.interpolate(x, scale_factor=(2, 1), mode="bilinear"),
        (1, 2, 4, 5),
        ["upsample", "conv", "constant", "pointwise"],
    ),
    ("a batch of two", lambda x: groups(x, 2), (2, 4, 3, 5), ["split", "interleave"]),
)


@pytest.mark.parametrize(("move", "shape", "remains"), [pytest.param(m, s, r, id=n) for n, m, s, r in MOVES])
@pytest.mark.parametrize("opset", [13, 18])
def test_moves_as_torch_exports_them(
    opset: int, move: Move, shape: tuple[int, ...], remains: list[str], tmp_path: Path
) -> None:
    graph = check(exported(move, shape, opset), shape, tmp_path)
    kinds = [node.op.kind for node in graph.nodes if node.op.kind != "requant"]
    assert kinds == remains


def some_moves(x: Tensor) -> tuple[Tensor, ...]:
    return (
        functional.pixel_shuffle(x, 2),
        functional.pixel_unshuffle(x, 2),
        x[:, [7, 0, 0, 2]],
        focus(x),
        shifted(x[:, :6]),
        groups(x, 4),
    )


def test_moves_as_the_newer_exporter_writes_them(tmp_path: Path) -> None:
    shape = (1, 8, 6, 4)
    model = torch.onnx.export(
        Moved(some_moves), (torch.zeros(shape),), opset_version=18, dynamo=True, input_names=["x"], verbose=False
    )
    assert model is not None
    check(model.model_proto, shape, tmp_path)


@pytest.mark.parametrize(
    ("op", "constant", "attributes"),
    [
        ("GatherND", np.array([[2], [0]]), {"batch_dims": 1}),
        ("GatherElements", np.arange(60).reshape(1, 3, 4, 5) // 20 * -1 - 1, {"axis": 1}),
        ("Compress", np.array([True, False, True]), {"axis": 1}),
        ("CenterCropPad", np.array([6, 3]), {"axes": [2, 3]}),
        ("ReverseSequence", np.array([3]), {"batch_axis": 0, "time_axis": 1}),
    ],
)
def test_moves_that_constants_steer(op: str, constant: np.ndarray, attributes: dict[str, Any], tmp_path: Path) -> None:
    shape = (1, 3, 4, 5)
    constant = constant[None] if op == "GatherND" else constant
    node = helper.make_node(op, ["x", "c"], ["y"], **attributes)
    info = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in (("x", shape), ("y", None))]
    graph = helper.make_graph([node], op, info[:1], info[1:], [numpy_helper.from_array(constant, "c")])
    check(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), shape, tmp_path)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_blocks_as_onnx_names_them(mode: str, tmp_path: Path) -> None:
    shape = (1, 12, 2, 3)
    nodes = [
        helper.make_node("DepthToSpace", ["x"], ["wide"], blocksize=2, mode=mode),
        helper.make_node("SpaceToDepth", ["x"], ["deep"], blocksize=1),
        helper.make_node("SpaceToDepth", ["wide"], ["again"], blocksize=2),
    ]
    info = {name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("wide", "again")}
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "blocks", [x], list(info.values()))
    check(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), shape, tmp_path)


@pytest.mark.parametrize(
    ("stride", "pad", "dilation", "remains"),
    [
        ((1, 1), (1, 1, 1, 1), (1, 1), ["shift"]),
        ((2, 3), (1, 1, 1, 1), (1, 1), ["shift", "crop"]),
        ((1, 1), (0, 0, 0, 0), (2, 1), ["shift", "crop"]),
        ((1, 1), (2, 2, 2, 2), (1, 1), ["conv"]),  # a larger map
    ],
)
def test_filters_of_one_weight_are_shifts(
    stride: tuple[int, int], pad: tuple[int, ...], dilation: tuple[int, int], remains: list[str], tmp_path: Path
) -> None:
    file = QonnxFile(shape=(1, 9, 7, 8))
    weight = np.zeros((9, 1, 3, 3), np.float32)
    weight[range(9), 0, [i // 3 for i in range(9)], [i % 3 for i in range(9)]] = 0.75
    kernel = file.quant(file.constant(weight), 0.25, bits=4.0)
    image = file.quant("x", 1.0)
    out = file.conv(image, kernel, group=9, strides=stride, pads=pad, dilations=dilation)
    graph = lower(file.save(tmp_path / "model.onnx", out)).graph
    assert [node.op.kind for node in graph.nodes] == remains
    x = np.random.default_rng(0).integers(-128, 128, (1, 7, 8, 9))
    image_nchw = functional.pad(torch.from_numpy(x.transpose(0, 3, 1, 2)).float(), (pad[1], pad[3], pad[0], pad[2]))
    expected = functional.conv2d(image_nchw, torch.from_numpy(weight), stride=stride, dilation=dilation, groups=9)
    got = Program(*to_program(graph)).run({graph.inputs[0]: x})[graph.outputs[0]] * graph.tensors[graph.outputs[0]].scale[0]
    np.testing.assert_array_equal(got.transpose(0, 3, 1, 2), expected.numpy())


def test_functions_and_quantizers_pass_a_transpose(tmp_path: Path) -> None:
    """What acts on each number does so on the map, and the transposes around it cancel."""
    file = QonnxFile(shape=(1, 3, 4, 5))
    y = file.node("Transpose", file.quant("x", 0.25), perm=[0, 2, 3, 1])
    y = file.quant(file.node("Sigmoid", file.quant(file.node("Relu", y), 0.5)), 2.0**-7)
    graph = lower(file.save(tmp_path / "model.onnx", file.node("Transpose", y, perm=[0, 3, 1, 2]))).graph
    assert all(tensor.shape == (4, 5, 3) for tensor in graph.tensors.values())
    assert len(graph.nodes) == 2


def test_functions_of_a_slice_compose(tmp_path: Path) -> None:
    file = QonnxFile()
    rows = file.node("Slice", file.image(), *(file.constant([v], np.int64) for v in (1, 5, 2)))
    y = file.quant(file.node("Mul", rows, file.node("Sigmoid", rows)), 0.05)
    graph = lower(file.save(tmp_path / "model.onnx", y)).graph
    assert [node.op.kind for node in graph.nodes] == ["lookup", "crop"]


def test_functions_of_tokens_compose(tmp_path: Path) -> None:
    """GELU as older opsets write it, on (N, L, C)."""
    file = QonnxFile()
    x = file.node("Transpose", file.image(), perm=[0, 2, 3, 1])
    gate = file.node("Add", file.node("Erf", file.node("Div", x, file.constant(2.0**0.5))), file.constant(1.0))
    y = file.quant(file.node("Mul", file.node("Mul", x, gate), file.constant(0.5)), 0.05)
    graph = lower(file.save(tmp_path / "model.onnx", file.node("Transpose", y, perm=[0, 3, 1, 2]))).graph
    assert [node.op.kind for node in graph.nodes] == ["lookup"]


def test_rows_of_a_matrix_are_no_frames(tmp_path: Path) -> None:
    """onnxruntime writes (N, L, C) times weights as Gemm of (L, C)."""
    rng = np.random.default_rng(0)
    integers, bias = rng.integers(-7, 8, (3, 5)), rng.integers(-9, 9, 5)
    file = QonnxFile(shape=(1, 3, 2, 4))
    weights = file.quant(file.constant(integers * 0.5), 0.5)
    shapes = (file.constant(shape, np.int64) for shape in ([8, 3], [1, 8, 5]))
    rows = file.node("Reshape", file.node("Transpose", file.quant("x", 1.0), perm=[0, 2, 3, 1]), next(shapes))
    y = file.node("Reshape", file.node("Gemm", rows, weights, file.constant(bias), beta=2.0), next(shapes))
    y = file.node("Transpose", y, perm=[0, 2, 1])
    lowered = lower(file.save(tmp_path / "model.onnx", y))
    (name,) = lowered.graph.outputs
    x = rng.integers(-128, 128, (2, 2, 4, 3))
    ours = Program(*to_program(lowered.graph)).run({lowered.graph.inputs[0]: x})[name]
    kind = lowered.graph.tensors[name]
    got = (ours * np.array(kind.scale) + np.array(kind.offset)).reshape(2, 2, 4, 5)
    np.testing.assert_array_equal(got, x @ (integers * 0.5) + 2 * bias)


def test_images_with_channels_last(tmp_path: Path) -> None:
    """Models converted from TensorFlow begin and end with (N, H, W, C)."""
    model = exported(lambda x: x.permute(0, 3, 1, 2)[:, :2].permute(0, 2, 3, 1), (1, 4, 5, 3), 13)
    model.graph.node[0].input[0] = "x"
    graph = model.graph
    path = tmp_path / "model.onnx"
    constants = [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("s", 1.0), ("z", 0.0), ("b", 8.0))]
    quant = helper.make_node("Quant", ["first", "s", "z", "b"], ["q"], domain=QONNX, signed=1, narrow=0)
    first = graph.node[0].output[0]
    for node in list(graph.node)[1:]:
        node.input[:] = ["q" if name == first else name for name in node.input]
    graph.node[0].output[0] = "first"
    nodes = [graph.node[0], quant, *list(graph.node)[1:]]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    model.opset_import.append(helper.make_opsetid(QONNX, 1))
    onnx.save(model, path)
    lowered = lower(path).graph
    x = np.random.default_rng(0).integers(-128, 128, (1, 4, 5, 3))
    np.testing.assert_array_equal(next(iter(Program(*to_program(lowered)).run({lowered.inputs[0]: x}).values())), x[..., :2])


def test_blocks_of_whole_ratios_come_to_one_grid(tmp_path: Path) -> None:
    file = QonnxFile(shape=(1, 4, 3, 5))
    scaled = file.node("Mul", file.image(), file.constant(np.array([1.0, 2, 3, 0.5]).reshape(1, 4, 1, 1)))
    y = file.conv(file.node("DepthToSpace", scaled, blocksize=2), file.weight((2, 1, 1, 1)))
    lowered = lower(path := file.save(tmp_path / "net.onnx", y))
    assert [node.op.kind for node in lowered.graph.nodes] == ["requant", "depth_to_space", "conv"]
    pixels, x = pixels_for(lowered)
    for ours, theirs in zip(integer_run(lowered, pixels), qonnx_run(path, x), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_pixel_shuffles_of_unlike_channels(mode: str, tmp_path: Path) -> None:
    """Scales and biases that differ within a block reach the quantizer, through a batch norm, as those of the convolution."""
    file = QonnxFile(shape=(1, 3, 4, 5))
    weight = file.weight((8, 3, 3, 3), np.linspace(0.1, 0.8, 8).reshape(8, 1, 1, 1))
    y = file.node("Conv", file.image(), weight, file.constant(np.linspace(-1, 1, 8)), pads=[1, 1, 1, 1])
    y = file.node("DepthToSpace", y, blocksize=2, mode=mode)
    norm = [file.constant(v) for v in ([1.0, 2], [0.5, -0.25], [1.0, 3], [1.0, 4])]
    y = file.node("Relu", file.node("BatchNormalization", y, *norm, epsilon=0.0))
    path = file.save(tmp_path / "net.onnx", file.quant(y, 0.125, bits=5.0, signed=0))
    lowered = lower(path)
    assert [node.op.kind for node in lowered.graph.nodes][-2:] == ["requant", "depth_to_space"]
    pixels, x = pixels_for(lowered)
    for ours, theirs in zip(integer_run(lowered, pixels), qonnx_run(path, x), strict=True):
        assert np.mean(ours != theirs) < 0.01  # float32 rounds a few numbers to the other side of a step
        np.testing.assert_allclose(ours, theirs, atol=0.1251)
