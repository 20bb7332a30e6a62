# SPDX-License-Identifier: Apache-2.0
"""The Complete Blood Count data set, read from a folder. Needs no torch.

640x480 blood smears with Pascal VOC boxes: https://github.com/MahmudulAlam/Complete-Blood-Cell-Count-Dataset
(MIT licence). `headrace_models.fetch` downloads and verifies it.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from headrace_host import datasets
from headrace_host.errors import HostError
from numpy.typing import NDArray

from headrace_models.errors import DataError

CLASSES = ("RBC", "WBC", "Platelets")
"""Class names; a label is an index into this tuple."""

IMAGE_COUNTS = {"Training": 300, "Testing": 60}
"""Images in each split of the published data set."""

Split = Literal["Training", "Testing"]


@dataclass(frozen=True)
class Sample(datasets.Sample):
    """One annotated picture. Two of 4860 boxes are slips of the annotation tool, less than 2 pixels wide, and left out."""

    width: int
    height: int

    @property
    def boxes(self) -> NDArray[np.float32]:
        """Left, top, right, bottom in pixels, float32 (N, 4)."""
        return self.truth.boxes.astype(np.float32)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Indices into `CLASSES`, (N,)."""
        return self.truth.labels


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
    unknown: Counter[str] = Counter()
    try:
        truth, (width, height) = datasets.read_objects(annotation, CLASSES, first=0, left_out=unknown, tidy=True)
    except HostError as error:
        raise DataError(str(error)) from error
    if unknown:
        raise DataError(f"{annotation}: class {min(unknown)!r} is none of {', '.join(CLASSES)}")
    return Sample(image, truth, width, height)
