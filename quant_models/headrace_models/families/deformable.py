# SPDX-License-Identifier: Apache-2.0
"""Networks with limited-range deformable convolutions, in layers of short-mantissa scales (see `headrace_models.styles`)."""

import torch
from torch import Tensor, nn

from headrace_models.blocks import HeadBranch, ShuffleDown, ShuffleUnit, SquareDeform
from headrace_models.deform_conv import DeformConv2d
from headrace_models.styles import QuantStyle


class DeformResidual(nn.Module):
    """Residual block whose first 3x3 is deformable: offsets per tap (arXiv 1703.06211), and masks (arXiv 1811.11168)."""

    def __init__(self, style: QuantStyle, source: nn.Module, channels: int, *, masked: bool) -> None:
        super().__init__()
        self.deform = DeformConv2d(style, source, (channels, channels), fraction_bits=3, bounds=(-2.0, 2.0), masked=masked)
        self.act = style.relu()
        self.conv = style.conv(self.act, channels, channels, 3)
        self.conv_act = style.signed()
        self.out = style.relu()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.out(x + self.conv_act(self.conv(self.act(self.deform(x)))))
        return y


class DeformResNet(nn.Module):
    """Stem, a DCNv1 block, a DCNv2 block, a score map."""

    def __init__(self) -> None:
        super().__init__()
        style = QuantStyle()
        self.image = style.unsigned(-8, 8)
        self.stem = style.conv(self.image, 3, 8, 3, stride=2, bits=8)
        self.stem_act = style.relu()
        self.first = DeformResidual(style, self.stem_act, 8, masked=False)
        self.second = DeformResidual(style, self.first.out, 8, masked=True)
        self.head = style.conv(self.second.out, 8, 4, 1, bits=8)
        self.head_act = style.signed()

    def forward(self, x: Tensor) -> Tensor:
        """A map of scores at half the resolution."""
        x = self.stem_act(self.stem(self.image(x)))
        y: Tensor = self.head_act(self.head(self.second(self.first(x))))
        return y


class CoDeNet(nn.Module):
    """ShuffleNetV2 units, a square deformable depthwise convolution and its 1x1, a detection head (arXiv 2006.08357)."""

    def __init__(self) -> None:
        super().__init__()
        style = QuantStyle()
        self.image = style.unsigned(-8, 8)
        self.stem = style.conv(self.image, 3, 8, 3, stride=2, bits=8)
        self.stem_act = style.relu()
        self.shared = style.relu()
        self.down = ShuffleDown(style, self.stem_act, 8, 12, self.shared)
        self.unit = ShuffleUnit(style, 12, self.shared)
        self.spread = SquareDeform(style, self.shared, 12)
        self.act_spread = style.signed()
        self.pw = style.conv(self.act_spread, 12, 8, 1)
        self.act_pw = style.relu()
        self.head = HeadBranch(style, self.act_pw, (8, 3), style.signed(-4), bias=-1.0)

    def forward(self, x: Tensor) -> Tensor:
        """A heat map at a quarter of the resolution."""
        x = self.unit(self.down(self.stem_act(self.stem(self.image(x)))))
        y: Tensor = self.head(self.act_pw(self.pw(self.act_spread(self.spread(x)))))
        return y


class DeformGate(nn.Module):
    """DAS attention (arXiv 2311.12091): depthwise separable reduction, deformable convolution, sigmoid, factor of the input."""

    def __init__(self, style: QuantStyle, source: nn.Module, channels: int, inner: int) -> None:
        super().__init__()
        self.dw = style.conv(source, channels, channels, 3, groups=channels)
        self.dw_act = style.signed()
        self.pw = style.conv(self.dw_act, channels, inner, 1)
        self.pw_act = style.relu()
        self.deform = DeformConv2d(style, self.pw_act, (inner, channels), fraction_bits=2, bounds=(-3.0, 3.0))
        self.logit = style.signed()
        self.gate = style.unsigned(-8, 8)
        self.out = style.signed()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        gate = self.gate(torch.sigmoid(self.logit(self.deform(self.pw_act(self.pw(self.dw_act(self.dw(x))))))))
        y: Tensor = self.out(x * gate)
        return y


class DasNet(nn.Module):
    """Stem, gate, a score map."""

    def __init__(self) -> None:
        super().__init__()
        style = QuantStyle()
        self.image = style.unsigned(-8, 8)
        self.stem = style.conv(self.image, 3, 8, 3, stride=2, bits=8)
        self.stem_act = style.relu()
        self.gate = DeformGate(style, self.stem_act, 8, 4)
        self.head = style.conv(self.gate.out, 8, 4, 1, bits=8)
        self.head_act = style.signed()

    def forward(self, x: Tensor) -> Tensor:
        """A map of scores at half the resolution."""
        x = self.gate(self.stem_act(self.stem(self.image(x))))
        y: Tensor = self.head_act(self.head(x))
        return y
