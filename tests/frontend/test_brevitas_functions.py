# SPDX-License-Identifier: Apache-2.0
"""Brevitas networks with binary and ternary layers and with smooth activations, by both exporters, against torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from brevitas.core.scaling import ScalingImplType
from brevitas.nn import QuantConv2d, QuantIdentity, QuantReLU, QuantSigmoid, QuantTanh
from brevitas.quant import (
    SignedBinaryActPerTensorConst,
    SignedBinaryWeightPerTensorConst,
    SignedTernaryActPerTensorConst,
    SignedTernaryWeightPerTensorConst,
    Uint8ActPerTensorFloat,
)
from executions import integer_run, pixels_for, qonnx_run
from torch import nn
from torch_nets import export_plain

from headrace.compile import lower

SHAPE = (1, 3, 9, 7)


def binary(c_in: int, c_out: int, k: int) -> QuantConv2d:
    return QuantConv2d(c_in, c_out, k, padding=k // 2, bias=False, weight_quant=SignedBinaryWeightPerTensorConst)


def ternary(c_in: int, c_out: int, k: int) -> QuantConv2d:
    """Weights -1, 0 and 1 times one scale."""
    return QuantConv2d(c_in, c_out, k, padding=k // 2, bias=False, weight_quant=SignedTernaryWeightPerTensorConst)


def few_levels() -> nn.Module:
    """Binary and ternary weights and activations, and a float head."""
    return nn.Sequential(
        QuantIdentity(act_quant=Uint8ActPerTensorFloat),
        binary(3, 6, 3),
        nn.BatchNorm2d(6),
        QuantIdentity(act_quant=SignedBinaryActPerTensorConst),
        ternary(6, 5, 3),
        nn.BatchNorm2d(5),
        QuantIdentity(act_quant=SignedTernaryActPerTensorConst),
        binary(5, 8, 1),
        nn.BatchNorm2d(8),
        QuantReLU(bit_width=2),
        QuantConv2d(8, 3, 1, weight_bit_width=4),
        QuantIdentity(bit_width=8),
    )


def smooth(activation: nn.Module) -> nn.Module:
    """An activation behind a batch norm, on accumulators, and once more on quantized values."""
    return nn.Sequential(
        QuantIdentity(act_quant=Uint8ActPerTensorFloat),
        QuantConv2d(3, 4, 3, padding=1, weight_bit_width=4),
        nn.BatchNorm2d(4),
        activation,
        QuantIdentity(bit_width=6),
        QuantConv2d(4, 4, 1, weight_bit_width=4),
        QuantIdentity(bit_width=8),
        activation,
        QuantIdentity(bit_width=8),
    )


def gates() -> nn.Module:
    """Brevitas' own activations."""
    return nn.Sequential(
        QuantIdentity(act_quant=Uint8ActPerTensorFloat),
        QuantConv2d(3, 4, 3, padding=1, weight_bit_width=4),
        nn.BatchNorm2d(4),
        QuantSigmoid(bit_width=5),
        QuantConv2d(4, 4, 1, weight_bit_width=4, scaling_impl_type=ScalingImplType.STATS),
        QuantTanh(bit_width=7),
    )


MODELS = {
    "few levels": few_levels,
    "silu": lambda: smooth(nn.SiLU()),
    "hard swish": lambda: smooth(nn.Hardswish()),
    "gelu": lambda: smooth(nn.GELU()),
    "mish": lambda: smooth(nn.Mish()),
    "leaky": lambda: smooth(nn.LeakyReLU(0.1)),
    "prelu": lambda: smooth(nn.PReLU(1)),
    "softplus": lambda: smooth(nn.Softplus()),
    "gates": gates,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "dynamo"), [*((name, False) for name in MODELS), ("few levels", True), ("softplus", True)])
def test_equals_torch(name: str, dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = MODELS[name]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(4, *SHAPE[1:]))
    model.eval()
    path = export_plain(model, tmp_path / "net.onnx", SHAPE, dynamo=dynamo)
    lowered = lower(path)
    pixels, x = pixels_for(lowered, frames=6)
    (ours,) = integer_run(lowered, pixels)
    with torch.no_grad():
        theirs = model(torch.from_numpy(x))
    theirs = getattr(theirs, "value", theirs).numpy().astype(np.float64)
    scale = lowered.graph.tensors[lowered.graph.outputs[0]].scale[0]
    assert len(np.unique(ours)) > 3, "a dead network proves nothing"
    for expected in (theirs, *qonnx_run(path, x)):
        steps = np.rint((ours - expected) / scale)
        assert np.mean(steps != 0) < 0.01
        assert np.abs(steps).max() <= (1 if name != "few levels" else 0)
