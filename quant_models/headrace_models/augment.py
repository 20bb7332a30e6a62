# SPDX-License-Identifier: Apache-2.0
"""Random mirroring, scale, shift and colour. Up stays up: annotators place boxes a little high or low, which can be learned.

Every draw comes from a generator seeded by (seed, phase, epoch, position): training resumes exactly without stored state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace_models.cbc import Sample
from headrace_models.targets import Drawing, Targets, draw_targets

OVERSAMPLING = 1.25
"""Pictures are kept at this multiple of the network's input, so that zooming in finds detail."""

MIN_VISIBLE = 0.4
"""An object of which less than this part remains in view is not a target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Ranges of the random changes; ``zoom`` multiplies the object size, ``shift`` is a part of the picture's side."""

    zoom: tuple[float, float] = (0.8, 1.35)
    shift: float = 0.2
    colour: float = 0.15
    hue: float = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture in memory: pixels uint8 (3, H, W), boxes in its pixels, labels."""

    pixels: Tensor
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


def preload(samples: Sequence[Sample], width: int, height: int) -> list[Picture]:
    """Read and shrink pictures to cover ``width`` x ``height`` at `OVERSAMPLING`."""
    pictures = []
    for sample in samples:
        factor = OVERSAMPLING * min(width / sample.width, height / sample.height)
        size = round(sample.width * factor), round(sample.height * factor)
        small = Image.fromarray(sample.pixels()).resize(size, Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(small).transpose(2, 0, 1).copy())
        ratio = np.array([size[0] / sample.width, size[1] / sample.height] * 2, np.float32)
        pictures.append(Picture(pixels=pixels, boxes=sample.boxes * ratio, labels=sample.labels))
    return pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMaker:
    """Turns pictures into augmented batches of one size, with targets."""

    width: int
    height: int
    stride: int
    classes: int
    augmentation: Augmentation
    draw: Drawing = draw_targets

    def batch(self, pictures: Sequence[Picture], rng: np.random.Generator) -> tuple[Tensor, Targets]:
        """Return pixels * 2**-8, (N, 3, H, W), and the targets."""
        made = [self._one(picture, rng) for picture in pictures]
        heat, box, weight = (torch.from_numpy(np.stack(part)) for part in zip(*(m[1] for m in made), strict=True))
        images = torch.cat([m[0] for m in made])
        return images, Targets(heat=heat, box=box, weight=weight[:, None])

    def _one(
        self, picture: Picture, rng: np.random.Generator
    ) -> tuple[Tensor, tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
        matrix = self._placement(picture, rng)
        image = self._recolour(self._warp(picture.pixels, matrix), rng)
        boxes, labels = self._move(picture, matrix)
        targets = self.draw(
            boxes / np.float32(self.stride), labels,
            classes=self.classes, height=self.height // self.stride, width=self.width // self.stride,
        )  # fmt: skip
        return image, targets

    def _placement(self, picture: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw the 2x3 matrix from picture pixels to input pixels."""
        change = self.augmentation
        rows, columns = picture.pixels.shape[1:]
        zoom = np.exp(rng.uniform(*np.log(change.zoom))) / OVERSAMPLING
        linear = np.diag([rng.choice([-1.0, 1.0]) * zoom, zoom])
        out = np.array([self.width, self.height], np.float64)
        centre = out / 2 + rng.uniform(-change.shift, change.shift, 2) * out
        # With some play the picture's middle lands on `centre`.
        return np.column_stack([linear, centre - linear @ np.array([columns / 2, rows / 2])])

    def _warp(self, pixels: Tensor, matrix: NDArray[np.float64]) -> Tensor:
        inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
        rows, columns = pixels.shape[1:]

        def normalised(width: int, height: int) -> NDArray[np.float64]:
            return np.array([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])

        theta = normalised(columns, rows) @ inverse @ np.linalg.inv(normalised(self.width, self.height))
        grid = F.affine_grid(
            torch.tensor(theta[None, :2], dtype=torch.float32), [1, 3, self.height, self.width], align_corners=False
        )
        return F.grid_sample(pixels[None].float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def _recolour(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        change = self.augmentation
        gain = 1 + rng.uniform(-change.colour, change.colour) + rng.uniform(-change.hue, change.hue, 3)
        contrast = 1 + rng.uniform(-change.colour, change.colour)
        saturation = 1 + rng.uniform(-change.colour, change.colour)
        grey = image.mean(dim=1, keepdim=True)
        image = grey + (image - grey) * saturation
        # Contrast turns about a fixed grey, so that the black margins of shifted pictures stay nearly black.
        image = (image - 160.0) * contrast + 160.0
        image = image * torch.tensor(gain, dtype=torch.float32)[None, :, None, None]
        return image.round().clamp(0, 255) * 2.0**-8

    def _move(self, picture: Picture, matrix: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if not len(picture.boxes):
            return picture.boxes, picture.labels
        corners = picture.boxes.reshape(-1, 2, 2).astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
        whole = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        seen = whole.clip(0, [self.width, self.height] * 2)
        area, rest = (np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (whole, seen))
        keep = rest >= MIN_VISIBLE * area
        return seen[keep].astype(np.float32), picture.labels[keep]
