# SPDX-License-Identifier: Apache-2.0
"""Mul: a constant scales, two activations are multiplied."""

from __future__ import annotations

from headrace.frontend.affine import affine, operands
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real, Value, exact
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import product
from headrace.operators.elementwise.map_terms import exact_map, multiply_map
from headrace.operators.elementwise.maps import spread


def _constant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    x, constant = operands(context, node, inputs)
    return [affine(context, node, x, constant, exact([0.0]))]


def _map(context: Context, node: OnnxNode, x: Real, value: Value, _: int) -> Real:
    return multiply_map(context, node, x, exact_map(spread(context, node, value, x)))


ELEMENTWISE = (
    Elementwise(types=("Mul",), grid=product, build=lambda a, b: ("mul", a, b), constant=_constant, constant_map=_map),
)
