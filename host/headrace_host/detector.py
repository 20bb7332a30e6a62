# SPDX-License-Identifier: Apache-2.0
"""From pictures to boxes: letterbox, run the accelerator, decode a CenterNet-style head.

The head has maps at a fraction of the input resolution: a heatmap of class logits, and either four distances from the
cell's centre to the box's left, top, right and bottom edge, or the box's width and height and its centre's place within the
cell. A detection is a cell whose logit is the largest of its 3x3 neighbourhood ("Objects as Points", arXiv 1904.07850;
distances as in TTFNet, arXiv 1909.00700).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headrace_host.boxes import suppress
from headrace_host.errors import HostError
from headrace_host.sources import Picture

DISTANCES = "centernet-ltrb"
"""Boxes as distances to their edges."""
SIZES = "centernet"
"""Boxes as widths and heights, beside offsets of their centres in cells."""
BILINEAR = 2
"""``Image.Resampling.BILINEAR``, a name that came with pillow 9.1: PYNQ images have 9.0."""
LIMIT = 1e300
"""Beyond it a number of a description counts as infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorConfig:
    """What decoding needs to know; travels with the model as JSON (key ``headrace.detector``).

    ``image_scale`` is the real value of one step of a pixel, ``stride`` the input pixels per cell, and ``box_scale`` the
    input pixels per real unit of the box map. ``heatmap``, ``box`` and, of kind `SIZES`, ``offset`` name the network's
    outputs.
    """

    classes: tuple[str, ...]
    stride: int
    image_scale: float
    heatmap: str
    box: str
    box_scale: float
    score_threshold: float
    nms_iou: float
    max_detections: int
    kind: str = DISTANCES
    offset: str = ""

    @property
    def channels(self) -> dict[str, int]:
        """Of each output that is decoded."""
        found = {self.heatmap: len(self.classes), self.box: 4 if self.kind == DISTANCES else 2}
        return found if self.kind == DISTANCES else {**found, self.offset: 2}

    def __post_init__(self) -> None:
        """Check the values; a `HostError` says what is wrong."""
        if self.kind not in (DISTANCES, SIZES):
            raise HostError(f"detector kind {self.kind!r} is unknown; this version decodes {DISTANCES!r} and {SIZES!r}")
        if (self.kind == SIZES) != bool(self.offset):
            raise HostError(f"detector kind {self.kind!r} with offsets in {self.offset!r}; {SIZES!r} needs them, no other does")
        self._check_types()
        if not self.classes or self.stride < 1 or self.box_scale <= 0 or self.max_detections < 1:
            raise HostError(f"detector configuration out of range: {self}")

    def _check_types(self) -> None:
        """Refuse what JSON may hold in place of a text, a whole or a finite number."""
        numbers = ("image_scale", "box_scale", "score_threshold", "nms_iou")
        for kind, description, names in (
            (str, "a text", ("heatmap", "box", "offset")),
            (int, "a whole number", ("stride", "max_detections")),
            ((int, float), "a finite number", numbers),
        ):
            for name in names:
                value: Any = getattr(self, name)
                right = isinstance(value, kind) and not isinstance(value, bool)
                if not right or (name in numbers and not -LIMIT < value < LIMIT):
                    raise HostError(f"detector configuration: {name} is {value!r:.40}, not {description}")
        if not all(isinstance(name, str) for name in self.classes):
            raise HostError(f"detector configuration: classes are {self.classes!r}, not texts")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DetectorConfig:
        """Build from parsed JSON; unknown keys are ignored so that older readers take newer files.

        Raises:
            HostError: no dictionary, a key is missing, or a value is out of range or of the wrong type.
        """
        if not isinstance(data, Mapping):
            raise HostError(f"detector configuration is {data!r:.60}, not a dictionary")
        known = {field.name for field in fields(cls)}
        missing = known - {"kind", "offset"} - set(data)
        if missing:
            raise HostError(f"detector configuration lacks {', '.join(sorted(missing))}")
        if not isinstance(data["classes"], (list, tuple)):
            raise HostError(f"detector configuration: classes are {data['classes']!r:.60}, not a list")
        values = {key: value for key, value in data.items() if key in known}
        return cls(**{**values, "classes": tuple(data["classes"])})

    def to_json(self) -> dict[str, Any]:
        """Return a dictionary that `from_json` takes."""
        found = {f.name: getattr(self, f.name) for f in fields(self)} | {"classes": list(self.classes)}
        return found if self.offset else {name: value for name, value in found.items() if name != "offset"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """How a picture was placed in the network's input: scaled by ``scale``, then moved by ``left``, ``top`` pixels."""

    scale: float
    left: int
    top: int
    image_width: int
    image_height: int

    def to_image(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map boxes (N, 4) from input pixels to pixels of the picture, cut at its edges."""
        moved = (boxes - np.array([self.left, self.top] * 2)) / self.scale
        return np.asarray(moved.clip(0, [self.image_width, self.image_height] * 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One object found: its box (left, top, right, bottom) in picture pixels, score in 0..1, and class."""

    box: tuple[float, float, float, float]
    score: float
    label: int
    name: str


class OutputInfo(Protocol):
    """What is known of one output of an accelerator."""

    @property
    def scale(self) -> float | NDArray[np.float64]:
        """Real value of one integer step; one for all channels, or (C,)."""
        ...

    @property
    def offset(self) -> float | NDArray[np.float64]:
        """Real value of the integer 0; one for all channels, or (C,)."""
        ...


class Accelerator(Protocol):
    """Anything that runs the network: the CPU's golden path, a simulation or a board."""

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Shape of the input, (N, H, W, C)."""
        ...

    @property
    def outputs(self) -> Mapping[str, OutputInfo]:
        """What is known of each output, by name."""
        ...

    def run(self, batch: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Run a batch uint8 (N, H, W, C); return integer arrays (N, H', W', C') by output name."""
        ...


def letterbox(image: NDArray[np.uint8], height: int, width: int) -> tuple[NDArray[np.uint8], Letterbox]:
    """Fit a picture uint8 (h, w, 3) into (height, width, 3), keeping its aspect; the margins are black.

    Scales with pillow's bilinear filter, which averages when shrinking, in integers: the same on every machine.
    """
    rows, columns = image.shape[:2]
    scale = min(height / rows, width / columns)
    inner_h = min(height, max(1, round(rows * scale)))
    inner_w = min(width, max(1, round(columns * scale)))
    small = Image.fromarray(image).resize((inner_w, inner_h), BILINEAR)
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + inner_h, left : left + inner_w] = np.asarray(small)
    placed = Letterbox(scale=scale, left=left, top=top, image_width=columns, image_height=rows)
    return canvas, placed


def decode(maps: Mapping[str, NDArray[np.floating[Any]]], config: DetectorConfig, placed: Letterbox) -> list[Detection]:
    """Turn the real-valued head of one picture into detections, best score first.

    Ties are settled by place: of equal scores, the cell that comes first in raster order, then the lower class.
    Equal neighbours are all peaks, since quantized logits of two touching objects can be equal; what is one object is
    left to suppression.

    Args:
        maps: (H, W, channels) by output: logits of classes; distances to the left, top, right and bottom edge, or widths
            and heights, and offsets to the right and down.

    Raises:
        HostError: the maps have other numbers of channels than the configuration.
    """
    for name, channels in config.channels.items():
        if maps[name].shape[-1] != channels:
            raise HostError(
                f"the network's output {name} has {maps[name].shape[-1]} channels; its detector description has {channels}"
            )
    logits = np.asarray(maps[config.heatmap], np.float64)
    peaks = (logits >= _neighbourhood_max(logits)) & (_sigmoid(logits) >= config.score_threshold)
    rows, columns, labels = np.nonzero(peaks)
    scores = _sigmoid(logits[rows, columns, labels])
    reach = np.asarray(maps[config.box], np.float64)[rows, columns] * config.box_scale
    within = np.full_like(reach, 0.5)
    if config.kind == SIZES:
        within = np.tile(np.asarray(maps[config.offset], np.float64)[rows, columns], 2)
        reach = np.tile(reach / 2, 2)
    centres = (np.stack([columns, rows] * 2, axis=1) + within) * config.stride
    corners = placed.to_image(centres + reach * np.array([-1, -1, 1, 1]))
    keep = suppress(corners, scores, labels, config.nms_iou)[: config.max_detections]
    return [
        Detection(
            box=(float(corners[i, 0]), float(corners[i, 1]), float(corners[i, 2]), float(corners[i, 3])),
            score=float(scores[i]),
            label=int(labels[i]),
            name=config.classes[labels[i]],
        )
        for i in keep
    ]


class Detector:
    """Finds objects in pictures with an accelerator that runs a CenterNet-style network."""

    def __init__(self, accelerator: Accelerator, config: DetectorConfig) -> None:
        """Pair an accelerator with the decoding that its network needs.

        Raises:
            HostError: the accelerator lacks an output that the configuration names.
        """
        missing = set(config.channels) - set(accelerator.outputs)
        if missing:
            raise HostError(
                f"the accelerator has no output {', '.join(sorted(missing))}; it has {', '.join(accelerator.outputs)}"
            )
        self.accelerator = accelerator
        self.config = config

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Return the detections of each picture uint8 (h, w, 3); sizes may differ."""
        if not images:
            return []
        height, width = self.accelerator.input_shape[1:3]
        fitted = [letterbox(image, height, width) for image in images]
        outputs = self.accelerator.run(np.stack([pixels for pixels, _ in fitted]))
        maps = self._maps(outputs)
        return [self._decode(maps, i, placed) for i, (_, placed) in enumerate(fitted)]

    def stream(self, pictures: Iterable[Picture], batch: int = 1) -> Iterator[tuple[Picture, list[Detection]]]:
        """Detect in pictures as they come; give each with its detections, in order.

        The accelerator works on some while others are fitted or decoded here.

        Args:
            batch: pictures that go to the accelerator at once; more are faster, fewer come sooner.
        """
        height, width = self.accelerator.input_shape[1:3]
        flying: deque[list[tuple[Picture, Letterbox]]] = deque()

        def batches() -> Iterator[NDArray[np.uint8]]:
            coming = iter(pictures)
            while group := list(islice(coming, batch)):
                fitted = [letterbox(picture.pixels, height, width) for picture in group]
                flying.append([(picture, placed) for picture, (_, placed) in zip(group, fitted, strict=True)])
                yield np.stack([pixels for pixels, _ in fitted])

        run = self.accelerator.run
        stream = getattr(self.accelerator, "stream", lambda given: map(run, given))
        for outputs in stream(batches()):
            maps = self._maps(outputs)
            for i, (picture, placed) in enumerate(flying.popleft()):
                yield picture, self._decode(maps, i, placed)

    def _maps(self, outputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
        return {name: real_values(outputs[name], self.accelerator.outputs[name]) for name in self.config.channels}

    def _decode(self, maps: Mapping[str, NDArray[np.float64]], index: int, placed: Letterbox) -> list[Detection]:
        return decode({name: values[index] for name, values in maps.items()}, self.config, placed)


def real_values(integers: NDArray[Any], info: OutputInfo) -> NDArray[np.float64]:
    """Return what the integers (..., C) of an output stand for: ``integer * scale + offset``."""
    return np.asarray(integers.astype(np.float64) * info.scale + info.offset)


def _neighbourhood_max(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest value of each 3x3 neighbourhood of (H, W, C)."""
    padded = np.pad(maps, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.asarray(np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    # Beyond 700 the exponential overflows; there the result is 0 or 1 in any case.
    return np.asarray(1.0 / (1.0 + np.exp(-logits.clip(-700, 700))))
