# SPDX-License-Identifier: Apache-2.0
"""Pow with a small whole exponent: repeated multiplication."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.frontend.affine import scalar
from headrace.frontend.context import Context, OnnxNode, required
from headrace.frontend.values import Value
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import Grid, product
from headrace.operators.elementwise.shapes import Operand, is_constant

_SQUARE = Elementwise(types=("Pow",), grid=product, build=lambda a, b: ("mul", a, b))
_CUBE = Elementwise(types=("Pow",), grid=product, build=lambda a, b, c: ("mul", ("mul", a, b), c))


def _constant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    if is_constant(inputs[0]) or (exponent := scalar(node, inputs[1], "exponent")) not in (1.0, 2.0, 3.0):
        raise node.unsupported("a power other than 1, 2 or 3 of an activation", "use a product of activations")
    if exponent == 1.0:
        return [required(node, inputs[0])]
    power = _SQUARE if exponent == 2.0 else _CUBE
    return power.handler(context, node, [inputs[0]] * int(exponent))


def _no_exponent(node: OnnxNode, _: Sequence[Operand]) -> Grid:
    raise node.unsupported("the exponent is an activation", "use a product of activations")


ELEMENTWISE = (Elementwise(types=("Pow",), grid=_no_exponent, build=lambda a, b: ("mul", a, b), constant=_constant),)
