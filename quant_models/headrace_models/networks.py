# SPDX-License-Identifier: Apache-2.0
"""The networks that recipes train, by their shapes."""

from headrace_models.cellnet import CellNet
from headrace_models.codenet import CoDeNet
from headrace_models.recipes import CoDeNetShape, Shape
from headrace_models.styles import Style

Network = CellNet | CoDeNet


def network(shape: Shape | CoDeNetShape, style: Style) -> Network:
    """The network of a shape, untrained."""
    return CoDeNet(shape, style) if isinstance(shape, CoDeNetShape) else CellNet(shape, style)
