# SPDX-License-Identifier: Apache-2.0
"""The deformable operator: torch and qonnx versions against onnxruntime's DeformConv, an independent implementation."""

import numpy as np
import onnxruntime
import pytest
import torch
from headrace_models.deform import square_deform_depthwise
from numpy.typing import NDArray
from onnx import TensorProto, helper

from headrace.ops import square_deform_depthwise as reference

Floats = NDArray[np.float32]


def _deform_conv(x: Floats, s: Floats, w: Floats) -> Floats:
    """Run ONNX DeformConv: its offsets are what tap (i, j) moves beyond an ordinary convolution's, (s - 1) times its place."""
    channels, k = w.shape[0], w.shape[-1]
    node = helper.make_node(
        "DeformConv", ["x", "w", "o"], ["y"], kernel_shape=[k, k], pads=[k // 2] * 4, group=channels, offset_group=1
    )
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "w", "o", "y")]
    graph = helper.make_graph([node], "oracle", info[:3], info[3:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    offsets = np.concatenate(
        [(s - 1) * place for i in range(k) for j in range(k) for place in (i - k // 2, j - k // 2)], axis=1
    ).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    y: Floats = session.run(None, {"x": x, "w": w, "o": offsets})[0]
    return y


def _case(k: int, lo: int, hi: int, seed: int) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (2, 5, 9, 12)).astype(np.float32)
    d = rng.integers(lo - 2, hi + 3, (2, 1, 9, 12)).astype(np.float32)
    w = rng.integers(-7, 8, (5, 1, k, k)).astype(np.float32)
    return x, d, w


RANGES = [(3, 1, 3), (3, 0, 3), (3, 1, 1), (5, 0, 2), (3, -2, 2), (1, 0, 3), (3, 0, 7)]


@pytest.mark.parametrize(("k", "lo", "hi"), RANGES)
@pytest.mark.parametrize("seed", [0, 1])
def test_matches_deform_conv(k: int, lo: int, hi: int, seed: int) -> None:
    x, d, w = _case(k, lo, hi, seed)
    expected = _deform_conv(x, d.clip(lo, hi), w)
    np.testing.assert_array_equal(reference(x, d, w, lo, hi), expected)
    tx, td, tw = (torch.from_numpy(a) for a in (x, d, w))
    ours = square_deform_depthwise(tx, td, tw, lo, hi, smooth=td)
    np.testing.assert_array_equal(ours.numpy(), expected)


def test_dilation_one_is_an_ordinary_convolution() -> None:
    x, _, w = _case(3, 1, 3, 0)
    ones = torch.ones(2, 1, 9, 12)
    expected = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(w), padding=1, groups=5)
    torch.testing.assert_close(square_deform_depthwise(torch.from_numpy(x), ones, torch.from_numpy(w), 1, 3), expected)


def test_gradient_is_the_difference_between_neighbouring_dilations() -> None:
    x, _, w = (torch.from_numpy(a) for a in _case(3, 1, 3, 0))
    smooth = torch.full((2, 1, 9, 12), 1.75, requires_grad=True)
    y = square_deform_depthwise(x, torch.full_like(smooth, 2.0), w, 1, 3, smooth=smooth)
    torch.autograd.backward(y.sum())
    by_dilation = [square_deform_depthwise(x, torch.full((2, 1, 9, 12), float(s)), w, 1, 3) for s in (1, 2)]
    assert smooth.grad is not None
    torch.testing.assert_close(smooth.grad, (by_dilation[1] - by_dilation[0]).sum(dim=1, keepdim=True))


@pytest.mark.parametrize(("start", "low", "high"), [(-2.0, 1, 3), (9.0, 1, 3)])
def test_gradient_outside_the_range_only_leads_back(start: float, low: int, high: int) -> None:
    x, _, w = (torch.from_numpy(a) for a in _case(3, low, high, 0))
    smooth = torch.full((2, 1, 9, 12), start, requires_grad=True)
    torch.autograd.backward(square_deform_depthwise(x, smooth.detach(), w, low, high, smooth=smooth).sum())
    assert smooth.grad is not None
    step = -smooth.grad
    assert (step >= 0).all() if start < low else (step <= 0).all()
    assert (step != 0).any()


def test_refuses_what_it_cannot_mean() -> None:
    x, d, w = (torch.from_numpy(a) for a in _case(3, 1, 3, 0))
    with pytest.raises(ValueError, match="odd kernel"):
        square_deform_depthwise(x, d, w[:, :, :2, :2], 1, 3)
    with pytest.raises(ValueError, match="lo <= hi"):
        square_deform_depthwise(x, d, w, 3, 1)


def test_reference_refuses_fractions() -> None:
    x, d, w = _case(3, 1, 3, 0)
    with pytest.raises(ValueError, match="whole"):
        reference(x, d + 0.5, w, 1, 3)
    with pytest.raises(ValueError, match="do not fit"):
        reference(x, d, w[:3], 1, 3)
