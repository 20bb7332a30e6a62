# SPDX-License-Identifier: Apache-2.0
"""Constants that differ from pixel to pixel as operands: position embeddings, coordinates, masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headrace.frontend.constants import collapsed
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Function, QuantConst, Real, Value
from headrace.operators.constant import Numbers, gridded
from headrace.operators.upsample import repeat_pixels


def _numbers(node: OnnxNode, value: Value | None) -> Numbers:
    numbers = np.asarray(node.const(value, "constant operand"), np.float64)
    if not np.all(np.isfinite(numbers)):
        raise node.unsupported("constant operand holds numbers that are not finite", "train or export the model again")
    return collapsed(numbers)


def is_map(context: Context, node: OnnxNode, value: Value | None, others: Sequence[Value | None]) -> bool:
    """Whether a constant has numbers that differ along rows or columns, or more channels than the activations beside it."""
    if not isinstance(value, np.ndarray | QuantConst) or np.size(node.const(value, "constant operand")) == 1:
        return False
    shape = _numbers(node, value).shape
    channels = max((context.tensors[v.tensor].channels for v in others if isinstance(v, Real | Function)), default=0)
    return any(n > 1 for n in shape[-2:]) or (len(shape) > 2 and shape[-3] > channels == 1)


def spread(context: Context, node: OnnxNode, value: Value, x: Real) -> Numbers:
    """A constant as a map (H, W, C or 1) of the rows and columns to which it and ``x`` broadcast.

    Raises:
        UnsupportedError: they do not broadcast, or the constant has a batch.
    """
    numbers = _numbers(node, value)
    h, w, c = context.tensors[x.tensor].shape
    try:
        shape = np.broadcast_shapes(numbers.shape, (1, c, h, w))
    except ValueError:
        shape = ()
    if len(shape) != 4 or shape[0] != 1:
        raise node.unsupported(
            f"a constant of shape {numbers.shape} beside a ({c}, {h}, {w}) map",
            "use one that broadcasts to (1, C, H, W)",
        )
    own = numbers.reshape((1,) * (4 - numbers.ndim) + numbers.shape)
    whole: Numbers = np.broadcast_to(own, (1, own.shape[1], *shape[2:]))
    return np.asarray(whole[0].transpose(1, 2, 0), np.float64)


def sized(context: Context, node: OnnxNode, x: Real, rows: int, cols: int) -> Real:
    """``x`` with its one row or column as often as a constant has rows and columns."""
    h, w, _ = context.tensors[x.tensor].shape
    return repeat_pixels(context, node, x, (rows // h, cols // w))


def gridded_map(context: Context, node: OnnxNode, value: Value, x: Real) -> Real:
    """A constant beside the activation ``x``, as an activation whose integers hold it exactly.

    Raises:
        UnsupportedError: its numbers lie on no common grid.
    """
    return gridded(context, node, spread(context, node, value, x))
