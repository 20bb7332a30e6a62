# SPDX-License-Identifier: Apache-2.0
"""Mul: a constant scales, two activations are multiplied."""

from __future__ import annotations

from headrace.frontend.affine import affine, operands
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Value, exact
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import product


def _constant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    x, constant = operands(context, node, inputs)
    return [affine(context, node, x, constant, exact([0.0]))]


ELEMENTWISE = (Elementwise(types=("Mul",), grid=product, build=lambda a, b: ("mul", a, b), constant=_constant),)
