# SPDX-License-Identifier: Apache-2.0
"""Linear resizing by whole factors, one axis after the other, exact in integers.

Of an axis of n pixels, nearest-neighbour upsampling by f gives ``u``, whose pixel o is pixel ``q = o // f`` of the input. On
the grid ``half_pixel``, linear interpolation is the mean of ``u`` over f pixels around each o: weights 1, 2, ..., 2, 1 over 2f
for an even f, 1 over f for an odd one. Beyond the border the edge repeats; zeros stand there in the convolution, and what they
miss is so much of ``u`` itself, a whole number that depends on o alone.

On other grids pixel o lies at ``q + w / d``, -d < w < d, with one d for all: ``d * u + w * (next - u)`` where w is positive,
``d * u - w * (previous - u)`` where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, lcm

import numpy as np
import numpy.typing as npt

from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, OnnxNode
from headrace.frontend.values import Real, Value
from headrace.ir.expressions import Expression, const, operand
from headrace.ir.ops import Pads
from headrace.ir.tensor import bits_for_range
from headrace.operators import upsample
from headrace.operators.constant import constant_map
from headrace.operators.conv import Conv, conv_bounds
from headrace.operators.elementwise.base import emit
from headrace.operators.upsample import repeat_pixels, resize_factors

GRIDS = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
Weights = npt.NDArray[np.int64]
NEXT: Expression = ("mul", ("max", operand(2), const(0)), operand(0))
PREVIOUS: Expression = ("mul", ("max", ("neg", operand(2)), const(0)), operand(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis of a map being resized."""

    at: int
    """0: rows, 1: columns."""
    size: int
    factor: int

    def pair(self, along: int, across: int) -> tuple[int, int]:
        """(rows, columns)."""
        return (along, across) if self.at == 0 else (across, along)

    def pads(self, before: int, behind: int) -> Pads:
        """Padding along the axis."""
        return (before, 0, behind, 0) if self.at == 0 else (0, before, 0, behind)


def resize(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Resize or Upsample, nearest or linear, by whole factors."""
    mode = str(node.attrs.get("mode", "nearest"))
    if mode not in ("linear", "bilinear"):
        return upsample.resize(context, node, inputs)
    default = "half_pixel" if node.op_type == "Resize" else "asymmetric"
    grid = str(node.attrs.get("coordinate_transformation_mode", default))
    if grid not in GRIDS:
        raise node.unsupported(f"linear resizing on the grid {grid}", f"use one of {', '.join(GRIDS)}")
    real = context.settled(node, context.real(node, inputs[0]))
    source = context.tensors[real.tensor]
    factors = resize_factors(node, inputs, source)
    if any(f != round(f) or f < 1 for f in factors):
        raise node.unsupported(f"scales by {factors}", "only whole upsampling factors are mapped")
    if source.hi - source.lo >= 1 << MAX_ACTIVATION_BITS:
        raise node.unsupported(f"interpolates {source.bits}-bit accumulators", "put a QuantIdentity or QuantReLU before it")
    for at, factor in enumerate(factors):
        axis = Axis(at=at, size=source.shape[at], factor=int(factor))
        if axis.factor > 1:
            real = (
                _averaged(context, node, real, axis)
                if grid.endswith("half_pixel")
                else _placed(context, node, real, axis, grid)
            )
    return [real]


def _averaged(context: Context, node: OnnxNode, real: Real, axis: Axis) -> Real:
    """Linear interpolation on the grid ``half_pixel``."""
    f, size = axis.factor, axis.size * axis.factor
    if axis.size == 1:
        return repeat_pixels(context, node, real, axis.pair(f, 1))
    kernel = np.ones(f, np.int64) if f % 2 else np.concatenate([[1], np.full(f - 1, 2), [1]])
    reach = len(kernel) // 2
    covered = np.convolve(np.ones(size, np.int64), kernel, "same")
    wide = repeat_pixels(context, node, real, axis.pair(f, 1))
    mean = _filtered(context, node, wide, axis, kernel, reach, reach)
    missed = _line(context, node, wide, axis, kernel.sum() - covered)
    edge: Expression = ("mul", operand(1), operand(2)) if f > 2 else ("select", operand(2), operand(1), const(0))
    return _scaled(context, node, real, ("add", operand(0), edge), (mean, wide.tensor, missed), int(kernel.sum()))


def _placed(context: Context, node: OnnxNode, real: Real, axis: Axis, grid: str) -> Real:
    """Linear interpolation where each pixel of the result has a place of its own between two."""
    f, size = axis.factor, axis.size * axis.factor
    step = Fraction(axis.size - 1, max(1, size - 1)) if grid == "align_corners" else Fraction(1, f)
    distances = [min(o * step, Fraction(axis.size - 1)) - floor(Fraction(o, f)) for o in range(size)]
    whole = lcm(*(d.denominator for d in distances))
    weights = np.array([int(d * whole) for d in distances], np.int64)
    wide = repeat_pixels(context, node, real, axis.pair(f, 1))
    if whole == 1:
        return wide
    difference = np.zeros(f + 1, np.int64)
    difference[[0, f]] = -1, 1
    later = _filtered(context, node, wide, axis, difference, 0, f)
    if weights.min() >= 0:
        onward: Expression = ("add", ("mul", operand(0), const(whole)), ("mul", operand(1), operand(2)))
        line = _line(context, node, wide, axis, weights)
        return _scaled(context, node, real, onward, (wide.tensor, later, line), whole)
    earlier = _filtered(context, node, wide, axis, -difference, f, 0)
    line = _line(context, node, wide, axis, weights)
    moved = emit(context, node, ("add", NEXT, PREVIOUS), [(t, 0.0) for t in (later, earlier, line)], Fraction(1))
    expression = ("add", ("mul", operand(0), const(whole)), operand(1))
    return _scaled(context, node, real, expression, (wide.tensor, moved.tensor), whole)


def _filtered(context: Context, node: OnnxNode, real: Real, axis: Axis, kernel: Weights, before: int, behind: int) -> str:
    """Every channel by itself filtered along one axis, zeros beyond the border; the tensor's name."""
    source = context.tensors[real.tensor]
    weight = np.broadcast_to(kernel.reshape(1, *axis.pair(len(kernel), 1), 1), (source.channels, *axis.pair(len(kernel), 1), 1))
    op = Conv(weight=weight.copy(), pad=axis.pads(before, behind), groups=source.channels)
    lo, hi = conv_bounds(op, (source,))
    return context.apply(node, op, (real.tensor,), source.shape, int(lo.min()), int(hi.max()))


def _line(context: Context, node: OnnxNode, real: Real, axis: Axis, values: Weights) -> str:
    """A map of one channel that changes along one axis only."""
    shape = (*context.tensors[real.tensor].shape[:2], 1)
    return constant_map(context, node, np.broadcast_to(values.reshape(*axis.pair(-1, 1), 1), shape).copy())


def _scaled(
    context: Context, node: OnnxNode, real: Real, expression: Expression, operands: tuple[str, ...], whole: int
) -> Real:
    """``whole`` times the interpolated values, which lie between those of the input."""
    source = context.tensors[real.tensor]
    lo, hi = whole * source.lo, whole * source.hi
    if (bits := bits_for_range(lo, hi)) > MAX_ACTIVATION_BITS + 1:
        raise node.unsupported(
            f"interpolates with weights over {whole}, in {bits} bits", "quantize more coarsely, or use align_corners=False"
        )
    result = emit(context, node, expression, [(name, 0.0) for name in operands], Fraction(1))
    kind = replace(context.tensors[result.tensor], lo=lo, hi=hi)
    context.tensors[result.tensor] = kind
    return replace(real, tensor=result.tensor, scale=real.scale / Fraction(whole))


# A further form of the upsampler.
OPERATORS = tuple(replace(operator, handlers={"Resize": resize, "Upsample": resize}) for operator in upsample.OPERATORS)
