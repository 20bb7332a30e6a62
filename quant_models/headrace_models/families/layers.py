# SPDX-License-Identifier: Apache-2.0
"""Brevitas layers as the families use them: convolution and batch norm, few-bit weights, 8-bit activations, float scales."""

from typing import Any

import torch
from brevitas.nn import QuantConv1d, QuantConv2d, QuantConvTranspose2d, QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat, Uint8ActPerTensorFloat
from torch import Tensor, nn

Pair = tuple[int, int]
WEIGHT_BITS = 4


def image() -> nn.Module:
    """The quantizer of an image in [0, 1]."""
    module: nn.Module = QuantIdentity(act_quant=Uint8ActPerTensorFloat, bit_width=8)
    return module


def relu(bits: int = 8) -> nn.Module:
    """ReLU to unsigned integers."""
    module: nn.Module = QuantReLU(bit_width=bits)
    return module


def signed(bits: int = 8) -> nn.Module:
    """A signed quantizer without an activation function."""
    module: nn.Module = QuantIdentity(bit_width=bits)
    return module


def unsigned(bits: int = 8) -> nn.Module:
    """An unsigned quantizer, for what is never negative."""
    module: nn.Module = QuantIdentity(act_quant=Uint8ActPerTensorFloat, bit_width=bits)
    return module


def same(kernel: int | Pair, dilation: int = 1) -> Pair:
    """Padding that keeps the size at stride 1."""
    rows, cols = (kernel, kernel) if isinstance(kernel, int) else kernel
    return dilation * (rows - 1) // 2, dilation * (cols - 1) // 2


def conv(
    c_in: int,
    c_out: int,
    kernel: int | Pair = 1,
    *,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
    bits: int = WEIGHT_BITS,
    **options: Any,
) -> nn.Sequential:
    """A "same"-padded convolution with per-channel weight scales, and its batch norm; the output is unquantized."""
    layer = QuantConv2d(
        c_in, c_out, kernel, stride=stride, padding=same(kernel, dilation), groups=groups, dilation=dilation, bias=False,
        weight_quant=Int8WeightPerChannelFloat, weight_bit_width=bits, **options,
    )  # fmt: skip
    return nn.Sequential(layer, nn.BatchNorm2d(c_out))


def depthwise(channels: int, kernel: int | Pair = 3, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A "same"-padded depthwise convolution and its batch norm."""
    return conv(channels, channels, kernel, stride=stride, groups=channels, dilation=dilation)


def conv_1d(c_in: int, c_out: int, kernel: int = 1, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A "same"-padded convolution along time, and its batch norm."""
    layer = QuantConv1d(
        c_in, c_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False,
        weight_quant=Int8WeightPerChannelFloat, weight_bit_width=WEIGHT_BITS,
    )  # fmt: skip
    return nn.Sequential(layer, nn.BatchNorm1d(c_out))


def transposed(c_in: int, c_out: int, kernel: int, *, stride: int, padding: int = 0) -> nn.Module:
    """A transposed convolution with a bias."""
    layer: nn.Module = QuantConvTranspose2d(
        c_in, c_out, kernel, stride=stride, padding=padding, bias=True,
        weight_quant=Int8WeightPerTensorFloat, weight_bit_width=WEIGHT_BITS,
    )  # fmt: skip
    return layer


def linear(c_in: int, c_out: int) -> nn.Module:
    """A classifier: fully connected, 8-bit weights, a bias."""
    layer: nn.Module = QuantLinear(c_in, c_out, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=8)
    return layer


class Squeeze(nn.Module):
    """Squeeze-and-excite gate (arXiv 1709.01507): pooled channels -> 1x1, ReLU -> 1x1, sigmoid -> factor of each channel."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.pooled = unsigned()
        self.reduce = conv(channels, inner)
        self.act = relu()
        self.expand = conv(inner, channels)
        self.logit = signed()
        self.gate = unsigned()
        self.out = signed()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        pooled = self.pooled(x.mean((2, 3), keepdim=True))
        gate = self.gate(torch.sigmoid(self.logit(self.expand(self.act(self.reduce(pooled))))))
        y: Tensor = self.out(x * gate)
        return y


class Classifier(nn.Module):
    """Global average pool and a fully connected layer."""

    def __init__(self, channels: int, classes: int = 10) -> None:
        super().__init__()
        self.pooled = signed()
        self.fc = linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, classes)."""
        y: Tensor = self.fc(self.pooled(x.mean((2, 3))))
        return y
