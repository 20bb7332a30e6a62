# SPDX-License-Identifier: Apache-2.0
"""Networks whose output is an image: super-resolution, depth, segmentation."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace_models.families.layers import conv, depthwise, image, relu, signed, transposed, unsigned
from headrace_models.families.mobile import Separable


class Espcn(nn.Module):
    """Sub-pixel super-resolution by 3 (arXiv 1609.05158): 5x5 and 3x3 with tanh, 3x3 to 9 channels, pixel shuffle."""

    def __init__(self, factor: int = 3) -> None:
        super().__init__()
        self.image = image()
        self.first = conv(1, 12, 5, bits=8)
        self.pre_1, self.act_1 = signed(), signed()
        self.second = conv(12, 8, 3)
        self.pre_2, self.act_2 = signed(), signed()
        self.third = conv(8, factor**2, 3)
        self.out = unsigned()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) to (N, 1, factor * H, factor * W)."""
        y = self.act_1(torch.tanh(self.pre_1(self.first(self.image(x)))))
        y = self.act_2(torch.tanh(self.pre_2(self.second(y))))
        return F.pixel_shuffle(self.out(self.third(y)), self.factor)


class FastDepth(nn.Module):
    """MobileNet encoder; decoder of 5x5 separable convolutions, nearest upsampling and added skips (arXiv 1903.03273)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(image(), conv(3, 8, 3, stride=2, bits=8), relu())
        self.down_1 = Separable(8, 12, stride=2)
        self.down_2 = Separable(12, 16, stride=2)
        self.up_1 = nn.Sequential(depthwise(16, 5), relu(), conv(16, 12), relu())
        self.up_2 = nn.Sequential(depthwise(12, 5), relu(), conv(12, 8), relu())
        self.up_3 = nn.Sequential(depthwise(8, 5), relu(), conv(8, 4), relu())
        self.sum_1, self.sum_2 = relu(), relu()
        self.head = nn.Sequential(conv(4, 1), unsigned())

    def forward(self, x: Tensor) -> Tensor:
        """A depth map of the image's size."""
        a = self.stem(x)
        b = self.down_1(a)
        y = self.up_1(self.down_2(b))
        y = self.sum_1(F.interpolate(y, scale_factor=2.0, mode="nearest") + b)
        y = self.sum_2(F.interpolate(self.up_2(y), scale_factor=2.0, mode="nearest") + a)
        z: Tensor = self.head(F.interpolate(self.up_3(y), scale_factor=2.0, mode="nearest"))
        return z


class UNet(nn.Module):
    """One level of U-Net (arXiv 1505.04597): max pool, transposed 2x2 convolution, concatenated skip of another scale."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(image(), conv(3, 8, 3, bits=8), relu())
        self.deep = nn.Sequential(conv(8, 12, 3), relu())
        self.up = transposed(12, 8, 2, stride=2)
        self.up_act = signed()
        self.joined = signed()
        self.head = nn.Sequential(conv(16, 8, 3), relu(), conv(8, 2), signed())

    def forward(self, x: Tensor) -> Tensor:
        """A map of class scores of the image's size."""
        fine = self.fine(x)
        up = self.up_act(self.up(self.deep(F.max_pool2d(fine, 2))))
        y: Tensor = self.head(self.joined(torch.cat([fine, up], dim=1)))
        return y
