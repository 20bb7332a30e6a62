# SPDX-License-Identifier: Apache-2.0
"""Frames to feed a network with: images, or random pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from headrace_host.detector import letterbox
from headrace_host.images import find_images, read_image

from headrace.errors import BuildError
from headrace.ir.ops import IntArray

Inputs = Sequence[Mapping[str, Any]]
"""Entries of a manifest's inputs: ``tensor``, ``shape`` (H, W, C) and ``range``."""


def random_frames(inputs: Inputs, count: int, seed: int) -> dict[str, IntArray]:
    """Frames of uniformly random integers over each input's whole range."""
    rng = np.random.default_rng(seed)
    return {
        entry["tensor"]: rng.integers(entry["range"][0], entry["range"][1] + 1, (count, *entry["shape"])) for entry in inputs
    }


def reads_an_image(inputs: Inputs) -> bool:
    """Whether the network reads one 8-bit RGB image."""
    return len(inputs) == 1 and inputs[0]["shape"][2] == 3 and list(inputs[0]["range"]) == [0, 255]


def image_frames(name: str, inputs: Inputs, folder: Path, count: int) -> dict[str, IntArray]:
    """The first ``count`` images of a folder, letterboxed to the network's input; repeated when there are fewer.

    Args:
        name: of the build, for messages.

    Raises:
        BuildError: the network does not read 8-bit RGB images.
        DataError: no images, or a damaged one.
    """
    if not reads_an_image(inputs):
        raise BuildError(f"{name}: the network does not read one 8-bit RGB image; leave --images out")
    h, w, _ = inputs[0]["shape"]
    paths = find_images([folder])[:count]
    pixels = [letterbox(read_image(path), h, w)[0] for path in paths]
    return {inputs[0]["tensor"]: np.stack([pixels[i % len(pixels)] for i in range(count)])}
