# SPDX-License-Identifier: Apache-2.0
"""Sums of operands whose channels have scales of their own, or offsets on no grid: RepVGG's branches before they are merged.

Each channel of each operand is multiplied by a whole number that brings it to a step of that channel, and offsets are added to
that of the result. Where scales of a channel stand in no whole ratio, the numbers are the nearest ones; only a quantizer may
read the sum then, and its certificate counts the sums so near to a step that what the ratio misses could carry them over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np
import numpy.typing as npt

from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.grids import MAX_FACTOR_BITS, common_step
from headrace.frontend.values import ExactArray, Real
from headrace.ir.expressions import MAX_OPERANDS, Expression, const, operand
from headrace.ir.ops import Requant
from headrace.operators.elementwise.base import Pointwise, emit
from headrace.operators.elementwise.grids import MAX_FACTOR
from headrace.operators.elementwise.shapes import MAX_BITS

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Scales of one channel's operands: about ``factors[k] * step`` each."""

    factors: tuple[int, ...]
    step: Fraction
    missed: tuple[Fraction, ...]
    """What is missing of each, in steps."""


def ratio_of(scales: tuple[Fraction, ...]) -> Ratio | None:
    """Whole factors of up to 16 bits for ``scales``, else the nearest up to `MAX_FACTOR`; None if they are too far apart.

    A scale of zero (a channel that its batch norm leaves out) has the factor zero.
    """
    moving = tuple(s for s in scales if s)
    step = common_step(np.array(moving, object)) if moving else Fraction(1)
    if max((abs(s / step) for s in moving), default=0) >= 1 << MAX_FACTOR_BITS:
        step = _nearest(moving)
    factors = tuple(round(s / step) for s in scales)
    if any(s and not f for s, f in zip(scales, factors, strict=True)):
        return None
    return Ratio(factors=factors, step=step, missed=tuple(s / step - f for s, f in zip(scales, factors, strict=True)))


def _nearest(scales: tuple[Fraction, ...]) -> Fraction:
    """The step of which all scales are nearest to whole multiples: of the largest one, a whole part."""
    largest = max(abs(s) for s in scales)
    parts = np.arange(1, MAX_FACTOR + 1)
    tries = np.array([float(abs(s) / largest) for s in scales])[:, None] * parts
    error = np.abs(np.rint(tries) - tries).max(axis=0) / parts
    error[np.rint(tries).min(axis=0) == 0] = np.inf
    return largest / int(parts[int(np.argmin(error))])


def is_even(real: Real) -> bool:
    """Whether one scale and a whole offset serve all channels, as an expression of whole numbers wants it."""
    if np.any(real.scale != real.scale[0]) or np.any(real.offset != real.offset[0]) or not real.scale[0]:
        return False
    return bool(Fraction(real.offset[0] / real.scale[0]).denominator == 1)


def add_unlike(context: Context, node: OnnxNode, reals: list[Real], signs: Sequence[int]) -> Real | None:
    """The sum of ``signs[k] * reals[k]``, settled activations of one size; None if their scales are too far apart."""
    kinds = [context.tensors[real.tensor] for real in reals]
    if len({kind.shape for kind in kinds}) > 1 or any(kind.bits > MAX_BITS for kind in kinds):
        return None
    scales = [np.broadcast_to(real.scale, kinds[0].channels) * sign for real, sign in zip(reals, signs, strict=True)]
    columns = list(zip(*(s.tolist() for s in scales), strict=True))
    ratios = {column: ratio_of(column) for column in set(columns)}
    found = [ratio for column in columns if (ratio := ratios[column]) is not None]
    if len(found) < len(columns):
        return None
    factors = np.array([ratio.factors for ratio in found], np.int64).T
    terms = [_term(context, node, real, own) for real, own in zip(reals, factors, strict=True)]
    total = _total(context, node, terms)
    most = [max(abs(kind.lo), abs(kind.hi)) for kind in kinds]
    slack = np.array([ceil(sum(m * abs(e) for m, e in zip(most, ratio.missed, strict=True))) for ratio in found], np.int64)
    if np.any(slack):
        last = context.nodes[-1]
        assert isinstance(last.op, Pointwise)
        context.nodes[-1] = replace(last, op=replace(last.op, slack=slack))
    offset: ExactArray = sum(
        (np.broadcast_to(real.offset, len(found)) * sign for real, sign in zip(reals, signs, strict=True)),
        start=np.full(len(found), Fraction(0), object),
    )
    moving = [ratio.step for ratio in found if any(ratio.factors)]
    rest = min(moving, default=Fraction(1))  # a channel that is nothing but its offset asks for no finer multiplier
    step = np.array([ratio.step if any(ratio.factors) else rest for ratio in found], object)
    pure = all(real.pure for real in reals) and not np.any(slack)
    return Real(tensor=total, scale=step, offset=offset, pure=pure, skewed=bool(np.any(slack)))


def _term(context: Context, node: OnnxNode, real: Real, factors: Int64) -> tuple[str, int]:
    """A tensor, and the number by which it enters the sum; where channels have unlike factors, they are multiplied first."""
    if np.all(factors == factors[0]):
        return real.tensor, int(factors[0])
    source = context.tensors[real.tensor]
    ends = [int(factor) * end for factor in (factors.min(), factors.max()) for end in (source.lo, source.hi)]
    op = Requant(mul=factors, add=0 * factors, shift=0, lo=min(ends), hi=max(ends))
    return context.apply(node, op, (real.tensor,), source.shape, min(ends), max(ends)), 1


def _total(context: Context, node: OnnxNode, terms: list[tuple[str, int]]) -> str:
    """The sum of all terms, as many at a time as the engine has streams."""
    while True:
        now, terms = terms[:MAX_OPERANDS], terms[MAX_OPERANDS:]
        names = list(dict.fromkeys(name for name, _ in now))
        expression: Expression | None = None
        for name, factor in now:
            leaf: Expression = ("mul", operand(names.index(name)), const(factor))
            expression = leaf if expression is None else ("add", expression, leaf)
        assert expression is not None
        total = emit(context, node, expression, [(name, 0.0) for name in names], Fraction(1)).tensor
        if not terms:
            return total
        terms = [(total, 1), *terms]
