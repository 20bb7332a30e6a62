# SPDX-License-Identifier: Apache-2.0
"""Folding and calibration carry a float network into its quantized twin."""

import pytest
import torch
from headrace_models.cellnet import CellNet
from headrace_models.errors import CheckpointError
from headrace_models.recipes import TINY_SHAPE, Shape
from headrace_models.styles import (
    FloatStyle,
    QuantStyle,
    calibrate,
    fold_into,
    quantized_activations,
    scaling_of,
)
from torch import Tensor, nn


def test_folding_is_exact_but_for_rounding(float_network: CellNet) -> None:
    target = CellNet(TINY_SHAPE, QuantStyle()).eval()
    fold_into(float_network, target)
    x = torch.randn(2, 8, 16, 16)
    name = "stages.0.0.left_dw"
    conv = target.get_submodule(name).conv
    assert isinstance(conv, nn.Conv2d)
    folded = nn.functional.conv2d(x, conv.weight, conv.bias, stride=2, padding=1, groups=8)
    torch.testing.assert_close(float_network.get_submodule(name)(x), folded, rtol=1e-4, atol=1e-4)


def test_quantized_twin_is_close_after_calibration(float_network: CellNet, lively: CellNet, images: Tensor) -> None:
    with torch.no_grad():
        expected, actual = float_network(images), lively(images)
    for a, b in zip(expected, actual, strict=True):
        assert (a - b).abs().mean() < 0.5 * a.std()


def test_calibration_leaves_fixed_scales_alone() -> None:
    model = CellNet(TINY_SHAPE, QuantStyle())
    before = {name: float(scaling_of(m).scale) for name, m in quantized_activations(model).items()}
    calibrate(model, torch.rand(1, 3, 64, 64))
    after = {name: float(scaling_of(m).scale) for name, m in quantized_activations(model).items()}
    fixed = [name for name, m in quantized_activations(model).items() if scaling_of(m).is_fixed]
    assert "image" in fixed
    assert "heatmap.out_act" in fixed
    assert all(before[name] == after[name] for name in fixed)
    assert before != after


def test_a_stage_shares_one_output_quantizer() -> None:
    model = CellNet(TINY_SHAPE, QuantStyle())
    first, second = model.get_submodule("stages.0.0"), model.get_submodule("stages.0.1")
    assert first.out_act is second.out_act


def test_different_networks_do_not_fold() -> None:
    other = Shape(width=64, height=64, stem=8, stages=(8, 16, 16), units=(1, 1, 1), decoder=(8, 8, 8))
    with pytest.raises(CheckpointError, match="differ"):
        fold_into(CellNet(other, FloatStyle()), CellNet(TINY_SHAPE, QuantStyle()))
