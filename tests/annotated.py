# SPDX-License-Identifier: Apache-2.0
"""Made-up annotations of real photographs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from headrace_host.images import find_images, read_image

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
