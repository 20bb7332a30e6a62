# SPDX-License-Identifier: Apache-2.0
"""How operators read tensors that are laid out anew: as a map, before the new layout, or as features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headrace.frontend.affine import Numbers, affine, normalization
from headrace.frontend.context import Context, Handler, OnnxNode
from headrace.frontend.functions import UNARY, compose, composes, of_one_tensor
from headrace.frontend.scatter import SCATTERS
from headrace.frontend.values import Flat, Function, QuantConst, Real, Value, View, exact
from headrace.frontend.views import VIEWS, as_view, features, plain
from headrace.operators.elementwise import ELEMENTWISE as POINTWISE

ELEMENTWISE = UNARY | {"Quant", "IntQuant", "BipolarQuant", "Relu", "Clip", "Add", "Sub", "Mul", "Div", "Identity", "Dropout"}
"""Operators that may act before their input is laid out anew, if all their other inputs are single numbers."""
BY_FEATURE = frozenset({"BatchNormalization", *(name for entry in POINTWISE for name in entry.types)})
"""Operators that act on each number of a flattened map by itself."""
PRODUCTS = frozenset({"Gemm", "MatMul"})
"""Operators that read an activation laid out in more than one way."""


def _again(first: View | Flat, result: Value) -> Value:
    """``result``, of the map, as ``first`` lays it out."""
    if isinstance(first, View):
        return replace(first, real=result) if isinstance(result, Real | Function) else result
    return Flat(result) if isinstance(result, Real) else result


def _with_zeros(value: View | Flat) -> bool:
    return isinstance(value, View) and bool(np.any(value.index < 0))


def _by_channel(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value | None]:
    """Constants of a sum or product that broadcast over an activation of any layout, as numbers for each channel of its map.

    Where they differ within a channel, as numbers for each place of the map.
    """
    moving = [i for i, v in enumerate(inputs) if isinstance(v, Real | View | Flat)]
    if node.op_type not in ("Add", "Sub", "Mul", "Div") or len(inputs) != 2 or len(moving) != 1:
        return inputs
    (at,) = moving
    value, constant = inputs[at], inputs[1 - at]
    axes = context.axes.get(node.proto.input[at], 4)
    if not isinstance(constant, np.ndarray | QuantConst) or (isinstance(value, Real) and axes == 4):
        return inputs
    numbers = np.asarray(node.const(constant, "constant operand"), np.float64)
    view = as_view(context, node, value, axes)
    if numbers.size == 1 or np.any(view.index < 0) or np.broadcast_shapes(numbers.shape, view.index.shape) != view.index.shape:
        return inputs
    changed = list(inputs)
    if (placed := _placed(context, view, numbers)) is None:
        return inputs
    changed[1 - at] = placed
    return changed


def _placed(context: Context, view: View, numbers: Numbers) -> Numbers | None:
    """Numbers that broadcast over a view without zeros, as (1, C, 1, 1) or (1, C, H, W) of its map.

    None if they differ where the view holds one number of the map several times.
    """
    kind = context.tensors[view.real.tensor]
    place = view.index.ravel()
    spread = np.broadcast_to(numbers, view.index.shape).ravel()
    by_channel = np.full(kind.channels, spread[0])
    by_channel[place // kind.pixels] = spread
    if np.array_equal(by_channel[place // kind.pixels], spread):
        return by_channel.reshape(1, -1, 1, 1)
    placed = np.full(kind.pixels * kind.channels, spread[0])
    placed[place] = spread
    return placed.reshape(1, kind.channels, *kind.shape[:2]) if np.array_equal(placed[place], spread) else None


def _normalized(context: Context, node: OnnxNode, inputs: list[Value | None]) -> View | None:
    """A batch norm of a view, as factors and terms of its map's channels; None if it is no such node."""
    view = inputs[0] if inputs else None
    if node.op_type != "BatchNormalization" or not isinstance(view, View) or view.index.ndim != 4 or _with_zeros(view):
        return None
    if isinstance(view.real, Function):
        return None
    placed = [
        _placed(context, view, numbers.reshape(1, -1, 1, 1)) for numbers in normalization(node, inputs, view.index.shape[1])
    ]
    factor, term = (None if p is None or p.shape[2:] != (1, 1) else exact(p) for p in placed)
    if factor is None or term is None:
        return None
    real = affine(context, node, view.real, factor, term)
    assert isinstance(real, Real)
    return replace(view, real=real)


def _of_one_view(context: Context, node: OnnxNode, inputs: list[Value | None]) -> View | None:
    """The function that a node makes of several functions of one view (``x * sigmoid(x)`` of a slice), or None."""
    views = [value for value in inputs if isinstance(value, View)]
    if len(views) != len(inputs) or len(views) < 2 or _with_zeros(views[0]):
        return None
    inner: list[Value | None] = [view.real for view in views]
    alike = all(np.array_equal(view.index, views[0].index) for view in views)
    if not (alike and of_one_tensor(inner) and composes(node.op_type, inner)):
        return None
    (function,) = compose(context, node, inner)
    return replace(views[0], real=function) if isinstance(function, Function) else None


def handled(handler: Handler, context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """What ``handler`` makes of ``inputs``: views are laid out first, or behind an operator that acts on each number."""
    if node.op_type in VIEWS or node.op_type in PRODUCTS or node.op_type in SCATTERS:
        return handler(context, node, inputs)
    given, inputs = inputs, _by_channel(context, node, inputs)
    at = next((i for i, value in enumerate(inputs) if isinstance(value, View | Flat)), 0)
    others = [v for i, v in enumerate(inputs) if v is not None and i != at]
    single = inputs is not given or all(isinstance(v, np.ndarray) and v.size == 1 for v in others)
    first = inputs[at] if inputs else None
    if (normalized := _normalized(context, node, inputs)) is not None:
        return [normalized]
    if (function := _of_one_view(context, node, inputs)) is not None:
        return [function]
    if isinstance(first, View | Flat) and node.op_type == "Identity":
        return [first]
    if isinstance(first, View | Flat) and single and node.op_type in ELEMENTWISE and not _with_zeros(first):
        inner: list[Value | None] = [*inputs[:at], first.real, *inputs[at + 1 :]]
        results = (compose if composes(node.op_type, inner) else handler)(context, node, inner)
        return [_again(first, result) for result in results]
    lay_out = features if node.op_type in BY_FEATURE else plain
    return handler(context, node, [lay_out(context, value) for value in inputs])
