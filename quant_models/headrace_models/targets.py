# SPDX-License-Identifier: Apache-2.0
"""Training targets of a CenterNet-style head, and its loss.

Heatmap: one Gaussian per object, penalty-reduced focal loss ("Objects as Points", arXiv 1904.07850). Boxes are distances to
the four edges, in one of two ways: at every cell near the centre, weighted by the Gaussian (TTFNet, arXiv 1909.00700), with
generalised IoU loss (arXiv 1902.09630); or at the centre alone, for sizes and offsets with absolute loss, as in the former.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # torch's own convention

HEAT_SPREAD = 0.54
"""Half-extent of the Gaussian in units of the object's half side (TTFNet's alpha)."""

BOX_WEIGHT = 5.0
"""Weight of the box loss beside the heatmap loss."""

OVERLAP = 0.7
"""A box whose corners lie up to the Gaussian's radius from an object's overlaps it by this much (arXiv 1808.01244)."""

SIZE_WEIGHT = 0.1
"""Weight of the sizes' loss, in cells, beside those of heatmap and offsets (arXiv 1904.07850)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Targets of a batch: ``heat`` (N, classes, H, W) in 0..1, ``box`` (N, 4, H, W) in cells, ``weight`` (N, 1, H, W)."""

    heat: Tensor
    box: Tensor
    weight: Tensor

    def to(self, device: torch.device) -> "Targets":
        """The same on a device."""
        return Targets(heat=self.heat.to(device), box=self.box.to(device), weight=self.weight.to(device))


class Drawing(Protocol):
    """A way to draw the targets of one picture."""

    def __call__(
        self, boxes: NDArray[np.float32], labels: NDArray[np.int64], *, classes: int, height: int, width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """See `draw_targets`."""
        ...


def draw_targets(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], *, classes: int, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return heat (classes, H, W), box (4, H, W) and weight (H, W) for the objects of one picture, boxes in cells.

    Where objects overlap the smaller one owns the cell.
    """
    heat = np.zeros((classes, height, width), np.float32)
    distances = np.zeros((4, height, width), np.float32)
    weight = np.zeros((height, width), np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    ys, xs = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    for index in np.argsort(-sides.prod(axis=1), kind="stable"):
        left, top, right, bottom = (float(v) for v in boxes[index])
        column = min(width - 1, max(0, int((left + right) / 2)))
        row = min(height - 1, max(0, int((top + bottom) / 2)))
        reach_x, reach_y = (max(1.0, HEAT_SPREAD * float(side) / 2) for side in sides[index])
        offset_x, offset_y = xs - column, ys - row
        # The Gaussian's 3 sigma lie at the reach, as in TTFNet.
        blob = np.exp(-4.5 * ((offset_x / reach_x) ** 2 + (offset_y / reach_y) ** 2))
        blob *= (np.abs(offset_x) <= reach_x) & (np.abs(offset_y) <= reach_y)
        np.maximum(heat[labels[index]], blob, out=heat[labels[index]])
        inside = blob > 0
        edges = np.broadcast_arrays(xs + 0.5 - left, ys + 0.5 - top, right - xs - 0.5, bottom - ys - 0.5)
        distances[:, inside] = np.stack(edges)[:, inside].clip(0)
        weight[inside] = blob[inside] / blob.sum()
    return heat, distances, weight


def draw_points(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], *, classes: int, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """As `draw_targets`, but with round Gaussians, and boxes at the cells of centres alone, where the weight is 1."""
    heat = np.zeros((classes, height, width), np.float32)
    distances = np.zeros((4, height, width), np.float32)
    weight = np.zeros((height, width), np.float32)
    ys, xs = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    sides = boxes[:, 2:] - boxes[:, :2]
    for index in np.argsort(-sides.prod(axis=1), kind="stable"):
        left, top, right, bottom = (float(v) for v in boxes[index])
        column = min(width - 1, max(0, int((left + right) / 2)))
        row = min(height - 1, max(0, int((top + bottom) / 2)))
        radius = int(gaussian_radius(*(float(np.ceil(side)) for side in sides[index])))
        sigma = (2 * radius + 1) / 6
        blob = np.exp(-((xs - column) ** 2 + (ys - row) ** 2) / (2 * sigma**2))
        blob *= (np.abs(xs - column) <= radius) & (np.abs(ys - row) <= radius)
        np.maximum(heat[labels[index]], blob, out=heat[labels[index]])
        distances[:, row, column] = (column + 0.5 - left, row + 0.5 - top, right - column - 0.5, bottom - row - 0.5)
        weight[row, column] = 1
    return heat, distances, weight


def gaussian_radius(width: float, height: float) -> float:
    """How far both corners of a box may move so that it still overlaps the object by `OVERLAP` (CornerNet, arXiv 1808.01244).

    The least of three: both corners move alike, both inwards, both outwards. Each is the smaller root of a quadratic.
    """
    around, area = width + height, width * height
    alike = _smaller_root(1.0, around, area * (1 - OVERLAP) / (1 + OVERLAP))
    inwards = _smaller_root(4.0, 2 * around, area * (1 - OVERLAP))
    outwards = (np.sqrt(around**2 + 4 * area * (1 / OVERLAP - 1)) - around) / 4
    return float(min(alike, inwards, outwards))


def _smaller_root(a: float, b: float, c: float) -> float:
    """Of a r**2 - b r + c."""
    return float((b - np.sqrt(b**2 - 4 * a * c)) / (2 * a))


def point_loss(logits: Tensor, size: Tensor, offset: Tensor, targets: Targets, class_weights: Sequence[float]) -> Tensor:
    """Return the scalar loss of a batch whose network gives ``size`` and ``offset`` (N, 2, H, W) in cells.

    ``targets`` are of `draw_points`; ``class_weights`` as in `detection_loss`.
    """
    objects = targets.weight.sum().clamp_min(1)
    near, far = targets.box[:, :2], targets.box[:, 2:]
    size_loss = ((size - (near + far)).abs() * targets.weight).sum() / objects
    offset_loss = ((offset - (0.5 + (far - near) / 2)).abs() * targets.weight).sum() / objects
    return _heat_loss(logits, targets, class_weights) + SIZE_WEIGHT * size_loss + offset_loss


def detection_loss(logits: Tensor, box: Tensor, targets: Targets, class_weights: Sequence[float]) -> Tensor:
    """Return the scalar loss of a batch; ``logits`` and ``box`` are the network's outputs.

    ``class_weights`` weigh the classes' parts of the heatmap loss; rare classes need more than their number gives them.
    """
    objects = (targets.heat == 1).sum().clamp_min(1)
    box_loss = ((1 - _generalised_iou(box, targets.box)) * targets.weight[:, 0]).sum() / objects
    return _heat_loss(logits, targets, class_weights) + BOX_WEIGHT * box_loss


def _heat_loss(logits: Tensor, targets: Targets, class_weights: Sequence[float]) -> Tensor:
    objects = (targets.heat == 1).sum().clamp_min(1)
    probability = torch.sigmoid(logits)
    is_centre = (targets.heat == 1).to(logits.dtype)
    near = (1 - targets.heat) ** 4
    hit = F.logsigmoid(logits) * (1 - probability) ** 2 * is_centre
    miss = F.logsigmoid(-logits) * probability**2 * near * (1 - is_centre)
    weights = logits.new_tensor(class_weights).reshape(1, -1, 1, 1)
    return -((hit + miss) * weights).sum() / objects


def _generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return (N, H, W) for boxes given as distances (N, 4, H, W) from a common point inside both."""
    shared = torch.minimum(a, b)
    hull = torch.maximum(a, b)
    overlap = _area(shared)
    union = _area(a) + _area(b) - overlap + 1e-6
    enclosing = _area(hull) + 1e-6
    return overlap / union - (enclosing - union) / enclosing


def _area(distances: Tensor) -> Tensor:
    return (distances[:, 0] + distances[:, 2]) * (distances[:, 1] + distances[:, 3])
