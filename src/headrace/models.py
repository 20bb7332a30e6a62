# SPDX-License-Identifier: Apache-2.0
"""Finds models by name or path."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from headrace.errors import ModelError


def zoo() -> dict[str, Path]:
    """The trained models that come with headrace, by name."""
    folder = Path(str(files("headrace_models"))) / "zoo"
    return {path.stem: path for path in sorted(folder.glob("*.onnx"))}


def zoo_images() -> Path:
    """The folder of real images that come with headrace."""
    return Path(str(files("headrace_models"))) / "zoo" / "images"


def resolve_model(name: str) -> Path:
    """The ONNX file that ``name`` means: a path, or the name of a model of the zoo.

    A folder of that name, such as an earlier build, does not hide a model of the zoo.

    Raises:
        ModelError: neither; lists the zoo.
    """
    path = Path(name)
    if path.suffix == ".onnx" or path.is_file():
        if not path.is_file():
            raise ModelError(f"{path}: no such model file")
        return path
    known = zoo()
    if name not in known:
        if path.is_dir():
            raise ModelError(f"{path}: is a folder; give the path of an .onnx file, or one of {', '.join(known)}")
        raise ModelError(f"no model '{name}': give the path of an .onnx file, or one of {', '.join(known) or 'none installed'}")
    return known[name]
