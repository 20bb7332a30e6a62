# SPDX-License-Identifier: Apache-2.0
"""Linear resizing by whole factors against onnxruntime, on every grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executions import integer_run, pixels_for
from ort import ort_run
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.errors import UnsupportedError

GRIDS = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(
    ("shape", "factors"),
    [((1, 3, 4, 5), (2, 2)), ((1, 2, 3, 4), (4, 3)), ((1, 2, 5, 1), (1, 5)), ((1, 2, 1, 3), (2, 2)), ((1, 1, 2, 2), (8, 2))],
)
def test_equals_onnxruntime(grid: str, shape: tuple[int, ...], factors: tuple[int, int], tmp_path: Path) -> None:
    file = QonnxFile(shape=shape)
    attrs: dict[str, Any] = {"mode": "linear", "coordinate_transformation_mode": grid}
    scales = np.array([1, 1, *factors], np.float32)
    y = file.node("Resize", file.node("Mul", file.image(), file.constant(3.0)), "", file.constant(scales), **attrs)
    y = file.quant(y, 2.0**-12, bits=16.0, signed=0)
    lowered = lower(file.save(tmp_path / "net.onnx", y))
    assert all(c.exact for c in lowered.certificates)
    pixels, x = pixels_for(lowered)
    (ours,) = integer_run(lowered, pixels)
    empty = np.array([], np.float32)
    (theirs,) = ort_run("Resize", x * 3, (empty, scales), opset=16, **attrs)
    np.testing.assert_allclose(ours, theirs, atol=2.0**-12)
    assert np.mean(np.abs(ours - theirs) <= 2.0**-13 + 1e-6) > 0.99


def test_offsets_and_unlike_channels_pass(tmp_path: Path) -> None:
    """Weights sum to one, so an affine image of the input is one of the result; powers of two stay exact in float32."""
    file = QonnxFile(shape=(1, 2, 3, 3))
    x = file.node("Add", file.node("Mul", file.image(), file.constant([[[[1.0]], [[-2.5]]]])), file.constant(0.3125))
    y = file.node("Resize", x, "", file.constant([1, 1, 2, 2]), mode="linear")
    lowered = lower(file.save(tmp_path / "net.onnx", file.quant(y, 2.0**-7)))
    pixels, real = pixels_for(lowered)
    gains = np.array([1, -2.5], np.float32).reshape(1, 2, 1, 1)
    constants = (np.array([], np.float32), np.array([1, 1, 2, 2], np.float32))
    (theirs,) = ort_run("Resize", real * gains + np.float32(0.3125), constants, opset=16, mode="linear")
    expected = np.clip(np.rint(theirs * 128), -128, 127) / 128
    np.testing.assert_array_equal(integer_run(lowered, pixels)[0], expected)


def test_refuses_what_is_too_wide(tmp_path: Path) -> None:
    file = QonnxFile(shape=(1, 3, 200, 2))
    grid = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    y = file.node("Resize", file.quant("x", 1.0, bits=16.0), "", file.constant([1, 1, 2, 2]), **grid)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match=r"interpolates with weights over 399, in 25 bits; quantize more coarsely"):
        lower(file.save(tmp_path / "net.onnx", y))
