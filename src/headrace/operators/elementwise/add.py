# SPDX-License-Identifier: Apache-2.0
"""Add: a constant moves the offset, two activations are added."""

from __future__ import annotations

from headrace.frontend.affine import affine, operands
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real, Value, exact
from headrace.operators.elementwise.base import Elementwise, added
from headrace.operators.elementwise.grids import common
from headrace.operators.elementwise.map_terms import add_map


def _constant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    x, constant = operands(context, node, inputs)
    return [affine(context, node, x, exact([1.0]), constant)]


def _map(context: Context, node: OnnxNode, x: Real, value: Value, _: int) -> Real:
    return add_map(context, node, x, value)


ELEMENTWISE = (Elementwise(types=("Add",), grid=common, build=added, constant=_constant, constant_map=_map, sign=1),)
