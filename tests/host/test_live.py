# SPDX-License-Identifier: Apache-2.0
"""Pictures from files, videos and cameras, and what is recorded of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from headrace_host import sources
from headrace_host.accelerator import Accelerator
from headrace_host.detector import Detector, DetectorConfig
from headrace_host.errors import HostError
from headrace_host.live import LATEST, record, watch
from headrace_host.sources import Picture, Source, open_source
from PIL import Image


def pixels(seed: int, shape: tuple[int, int] = (24, 32)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)


def write_video(path: Path, count: int, shape: tuple[int, int] = (48, 64)) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 12.5, (shape[1], shape[0]))
    for k in range(count):
        writer.write(np.full((*shape, 3), (40 * k, 0, 200), np.uint8))  # blue, green, red
    writer.release()
    return path


@pytest.fixture
def detector(small_build: Path) -> Iterator[Detector]:
    with Accelerator(small_build) as accelerator:
        yield Detector(accelerator, DetectorConfig.from_json(accelerator.build.manifest["detector"]))


def test_files_folders_and_videos_in_one_source(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("b.png", "a.png"):
        Image.fromarray(pixels(1)).save(tmp_path / "folder" / name)
    video = write_video(tmp_path / "v.mp4", 3)
    source = open_source([str(video), str(tmp_path / "folder")])
    assert (source.count, source.fps, source.live) == (5, 12.5, False)
    names = [picture.name.removeprefix(f"{tmp_path}/") for picture in source.pictures()]
    assert names == ["v.mp4#1", "v.mp4#2", "v.mp4#3", "folder/a.png", "folder/b.png"]
    first = next(iter(source.pictures())).pixels
    assert first.shape == (48, 64, 3)
    assert np.abs(first.reshape(-1, 3).mean(axis=0) - (200, 0, 0)).max() < 12, "red comes first"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["none.mp4"], "none.mp4: no such image or folder"),
        (["broken.mp4"], "broken.mp4: not a readable video"),
        (["camera:93"], "camera:93: no such camera"),
        (["camera", "x.png"], r"camera: a camera comes alone; leave out x.png"),
    ],
)
def test_what_is_no_source(names: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.mp4").write_bytes(b"not a video")
    with pytest.raises(HostError, match=message):
        open_source(names)


def test_without_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write_video(tmp_path / "v.mp4", 1)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(HostError, match=r"v.mp4: needs OpenCV .*; install it with: pip install opencv-python-headless"):
        open_source([str(video)])


def test_a_stream_finds_what_single_pictures_show(detector: Detector) -> None:
    pictures = [Picture(str(k), pixels(k, (20 + k, 30))) for k in range(7)]
    alone = detector.detect([picture.pixels for picture in pictures])
    assert any(alone), "a detector that finds nothing proves nothing"
    for batch in (1, 3, 7, 10):
        streamed = list(detector.stream(pictures, batch))
        assert [picture.name for picture, _ in streamed] == [picture.name for picture in pictures]
        assert [found for _, found in streamed] == alone


class _Source(Source):
    def pictures(self) -> Iterator[Picture]:
        return (Picture(f"p{k}", pixels(k)) for k in range(100 if self.live else 5))


def test_a_limit_takes_no_more_pictures_than_that(detector: Detector) -> None:
    taken = []

    class Counted(_Source):
        def pictures(self) -> Iterator[Picture]:
            for picture in super().pictures():
                taken.append(picture)
                yield picture

    assert len(list(watch(detector, Counted("x", live=True), limit=3))) == 3
    assert len(taken) == 3


def test_a_recording(detector: Detector, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 6)
    told: list[int] = []
    summary = record(detector, open_source([str(video)]), tmp_path / "out", 2, None, lambda seen: told.append(seen.number))
    assert told == [1, 2, 3, 4, 5, 6]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["detections.jsonl", "v.mp4"]
    lines = [json.loads(line) for line in (tmp_path / "out" / "detections.jsonl").read_text().splitlines()]
    assert len(lines) == summary.pictures == 6
    assert sum(len(line["detections"]) for line in lines) == sum(summary.counts.values())
    written = open_source([str(tmp_path / "out" / "v.mp4")])
    assert (written.count, written.fps) == (6, 12.5)
    assert summary.fps > 0


def test_a_camera_leaves_its_latest_picture(detector: Detector, tmp_path: Path) -> None:
    summary = record(detector, _Source("camera", live=True), tmp_path, limit=4)
    assert summary.pictures == 4
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".onnx" and path.is_file()) == [
        "detections.jsonl",
        LATEST,
    ]
    assert Image.open(tmp_path / LATEST).size[0] >= 32


def test_ctrl_c_ends_a_camera_and_keeps_what_was_seen(detector: Detector, tmp_path: Path) -> None:
    def interrupt(seen: Any) -> None:
        if seen.number == 3:
            raise KeyboardInterrupt

    summary = record(detector, _Source("camera", live=True), tmp_path / "out", tell=interrupt)
    assert summary.pictures == 3
    assert len((tmp_path / "out" / "detections.jsonl").read_text().splitlines()) == 3


def test_a_video_that_cannot_be_written_leaves_nothing_behind(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "v.mp4", 2)
    monkeypatch.setattr(cv2.VideoWriter, "isOpened", lambda _: False)
    with pytest.raises(HostError, match=r"v.mp4: OpenCV cannot write this video"):
        record(detector, open_source([str(video)]), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["detections.jsonl"]
    assert sources.is_video(Path("A.MP4"))
