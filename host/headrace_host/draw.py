# SPDX-License-Identifier: Apache-2.0
"""Draws detections on a picture: outlined boxes with labels, and a legend with counts. numpy and pillow only, from 9.0 on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from headrace_host.detector import Detection

Colour = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

PALETTE: tuple[Colour, ...] = (
    (213, 94, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (120, 94, 240),
    (90, 90, 90),
)
"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008); classes beyond the last start again."""

BICUBIC = 3
"""``Image.Resampling.BICUBIC``, a name that came with pillow 9.1: PYNQ images have 9.0."""
_INK: Colour = (255, 255, 255)
_PANEL: Colour = (24, 26, 30)


def draw(image: NDArray[np.uint8], detections: Sequence[Detection], classes: Sequence[str]) -> Image.Image:
    """Return a copy of the picture, uint8 (h, w, 3), with its detections and, below it, a legend with the counts.

    Small pictures are enlarged, so that labels stay legible. Better scores are drawn on top.
    """
    rows, columns = image.shape[:2]
    zoom = max(1, round(800 / max(columns, 1)))
    base = Image.fromarray(image).resize((columns * zoom, rows * zoom), BICUBIC)
    size = max(12, base.width // 64)
    font = _font(size)
    legend = _legend(base.width, detections, classes, font, size)
    canvas = Image.new("RGB", (base.width, base.height + legend.height), _PANEL)
    canvas.paste(base, (0, 0))
    canvas.paste(legend, (0, base.height))
    pen = ImageDraw.Draw(canvas)
    for detection in sorted(detections, key=lambda d: d.score):
        left, top, right, bottom = (edge * zoom for edge in detection.box)
        _outline(pen, (left, top, right, bottom), colour_of(detection.label), max(2, size // 6))
    for detection in sorted(detections, key=lambda d: d.score):
        left, top = detection.box[0] * zoom, detection.box[1] * zoom
        text = f"{detection.name} {detection.score:.0%}"
        _tag(pen, (left, top), text, colour_of(detection.label), font, base.size)
    return canvas


def _font(size: int) -> Font:
    """Pillow's own font in this size; before 10.1 it has none, and DejaVu of the system or a small bitmap does instead."""
    try:
        return ImageFont.load_default(size)
    except TypeError:
        pass
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default()


def _extent(text: str, font: Font) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a text that begins at (0, 0)."""
    if isinstance(font, ImageFont.FreeTypeFont):
        left, top, right, bottom = font.getbbox(text)
        return round(left), round(top), round(right), round(bottom)
    return (0, 0, *font.getmask(text).size)  # before 9.2, bitmaps have no getbbox


def colour_of(label: int) -> Colour:
    """Return the colour of a class."""
    return PALETTE[label % len(PALETTE)]


def _outline(pen: ImageDraw.ImageDraw, box: tuple[float, ...], colour: Colour, width: int) -> None:
    """Draw a rectangle with a thin light edge around it, visible on dark and bright pictures alike."""
    left, top, right, bottom = (round(edge) for edge in box)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_INK, width=1)
    pen.rectangle((left, top, right, bottom), outline=colour, width=width)


def _tag(
    pen: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    text: str,
    colour: Colour,
    font: Font,
    limits: tuple[int, int],
) -> None:
    """Write a label above the corner of a box, or inside the box where there is no room above."""
    x0, y0, x1, y1 = _extent(text, font)
    width, height = round(x1 - x0) + 6, round(y1 - y0) + 4
    left = min(max(0, round(corner[0])), max(0, limits[0] - width))
    above = round(corner[1]) - height
    top = above if above >= 0 else min(max(0, round(corner[1])), max(0, limits[1] - height))
    pen.rectangle((left, top, left + width, top + height), fill=colour)
    pen.text((left + 3 - x0, top + 2 - y0), text, fill=_INK, font=font)


def _legend(
    width: int,
    detections: Sequence[Detection],
    classes: Sequence[str],
    font: Font,
    size: int,
) -> Image.Image:
    """Return the strip below the picture: a colour patch, name and count for each class, in as many rows as needed."""
    counts = [sum(d.label == label for d in detections) for label in range(len(classes))]
    texts = [f"{name}: {count}" for name, count in zip(classes, counts, strict=True)]
    gap, row_height = size, 2 * size
    places: list[tuple[int, int]] = []
    x, row = gap, 0
    for text in texts:
        needed = _extent(text, font)[2] + 2 * size + gap
        if x > gap and x + needed > width:
            x, row = gap, row + 1
        places.append((x, row))
        x += needed
    strip = Image.new("RGB", (width, row_height * (row + 1)), _PANEL)
    pen = ImageDraw.Draw(strip)
    for label, (text, (left, line)) in enumerate(zip(texts, places, strict=True)):
        top = line * row_height + size // 2
        pen.rectangle((left, top, left + size, top + size), fill=colour_of(label), outline=_INK)
        _, above, _, below = _extent("Ag", font)  # the same line for all texts
        pen.text((left + size + size // 2, top + (size - above - below) // 2), text, fill=_INK, font=font)
    return strip
