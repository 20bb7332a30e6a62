# SPDX-License-Identifier: Apache-2.0
"""Where pictures come from: image files and folders, video files, cameras. Videos and cameras need OpenCV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace_host.errors import HostError
from headrace_host.images import find_images, read_image

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
_CAMERA = re.compile(r"camera(?::(\d+))?|/dev/video(\d+)")


@dataclass(frozen=True)
class Picture:
    """One picture of a source."""

    name: str
    """Its file; for videos and cameras also its number."""
    pixels: npt.NDArray[np.uint8]
    """(H, W, 3), RGB."""


@dataclass(frozen=True)
class Source:
    """Pictures one after the other.

    Args:
        live: it never ends by itself, and pictures that nobody takes are lost.
        count: of its pictures, where that is known.
        fps: of a video or camera, where it says.
    """

    name: str
    live: bool = False
    count: int | None = None
    fps: float | None = None
    paths: tuple[Path, ...] = ()
    camera: int | None = None

    def pictures(self) -> Iterator[Picture]:
        """The pictures.

        Raises:
            HostError: a file is damaged, OpenCV is missing, or the camera gives nothing.
        """
        if self.camera is not None:
            yield from _frames(self.name, self.camera)
            return
        for path in self.paths:
            if is_video(path):
                yield from _frames(str(path), str(path))
            else:
                yield Picture(str(path), read_image(path))


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def open_source(names: Sequence[str]) -> Source:
    """A source of pictures.

    Args:
        names: image files, folders of images and video files in any mixture, or one camera: ``camera``, ``camera:N`` or
            ``/dev/videoN``.

    Raises:
        HostError: something does not exist, or there is nothing to see; a camera beside other things.
    """
    cameras = [match for name in names if (match := _CAMERA.fullmatch(name))]
    if cameras and len(names) > 1:
        raise HostError(f"{cameras[0][0]}: a camera comes alone; leave out {', '.join(n for n in names if n != cameras[0][0])}")
    if cameras:
        number = int(cameras[0][1] or cameras[0][2] or 0)
        return Source(names[0], live=True, fps=_property(names[0], number, "CAP_PROP_FPS"), camera=number)
    paths: list[Path] = []
    for name in names:
        path = Path(name)
        paths += [path] if is_video(path) and path.is_file() else find_images([path])
    videos = [path for path in paths if is_video(path)]
    counts = [_property(str(path), str(path), "CAP_PROP_FRAME_COUNT") for path in videos]
    count = len(paths) - len(videos) + int(sum(counts)) if all(counts) else None
    fps = _property(str(videos[0]), str(videos[0]), "CAP_PROP_FPS") if videos else None
    return Source(", ".join(names), count=count, fps=fps or None, paths=tuple(paths))


def opencv(what: str) -> Any:
    """The OpenCV module.

    Raises:
        HostError: it is not installed; names ``what`` it is for.
    """
    try:
        import cv2
    except ImportError as error:
        raise HostError(f"{what}: needs OpenCV ({error}); install it with: pip install opencv-python-headless") from error
    if hasattr(cv2, "utils"):
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what is wrong is told in one line of ours
    return cv2


def _capture(name: str, opened: str | int) -> Any:
    capture = opencv(name).VideoCapture(opened)
    if not capture.isOpened():
        raise HostError(f"{name}: not a readable video" if isinstance(opened, str) else f"{name}: no such camera")
    return capture


def _property(name: str, opened: str | int, which: str) -> float:
    capture = _capture(name, opened)
    value = float(capture.get(getattr(opencv(name), which)))
    capture.release()
    return value


def _frames(name: str, opened: str | int) -> Iterator[Picture]:
    capture = _capture(name, opened)
    try:
        number = 0
        while True:
            there, pixels = capture.read()
            if not there:
                if not number or isinstance(opened, int):
                    raise HostError(f"{name}: gives no picture")
                return
            number += 1
            yield Picture(f"{name}#{number}", np.ascontiguousarray(pixels[..., ::-1]))
    finally:
        capture.release()
