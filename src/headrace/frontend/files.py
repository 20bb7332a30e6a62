# SPDX-License-Identifier: Apache-2.0
"""ONNX files: reading them, and bringing what they may hold to one plain graph."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import onnx
import onnx.inliner

from headrace.errors import ModelError

OLDEST_OPSET = 7
"""Before it, operators broadcast and train by attributes."""


def first_line(error: Exception) -> str:
    """What an error says, on one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def load_onnx(path: Path) -> onnx.ModelProto:
    """Reads an ONNX file; its own functions are written out.

    Raises:
        ModelError: it is missing, not an ONNX file, holds an empty graph, lacks its external data, or is too old or too new.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf and onnx raise many unrelated types on damaged files
        raise ModelError(f"{path}: not a readable ONNX file ({first_line(error)})") from error
    if not model.graph.node:
        raise ModelError(f"{path}: the file holds no ONNX graph (truncated, or not an ONNX file)")
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # validation, file and memory errors alike
        raise ModelError(
            f"{path}: its external data cannot be read ({first_line(error)}); keep the data file beside it, or save one file"
        ) from error
    _check_opset(path, model)
    return _without_functions(path, model)


def opset(model: onnx.ModelProto) -> int:
    """Version of the ONNX operators that the model uses; 0 if it does not say."""
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def _check_opset(path: Path, model: onnx.ModelProto) -> None:
    version, newest = opset(model), onnx.defs.onnx_opset_version()
    if version > newest:
        raise ModelError(f"{path}: opset {version}, but onnx {onnx.__version__} knows up to {newest}; export with that or less")
    if 0 < version < OLDEST_OPSET:
        raise ModelError(
            f"{path}: opset {version} is older than {OLDEST_OPSET}; convert it (onnx.version_converter) or export it again"
        )


def _without_functions(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    if not model.functions:
        return model
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flat: Any = onnx.inliner.inline_local_functions(model)
    except Exception as error:  # the inliner is C++ and raises RuntimeError and its own types
        raise ModelError(f"{path}: its functions cannot be inlined ({first_line(error)}); export without them") from error
    result: onnx.ModelProto = flat
    return result
