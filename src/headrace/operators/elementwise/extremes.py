# SPDX-License-Identifier: Apache-2.0
"""Max and Min: a scalar constant waits as a clamp, activations are compared."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

from headrace.frontend.affine import clamp, scalar
from headrace.frontend.context import Context, OnnxNode, required
from headrace.frontend.values import Value
from headrace.ir.expressions import Expression
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import common
from headrace.operators.elementwise.shapes import is_constant


def _clamp(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    x, constant = (required(node, value) for value in inputs)
    if is_constant(x):
        x, constant = constant, x
    value = Fraction(scalar(node, constant, "bound"))
    real = context.activation(node, x, skewed=True)
    return [clamp(real, value, None) if node.op_type == "Max" else clamp(real, None, value)]


def _greatest(*terms: Expression) -> Expression:
    return reduce(lambda a, b: ("max", a, b), terms)


def _least(*terms: Expression) -> Expression:
    return reduce(lambda a, b: ("min", a, b), terms)


ELEMENTWISE = (
    Elementwise(types=("Max",), grid=common, build=_greatest, constant=_clamp, variadic=True),
    Elementwise(types=("Min",), grid=common, build=_least, constant=_clamp, variadic=True),
)
