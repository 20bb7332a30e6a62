# SPDX-License-Identifier: Apache-2.0
"""Operands of elementwise operators: constants, and maps that ONNX broadcasts to a common size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from headrace.frontend.affine import scalar
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import ExactArray, QuantConst, Real, Value, exact, one
from headrace.ir.expressions import MAX_OPERANDS, Expression, const
from headrace.operators.upsample import Upsample

MAX_BITS = 32
"""Widest operand; accumulators of convolutions are welcome."""
MAX_SHIFT = 1 << 24
"""Bound of a constant term, in units of its operand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A value as whole numbers of ``step``: ``(sign * integer + shift) * step``, or the constant ``sign * step``."""

    step: Fraction
    """Positive; of a constant, its magnitude, which may be zero."""
    sign: int = 1
    real: Real | None = None
    """The activation whose integers these are; None for a constant."""
    shift: int = 0
    inexact: bool = False
    """A sum of operands in no whole ratio, whose unit is already much finer than theirs."""

    @property
    def value(self) -> Real:
        """The operand, an activation, as what its integers mean."""
        assert self.real is not None
        return replace(self.real, scale=one(self.sign * self.step), offset=one(self.shift * self.step))

    def term(self, leaf: Expression, factor: int) -> Expression:
        """The operand on a grid ``factor`` times finer, for an activation read as ``leaf``."""
        factor = self.sign * factor
        if self.real is None:
            return const(factor)
        scaled = leaf if factor == 1 else ("mul", leaf, const(factor))
        return scaled if self.shift == 0 else ("add", scaled, const(self.shift * abs(factor)))


def is_constant(value: Value | None) -> bool:
    """Whether the file holds the value."""
    return isinstance(value, np.ndarray | QuantConst)


def operand_of(context: Context, node: OnnxNode, value: Value) -> Operand:
    """``value`` as whole numbers.

    Raises:
        UnsupportedError: a constant of several numbers; an activation that is not on one grid.
    """
    if is_constant(value):
        number = Fraction(scalar(node, value, "constant operand"))
        return Operand(step=abs(number), sign=-1 if number < 0 else 1)
    real = context.settled(node, value)
    scale, offset = real.step, real.offset[0]
    even = scale != 0 and np.all(real.scale == scale) and np.all(real.offset == offset)
    shift = offset / abs(scale) if even else Fraction(1, 2)
    if shift.denominator != 1 or abs(shift) > MAX_SHIFT:
        real = context.integers(node, real, bits=MAX_BITS)
        return Operand(step=real.step, real=real)
    plain = context.integers(node, replace(real, scale=abs(real.scale[:1]), offset=exact([0.0])), bits=MAX_BITS)
    return Operand(step=plain.step, sign=-1 if scale < 0 else 1, real=plain, shift=int(shift))


def negated(real: Real) -> Real:
    """``-real``, which has no clamp."""
    return replace(real, scale=-real.scale, offset=-real.offset)


def opened(context: Context, node: OnnxNode, values: list[Value], sign: int) -> tuple[list[Operand], ExactArray]:
    """Operands of a sum among which there are sums of operands in no whole ratio, and what is to be added to the result.

    All values but the first are taken ``sign`` times.

    Such a sum is replaced by its own operands while all of them fit one engine; then their certificate compares all values
    at once. Otherwise its integers, on the grid that came closest to them, are an operand as they are.

    Raises:
        UnsupportedError: a value is not on one grid.
    """
    reals = [context.settled(node, value, skewed=True) for value in values]
    reals[1:] = [negated(real) if sign < 0 else real for real in reals[1:]]
    spread = [summed(context, real) for real in reals]
    offset = sum((real.offset for real in reals if real.skewed), one(Fraction(0)))
    terms = [part for parts in spread for part in parts]
    if len(terms) <= MAX_OPERANDS and not any(part.skewed for part in terms):
        return [operand_of(context, node, part) for part in terms], offset
    operands = []
    for real in reals:
        plain = replace(real, skewed=False, offset=one(Fraction(0))) if real.skewed else real
        operands.append(replace(operand_of(context, node, plain), inexact=real.skewed))
    return operands, offset


def summed(context: Context, real: Real) -> tuple[Real, ...]:
    """The operands of a sum in no whole ratio, as far as they are known, with what has become of their scale since."""
    if not real.skewed or real.tensor not in context.sums:
        return (real,)
    unit, parts = context.sums[real.tensor]
    factor = real.scale / unit
    return tuple(replace(part, scale=part.scale * factor, offset=part.offset * factor) for part in parts)


def fitted(context: Context, node: OnnxNode, operands: list[Operand]) -> list[Operand]:
    """``operands`` brought to one size: rows and columns of one repeat by upsampling; one channel is left to the engine.

    Raises:
        UnsupportedError: sizes differ and are not 1, or there is no activation.
    """
    shapes = [context.tensors[x.real.tensor].shape for x in operands if x.real]
    target = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    if any(size not in (1, wanted) for shape in shapes for size, wanted in zip(shape, target, strict=True)):
        name, shown = node.op_type.lower(), " and ".join(str(shape) for shape in shapes)
        raise node.unsupported(
            f"{name}s maps of {shown} (rows, columns, channels)", f"{name} maps of one shape; only axes of size 1 repeat"
        )
    return [replace(x, real=_repeated(context, node, x.real, target)) if x.real else x for x in operands]


def _repeated(context: Context, node: OnnxNode, real: Real, target: tuple[int, ...]) -> Real:
    source = context.tensors[real.tensor]
    factors = (target[0] // source.shape[0], target[1] // source.shape[1])
    if factors == (1, 1):
        return real
    shape = (target[0], target[1], source.channels)
    op = Upsample(factors=factors)
    return replace(real, tensor=context.apply(node, op, (real.tensor,), shape, source.lo, source.hi, source.scale[0]))
