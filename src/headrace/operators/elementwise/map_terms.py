# SPDX-License-Identifier: Apache-2.0
"""Sums and products of an activation and a constant map.

Where the constant's numbers lie on the activation's grid, or on one of whole ratio to it, they are exact. Else the nearest
numbers of a finer grid stand for them; only a quantizer may read the result then, and its certificate compares every step at
every pixel with that of the real constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np
import numpy.typing as npt

from headrace.frontend.context import Context, OnnxNode, required
from headrace.frontend.grids import MAX_FACTOR_BITS, common_step
from headrace.frontend.values import ExactArray, Real, Value, exact
from headrace.ir.expressions import const, operand
from headrace.operators.constant import Numbers, constant_map
from headrace.operators.elementwise.base import emit
from headrace.operators.elementwise.grids import MAX_FACTOR
from headrace.operators.elementwise.maps import is_map, sized, spread
from headrace.operators.elementwise.shapes import operand_of

FINE_BITS = 22
"""Width up to which an activation is made finer for a constant that is not on its grid."""


def add_map(context: Context, node: OnnxNode, x: Real, value: Value, sign: int = 1) -> Real:
    """``x + sign * constant``; scale and offset of ``x`` may differ between channels."""
    source, numbers = context.tensors[x.tensor], sign * spread(context, node, value, x)
    if not np.all(x.scale):
        raise node.unsupported("its input is multiplied by zero", "drop the branch from the model")
    channels = max(numbers.shape[2], x.scale.size)
    scale = np.broadcast_to(x.scale, channels)
    columns = [np.unique(numbers[..., c % numbers.shape[2]], return_inverse=True) for c in range(channels)]
    ratios = [exact(unique) / step for (unique, _), step in zip(columns, scale, strict=True)]
    factor = _common_denominator(v for column in ratios for v in column)
    whole = factor is not None
    factor = factor or 1 << min(max(FINE_BITS - source.bits, 0), MAX_FACTOR.bit_length() - 1)
    places = [place.reshape(numbers.shape[:2]) for _, place in columns]
    tensor = _rounded(context, node, [column * factor for column in ratios], places)
    wide = sized(context, node, x, *numbers.shape[:2])
    expression = ("add", ("mul", operand(0), const(factor)), operand(1))
    total = emit(context, node, expression, [(wide.tensor, 0.0), (tensor, 0.0)], Fraction(1))
    return replace(total, scale=x.scale / factor, offset=x.offset, pure=x.pure and whole, skewed=not whole)


def multiply_map(context: Context, node: OnnxNode, x: Real, numbers: ExactArray) -> Real:
    """``x * numbers`` (H, W, C or 1), fractions; an offset of ``x`` must be a whole number of its steps."""
    plain = not np.any(x.offset)
    whole = operand_of(context, node, x) if not plain else None
    inner = x if whole is None or whole.real is None else whole.real
    values = sorted(set(numbers.ravel().tolist()))
    step = common_step(np.array(values, object))
    if not step:
        raise node.unsupported("its input is multiplied by zero", "drop the branch from the model")
    most = max(abs(v) for v in values)
    on_grid = most / step < 1 << MAX_FACTOR_BITS
    if not on_grid:
        step = Fraction(2) ** (int(np.frexp(float(most))[1]) - MAX_FACTOR_BITS)
    index = {v: i for i, v in enumerate(values)}
    places = [np.array([[index[v] for v in row] for row in plane]) for plane in numbers.transpose(2, 0, 1).tolist()]
    ratios = np.array(values, object) / step
    tensor = _rounded(context, node, [ratios] * len(places), places)
    wide = sized(context, node, inner, *numbers.shape[:2])
    factor = operand(0) if whole is None else whole.term(operand(0), 1)
    product = emit(context, node, ("mul", factor, operand(1)), [(wide.tensor, 0.0), (tensor, 0.0)], Fraction(1))
    scale = x.scale if whole is None else np.array([whole.step], object)
    return replace(product, scale=scale * step, pure=x.pure and on_grid, skewed=not on_grid)


def divided_by_map(context: Context, node: OnnxNode, inputs: list[Value | None]) -> Real | None:
    """The quotient of an activation and a constant map; None if the constant is no map.

    Raises:
        UnsupportedError: it divides by zero.
    """
    value = inputs[1]
    if value is None or not is_map(context, node, value, inputs):
        return None
    x = context.settled(node, required(node, inputs[0]))
    numbers = exact_map(spread(context, node, value, x))
    if not np.all(numbers):
        raise node.unsupported("divides by zero", "repair the constant")
    return multiply_map(context, node, x, Fraction(1) / numbers)


def exact_map(numbers: Numbers) -> ExactArray:
    """Floats as the exact fractions that they are, in their shape."""
    return exact(numbers).reshape(numbers.shape)


def _common_denominator(values: Iterable[Fraction]) -> int | None:
    """The least common denominator, or None if it is beyond what operands are multiplied by."""
    common = 1
    for value in values:
        common = lcm(common, value.denominator)
        if common > MAX_FACTOR:
            return None
    return common


def _rounded(context: Context, node: OnnxNode, values: list[ExactArray], places: Sequence[npt.NDArray[np.intp]]) -> str:
    """Emits the map whose channel c holds ``values[c][places[c]]``, rounded to whole numbers; what they miss stays beside."""
    integers = [np.array([round(v) for v in column], np.int64) for column in values]
    residues = [column - whole.astype(object) for column, whole in zip(values, integers, strict=True)]
    value = np.stack([whole[place] for whole, place in zip(integers, places, strict=True)], axis=-1)
    if not any(np.any(residue) for residue in residues):
        return constant_map(context, node, value)
    residue = np.stack([left[place] for left, place in zip(residues, places, strict=True)], axis=-1)
    return constant_map(context, node, value, residue)
