# SPDX-License-Identifier: Apache-2.0
"""Random mirroring, scale, shift and colour. Up stays up: annotators place boxes a little high or low, which can be learned.

Every draw comes from a generator seeded by (seed, phase, epoch, position): training resumes exactly without stored state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from headrace_host.datasets import Sample
from headrace_host.errors import HostError
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace_models.errors import DataError
from headrace_models.recipes import Augmentation
from headrace_models.targets import Drawing, Targets, draw_targets

OVERSAMPLING = 1.25
"""Pictures are kept at this multiple of the network's input, so that zooming in finds detail."""

MIN_VISIBLE = 0.4
"""An object of which less than this part remains in view is not a target."""

ROOM_BYTES = 2 << 30
"""Of memory for pictures: those of some 10,000 at 256 x 256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture in memory: pixels uint8 (3, H, W), boxes in its pixels, labels."""

    pixels: Tensor
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


class Pictures:
    """Pictures by number, read when they are wanted, shrunk to cover ``width`` x ``height`` at `OVERSAMPLING`.

    The first that are read stay in memory while there is room for them; the others are read again in each epoch.
    """

    def __init__(self, samples: Sequence[Sample], width: int, height: int, room_bytes: int = ROOM_BYTES) -> None:
        self._samples, self._width, self._height = samples, width, height
        self._kept: dict[int, Picture] = {}
        self._room_bytes = room_bytes

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Picture:
        """Raises DataError if the picture cannot be read."""
        if index in self._kept:
            return self._kept[index]
        picture = self._read(self._samples[index])
        if picture.pixels.nbytes <= self._room_bytes:
            self._room_bytes -= picture.pixels.nbytes
            self._kept[index] = picture
        return picture

    def _read(self, sample: Sample) -> Picture:
        try:
            whole = Image.fromarray(sample.pixels())
        except HostError as error:
            raise DataError(str(error)) from error
        factor = OVERSAMPLING * min(self._width / whole.width, self._height / whole.height)
        size = max(1, round(whole.width * factor)), max(1, round(whole.height * factor))
        small = whole.resize(size, Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(small).transpose(2, 0, 1).copy())
        ratio = np.array([size[0] / whole.width, size[1] / whole.height] * 2, np.float32)
        truth = sample.truth
        return Picture(pixels=pixels, boxes=truth.boxes.astype(np.float32) * ratio, labels=truth.labels)


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
        keep = (rest >= MIN_VISIBLE * area) & (rest > 0)
        return seen[keep].astype(np.float32), picture.labels[keep]
