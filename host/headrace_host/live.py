# SPDX-License-Identifier: Apache-2.0
"""Detection in a stream of pictures: annotated videos, the latest picture of a camera, frames per second."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import numpy as np

from headrace_host.detector import Detection, Detector
from headrace_host.draw import draw
from headrace_host.errors import HostError
from headrace_host.sources import Picture, Source, opencv

WINDOW = 30
"""Pictures over which the present rate is measured."""
LATEST = "latest.jpg"
"""Where the newest annotated picture of a camera lies."""


@dataclass(frozen=True)
class Seen:
    """A picture with what was found in it."""

    picture: Picture
    detections: list[Detection]
    number: int
    """Of the picture, from 1."""
    fps: float
    """Pictures per second of the last `WINDOW`; 0 for the first."""


def watch(detector: Detector, source: Source, batch: int = 1, limit: int | None = None) -> Iterator[Seen]:
    """Detects in a source's pictures as they come.

    Args:
        batch: pictures that go to the accelerator at once.
        limit: stop after so many.
    """
    moments: deque[float] = deque(maxlen=WINDOW)
    pictures = source.pictures()
    for number, (picture, detections) in enumerate(detector.stream(_first(pictures, limit), batch), 1):
        moments.append(time.perf_counter())
        passed = moments[-1] - moments[0]
        yield Seen(picture, detections, number, (len(moments) - 1) / passed if passed else 0.0)


def _first(pictures: Iterator[Picture], limit: int | None) -> Iterator[Picture]:
    for number, picture in enumerate(pictures, 1):
        yield picture
        if number == limit:
            return


def entry(detection: Detection) -> dict[str, Any]:
    """A detection as JSON holds it."""
    return {
        "class": detection.name,
        "score": round(detection.score, 6),
        "box": [round(value, 3) for value in detection.box],
    }


class Recording:
    """Writes what was seen: one JSON line a picture, and an annotated video (or, of a camera, the latest picture).

    The files appear under their names when the recording ends; those of a camera, and the lines, as they are written.

    Args:
        folder: for ``detections.jsonl`` and the video ``NAME.mp4``.
        source: whose pictures are recorded.
        classes: names, for the legend.

    Raises:
        HostError: OpenCV cannot write the video.
    """

    def __init__(self, folder: Path, source: Source, classes: tuple[str, ...]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._source, self._classes = folder, source, classes
        self._lines = (folder / "detections.jsonl").open("w", encoding="utf-8")
        self._writer: Any = None
        self._partial = folder / f".{uuid4().hex[:12]}.mp4"
        self.video = folder / f"{source.paths[0].stem if source.paths else 'camera'}.mp4"
        self.counts: Counter[str] = Counter()

    def add(self, seen: Seen) -> None:
        """Records a picture."""
        found = [entry(detection) for detection in seen.detections]
        self.counts.update(detection.name for detection in seen.detections)
        self._lines.write(json.dumps({"picture": seen.picture.name, "detections": found}) + "\n")
        image = draw(seen.picture.pixels, seen.detections, self._classes)
        if self._source.live:
            partial = self._folder / f".{LATEST}.partial"
            image.save(partial, format="JPEG", quality=85)
            partial.replace(self._folder / LATEST)
            self._lines.flush()
        else:
            self._write(np.asarray(image))

    def _write(self, pixels: Any) -> None:
        cv2 = opencv(str(self.video))
        if self._writer is None:
            size = (pixels.shape[1], pixels.shape[0])
            self._writer = cv2.VideoWriter(str(self._partial), cv2.VideoWriter.fourcc(*"mp4v"), self._source.fps or 25.0, size)
            self._size = size
            if not self._writer.isOpened():
                raise HostError(f"{self.video}: OpenCV cannot write this video")
        if (pixels.shape[1], pixels.shape[0]) != self._size:
            pixels = cv2.resize(pixels, self._size)
        self._writer.write(np.ascontiguousarray(pixels[..., ::-1]))

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lines.close()
        if self._writer is not None:
            self._writer.release()
            if kind is None or kind is KeyboardInterrupt:  # what was seen until then is worth keeping
                self._partial.replace(self.video)
        self._partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class Summary:
    """What a recording comes to."""

    pictures: int
    seconds: float
    counts: dict[str, int]
    counters: dict[str, int]
    """Of the fabric, on a board."""

    @property
    def fps(self) -> float:
        """Pictures per second over all, from the first picture asked for to the last written."""
        return self.pictures / self.seconds if self.seconds else 0.0


def record(
    detector: Detector,
    source: Source,
    folder: Path,
    batch: int = 1,
    limit: int | None = None,
    tell: Callable[[Seen], None] = lambda _: None,
) -> Summary:
    """Detects in all pictures of a source, or until Ctrl-C in those of a camera, and records them in ``folder``."""
    begun, number = time.perf_counter(), 0
    with Recording(folder, source, detector.config.classes) as recording:
        try:
            for seen in watch(detector, source, batch, limit):
                recording.add(seen)
                number = seen.number
                tell(seen)
        except KeyboardInterrupt:
            if not source.live:
                raise
    counters: dict[str, int] = getattr(detector.accelerator, "counters", dict)()
    return Summary(number, time.perf_counter() - begun, dict(recording.counts), counters)
