# SPDX-License-Identifier: Apache-2.0
"""Training targets of a CenterNet-style head, and its loss.

Heatmap: one Gaussian per object, penalty-reduced focal loss ("Objects as Points", arXiv 1904.07850). Boxes: distances to the
four edges at every cell near the centre, weighted by the Gaussian (TTFNet, arXiv 1909.00700), generalised IoU loss
(arXiv 1902.09630).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # torch's own convention

HEAT_SPREAD = 0.54
"""Half-extent of the Gaussian in units of the object's half side (TTFNet's alpha)."""

BOX_WEIGHT = 5.0
"""Weight of the box loss beside the heatmap loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Targets of a batch: ``heat`` (N, classes, H, W) in 0..1, ``box`` (N, 4, H, W) in cells, ``weight`` (N, 1, H, W)."""

    heat: Tensor
    box: Tensor
    weight: Tensor


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


def detection_loss(logits: Tensor, box: Tensor, targets: Targets, class_weights: Sequence[float]) -> Tensor:
    """Return the scalar loss of a batch; ``logits`` and ``box`` are the network's outputs.

    ``class_weights`` weigh the classes' parts of the heatmap loss; rare classes need more than their number gives them.
    """
    objects = (targets.heat == 1).sum().clamp_min(1)
    probability = torch.sigmoid(logits)
    is_centre = (targets.heat == 1).to(logits.dtype)
    near = (1 - targets.heat) ** 4
    hit = F.logsigmoid(logits) * (1 - probability) ** 2 * is_centre
    miss = F.logsigmoid(-logits) * probability**2 * near * (1 - is_centre)
    weights = logits.new_tensor(class_weights).reshape(1, -1, 1, 1)
    heat_loss = -((hit + miss) * weights).sum() / objects
    box_loss = ((1 - _generalised_iou(box, targets.box)) * targets.weight[:, 0]).sum() / objects
    return heat_loss + BOX_WEIGHT * box_loss


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
