# SPDX-License-Identifier: Apache-2.0
"""Assignments to parts of a tensor (ScatterND, ScatterElements), as onnxruntime computes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executions import integer_run, onnxruntime_run, pixels_for
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.errors import ModelError

SHAPE = (1, 6, 8, 8)
POOL: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1]}


def assigned(f: QonnxFile, data: str, updates: str, *where: slice | list[int], reduction: str = "none") -> str:
    """``data[where] = updates``, every number with its own index."""
    index = np.stack(np.meshgrid(*(np.arange(n)[w] for n, w in zip(SHAPE, where, strict=True)), indexing="ij"), axis=-1)
    return f.node("ScatterND", data, f.constant(index, np.int64), updates, reduction=reduction)


def piece(f: QonnxFile, x: str, axis: int, start: int, end: int) -> str:
    return f.node("Slice", x, *(f.constant([v], np.int64) for v in (start, end, axis)))


ALL = slice(None)


def first_channels(f: QonnxFile, x: str, y: str) -> str:
    return assigned(f, x, piece(f, y, 1, 3, 5), ALL, slice(2), ALL, ALL)


def first_axis(f: QonnxFile, x: str, y: str) -> str:
    """As torch.export writes it: channels in front."""
    data, updates = (f.node("Transpose", v, perm=[1, 0, 2, 3]) for v in (x, piece(f, y, 1, 0, 3)))
    scattered = f.node("Identity", f.node("ScatterND", data, f.constant([[5], [1], [2]], np.int64), updates))
    return f.node("Transpose", scattered, perm=[1, 0, 2, 3])


def shift(f: QonnxFile, x: str, _: str) -> str:
    done = assigned(f, f.constant(np.zeros(SHAPE)), piece(f, piece(f, x, 1, 0, 3), 2, 0, 7), ALL, slice(3), slice(1, 8), ALL)
    return assigned(f, done, piece(f, piece(f, x, 1, 3, 6), 3, 1, 8), ALL, slice(3, 6), ALL, slice(7))


def erased(f: QonnxFile, x: str, _: str) -> str:
    return assigned(f, x, f.constant(np.zeros((1, 2, 8, 8))), ALL, [1, 4], ALL, ALL)


def elements(f: QonnxFile, x: str, y: str) -> str:
    index = np.broadcast_to(np.array([4, 0]).reshape(1, 2, 1, 1), (1, 2, 8, 8))
    return f.node("ScatterElements", x, f.constant(index, np.int64), piece(f, y, 1, 2, 4), axis=1)


@pytest.mark.parametrize("build", [first_channels, first_axis, shift, erased, elements])
def test_equals_onnxruntime(build: Callable[..., str], tmp_path: Path) -> None:
    f = QonnxFile(shape=SHAPE)
    x = f.quant("x", 0.5, bits=5.0)
    path = f.save(tmp_path / "net.onnx", f.quant(build(f, x, f.node("MaxPool", x, **POOL)), 0.5, bits=6.0))
    lowered = lower(path)
    pixels, real = pixels_for(lowered, 1)
    (ours,), (theirs,) = integer_run(lowered, pixels), onnxruntime_run(f.proto(f.nodes[-1].output[0]), real)
    np.testing.assert_array_equal(ours, theirs)
    assert len(np.unique(ours)) > 10


def test_refuses_what_is_no_assignment(tmp_path: Path) -> None:
    def refused(message: str, updates: Callable[[QonnxFile, str], str], *where: Any, **options: Any) -> None:
        f = QonnxFile(shape=SHAPE)
        x = f.quant("x", 0.5, bits=5.0)
        with pytest.raises(ModelError, match=message):
            lower(f.save(tmp_path / "net.onnx", f.quant(assigned(f, x, updates(f, x), *where, **options))))

    refused("a constant that is not zero; add", lambda f, _: f.constant(np.ones((1, 1, 8, 8))), ALL, [1], ALL, ALL)
    refused("reduction = 'add'", lambda f, x: piece(f, x, 1, 0, 1), ALL, [1], ALL, ALL, reduction="add")
    refused(
        r"a map of \(4, 4, 6\) into one of \(8, 8, 6\)",
        lambda f, x: f.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), ALL, ALL, slice(4), slice(4),
    )  # fmt: skip
    refused("indices of shape .* for updates", lambda f, x: piece(f, x, 1, 0, 2), ALL, [1], ALL, ALL)
