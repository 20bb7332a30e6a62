# SPDX-License-Identifier: Apache-2.0
"""cellnet: a detector of blood cells for small FPGAs.

ShuffleNetV2-like encoder to stride 32, three deformable up-stages with lateral adds, and a CenterNet-style head at stride 4:
class logits, and the distances to the box's four edges in cells.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from headrace_models.blocks import DeformUp, HeadBranch, ShuffleDown, ShuffleUnit
from headrace_models.recipes import IMAGE_EXPONENT, Shape
from headrace_models.styles import Style
from headrace_models.targets import Drawing, Targets, detection_loss, draw_targets

HEATMAP_EXPONENT = -4
"""Logits from -8 to just below 8."""

BOX_EXPONENT = -3
"""Distances from 0 to just below 32 cells, in eighths."""

_RARE = -3.0  # logit at the start: a cell is rarely a centre (focal-loss initialisation, arXiv 1708.02002)


class CellNet(nn.Module):
    """The network; maps pixels * 2**-8, (N, 3, H, W), to a heatmap (N, classes, H/4, W/4) and boxes (N, 4, H/4, W/4)."""

    outputs = ("heatmap", "box")
    draw: ClassVar[Drawing] = staticmethod(draw_targets)
    """Of the targets that `loss` wants."""

    def __init__(self, shape: Shape, style: Style) -> None:
        super().__init__()
        self.shape = shape
        self.image = style.unsigned(IMAGE_EXPONENT, 8)
        self.stem = style.conv(self.image, 3, shape.stem, 3, stride=2, bits=8)
        self.stem_act = style.relu()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stages = nn.ModuleList()
        source, before = self.stem_act, shape.stem
        skips = [(source, before)]
        for channels, units in zip(shape.stages, shape.units, strict=True):
            out_act = style.relu()  # shared, so that passing channels keep their scale through the whole stage
            first = ShuffleDown(style, source, before, channels, out_act)
            self.stages.append(nn.Sequential(first, *(ShuffleUnit(style, channels, out_act) for _ in range(units - 1))))
            source, before = out_act, channels
            skips.append((source, before))
        self.ups = nn.ModuleList()
        for (lateral, c_lateral), channels in zip(reversed(skips[:-1]), shape.decoder, strict=True):
            up = DeformUp(style, (source, lateral), (before, c_lateral, channels), deform=shape.deform)
            self.ups.append(up)
            source, before = up.out_act, channels
        self.heatmap = HeadBranch(style, source, (before, shape.classes), style.signed(HEATMAP_EXPONENT), bias=_RARE)
        self.box = HeadBranch(style, source, (before, 4), style.relu(BOX_EXPONENT), bias=4.0)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return (heatmap, box)."""
        x = self.pool(self.stem_act(self.stem(self.image(image))))
        skips = [x]
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        for up, skip in zip(self.ups, reversed(skips[:-1]), strict=True):
            x = up(x, skip)
        return self.heatmap(x), self.box(x)

    @staticmethod
    def loss(maps: Sequence[Tensor], targets: Targets, class_weights: Sequence[float]) -> Tensor:
        """Of what `forward` returned."""
        heatmap, box = maps
        return detection_loss(heatmap, box, targets, class_weights)
