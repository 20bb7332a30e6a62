# SPDX-License-Identifier: Apache-2.0
"""Blocks of small detectors, each in any `Style`. Tensors are (N, C, H, W).

ShuffleNetV2 units follow arXiv 1807.11164; the square deformable depthwise convolution follows CoDeNet, arXiv 2006.08357.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace_models.deform import square_deform_depthwise
from headrace_models.styles import Style, used_weight


def shuffle_pairs(x: Tensor) -> Tensor:
    """Interleave the two halves of the channels: ``out[2i] = first[i]``, ``out[2i + 1] = second[i]``."""
    n, c, h, w = x.shape
    return x.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleUnit(nn.Module):
    """ShuffleNetV2 unit of stride 1: half of the channels pass, half go through 1x1, 3x3 depthwise, 1x1.

    ``out_act`` is the stage's shared output activation: the passing half already carries its scale.
    """

    def __init__(self, style: Style, channels: int, out_act: nn.Module) -> None:
        super().__init__()
        half = channels // 2
        self.pw1 = style.conv(out_act, half, half, 1)
        self.act1 = style.relu()
        self.dw = style.conv(self.act1, half, half, 3, groups=half)
        self.act_dw = style.signed()
        self.pw2 = style.conv(self.act_dw, half, half, 1)
        self.out_act = out_act

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        passed, worked = x.chunk(2, dim=1)
        worked = self.act_dw(self.dw(self.act1(self.pw1(worked))))
        worked = self.out_act(self.pw2(worked))
        return shuffle_pairs(torch.cat([passed, worked], dim=1))


class ShuffleDown(nn.Module):
    """ShuffleNetV2 unit of stride 2: two branches that both see all channels; halves height and width."""

    def __init__(self, style: Style, source: nn.Module, c_in: int, c_out: int, out_act: nn.Module) -> None:
        super().__init__()
        half = c_out // 2
        self.left_dw = style.conv(source, c_in, c_in, 3, stride=2, groups=c_in)
        self.left_act = style.signed()
        self.left_pw = style.conv(self.left_act, c_in, half, 1)
        self.pw1 = style.conv(source, c_in, half, 1)
        self.act1 = style.relu()
        self.dw = style.conv(self.act1, half, half, 3, stride=2, groups=half)
        self.act_dw = style.signed()
        self.pw2 = style.conv(self.act_dw, half, half, 1)
        self.out_act = out_act

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H/2, W/2)."""
        left = self.out_act(self.left_pw(self.left_act(self.left_dw(x))))
        right = self.act_dw(self.dw(self.act1(self.pw1(x))))
        right = self.out_act(self.pw2(right))
        return shuffle_pairs(torch.cat([left, right], dim=1))


class SquareDeform(nn.Module):
    """Square deformable depthwise convolution: one dilation per pixel, computed from the input, for all channels.

    The dilation is a 1x1 convolution, quantized to whole numbers of as few bits as hold ``low..high``, and clipped to
    that. There is no bias. ``bits`` are those of the 1x1's weights.
    """

    def __init__(
        self, style: Style, source: nn.Module, channels: int, *, low: int = 1, high: int = 3, k: int = 3, bits: int = 8
    ) -> None:
        super().__init__()
        self.offset = style.conv(source, channels, 1, 1, bits=bits, norm=False)
        size = max(high, -low - 1).bit_length()
        self.dilation = style.unsigned(0, size) if low >= 0 else style.signed(0, size + 1)
        self.weights = style.weights_only(channels, k)
        self.low = low
        self.high = high
        # The plain convolution is the starting point, a little above 1 so that the clip's gradient is alive.
        nn.init.zeros_(self.offset.conv.weight)
        if self.offset.conv.bias is not None:
            nn.init.constant_(self.offset.conv.bias, 1.25)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape; the output is an accumulator."""
        smooth = self.offset(x)
        dilation = self.dilation(smooth)
        return square_deform_depthwise(x, dilation, used_weight(self.weights), self.low, self.high, smooth=smooth)


class ResidualAdd(nn.Module):
    """Adds two tensors that carry the same scale and brings the sum back to 8 bits."""

    def __init__(self, style: Style, *, signed: bool = False) -> None:
        super().__init__()
        self.act = style.signed() if signed else style.relu()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the quantized sum of two tensors of one shape."""
        y: Tensor = self.act(a + b)
        return y


class DeformUp(nn.Module):
    """Decoder step: deformable depthwise, 1x1, nearest upsampling by 2, plus a 1x1 lateral from the encoder.

    ``sources`` are the activations that feed the step and the lateral. ``out_act`` gives the output.
    """

    def __init__(
        self,
        style: Style,
        sources: tuple[nn.Module, nn.Module],
        channels: tuple[int, int, int],
        *,
        deform: bool = True,
    ) -> None:
        super().__init__()
        c_in, c_lateral, c_out = channels
        if deform:
            self.spread: nn.Module = SquareDeform(style, sources[0], c_in)
        else:
            self.spread = style.conv(sources[0], c_in, c_in, 3, groups=c_in)
        self.act_spread = style.signed()
        self.pw = style.conv(self.act_spread, c_in, c_out, 1)
        self.lateral = style.conv(sources[1], c_lateral, c_out, 1)
        self.act = style.relu()  # one quantizer for both operands of the sum
        self.add = ResidualAdd(style)

    @property
    def out_act(self) -> nn.Module:
        """The activation whose scale the output carries."""
        return self.add.act

    def forward(self, x: Tensor, lateral: Tensor) -> Tensor:
        """Map (N, c_in, H, W) and (N, c_lateral, 2H, 2W) to (N, c_out, 2H, 2W); ``channels`` has these three counts."""
        y = self.act(self.pw(self.act_spread(self.spread(x))))
        y = F.interpolate(y, scale_factor=2.0, mode="nearest")
        z: Tensor = self.add(y, self.act(self.lateral(lateral)))
        return z


class HeadBranch(nn.Module):
    """One output map: 3x3 depthwise, 1x1, and a final 1x1 of 8-bit weights.

    ``bias`` is the final convolution's at the start of training.
    """

    def __init__(self, style: Style, source: nn.Module, channels: tuple[int, int], out_act: nn.Module, bias: float) -> None:
        super().__init__()
        inner, outputs = channels
        self.dw = style.conv(source, inner, inner, 3, groups=inner)
        self.act_dw = style.relu()
        self.pw = style.conv(self.act_dw, inner, inner, 1)
        self.act_pw = style.relu()
        self.final = style.conv(self.act_pw, inner, outputs, 1, bits=8, norm=False)
        self.out_act = out_act
        nn.init.normal_(self.final.conv.weight, std=0.01)
        if self.final.conv.bias is not None:
            nn.init.constant_(self.final.conv.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels[0], H, W) to (N, channels[1], H, W)."""
        y = self.act_pw(self.pw(self.act_dw(self.dw(x))))
        z: Tensor = self.out_act(self.final(y))
        return z
