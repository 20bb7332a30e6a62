# SPDX-License-Identifier: Apache-2.0
"""Assignments to parts of a tensor (``x[:, :8] = y``): channels of one map in the places of another's."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.frontend.constants import evaluated
from headrace.frontend.context import Context, Handler, OnnxNode
from headrace.frontend.values import Index, Real, Value, View
from headrace.frontend.views import as_view
from headrace.operators.channels import concat


def scatter(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ScatterND and ScatterElements with constant indices; one of data and updates may be zeros.

    Raises:
        UnsupportedError: the indices are computed, the two maps differ in rows or columns, or a constant is not zero.
    """
    indices = np.asarray(node.const(inputs[1], "what says where it writes"))
    data, updates = (
        value if isinstance(value, np.ndarray) else as_view(context, node, value, context.axes.get(node.proto.input[at], 4))
        for at, value in ((0, inputs[0]), (2, inputs[2]))
    )
    written = _written(context, node, _places(node, data), indices, _places(node, updates))
    views = [view for view in (data, updates) if isinstance(view, View)]
    if all(view.real is views[0].real for view in views):
        return [View(real=views[0].real, index=np.abs(written) - 1, node=node)]
    reals: list[Value | None] = [context.activation(node, view.real) for view in views]
    kinds = [context.tensors[real.tensor] for real in reals if isinstance(real, Real)]
    if kinds[0].shape[:2] != kinds[1].shape[:2]:
        raise node.unsupported(
            f"writes numbers of a map of {kinds[1].shape} into one of {kinds[0].shape} (rows, columns, channels)",
            "overwrite channels of a map by channels of one of the same size",
        )
    (whole,) = concat(context, node, reals)
    index = np.where(written < 0, kinds[0].pixels * kinds[0].channels - written, written) - 1
    return [View(real=context.real(node, whole), index=index.astype(np.int32), node=node)]


def _places(node: OnnxNode, value: View | np.ndarray[Any, Any]) -> Index:
    """Where the numbers of a view, or constant zeros, come from."""
    if isinstance(value, View):
        return value.index
    if np.any(value):
        raise node.unsupported("writes, or writes into, a constant that is not zero", "add the constant behind it")
    return np.full(value.shape, -1, np.int32)


def _written(context: Context, node: OnnxNode, data: Index, indices: np.ndarray[Any, Any], updates: Index) -> Index:
    """For each number of the result: 1 + its place among the data, or -1 - its place among the updates; 0 is zero."""
    places = [data + 1, indices, -1 - updates]
    if node.op_type != "ScatterND":
        return evaluated(context, node, places)[0].astype(np.int32)
    result = places[0].copy()
    try:
        result[tuple(np.moveaxis(indices, -1, 0))] = places[2]
    except (IndexError, ValueError) as error:
        raise node.unsupported(
            f"indices of shape {indices.shape} for updates {updates.shape} of {data.shape}", "export the model again"
        ) from error
    return result


SCATTERS: dict[str, Handler] = {"ScatterND": scatter, "ScatterElements": scatter}
