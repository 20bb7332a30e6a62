# SPDX-License-Identifier: Apache-2.0
"""Networks of depthwise separable convolutions."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace_models.families.layers import Classifier, Squeeze, conv, conv_1d, depthwise, image, relu, signed, unsigned


class Separable(nn.Module):
    """Depthwise 3x3 and 1x1, each with batch norm and ReLU (MobileNetV1, arXiv 1704.04861)."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.dw = depthwise(c_in, 3, stride=stride)
        self.act = relu()
        self.pw = conv(c_in, c_out)
        self.out = relu()

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) to (N, c_out, H / stride, W / stride)."""
        y: Tensor = self.out(self.pw(self.act(self.dw(x))))
        return y


class MobileNetV1(nn.Module):
    """Stem, four separable blocks, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            image(), conv(3, 8, 3, stride=2, bits=8), relu(),
            Separable(8, 16), Separable(16, 24, stride=2), Separable(24, 24), Separable(24, 32, stride=2),
        )  # fmt: skip
        self.head = Classifier(32)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise, linear 1x1 projection, and a shortcut where the shape is kept (arXiv 1801.04381)."""

    def __init__(self, c_in: int, c_out: int, *, stride: int = 1, out: nn.Module | None = None) -> None:
        super().__init__()
        inner = 3 * c_in
        self.body = nn.Sequential(
            conv(c_in, inner), nn.ReLU6(), unsigned(), depthwise(inner, 3, stride=stride), nn.ReLU6(), unsigned(),
            conv(inner, c_out),
        )  # fmt: skip
        self.shortcut = stride == 1 and c_in == c_out
        self.out = out or signed()
        self.sum = signed() if self.shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) to (N, c_out, H / stride, W / stride)."""
        y: Tensor = self.out(self.body(x))
        return self.sum(x + y) if self.sum is not None else y


class MobileNetV2(nn.Module):
    """Stem, inverted residuals with and without shortcut, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            image(), conv(3, 8, 3, stride=2, bits=8), nn.ReLU6(), unsigned(),
            InvertedResidual(8, 12, stride=2), InvertedResidual(12, 12), InvertedResidual(12, 16, stride=2),
            conv(16, 32), relu(),
        )  # fmt: skip
        self.head = Classifier(32)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class XceptionBlock(nn.Module):
    """Two separable convolutions and a max pool beside a strided 1x1 shortcut (arXiv 1610.02357)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = nn.Sequential(depthwise(c_in), signed(), conv(c_in, c_out), relu())
        self.second = nn.Sequential(depthwise(c_out), signed(), conv(c_out, c_out), signed())
        self.skip = conv(c_in, c_out, stride=2)
        self.skip_act = signed()
        self.out = relu()

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) to (N, c_out, H / 2, W / 2)."""
        y = F.max_pool2d(self.second(self.first(x)), 3, stride=2, padding=1)
        z: Tensor = self.out(y + self.skip_act(self.skip(x)))
        return z


class Xception(nn.Module):
    """Entry flow of two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(image(), conv(3, 8, 3, stride=2, bits=8), relu(), XceptionBlock(8, 16), XceptionBlock(16, 24))
        self.head = Classifier(24)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class MixBlock(nn.Module):
    """Channel groups with depthwise kernels of 3, 5 and 7, joined by a 1x1 (arXiv 1907.09595)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.parts = channels // 3
        self.kernels = nn.ModuleList(depthwise(self.parts, k) for k in (3, 5, 7))
        self.act = relu()
        self.pw = conv(channels, channels)
        self.pw_act = signed()
        self.out = relu()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        parts = torch.split(x, self.parts, dim=1)
        mixed = self.act(torch.cat([k(part) for k, part in zip(self.kernels, parts, strict=True)], dim=1))
        y: Tensor = self.out(x + self.pw_act(self.pw(mixed)))
        return y


class MixNet(nn.Module):
    """Stem and a mixed-kernel block."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(image(), conv(3, 12, 3, stride=2, bits=8), relu(), MixBlock(12), MixBlock(12))
        self.head = Classifier(12)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class MBConv(nn.Module):
    """Inverted residual with squeeze-and-excite, hard-swish and SiLU (arXiv 1905.11946 and 1905.02244)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = 2 * channels
        self.expand = conv(channels, inner)
        self.pre = signed()
        self.act = signed()
        self.dw = depthwise(inner, 5)
        self.pre_dw = signed()
        self.act_dw = signed()
        self.gate = Squeeze(inner, channels // 2)
        self.project = conv(inner, channels)
        self.projected = signed()
        self.out = signed()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y = self.act(F.hardswish(self.pre(self.expand(x))))
        y = self.gate(self.act_dw(F.silu(self.pre_dw(self.dw(y)))))
        z: Tensor = self.out(x + self.projected(self.project(y)))
        return z


class EfficientNet(nn.Module):
    """Stem, one MBConv, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(image(), conv(3, 8, 3, stride=2, bits=8), signed(), MBConv(8))
        self.head = Classifier(8)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class ChannelAttention(nn.Module):
    """ECA (arXiv 1910.03151): pooled channels, a short convolution along the channel axis, sigmoid, factor of each channel."""

    def __init__(self, kernel: int = 3) -> None:
        super().__init__()
        self.pooled = unsigned()
        self.conv = conv_1d(1, 1, kernel)[0]
        self.logit = signed()
        self.gate = unsigned()
        self.out = unsigned()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        pooled = self.pooled(x.mean((2, 3), keepdim=True))
        y = self.conv(pooled.squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        z: Tensor = self.out(x * self.gate(torch.sigmoid(self.logit(y))))
        return z


class EcaNet(nn.Module):
    """Stem, 3x3 convolution with ECA, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            image(), conv(3, 12, 3, stride=2, bits=8), relu(), conv(12, 12, 3), relu(), ChannelAttention()
        )
        self.head = Classifier(12)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class TimeChannelBlock(nn.Module):
    """QuartzNet block (arXiv 1910.10261): time-channel separable convolutions with a pointwise shortcut."""

    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Sequential(conv_1d(c_in, c_in, kernel, groups=c_in), signed(), conv_1d(c_in, c_out), relu())
        self.second = nn.Sequential(conv_1d(c_out, c_out, kernel, groups=c_out), signed(), conv_1d(c_out, c_out), signed())
        self.skip = nn.Sequential(conv_1d(c_in, c_out), signed())
        self.out = relu()

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, T) to (N, c_out, T)."""
        y: Tensor = self.out(self.second(self.first(x)) + self.skip(x))
        return y


class QuartzNet(nn.Module):
    """Strided first layer, two blocks, a score per time step; input (N, features, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            signed(), conv_1d(16, 16, 11, stride=2, groups=16), signed(), conv_1d(16, 24), relu(),
            TimeChannelBlock(24, 24, 13), TimeChannelBlock(24, 32, 17),
        )  # fmt: skip
        self.head = nn.Sequential(conv_1d(32, 29), signed())

    def forward(self, x: Tensor) -> Tensor:
        """Character scores per time step."""
        y: Tensor = self.head(self.body(x))
        return y
