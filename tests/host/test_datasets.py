# SPDX-License-Identifier: Apache-2.0
"""Annotated pictures as VOC, COCO and the Complete Blood Count data set lay them out, and what is said of damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headrace_host.accelerator import Accelerator
from headrace_host.datasets import open_dataset
from headrace_host.detector import Detector, DetectorConfig
from headrace_host.errors import HostError
from headrace_host.evaluation import evaluate
from PIL import Image

CLASSES = ("cat", "dog")
COCO: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "b.jpg"}, {"id": 3, "file_name": "a.jpg"}],
    "categories": [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}, {"id": 1, "name": "person"}],
    "annotations": [
        {"image_id": 7, "category_id": 18, "bbox": [10, 20, 30, 5], "area": 99.5, "iscrowd": 0},
        {"image_id": 7, "category_id": 1, "bbox": [0, 0, 3, 3], "area": 9},
        {"image_id": 7, "category_id": 17, "bbox": [1, 2, 3, 4], "iscrowd": 1},
    ],
}


def picture(path: Path, size: tuple[int, int] = (64, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 10, 10)).save(path)


def annotation(path: Path, *objects: tuple[str, tuple[int, ...], int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    items = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
        f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for name, b, difficult in objects
    )
    path.write_text(f"<annotation><size><width>64</width><height>48</height></size>{items}</annotation>")


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    folder = tmp_path / "VOC2007"
    for name in ("000001", "000002", "000003"):
        picture(folder / "JPEGImages" / f"{name}.jpg")
    annotation(folder / "Annotations" / "000001.xml", ("dog", (1, 1, 64, 48), 0), ("cat", (3, 5, 10, 20), 1))
    annotation(folder / "Annotations" / "000002.xml", ("person", (1, 1, 5, 5), 0))
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "test.txt").write_text("000001\n000002\n")
    (folder / "ImageSets" / "Main" / "dog_test.txt").write_text("000001 1\n000002 -1\n")
    return folder


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    path = tmp_path / "coco" / "annotations" / "instances_val2017.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(COCO))
    for name in ("a", "b"):
        picture(tmp_path / "coco" / "val2017" / f"{name}.jpg")
    return path


def test_voc_counts_pixels_from_one(voc: Path) -> None:
    found = open_dataset(voc, CLASSES)
    assert (found.kind, [s.name for s in found.samples], dict(found.left_out)) == ("voc", ["000001", "000002"], {"person": 1})
    truth = found.samples[0].truth
    assert truth.boxes.tolist() == [[0, 0, 64, 48], [2, 4, 10, 20]]
    assert truth.labels.tolist() == [1, 0]
    assert truth.ignored.tolist() == [False, True]
    assert truth.areas.tolist() == [64 * 48, 8 * 16]
    assert found.samples[0].pixels().shape == (48, 64, 3)


def test_coco_by_file_and_by_folder(coco: Path) -> None:
    for path in (coco, coco.parent.parent):
        found = open_dataset(path, CLASSES)
        assert (found.kind, [s.name for s in found.samples], dict(found.left_out)) == ("coco", ["a", "b"], {"person": 1})
        assert found.samples[0].truth.boxes.shape == (0, 4)
        truth = found.samples[1].truth
        assert truth.boxes.tolist() == [[10, 20, 40, 25], [1, 2, 4, 6]]
        assert truth.labels.tolist() == [1, 0]
        assert truth.ignored.tolist() == [False, True]
        assert truth.areas.tolist() == [99.5, 12]


def test_folders_by_split(tmp_path: Path) -> None:
    picture(tmp_path / "Testing" / "Images" / "a.png")
    annotation(tmp_path / "Testing" / "Annotations" / "a.xml", ("dog", (0, 0, 99, 48), 0), ("dog", (5, 5, 6, 30), 0))
    found = open_dataset(tmp_path, CLASSES)
    assert found.samples[0].truth.boxes.tolist() == [[0, 0, 64, 48]]  # cut at the edge; the slip is left out
    with pytest.raises(HostError, match="no data set of split 'Training'"):
        open_dataset(tmp_path, CLASSES, "Training")


def test_what_is_no_data_set(tmp_path: Path, voc: Path, coco: Path) -> None:
    with pytest.raises(HostError, match="nowhere: no data set; known layouts are VOC"):
        open_dataset(tmp_path / "nowhere", CLASSES)
    with pytest.raises(HostError, match=r"no list of split 'train'; there are: test"):
        open_dataset(voc, CLASSES, "train")
    with pytest.raises(HostError, match=r"no object of the network's classes \(ship\); annotated are cat, dog, person"):
        open_dataset(voc, ("ship",))
    (voc / "Annotations" / "000002.xml").unlink()
    with pytest.raises(HostError, match=r"000002\.xml: missing"):
        open_dataset(voc, CLASSES)
    (voc / "JPEGImages" / "000002.jpg").unlink()
    with pytest.raises(HostError, match="1 of 2 pictures are missing, the first is 000002"):
        open_dataset(voc, CLASSES)
    (coco.parent.parent / "val2017").rename(tmp_path / "elsewhere")
    with pytest.raises(HostError, match="--images"):
        open_dataset(coco, CLASSES)
    assert open_dataset(coco, CLASSES, images=tmp_path / "elsewhere").samples[0].pixels().shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not a COCO annotation file"),
        ("[]", "is not a COCO annotation file"),
        ("{}", "lacks 'categories'"),
        (json.dumps({**COCO, "annotations": [{"image_id": 8, "category_id": 17, "bbox": [0, 0, 1, 1]}]}), "lacks 8"),
        (json.dumps({**COCO, "annotations": [{"image_id": 7, "category_id": 17, "bbox": [0, 0]}]}), "not enough values"),
        (json.dumps({**COCO, "images": [], "annotations": []}), "lists no pictures"),
    ],
)
def test_damaged_coco(coco: Path, content: str, message: str) -> None:
    coco.write_text(content)
    with pytest.raises(HostError, match=message):
        open_dataset(coco, CLASSES)


@pytest.mark.parametrize("content", ["", "<annotation", "<annotation><object><name>cat</name></object></annotation>"])
def test_damaged_voc(voc: Path, content: str) -> None:
    (voc / "Annotations" / "000001.xml").write_text(content)
    with pytest.raises(HostError, match=r"000001\.xml is not a Pascal VOC annotation"):
        open_dataset(voc, CLASSES)


def test_what_a_detector_finds_is_right(small_build: Path, tmp_path: Path) -> None:
    """Detections, written down as objects, are all found again: each figure is 1."""
    rng = np.random.default_rng(3)
    with Accelerator(small_build) as accelerator:
        config = DetectorConfig.from_json(accelerator.build.manifest["detector"])
        detector = Detector(accelerator, config)
        entries: list[dict[str, Any]] = []
        for number in range(3):
            pixels = rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
            for found in detector.detect([pixels])[0]:
                left, top, right, bottom = found.box
                box = [left, top, right - left, bottom - top]
                entries.append({"image_id": number, "category_id": found.label, "bbox": box})
        assert entries
        content = {
            "images": [{"id": number, "file_name": f"{number}.png"} for number in range(3)],
            "categories": [{"id": label, "name": name} for label, name in enumerate(config.classes)],
            "annotations": entries,
        }
        (tmp_path / "instances_made.json").write_text(json.dumps(content))
        data = open_dataset(tmp_path / "instances_made.json", config.classes)
        done: list[int] = []
        figures = evaluate(detector, data.samples, metric="coco", batch=2, progress=done.append)
        assert done == [1, 2, 3]
        assert evaluate(detector, data.samples)["mean"] == pytest.approx(1.0)
        assert figures["mean"] == pytest.approx(1.0)
