# SPDX-License-Identifier: Apache-2.0
"""Networks of large or long kernels; batch norm takes the place of layer norm, as usual on FPGAs."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace_models.families.layers import Classifier, Squeeze, conv, depthwise, image, signed


class Mlp(nn.Module):
    """1x1, GELU, 1x1."""

    def __init__(self, channels: int, ratio: int = 2) -> None:
        super().__init__()
        self.up = conv(channels, ratio * channels)
        self.pre = signed()
        self.act = signed()
        self.down = conv(ratio * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape; the output is unquantized."""
        y: Tensor = self.down(self.act(F.gelu(self.pre(self.up(x)))))
        return y


class LargeKernelBlock(nn.Module):
    """Large depthwise convolution, optional squeeze-and-excite, MLP, shortcut."""

    def __init__(self, channels: int, kernel: int, *, squeeze: bool = False) -> None:
        super().__init__()
        self.dw = depthwise(channels, kernel)
        self.act_dw = signed()
        self.gate = Squeeze(channels, channels // 2) if squeeze else nn.Identity()
        self.mlp = Mlp(channels)
        self.act_mlp = signed()
        self.out = signed()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.out(x + self.act_mlp(self.mlp(self.gate(self.act_dw(self.dw(x))))))
        return y


class ConvNext(nn.Module):
    """Patch stem of stride 2 and two blocks with 7x7 depthwise kernels (arXiv 2201.03545)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            image(), conv(3, 8, 2, stride=2, bits=8), signed(), LargeKernelBlock(8, 7), LargeKernelBlock(8, 7)
        )
        self.head = Classifier(8)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class UniRepLkNet(nn.Module):
    """A 13x13 block with squeeze-and-excite (arXiv 2311.15599, branches merged) and a 31x31 block (arXiv 2203.06717)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            image(), conv(3, 8, 3, stride=2, bits=8), signed(), LargeKernelBlock(8, 13, squeeze=True), LargeKernelBlock(8, 31)
        )
        self.head = Classifier(8)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class InceptionNextBlock(nn.Module):
    """A square and two band kernels on an eighth of the channels each, the rest passes; MLP; shortcut (arXiv 2303.16900)."""

    def __init__(self, channels: int, band: int = 11) -> None:
        super().__init__()
        part = channels // 8
        self.sizes = [channels - 3 * part, part, part, part]
        self.kernels = nn.ModuleList(depthwise(part, k) for k in (3, (1, band), (band, 1)))
        self.mixed = signed()
        self.mlp = Mlp(channels)
        self.act_mlp = signed()
        self.out = signed()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        passed, *parts = torch.split(x, self.sizes, dim=1)
        worked = [kernel(part) for kernel, part in zip(self.kernels, parts, strict=True)]
        mixed = self.mixed(torch.cat([passed, *worked], dim=1))
        y: Tensor = self.out(x + self.act_mlp(self.mlp(mixed)))
        return y


class InceptionNext(nn.Module):
    """Patch stem, two blocks, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            image(), conv(3, 16, 2, stride=2, bits=8), signed(), InceptionNextBlock(16), InceptionNextBlock(16)
        )
        self.head = Classifier(16)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y
