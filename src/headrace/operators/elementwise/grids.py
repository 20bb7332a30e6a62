# SPDX-License-Identifier: Apache-2.0
"""How the scales of an elementwise operator's operands combine: whole factors for the operands, a scale for the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm, prod

import numpy as np

from headrace.errors import UnsupportedError
from headrace.frontend.context import OnnxNode
from headrace.operators.elementwise.shapes import Operand

MAX_FACTOR = 1 << 12
"""Largest whole factor that brings one operand to the others' grid."""
MAX_FINE_FACTOR = 1 << 20
"""The same where an operand is the sum of others in no whole ratio, which is on a grid as much finer already."""
NEAR = 2.0**-20
"""Relative error of such a grid that a still finer one need not improve upon."""
FINER = 16
"""How many times finer a grid becomes, at most, that holds such a sum and a coarser operand."""
MAX_CONSTANT = 1 << 32
"""Largest constant, in units of the common grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Operand k enters the expression ``factors[k]`` times; the result is a multiple of ``step``."""

    factors: tuple[int, ...]
    step: Fraction
    skews: tuple[float, ...]
    """What the factors miss of the operands' real ratio; see `Pointwise.skews`."""


Combine = Callable[[OnnxNode, Sequence[Operand]], Grid]


def common(node: OnnxNode, operands: Sequence[Operand]) -> Grid:
    """All operands on one grid, the coarsest that holds them: for sums, differences, extremes, comparisons.

    Raises:
        UnsupportedError: the scales are too far apart, or a constant is not on the grid of the other operands.
    """
    values = [x.step for x in operands if x.step]
    denominator = lcm(*(value.denominator for value in values))
    numerators = [int(value * denominator) for value in values]
    step = Fraction(gcd(*numerators), denominator)
    factors = [int(x.step / step) for x in operands]
    if all(factor <= (MAX_CONSTANT if x.real is None else MAX_FACTOR) for x, factor in zip(operands, factors, strict=True)):
        return Grid(factors=tuple(factors), step=step, skews=(0.0,) * len(operands))
    if any(x.real is None for x in operands):
        shown = ", ".join(f"{float(x.step):.6g}" for x in operands)
        raise node.unsupported(
            f"constants and operands on the grids {shown}, which have no common one with factors up to {MAX_FACTOR}",
            "make its constants multiples of the operands' scale",
        )
    if any(x.inexact for x in operands):
        return _finer(node, operands[0].step, operands[1].step)
    return _nearest(node, [x.step for x in operands])


def _finer(node: OnnxNode, first: Fraction, second: Fraction) -> Grid:
    """The grid closest to two operands, one of which is a sum in no whole ratio: little finer than the finer of them."""
    fine, coarse = min(first, second), max(first, second)
    tries = np.arange(1, max(FINER, int(MAX_FACTOR * fine / coarse)) + 1)
    real = tries * float(coarse / fine)
    errors = np.abs(np.rint(real) / real - 1)
    k = int(tries[int(np.argmax(errors <= max(NEAR, errors.min())))])
    many = round(k * coarse / fine)
    if many > MAX_FINE_FACTOR:
        raise _too_far(node, [first, second])
    step = fine / k
    factors = (k, many) if first == fine else (many, k)
    skews = tuple(float(scale / (step * factor) - 1) for scale, factor in zip((first, second), factors, strict=True))
    return Grid(factors=factors, step=step, skews=skews)


def _too_far(node: OnnxNode, scales: Sequence[Fraction]) -> UnsupportedError:
    shown = " and ".join(f"{float(scale):.6g}" for scale in scales)
    return node.unsupported(
        f"its operands have scales {shown}, too far apart to be added", "share one quantizer between the operands"
    )


def _nearest(node: OnnxNode, scales: list[Fraction]) -> Grid:
    """The grid that comes closest to holding operands in no whole ratio."""
    last = scales[-1]
    if len(scales) == 2:
        ratio = scales[0] / last
        near = min(ratio, 1 / ratio).limit_denominator(MAX_FACTOR)
        near = near if ratio < 1 or near == 0 else 1 / near
        factors = [near.numerator, near.denominator]
    else:
        ratios = np.array([float(scale / last) for scale in scales])
        tries = np.arange(1, int(max(1, MAX_FACTOR / ratios.max())) + 1)[:, None] * ratios
        errors = np.abs(np.rint(tries) / tries - 1).max(axis=1)
        factors = np.rint(tries[int(np.argmin(errors))]).astype(int).tolist()
    if 0 in factors or max(factors) > MAX_FACTOR:
        raise _too_far(node, scales)
    step = last / factors[-1]
    skews = tuple(float(scale / (step * factor) - 1) for scale, factor in zip(scales, factors, strict=True))
    return Grid(factors=tuple(factors), step=step, skews=skews)


def product(_: OnnxNode, operands: Sequence[Operand]) -> Grid:
    """The operands as they are; the result's scale is the product of theirs."""
    return Grid(
        factors=(1,) * len(operands), step=prod((x.step for x in operands), start=Fraction(1)), skews=(0.0,) * len(operands)
    )


def mean(node: OnnxNode, operands: Sequence[Operand]) -> Grid:
    """The grid of the sum, as many times finer as there are operands."""
    grid = common(node, operands)
    return replace(grid, step=grid.step / len(operands))


def truth(node: OnnxNode, operands: Sequence[Operand]) -> Grid:
    """Operands on one grid, a result that is 0 or 1: for comparisons."""
    return replace(common(node, operands), step=Fraction(1))


def boolean(node: OnnxNode, operands: Sequence[Operand]) -> Grid:
    """Operands and result are 0 or 1.

    Raises:
        UnsupportedError: an operand has another scale.
    """
    if any(x.step != 1 for x in operands):
        raise node.unsupported("an operand is no truth value", "compare it with a constant first")
    return product(node, operands)


def chosen(node: OnnxNode, operands: Sequence[Operand]) -> Grid:
    """The first operand is a condition, the others share one grid."""
    grid = common(node, operands[1:])
    return replace(grid, factors=(1, *grid.factors), skews=(0.0, *grid.skews))
