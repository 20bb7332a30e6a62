# SPDX-License-Identifier: Apache-2.0
"""The Complete Blood Count data set, read from a folder. Needs no torch.

640x480 blood smears with Pascal VOC boxes: https://github.com/MahmudulAlam/Complete-Blood-Cell-Count-Dataset
(MIT licence). `headrace_models.fetch` downloads and verifies it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headrace_models.errors import DataError

CLASSES = ("RBC", "WBC", "Platelets")
"""Class names; a label is an index into this tuple."""

IMAGE_COUNTS = {"Training": 300, "Testing": 60}
"""Images in each split of the published data set."""

Split = Literal["Training", "Testing"]

MIN_SIDE_PX = 2
"""Boxes with a shorter side are slips of the annotation tool (two of 4860) and are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One annotated picture.

    ``boxes`` is float32 (N, 4): left, top, right, bottom in image pixels. ``labels`` is int64 (N,).
    """

    path: Path
    width: int
    height: int
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def name(self) -> str:
        """File name without its ending."""
        return self.path.stem

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture as uint8 (height, width, 3), RGB."""
        with Image.open(self.path) as image:
            return np.asarray(image.convert("RGB"))


def load_split(data_dir: Path, split: Split, *, complete: bool = True) -> tuple[Sample, ...]:
    """Read the annotations of one split, sorted by name.

    ``data_dir`` holds ``Training/`` and ``Testing/``, each with ``Images/`` and ``Annotations/``.
    With ``complete`` the number of pictures must be the published one.

    Raises:
        DataError: a folder or file is missing, or an annotation is not what it should be.
    """
    images, annotations = data_dir / split / "Images", data_dir / split / "Annotations"
    for folder in (images, annotations):
        if not folder.is_dir():
            raise DataError(
                f"{folder} is not a folder; expected the Complete Blood Count data set in {data_dir}"
                " (Training/ and Testing/, each with Images/ and Annotations/): fetch it with"
                " `headrace data` or name its folder with --data"
            )
    paths = sorted(images.glob("*.jpg"))
    if complete and len(paths) != IMAGE_COUNTS[split]:
        raise DataError(f"{images} holds {len(paths)} pictures; {split} has {IMAGE_COUNTS[split]}")
    return tuple(_read_sample(path, annotations / f"{path.stem}.xml") for path in paths)


def _read_sample(image: Path, annotation: Path) -> Sample:
    if not annotation.is_file():
        raise DataError(f"{image.name} has no annotation: {annotation} is missing")
    try:
        root = ElementTree.parse(annotation).getroot()
        width, height = (int(_text(root, f"size/{side}")) for side in ("width", "height"))
        objects = list(_objects(root))
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{annotation} is not a Pascal VOC annotation: {error}") from error
    limits = np.array([width, height, width, height], np.float32)
    boxes = np.array([box for _, box in objects], np.float32).reshape(-1, 4).clip(0, limits)
    labels = np.array([label for label, _ in objects], np.int64)
    keep = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE_PX).all(axis=1)
    return Sample(path=image, width=width, height=height, boxes=boxes[keep], labels=labels[keep])


def _objects(root: ElementTree.Element) -> Iterator[tuple[int, tuple[float, ...]]]:
    for item in root.findall("object"):
        name = _text(item, "name")
        if name not in CLASSES:
            raise ValueError(f"class {name!r} is none of {', '.join(CLASSES)}")
        edges = (float(_text(item, f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax"))
        yield CLASSES.index(name), tuple(edges)


def _text(element: ElementTree.Element, path: str) -> str:
    found = element.findtext(path)
    if found is None:
        raise ValueError(f"<{path}> is missing")
    return found.strip()
