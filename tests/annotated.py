# SPDX-License-Identifier: Apache-2.0
"""Made-up annotations: of real photographs, and of pictures as made up as they."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from headrace_host.images import find_images, read_image
from PIL import Image, ImageDraw

from headrace.models import zoo_images


def write_coco(folder: Path, classes: Sequence[str]) -> Path:
    """The zoo's photographs with objects at random places: figures far from 0 and 1, if the network knows nothing of them."""
    rng = np.random.default_rng(4)
    images, annotations = [], []
    for number, path in enumerate(find_images([zoo_images()])):
        shutil.copy(path, folder)
        height, width, _ = read_image(path).shape
        images.append({"id": number, "file_name": path.name, "width": width, "height": height})
        for label in rng.integers(0, len(classes), 30):
            x, y = rng.uniform(0, width - 80), rng.uniform(0, height - 80)
            annotations.append({"image_id": number, "category_id": int(label), "bbox": [x, y, 80, 80]})
    categories = [{"id": label, "name": name} for label, name in enumerate(classes)]
    content = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "instances_made.json").write_text(json.dumps(content))
    return folder / "instances_made.json"


def voc_annotation(size: tuple[int, int], objects: Sequence[tuple[str, tuple[int, ...]]], difficult: Sequence[int] = ()) -> str:
    """A Pascal VOC annotation of a picture (width, height), of boxes by class; ``difficult`` numbers those that are."""
    parts = [
        f"<object><name>{name}</name><difficult>{int(index in difficult)}</difficult><bndbox><xmin>{b[0]}</xmin>"
        f"<ymin>{b[1]}</ymin><xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for index, (name, b) in enumerate(objects)
    ]
    header = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation>{header}{''.join(parts)}</annotation>"


VOC_COLOURS = {"aeroplane": (230, 60, 40), "dog": (40, 160, 60), "tvmonitor": (50, 70, 220)}
VOC_SPLITS = {"VOC2007": {"trainval": 5, "test": 3}, "VOC2012": {"trainval": 3}}


def write_voc(folder: Path) -> Path:
    """Pascal VOC as it is unpacked, of a few pictures, 96 x 72, with blocks of colour; the last object of each is difficult."""
    rng = np.random.default_rng(11)
    for year, splits in VOC_SPLITS.items():
        home = folder / "VOCdevkit" / year
        for inner in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (home / inner).mkdir(parents=True)
        for split, count in splits.items():
            names = [f"{year[3:]}_{split}{number:02d}" for number in range(count)]
            (home / "ImageSets/Main" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
            for name in names:
                image, objects = Image.new("RGB", (96, 72), (200, 200, 190)), []
                pen = ImageDraw.Draw(image)
                for kind, colour in VOC_COLOURS.items():
                    width, height = (int(side) for side in rng.integers(16, 32, 2))
                    left, top = int(rng.integers(0, 96 - width)), int(rng.integers(0, 72 - height))
                    pen.rectangle((left, top, left + width - 1, top + height - 1), fill=colour)
                    objects.append((kind, (left + 1, top + 1, left + width, top + height)))
                image.save(home / "JPEGImages" / f"{name}.jpg", quality=90)
                (home / "Annotations" / f"{name}.xml").write_text(voc_annotation((96, 72), objects, difficult=[2]))
    return folder / "VOCdevkit"
