# SPDX-License-Identifier: Apache-2.0
"""Moves, joins and resizings that are refused: node, reason and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.errors import ModelError

Build = Callable[[QonnxFile], str]


def concat_along_rows(f: QonnxFile) -> str:
    x = f.image()
    return f.node("Concat", x, f.node("MaxPool", x, kernel_shape=[2, 2]), axis=2)


def concat_with_ones(f: QonnxFile) -> str:
    return f.node("Concat", f.image(), f.constant(np.ones((2, 1, 8, 8))), axis=1)


def slice_of_no_rows(f: QonnxFile) -> str:
    starts, ends, axes = (f.constant(v, np.int64) for v in ([2], [2], [2]))
    return f.node("Slice", f.image(), starts, ends, axes)


def concat_of_sizes(f: QonnxFile) -> str:
    x = f.image()
    return f.node("Concat", x, f.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), axis=1)


def split_that_leaves_a_rest(f: QonnxFile) -> str:
    return f.node("Split", f.image(), f.constant([1, 1], np.int64), outputs=2, axis=1)


def map_upside_down(f: QonnxFile) -> str:
    starts, ends, axes, steps = (f.constant(v, np.int64) for v in ([-1], [-(1 << 40)], [2], [-1]))
    f.shape = (1, 3, 32, 32)
    return f.quant(f.node("MaxPool", f.node("Slice", f.image(), starts, ends, axes, steps), kernel_shape=[1, 1]))


def pad_by_reflection(f: QonnxFile) -> str:
    return f.node("Pad", f.image(), f.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="reflect")


def pad_with_ones(f: QonnxFile) -> str:
    return f.node("Pad", f.image(), f.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), f.constant(1.0))


def pad_of_an_offset(f: QonnxFile) -> str:
    shifted = f.node("Add", f.image(), f.constant(0.5))
    return f.quant(f.node("Pad", shifted, f.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)))


def huge_tile(f: QonnxFile) -> str:
    return f.node("Tile", f.image(), f.constant([1, 1, 1 << 20, 1 << 20], np.int64))


def gather_of_a_channel_too_many(f: QonnxFile) -> str:
    return f.node("Gather", f.image(), f.constant([0, 3], np.int64), axis=1)


def depth_to_space_with_a_rest(f: QonnxFile) -> str:
    return f.node("DepthToSpace", f.image(), blocksize=2)


def space_to_depth_with_a_rest(f: QonnxFile) -> str:
    return f.node("SpaceToDepth", f.image(), blocksize=3)


def blocks_of_different_scales(f: QonnxFile) -> str:
    x = f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1))))
    scaled = f.node("Mul", x, f.constant(np.array([1.0, 0.7, 0.3, 5]).reshape(1, 4, 1, 1)))
    return f.conv(f.node("DepthToSpace", scaled, blocksize=2), f.weight((2, 1, 1, 1)))


def slice_of_nothing(f: QonnxFile) -> str:
    starts, ends, axes = (f.constant(v, np.int64) for v in ([2], [2], [1]))
    return f.node("Slice", f.image(), starts, ends, axes)


def flatten(f: QonnxFile) -> str:
    return f.quant(f.node("MaxPool", f.node("Reshape", f.image(), f.constant([1, -1], np.int64)), kernel_shape=[1, 1]))


def transpose(f: QonnxFile) -> str:
    return f.quant(f.node("Transpose", f.image(), perm=[1, 0, 2, 3]))


REFUSED: list[tuple[str, Build, str]] = [
    (
        "concat along rows",
        concat_along_rows,
        r"joins \[\(1, 3, 8, 8\), \(1, 3, 7, 7\)\] along axis 2; join tensors of one size",
    ),
    ("concat with ones", concat_with_ones, r"a constant of shape \(2, 1, 8, 8\); join finite constants"),
    ("concat of sizes", concat_of_sizes, r"joins maps of .*; join maps of one size"),
    ("split with a rest", split_that_leaves_a_rest, r"cuts 3 channels into \[1, 1\]"),
    ("map upside down", map_upside_down, r"lays out the numbers of a \(3, 32, 32\) map .* keep activations"),
    ("pad by reflection", pad_by_reflection, r"pads by reflect; pad with zeros"),
    ("pad with ones", pad_with_ones, r"pads with 1.0; pad with zeros"),
    ("pad of an offset", pad_of_an_offset, r"pads values with an offset"),
    ("huge tile", huge_tile, r"makes a tensor of 211,106,232,532,992 numbers"),
    ("gather of a channel too many", gather_of_a_channel_too_many, r"indices 0 to 3 into 3 channels"),
    ("depth to space with a rest", depth_to_space_with_a_rest, r"3 channels do not fill blocks of 2x2"),
    ("space to depth with a rest", space_to_depth_with_a_rest, r"8x8 map is no whole number of 3x3 blocks"),
    ("blocks of different scales", blocks_of_different_scales, r"different scales; put a quantizer"),
    ("empty slice", slice_of_nothing, r"the slice 2:2 is empty"),
    ("no rows", slice_of_no_rows, r"leaves an empty tensor \(1, 3, 0, 8\)"),
    ("flatten", flatten, r"reads a flattened map"),
    ("transpose", transpose, r"shape \(3, 1, 8, 8\); bring it back to \(N, C, H, W\)"),
]


@pytest.mark.parametrize(("build", "message"), [pytest.param(b, m, id=name) for name, b, m in REFUSED])
def test_refuses(build: Build, message: str, tmp_path: Path) -> None:
    file = QonnxFile()
    path = file.save(tmp_path / "model.onnx", build(file))
    with pytest.raises(ModelError, match=message) as caught:
        lower(path)
    assert "\n" not in str(caught.value)
