# SPDX-License-Identifier: Apache-2.0
"""Finds and reads images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from headrace.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def find_images(paths: Iterable[Path]) -> list[Path]:
    """All image files among ``paths``, folders searched one level deep, in order of name.

    Raises:
        DataError: a path does not exist, or there is no image at all.
    """
    found: list[Path] = []
    asked = list(paths)
    for path in asked:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f"{path}: no such image or folder")
    if not found:
        raise DataError(f"{', '.join(map(str, asked))}: no images ({', '.join(SUFFIXES)})")
    return found


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """An image as uint8 (H, W, 3), RGB.

    Raises:
        DataError: the file is damaged or no image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable image ({' '.join(str(error).split())[:120]})") from error
