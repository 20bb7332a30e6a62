# SPDX-License-Identifier: Apache-2.0
"""Axes of tensors as reductions name them: maps are (N, C, H, W), columns (N, C, L), vectors (N, C)."""

from __future__ import annotations

import numpy as np

from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Flat, Real, Value, View


def axes_of_input(context: Context, node: OnnxNode) -> int:
    """Axes of the node's first input, the batch included."""
    return context.axes.get(node.proto.input[0], 4)


def among(node: OnnxNode, axes: list[int], count: int) -> set[int]:
    """``axes`` of a tensor of ``count`` axes, counted from the front.

    Raises:
        UnsupportedError: there is no such axis.
    """
    if any(not -count <= axis < count for axis in axes):
        raise node.unsupported(f"axes {axes} of a tensor of {count} axes", "export the model again")
    return {axis % count for axis in axes}


def without_axes(context: Context, node: OnnxNode, real: Real, dropped: set[int], count: int) -> Value:
    """``real``, a tensor of ``count`` axes, without those of size 1 that a reduction does not keep."""
    if not dropped or node.attrs.get("keepdims", 1):
        return Flat(real) if count == 2 else real
    h, w, c = context.tensors[real.tensor].shape
    shape = {4: (1, c, h, w), 3: (1, c, h * w), 2: (1, c * h * w)}[count]
    index = np.arange(c * h * w, dtype=np.int32).reshape(shape).squeeze(tuple(sorted(dropped)))
    return Flat(real) if index.ndim == 2 and h == w == 1 else View(real=real, index=index, node=node)
