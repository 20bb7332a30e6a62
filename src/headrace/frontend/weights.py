# SPDX-License-Identifier: Apache-2.0
"""Weights as integers with one scale per output: whatever layout their scales have, or written as floats on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.frontend.constants import collapsed
from headrace.frontend.context import OnnxNode
from headrace.frontend.grids import common_step
from headrace.frontend.values import ExactArray, QuantConst, Value, exact

MAX_WEIGHT_BITS = 16
"""Widest integers that unequal scales may need on their common grid."""
MAX_LEVELS = 255
"""Largest multiple of the grid's step that a float weight is tried as."""


def integer_weights(node: OnnxNode, value: Value | None, axis: int = 0) -> tuple[npt.NDArray[np.int64], ExactArray]:
    """Integer weights and their scales, (1,) or one per index of ``axis`` (the outputs).

    Scales that change along other axes are brought to one grid per output, exactly, where they stand in whole ratios.

    Raises:
        UnsupportedError: the weights are computed, not quantized, or on no grid that ``MAX_WEIGHT_BITS`` hold.
    """
    if isinstance(value, np.ndarray):
        value = floats_on_grid(value, axis)
    if not isinstance(value, QuantConst):
        raise node.unsupported("its weights are not quantized", "quantize them (Brevitas QuantConv2d with a weight quantizer)")
    scale = np.asarray(collapsed(np.broadcast_to(value.scale, np.broadcast_shapes(value.scale.shape, value.integers.shape))))
    outputs = value.integers.shape[axis]
    if scale.size == 1 or (scale.size == outputs and scale.shape[axis] == outputs):
        return value.integers, exact(scale)
    integers = np.moveaxis(value.integers, axis, 0).copy()
    scales = np.moveaxis(np.broadcast_to(scale, value.integers.shape), axis, 0)
    steps = np.empty(outputs, object)
    for index in range(outputs):
        fractions = exact(scales[index])
        steps[index] = common_step(fractions)
        factors = fractions / steps[index]
        widest = max(abs(f * i) for f, i in zip(factors, integers[index].ravel().tolist(), strict=True))
        if widest >= 1 << (MAX_WEIGHT_BITS - 1):
            raise node.unsupported(
                f"weight scales of shape {value.scale.shape}", "scale weights per tensor or per output channel"
            )
        integers[index] *= factors.astype(np.int64).reshape(integers[index].shape)
    return np.moveaxis(integers, 0, axis), steps


def floats_on_grid(values: npt.NDArray[Any], axis: int = 0) -> QuantConst | None:
    """Float weights that are whole multiples of one float32 step per output, as an exporter leaves them that folds constants.

    Only a grid that gives back every weight to the last bit counts: ``float32(integer * step) == weight``.

    Returns:
        the quantized constant; None if some output has no such grid of up to ``MAX_LEVELS`` steps on either side.
    """
    if values.ndim < 2 or values.dtype not in (np.float32, np.float64) or not np.all(np.isfinite(values)):
        return None
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).astype(np.float64)
    found = [_grid(row) for row in rows]
    steps = np.array([0.0 if f is None else f for f in found], np.float32)
    if np.any(steps == 0):
        return None
    integers = np.rint(rows / steps[:, None].astype(np.float64)).astype(np.int64)
    shape = [values.shape[axis] if i == axis else 1 for i in range(values.ndim)]
    moved = np.moveaxis(values, axis, 0).shape
    return QuantConst(integers=np.moveaxis(integers.reshape(moved), 0, axis), scale=steps.reshape(shape))


def _grid(row: npt.NDArray[np.float64]) -> float | None:
    """The largest float32 step of which all of ``row`` are whole multiples in float32; 1 for zeros."""
    peak = float(np.abs(row).max(initial=0))
    if peak == 0:
        return 1.0
    counts = np.arange(1, MAX_LEVELS + 1)
    multiples = row[None, :] * counts[:, None] / peak
    near = np.flatnonzero(np.abs(multiples - np.rint(multiples)).max(axis=1) < counts * 2.0**-22)
    for count in counts[near].tolist():
        middle = np.float32(peak / count)
        for step in (middle, np.nextafter(middle, np.float32(0)), np.nextafter(middle, np.float32(np.inf))):
            whole = np.rint(row / float(step)).astype(np.float32)
            if step > 0 and np.array_equal(whole * step, row.astype(np.float32)) and np.all(row == row.astype(np.float32)):
                return float(step)
    return None
