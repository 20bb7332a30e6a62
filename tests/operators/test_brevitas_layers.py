# SPDX-License-Identifier: Apache-2.0
"""Brevitas' linear, 1-D, grouped and transposed layers, through both of its exporters: the integers are the model's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from brevitas.nn import QuantConv1d, QuantConv2d, QuantConvTranspose2d, QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant import Int8WeightPerChannelFloat, Uint8ActPerTensorFloat
from executions import integer_run, pixels_for, qonnx_run
from torch import Tensor, nn
from torch_nets import export_plain

from headrace.compile import lower

BY_FILTER = {"weight_quant": Int8WeightPerChannelFloat, "weight_bit_width": 4}


def image() -> QuantIdentity:
    """The quantizer of the input."""
    return QuantIdentity(act_quant=Uint8ActPerTensorFloat)


class ChannelsLast(nn.Module):
    """Linear layers on the channels of each pixel, between two transpositions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            QuantLinear(4, 7, bias=True, **BY_FILTER), QuantReLU(bit_width=4), QuantLinear(7, 3, bias=True)
        )
        self.image, self.head = image(), QuantIdentity(bit_width=6)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 4, H, W) to (N, 3, H, W)."""
        y: Tensor = self.head(self.layers(self.image(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return y


def networks() -> dict[str, tuple[tuple[int, ...], nn.Module]]:
    """Shape of the input, model."""
    torch.manual_seed(0)
    perceptron = (nn.Flatten(), QuantLinear(48, 10, bias=True, **BY_FILTER), nn.BatchNorm1d(10), QuantReLU(bit_width=4))
    long = (QuantConv1d(3, 8, 5, padding=2, bias=True, **BY_FILTER), nn.BatchNorm1d(8), QuantReLU(bit_width=4))
    grouped = (QuantConv1d(8, 8, 3, groups=2, stride=2, weight_bit_width=4), QuantIdentity(bit_width=6), nn.Flatten())
    grown = (QuantConvTranspose2d(3, 8, 4, stride=2, padding=1, bias=True, weight_bit_width=4), QuantReLU(bit_width=4))
    spread = QuantConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1, bias=False, **BY_FILTER)
    multiplied = QuantConv2d(4, 12, 3, padding=1, groups=4, bias=True, **BY_FILTER)
    return {
        "perceptron": ((1, 3, 4, 4), nn.Sequential(image(), *perceptron, QuantLinear(10, 5, bias=True, weight_bit_width=3))),
        "sequence": ((1, 3, 20), nn.Sequential(image(), *long, nn.MaxPool1d(2), *grouped, QuantLinear(32, 5, bias=True))),
        "transposed": ((1, 3, 6, 5), nn.Sequential(image(), *grown, spread, QuantIdentity(bit_width=6), multiplied)),
        "channels last": ((1, 4, 3, 5), ChannelsLast()),
    }


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("name", ["perceptron", "sequence", "transposed", "channels last"])
def test_layers(name: str, dynamo: bool, tmp_path: Path) -> None:
    shape, model = networks()[name]
    with torch.no_grad():
        for _ in range(3):
            model.train()(torch.rand(4, *shape[1:]))
    path = export_plain(model.eval(), tmp_path / "net.onnx", shape, dynamo=dynamo)
    lowered = lower(path)
    assert all(certificate.exact for certificate in lowered.certificates)
    pixels, x = pixels_for(lowered)
    for ours, theirs in zip(integer_run(lowered, pixels), qonnx_run(path, x.reshape(-1, *shape[1:])), strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-5, atol=1e-6)
