# SPDX-License-Identifier: Apache-2.0
"""Sub: a constant moves the offset, two activations are subtracted."""

from __future__ import annotations

from headrace.frontend.affine import affine, operands
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real, Value, exact
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import common
from headrace.operators.elementwise.map_terms import add_map
from headrace.operators.elementwise.shapes import is_constant, negated


def _constant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    x, constant = operands(context, node, inputs)
    if is_constant(inputs[0]):
        return [affine(context, node, x, exact([-1.0]), constant)]
    return [affine(context, node, x, exact([1.0]), -constant)]


def _map(context: Context, node: OnnxNode, x: Real, value: Value, at: int) -> Real:
    return add_map(context, node, x, value, -1) if at == 1 else add_map(context, node, negated(x), value)


ELEMENTWISE = (
    Elementwise(
        types=("Sub",),
        grid=common,
        build=lambda a, b: ("sub", a, b),
        constant=_constant,
        constant_map=_map,
        sign=-1,
    ),
)
