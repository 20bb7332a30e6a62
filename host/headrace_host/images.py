# SPDX-License-Identifier: Apache-2.0
"""Finds and reads images."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from headrace_host.errors import HostError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def find_images(paths: Iterable[Path]) -> list[Path]:
    """All image files among ``paths``, folders searched one level deep, in order of name.

    Raises:
        HostError: a path does not exist, or there is no image at all.
    """
    found: list[Path] = []
    asked = list(paths)
    for path in asked:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            raise HostError(f"{path}: no such image or folder")
    if not found:
        raise HostError(f"{', '.join(map(str, asked))}: no images ({', '.join(SUFFIXES)})")
    return found


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """An image as uint8 (H, W, 3), RGB, turned upright as its EXIF orientation says.

    Greyscale of 16 bits is scaled to 8: 65535 becomes 255.

    Raises:
        HostError: the file is damaged or no image, or its pixels have more than 16 bits.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(_eight_bits(ImageOps.exif_transpose(image)).convert("RGB"))
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        raise HostError(f"{path}: not a readable image ({' '.join(str(error).split())[:120]})") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """The same image, of 8 bits a channel if it was greyscale of 16, which pillow's own conversion would saturate."""
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image).astype(np.int64)
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 0xFFFF:
        raise ValueError(f"greyscale from {values.min()} to {values.max()} is beyond 16 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))
