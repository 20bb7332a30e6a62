# SPDX-License-Identifier: Apache-2.0
"""CoDeNet (arXiv 2006.08357), layer for layer as its authors trained it: their configurations a to e.

ShuffleNetV2 encoder, three decoder steps of a square deformable depthwise convolution, a 1x1 and nearest upsampling, and three
heads of CenterNet at stride 4: class logits, sizes of boxes and offsets of their centres, both in cells.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace_models.blocks import ShuffleDown, ShuffleUnit, SquareDeform
from headrace_models.recipes import IMAGE_EXPONENT, CoDeNetShape
from headrace_models.styles import Style
from headrace_models.targets import Drawing, Targets, draw_points, point_loss

HEATMAP_EXPONENT = -4
"""Logits from -8 to just below 8."""
SIZE_BITS, SIZE_EXPONENT = 12, -4
"""Sizes up to just below 128 cells, in sixteenths: the authors' network has no activation behind its heads."""
OFFSET_EXPONENT = -7
"""Offsets from -1 to just below a cell."""

_RARE = -2.19  # logit at the start: an object is rarely a centre (focal-loss initialisation, arXiv 1708.02002)


class DeformStep(nn.Module):
    """Decoder step: deformable depthwise convolution, 1x1, nearest upsampling by 2."""

    def __init__(self, style: Style, source: nn.Module, channels: tuple[int, int], dilations: tuple[int, int]) -> None:
        super().__init__()
        c_in, c_out = channels
        self.spread = SquareDeform(style, source, c_in, low=dilations[0], high=dilations[1], bits=4)
        self.act_spread = style.signed()
        self.pw = style.conv(self.act_spread, c_in, c_out, 1)
        self.act = style.relu()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels[0], H, W) to (N, channels[1], 2H, 2W)."""
        y = self.act(self.pw(self.act_spread(self.spread(x))))
        return F.interpolate(y, scale_factor=2.0, mode="nearest")


class Head(nn.Module):
    """One output map: 1x1, 3x3 depthwise, and a final 1x1 whose bias starts as told."""

    def __init__(
        self, style: Style, source: nn.Module, channels: tuple[int, int, int], out_act: nn.Module, bias: float = 0.0
    ) -> None:
        super().__init__()
        c_in, inner, outputs = channels
        self.pw = style.conv(source, c_in, inner, 1)
        self.act_pw = style.relu()
        self.dw = style.conv(self.act_pw, inner, inner, 3, groups=inner)
        self.act_dw = style.relu()
        self.final = style.conv(self.act_dw, inner, outputs, 1, norm=False)
        self.out_act = out_act
        if self.final.conv.bias is not None:
            nn.init.constant_(self.final.conv.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels[0], H, W) to (N, channels[2], H, W)."""
        y: Tensor = self.out_act(self.final(self.act_dw(self.dw(self.act_pw(self.pw(x))))))
        return y


class CoDeNet(nn.Module):
    """The network; maps pixels * 2**-8, (N, 3, H, W), to maps of H/4 x W/4: classes, sizes (2), offsets (2)."""

    outputs = ("heatmap", "size", "offset")
    draw: ClassVar[Drawing] = staticmethod(draw_points)
    """Of the targets that `loss` wants."""

    def __init__(self, shape: CoDeNetShape, style: Style) -> None:
        super().__init__()
        self.shape = shape
        self.image = style.unsigned(IMAGE_EXPONENT, 8)
        self.stem = style.conv(self.image, 3, shape.stem, 3, stride=2 if shape.pool else 4, bits=8)
        self.stem_act = style.relu()
        self.pool = nn.MaxPool2d(3, 2, 1) if shape.pool else nn.Identity()
        self.stages = nn.ModuleList()
        source, before = self.stem_act, shape.stem
        for channels, units in zip(shape.stages, shape.units, strict=True):
            out_act = style.relu()  # shared, so that passing channels keep their scale through the whole stage
            first = ShuffleDown(style, source, before, channels, out_act)
            self.stages.append(nn.Sequential(first, *(ShuffleUnit(style, channels, out_act) for _ in range(units - 1))))
            source, before = out_act, channels
        self.last = style.conv(source, before, shape.last, 1)
        self.last_act = style.relu()
        source, before = self.last_act, shape.last
        self.steps = nn.ModuleList()
        for channels in shape.decoder:
            step = DeformStep(style, source, (before, channels), shape.dilations)
            self.steps.append(step)
            source, before = step.act, channels
        ends = {
            "heatmap": (shape.classes, style.signed(HEATMAP_EXPONENT), _RARE),
            "size": (2, style.signed(SIZE_EXPONENT, SIZE_BITS), 0.0),
            "offset": (2, style.signed(OFFSET_EXPONENT), 0.0),
        }
        self.heads = nn.ModuleDict(
            {name: Head(style, source, (before, shape.head, outputs), act, bias) for name, (outputs, act, bias) in ends.items()}
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (heatmap, size, offset)."""
        x = self.pool(self.stem_act(self.stem(self.image(image))))
        for stage in self.stages:
            x = stage(x)
        x = self.last_act(self.last(x))
        for step in self.steps:
            x = step(x)
        return self.heads["heatmap"](x), self.heads["size"](x), self.heads["offset"](x)

    @staticmethod
    def loss(maps: Sequence[Tensor], targets: Targets, class_weights: Sequence[float]) -> Tensor:
        """Of what `forward` returned."""
        heatmap, size, offset = maps
        return point_loss(heatmap, size, offset, targets, class_weights)
