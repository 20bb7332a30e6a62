# SPDX-License-Identifier: Apache-2.0
"""Annotated pictures, read from a folder: Pascal VOC, COCO, and the Complete Blood Count data set, VOC's in other folders."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headrace_host.boxes import areas
from headrace_host.errors import HostError
from headrace_host.metrics import Truth

SUFFIXES = (".jpg", ".jpeg", ".png")
MIN_SIDE_PX = 2
"""Boxes with a shorter side are slips of annotation tools."""
LAYOUTS = (
    "VOC (JPEGImages/, Annotations/, ImageSets/Main/SPLIT.txt, or VOCdevkit/, of which VOC2007/ is read), "
    "COCO (instances_SPLIT.json, or the folder that holds annotations/instances_SPLIT.json and SPLIT/), "
    "or SPLIT/Images/ and SPLIT/Annotations/"
)


@dataclass(frozen=True)
class Sample:
    """One annotated picture; its boxes are left, top, right, bottom in pixels, right and bottom exclusive."""

    path: Path
    truth: Truth

    @property
    def name(self) -> str:
        """File name without its ending."""
        return self.path.stem

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture as uint8 (height, width, 3), RGB, as it lies in the file: boxes know nothing of EXIF.

        Raises:
            HostError: the file is missing or no picture.
        """
        try:
            with Image.open(self.path) as image:
                return np.asarray(image.convert("RGB"))
        except (OSError, ValueError, SyntaxError) as error:
            raise HostError(f"{self.path}: not a readable image ({' '.join(str(error).split())[:120]})") from error


@dataclass(frozen=True)
class DataSet:
    """Samples in order of name, and what of the annotations is not the network's to find."""

    kind: str
    """voc or coco: whose rules its figures follow, if nobody asks for others"""
    samples: tuple[Sample, ...]
    left_out: Counter[str] = field(default_factory=Counter)
    """Objects of classes that the network does not know, by class."""


def open_dataset(
    path: Path, classes: Sequence[str], split: str | None = None, images: Path | None = None, *, strict: bool = False
) -> DataSet:
    """Read the annotations of a data set.

    Args:
        path: its folder, or COCO's annotation file.
        classes: that the network knows; objects of others are counted and left out.
        strict: objects of other classes are an error.
        split: such as ``val2017``; None: ``test``, ``val``, ``Testing`` or ``val2017``, whichever is there.
        images: folder of COCO's pictures, where it is not beside the annotations.

    Raises:
        HostError: the folder has none of the known layouts, a file is missing or damaged, or no object is of a known class.
    """
    path = next((path / inner for inner in _DEVKITS if (path / inner / "JPEGImages").is_dir()), path)
    if path.suffix.lower() == ".json":
        found = read_coco(path, classes, images, strict=strict)
    elif (path / "JPEGImages").is_dir():
        found = _read_voc(path, classes, split, strict=strict)
    elif chosen := _first(path / "annotations", "instances_{}.json", split, ("val2017", "val", "test")):
        found = read_coco(chosen, classes, images, strict=strict)
    elif chosen := _first(path, "{}/Images", split, ("Testing", "test", "val")):
        pictures = _pictures(chosen, None)
        found = _annotated(pictures, chosen.parent / "Annotations", classes, strict=strict, first=0, tidy=True)
    else:
        wanted = f" of split '{split}'" if split else ""
        raise HostError(f"{path}: no data set{wanted}; known layouts are {LAYOUTS}")
    if not any(len(sample.truth.labels) for sample in found.samples):
        held = ", ".join(sorted(found.left_out)) or "nothing"
        raise HostError(f"{path}: no object of the network's classes ({', '.join(classes)}); annotated are {held}")
    return found


def read_objects(annotation: Path, classes: Sequence[str], *, first: int, left_out: Counter[str], tidy: bool = False) -> Truth:
    """Read a Pascal VOC annotation.

    Args:
        annotation: the XML file.
        classes: that are read.
        first: number of the first pixel; 1 in VOC, whose right and bottom edges belong to the box.
        left_out: counts the objects of other classes.
        tidy: cut boxes at the picture's edges, whose size must be stated, and leave out those with a side below 2 pixels.

    Raises:
        HostError: the file is missing, or not what it should be.
    """
    if not annotation.is_file():
        raise HostError(f"{annotation}: missing; each picture needs an annotation")
    try:
        root = ElementTree.parse(annotation).getroot()
        width, height = (int(_text(root, f"size/{side}")) if tidy else 0 for side in _SIDES)
        rows = [(_text(item, "name"), _edges(item), item.findtext("difficult") or "0") for item in root.findall("object")]
    except (ElementTree.ParseError, ValueError) as error:
        raise HostError(f"{annotation} is not a Pascal VOC annotation: {error}") from error
    left_out.update(name for name, _, _ in rows if name not in classes)
    known = [row for row in rows if row[0] in classes]
    boxes = np.array([edges for _, edges, _ in known], np.float64).reshape(-1, 4) - [first, first, 0, 0]
    labels = np.array([classes.index(name) for name, _, _ in known], np.int64)
    ignored = np.array([difficult.strip() == "1" for _, _, difficult in known], bool)
    keep = np.ones(len(boxes), bool)
    if tidy:
        boxes = boxes.clip(0, [width, height, width, height])
        keep = np.all(boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE_PX, axis=1)
    return Truth(boxes[keep], labels[keep], ignored[keep], areas(boxes[keep]))


def read_coco(path: Path, classes: Sequence[str], images: Path | None = None, *, strict: bool = False) -> DataSet:
    """Read a COCO annotation file (``instances_*.json``), as `open_dataset` does.

    Raises:
        HostError: it is missing or not what it should be, or a picture is not found.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = {int(entry["id"]): str(entry["name"]) for entry in content["categories"]}
        files = {int(entry["id"]): str(entry["file_name"]) for entry in content["images"]}
        rows: dict[int, list[Any]] = {number: [] for number in files}
        left_out: Counter[str] = Counter()
        for entry in content["annotations"]:
            name = names[int(entry["category_id"])]
            if name in classes:
                x, y, w, h = (float(value) for value in entry["bbox"])
                area, crowd = float(entry.get("area", w * h)), bool(entry.get("iscrowd", 0))
                rows[int(entry["image_id"])].append((classes.index(name), (x, y, x + w, y + h), crowd, area))
            else:
                left_out[name] += 1
    except OSError as error:
        raise HostError(f"{path}: cannot read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise HostError(f"{path} is not a COCO annotation file: {what[:120]}") from error
    if strict:
        _refuse_unknown(path, left_out, classes)
    folder = images or _coco_images(path, files.values())
    _refuse_missing(folder, [name for name in files.values() if not (folder / name).is_file()], len(files))
    samples = (Sample(folder / files[number], _coco_truth(rows[number])) for number in files)
    return DataSet("coco", tuple(sorted(samples, key=lambda sample: sample.path)), left_out)


_SIDES = ("width", "height")
_DEVKITS = ("VOC2007", "VOCdevkit/VOC2007")
"""Where the folder that was named may hold VOC's test pictures."""


def _text(element: ElementTree.Element, path: str) -> str:
    found = element.findtext(path)
    if found is None:
        raise ValueError(f"<{path}> is missing")
    return found.strip()


def _edges(item: ElementTree.Element) -> tuple[float, ...]:
    return tuple(float(_text(item, f"bndbox/{edge}")) for edge in ("xmin", "ymin", "xmax", "ymax"))


def _first(folder: Path, pattern: str, split: str | None, usual: Iterable[str]) -> Path | None:
    """The path of the split, or of the first usual one that is there."""
    paths = (folder / pattern.format(name) for name in ((split,) if split else usual))
    return next((path for path in paths if path.exists()), None)


def _pictures(folder: Path, names: Sequence[str] | None) -> list[Path]:
    """All pictures of a folder, or those of some names."""
    found = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}
    _refuse_missing(folder, [name for name in names or () if name not in found], len(names or ()))
    chosen = [found[name] for name in names] if names is not None else list(found.values())
    if not chosen:
        raise HostError(f"{folder}: no pictures ({', '.join(SUFFIXES)})")
    return chosen


def _refuse_missing(folder: Path, missing: Sequence[str], all_of_them: int) -> None:
    if missing:
        raise HostError(f"{folder}: {len(missing)} of {all_of_them} pictures are missing, the first is {missing[0]}")


def _refuse_unknown(annotation: Path, left_out: Counter[str], classes: Sequence[str]) -> None:
    if left_out:
        raise HostError(f"{annotation}: class {min(left_out)!r} is none of {', '.join(classes)}")


def _read_voc(folder: Path, classes: Sequence[str], split: str | None, *, strict: bool) -> DataSet:
    lists = folder / "ImageSets" / "Main"
    chosen = _first(lists, "{}.txt", split, ("test", "val"))
    if chosen is None and (split or lists.is_dir()):
        held = ", ".join(sorted(path.stem for path in lists.glob("*.txt") if "_" not in path.stem)) or "none"
        raise HostError(f"{lists}: no list of split '{split or 'test'}'; there are: {held}")
    names = [line.split()[0] for line in chosen.read_text().splitlines() if line.strip()] if chosen else None
    if names is not None and not names:
        raise HostError(f"{chosen}: lists no pictures")
    pictures = _pictures(folder / "JPEGImages", names)
    return _annotated(pictures, folder / "Annotations", classes, strict=strict, first=1, tidy=False)


def _annotated(
    pictures: Sequence[Path], annotations: Path, classes: Sequence[str], *, strict: bool, first: int, tidy: bool
) -> DataSet:
    left_out: Counter[str] = Counter()
    samples = []
    for path in pictures:
        file = annotations / f"{path.stem}.xml"
        samples.append(Sample(path, read_objects(file, classes, first=first, left_out=left_out, tidy=tidy)))
        if strict:
            _refuse_unknown(file, left_out, classes)
    return DataSet("voc", tuple(samples), left_out)


def _coco_truth(rows: Sequence[Any]) -> Truth:
    labels, boxes, crowds, sizes = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Truth(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(crowds, bool),
        np.array(sizes, np.float64),
    )


def _coco_images(path: Path, names: Iterable[str]) -> Path:
    """The folder that holds a picture of the file: as COCO is packed, or beside it."""
    split = path.stem[len("instances_") :] if path.stem.startswith("instances_") else path.stem
    folders = (
        path.parent.parent / split,
        path.parent.parent / "images" / split,
        path.parent / split,
        path.parent / "images",
        path.parent,
    )
    name = next(iter(names), None)
    if name is None:
        raise HostError(f"{path}: lists no pictures")
    for folder in folders:
        if (folder / name).is_file():
            return folder
    raise HostError(f"{path}: its pictures ({name} ...) are not beside it; name their folder with --images")
