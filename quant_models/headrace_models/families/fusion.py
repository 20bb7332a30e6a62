# SPDX-License-Identifier: Apache-2.0
"""Networks that are known for how they join branches."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace_models.blocks import shuffle_pairs
from headrace_models.families.layers import Classifier, conv, depthwise, image, relu, signed, unsigned


class ShuffleUnit(nn.Module):
    """ShuffleNetV2 unit (arXiv 1807.11164): half of the channels pass, half are worked on; both share one quantizer."""

    def __init__(self, channels: int, shared: nn.Module) -> None:
        super().__init__()
        half = channels // 2
        self.body = nn.Sequential(conv(half, half), relu(), depthwise(half), signed(), conv(half, half))
        self.shared = shared

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        passed, worked = x.chunk(2, dim=1)
        return shuffle_pairs(torch.cat([passed, self.shared(self.body(worked))], dim=1))


class ShuffleDown(nn.Module):
    """ShuffleNetV2 unit of stride 2: two branches that both see all channels."""

    def __init__(self, c_in: int, c_out: int, shared: nn.Module) -> None:
        super().__init__()
        half = c_out // 2
        self.left = nn.Sequential(depthwise(c_in, stride=2), signed(), conv(c_in, half))
        self.right = nn.Sequential(conv(c_in, half), relu(), depthwise(half, stride=2), signed(), conv(half, half))
        self.shared = shared

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) to (N, c_out, H / 2, W / 2)."""
        return shuffle_pairs(torch.cat([self.shared(self.left(x)), self.shared(self.right(x))], dim=1))


class ShuffleNetV2(nn.Module):
    """Stem, one stage of three units, classifier."""

    def __init__(self) -> None:
        super().__init__()
        shared = relu()
        self.body = nn.Sequential(
            image(), conv(3, 8, 3, stride=2, bits=8), relu(), ShuffleDown(8, 16, shared), ShuffleUnit(16, shared),
            ShuffleUnit(16, shared),
        )  # fmt: skip
        self.head = Classifier(16)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class Aspp(nn.Module):
    """Atrous separable spatial pyramid with image pooling (DeepLabv3+, arXiv 1802.02611)."""

    def __init__(self, c_in: int, c_branch: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.point = nn.Sequential(conv(c_in, c_branch), relu())
        self.atrous = nn.ModuleList(
            nn.Sequential(depthwise(c_in, dilation=rate), relu(), conv(c_in, c_branch), relu()) for rate in rates
        )
        self.pooled = unsigned()
        self.pool = nn.Sequential(conv(c_in, c_branch), relu())
        self.joined = unsigned()
        self.project = nn.Sequential(conv(c_branch * (len(rates) + 2), c_branch), relu())

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) to (N, c_branch, H, W)."""
        pooled = self.pool(self.pooled(F.adaptive_avg_pool2d(x, 1)))
        pooled = F.interpolate(pooled, size=x.shape[2:], mode="nearest")
        branches = [self.point(x), *(branch(x) for branch in self.atrous), pooled]
        y: Tensor = self.project(self.joined(torch.cat(branches, dim=1)))
        return y


class DeepLab(nn.Module):
    """Stem, pyramid, a score map."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(image(), conv(3, 8, 3, stride=2, bits=8), relu(), Aspp(8, 8, (2, 3, 4)))
        self.head = nn.Sequential(conv(8, 4), signed())

    def forward(self, x: Tensor) -> Tensor:
        """A map of class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class FeaturePyramid(nn.Module):
    """Three levels, top-down additions, a 3x3 and a head on each level (arXiv 1612.03144)."""

    def __init__(self) -> None:
        super().__init__()
        self.image = image()
        self.levels = nn.ModuleList(
            nn.Sequential(conv(a, b, 3, stride=2, bits=8 if a == 3 else 4), relu()) for a, b in ((3, 8), (8, 12), (12, 16))
        )
        self.lateral = nn.ModuleList(conv(c, 8) for c in (8, 12, 16))
        self.merged = signed()  # one scale for all that is added
        self.smooth = nn.ModuleList(nn.Sequential(conv(8, 8, 3), relu(), conv(8, 4), signed()) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """One score map per level, finest first."""
        x = self.image(x)
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        merged = self.merged(self.lateral[2](maps[2]))
        outputs = [self.smooth[2](merged)]
        for i in (1, 0):
            up = F.interpolate(merged, scale_factor=2.0, mode="nearest")
            merged = self.merged(self.merged(self.lateral[i](maps[i])) + up)
            outputs.insert(0, self.smooth[i](merged))
        return tuple(outputs)


class WeightedAdd(nn.Module):
    """BiFPN's fast normalised fusion (arXiv 1911.09070): sum of w_i * x_i over sum of w_i, w_i = ReLU of what was learned."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))
        self.out = signed()

    def forward(self, *maps: Tensor) -> Tensor:
        """Keep the shape."""
        weights = F.relu(self.weights)
        weights = weights / (weights.sum() + 1e-4)
        total = maps[0] * weights[0]
        for i, x in enumerate(maps[1:], 1):
            total = total + x * weights[i]
        y: Tensor = self.out(total)
        return y


class BiFpn(nn.Module):
    """Two levels, top-down and bottom-up weighted fusion, separable convolutions between."""

    def __init__(self) -> None:
        super().__init__()
        self.image = image()
        self.stem = nn.Sequential(conv(3, 8, 3, stride=2, bits=8), relu())
        self.deep = nn.Sequential(conv(8, 8, 3, stride=2), relu())
        self.down_add = WeightedAdd((0.7, 1.1))
        self.down = nn.Sequential(depthwise(8), signed(), conv(8, 8), relu())
        self.up_add = WeightedAdd((0.9, 0.6))
        self.up = nn.Sequential(depthwise(8), signed(), conv(8, 8), relu())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The two levels after fusion."""
        fine = self.stem(self.image(x))
        deep = self.deep(fine)
        fine = self.down(self.down_add(fine, F.interpolate(deep, scale_factor=2.0, mode="nearest")))
        return fine, self.up(self.up_add(deep, F.max_pool2d(fine, 2)))


class DlaBlock(nn.Module):
    """Residual basic block."""

    def __init__(self, channels: int, shared: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels, 3), relu(), conv(channels, channels, 3), signed())
        self.out = shared

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.out(self.body(x) + x)
        return y


class DeepLayerAggregation(nn.Module):
    """A tree of depth 2: two blocks joined at a root, two more joined at a root that also sees the first (arXiv 1707.06484)."""

    def __init__(self) -> None:
        super().__init__()
        shared = relu()  # everything that a root concatenates carries one scale
        self.stem = nn.Sequential(image(), conv(3, 8, 3, stride=2, bits=8), shared)
        self.blocks = nn.ModuleList(DlaBlock(8, shared) for _ in range(4))
        self.root_1 = nn.Sequential(conv(16, 8), shared)
        self.root_2 = nn.Sequential(conv(24, 8), shared)
        self.head = Classifier(8)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        a = self.blocks[0](self.stem(x))
        b = self.blocks[1](a)
        first = self.root_1(torch.cat([a, b], dim=1))
        c = self.blocks[2](first)
        d = self.blocks[3](c)
        y: Tensor = self.head(self.root_2(torch.cat([first, c, d], dim=1)))
        return y


class DenseNet(nn.Module):
    """A dense block of three layers whose inputs have unequal scales, a transition with average pooling (arXiv 1608.06993)."""

    def __init__(self, growth: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(image(), conv(3, 8, 3, stride=2, bits=8), relu())
        widths = [8 + i * growth for i in range(4)]
        self.entry = nn.ModuleList(unsigned() for _ in widths)
        self.layers = nn.ModuleList(nn.Sequential(conv(w, growth, 3), relu()) for w in widths[:3])
        self.transition = nn.Sequential(conv(widths[3], 12), relu(), nn.AvgPool2d(2), unsigned())
        self.head = Classifier(12)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        for quantizer, layer in zip(self.entry, self.layers, strict=False):
            x = torch.cat([x, layer(quantizer(x))], dim=1)
        y: Tensor = self.head(self.transition(self.entry[3](x)))
        return y


class DdrNet(nn.Module):
    """Two resolutions side by side, each fused into the other (arXiv 2101.06085), with nearest upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(image(), conv(3, 8, 3, stride=2, bits=8), relu())
        self.high = nn.Sequential(conv(8, 8, 3), signed())
        self.low = nn.Sequential(conv(8, 12, 3, stride=2), relu(), conv(12, 12, 3), signed())
        self.to_low = nn.Sequential(conv(8, 12, 3, stride=2), signed())
        self.to_high = nn.Sequential(conv(12, 8), signed())
        self.high_out, self.low_out = relu(), relu()
        self.last = nn.Sequential(conv(12, 8), signed())
        self.sum = relu()
        self.head = nn.Sequential(conv(8, 4), signed())

    def forward(self, x: Tensor) -> Tensor:
        """A map of class scores at half the resolution."""
        x = self.stem(x)
        high, low = self.high(x), self.low(x)
        fused_high = self.high_out(high + F.interpolate(self.to_high(low), scale_factor=2.0, mode="nearest"))
        fused_low = self.low_out(low + self.to_low(high))
        up = F.interpolate(self.last(fused_low), scale_factor=2.0, mode="nearest")
        y: Tensor = self.head(self.sum(fused_high + up))
        return y


class PartialBlock(nn.Module):
    """FasterNet block (arXiv 2303.03667): 3x3 on a quarter of the channels, then 1x1 up and down, and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.part = channels // 4
        self.partial = nn.Sequential(conv(self.part, self.part, 3))
        self.mixed = signed()
        self.mlp = nn.Sequential(conv(channels, 2 * channels), relu(), conv(2 * channels, channels), signed())
        self.out = signed()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        worked, passed = torch.split(x, [self.part, x.shape[1] - self.part], dim=1)
        mixed = self.mixed(torch.cat([self.partial(worked), passed], dim=1))
        y: Tensor = self.out(x + self.mlp(mixed))
        return y


class FasterNet(nn.Module):
    """Patch embedding, two partial-convolution blocks, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(image(), conv(3, 16, 3, stride=2, bits=8), signed(), PartialBlock(16), PartialBlock(16))
        self.head = Classifier(16)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y


class SpatialShift(nn.Module):
    """Moves each channel group by one pixel in one of five directions, zeros coming in (arXiv 1711.08141)."""

    STEPS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape; channel c moves by STEPS[c mod 5]."""
        height, width = x.shape[2:]
        padded = F.pad(x, (1, 1, 1, 1))
        parts = [
            padded[:, i :: len(self.STEPS), 1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
            for i, (dy, dx) in enumerate(self.STEPS)
        ]
        return torch.cat(parts, dim=1)


class ShiftNet(nn.Module):
    """1x1, shift, 1x1 with a shortcut: no spatial weights at all."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(image(), conv(3, 10, 3, stride=2, bits=8), relu())
        self.first = nn.Sequential(conv(10, 20), relu())
        self.shift = SpatialShift()
        self.second = nn.Sequential(conv(20, 10), signed())
        self.out = relu()
        self.head = Classifier(10)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        y: Tensor = self.head(self.out(x + self.second(self.shift(self.first(x)))))
        return y


class GroupedBottleneck(nn.Module):
    """ResNeXt block (arXiv 1611.05431): 1x1, grouped 3x3, 1x1, shortcut."""

    def __init__(self, channels: int, inner: int, groups: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, inner), relu(), conv(inner, inner, 3, groups=groups), relu(), conv(inner, channels), signed()
        )
        self.out = relu()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.out(self.body(x) + x)
        return y


class ResNext(nn.Module):
    """Stem, two grouped bottlenecks, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            image(), conv(3, 12, 3, stride=2, bits=8), relu(), GroupedBottleneck(12, 16, 4), GroupedBottleneck(12, 12, 3)
        )
        self.head = Classifier(12)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        y: Tensor = self.head(self.body(x))
        return y
