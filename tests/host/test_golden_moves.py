# SPDX-License-Identifier: Apache-2.0
"""Data movement of the golden against torch, onnxruntime and plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from headrace_host import golden_moves as golden


def random_map(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape)


def nchw(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(x.transpose(0, 3, 1, 2).copy())


def run_onnx(op: str, x: np.ndarray, **attributes: Any) -> np.ndarray:
    """One ONNX operator on an NHWC map, by onnxruntime."""
    x = x.transpose(0, 3, 1, 2).astype(np.float32)
    info = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"]
    info[0] = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)
    graph = onnx.helper.make_graph([onnx.helper.make_node(op, ["x"], ["y"], **attributes)], "g", info[:1], info[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0]).transpose(0, 2, 3, 1)


def test_gather_is_fancy_indexing_of_channels() -> None:
    x, indices = random_map((2, 3, 4, 5)), [4, 0, 0, 3]
    expected = nchw(x)[:, indices].numpy().transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(golden.gather(x, indices), expected)
    expected[..., 1] = 0
    np.testing.assert_array_equal(golden.gather(x, [4, -1, 0, 3]), expected)


@pytest.mark.parametrize("block", [2, 3])
def test_blocks_are_those_of_onnx(block: int) -> None:
    x = random_map((2, 2, 3, 2 * block * block))
    np.testing.assert_array_equal(golden.depth_to_space(x, (block, block)), run_onnx("DepthToSpace", x, blocksize=block))
    y = random_map((2, 2 * block, 3 * block, 3))
    np.testing.assert_array_equal(golden.space_to_depth(y, (block, block)), run_onnx("SpaceToDepth", y, blocksize=block))


def test_oblong_blocks_follow_their_definition() -> None:
    x, (rows, cols) = random_map((1, 2, 3, 12)), (3, 2)
    y = golden.depth_to_space(x, (rows, cols))
    for i, j, c in np.ndindex(6, 6, 2):
        assert y[0, i, j, c] == x[0, i // rows, j // cols, (i % rows * cols + j % cols) * 2 + c]
    np.testing.assert_array_equal(golden.space_to_depth(y, (rows, cols)), x)


@pytest.mark.parametrize("pad", [(1, 2, 0, 3), (-1, 0, -2, 1), (0, -1, 0, -3), (2, -2, -1, 0)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_crop_is_torch_padding(pad: tuple[int, int, int, int], stride: tuple[int, int]) -> None:
    x, (top, left, bottom, right) = random_map((2, 6, 7, 3)), pad
    expected = torch.nn.functional.pad(nchw(x), (left, right, top, bottom))[:, :, :: stride[0], :: stride[1]]
    np.testing.assert_array_equal(golden.crop(x, pad, stride), expected.numpy().transpose(0, 2, 3, 1))


def test_shift_follows_its_definition() -> None:
    x = random_map((2, 4, 5, 7))
    offsets = np.random.default_rng(1).integers(-5, 6, (7, 2))
    y = golden.shift(x, offsets)
    for n, i, j, c in np.ndindex(x.shape):
        row, col = i + offsets[c, 0], j + offsets[c, 1]
        assert y[n, i, j, c] == (x[n, row, col, c] if 0 <= row < 4 and 0 <= col < 5 else 0)


def test_what_does_not_fit_is_refused() -> None:
    x = random_map((1, 3, 4, 6))
    with pytest.raises(ValueError, match="6 channels do not fill blocks of 2x2"):
        golden.depth_to_space(x, (2, 2))
    with pytest.raises(ValueError, match="3x4 map is no whole number of 2x2"):
        golden.space_to_depth(x, (2, 2))
    with pytest.raises(ValueError, match="leaves nothing of a 3x4 map"):
        golden.crop(x, (-2, 0, -1, 0))
