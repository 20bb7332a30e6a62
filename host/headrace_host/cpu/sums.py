# SPDX-License-Identifier: Apache-2.0
"""Requantized sums of two scaled tensors with the requantizer's factor in the scales, in float32.

Every pair of values is tried, so that a sum is taken only if it gives the reference's integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from headrace_host import golden
from headrace_host.cpu.memory import Array
from headrace_host.cpu.rescale import Requantizer, Rescale

Interval = tuple[int, int]

MAX_PAIRS = 1 << 18
"""Pairs of values beyond which trying all of them takes too long."""
NEAR = 2.0**-11
"""Pairs that come so near to a step, of which there are few, are tried first."""


@dataclass(frozen=True, slots=True)
class ScaledSum:
    """``clip(rint(x0 * factors[0] + x1 * factors[1] + add), lo, hi)`` in float32."""

    factors: tuple[float, float]
    add: float

    def of(self, pairs: Sequence[Array], lo: int, hi: int) -> Array:
        """The result, with the roundings of the steps that compute it."""
        first, second = (x.astype(np.float32) * np.float32(f) for x, f in zip(pairs, self.factors, strict=True))
        total = first + second
        total = total + np.float32(self.add) if self.add else total
        result: Array = np.rint(total.clip(np.float32(lo), np.float32(hi)))
        return result


def linear(expression: Any) -> tuple[int, int] | None:
    """The factors of ``in_0 * c + in_1 * d``; None for another expression."""
    kind, *terms = expression
    if kind != "add" or len(terms) != 2:
        return None
    factors = []
    for k, term in enumerate(terms):
        if list(term) == ["in", k]:
            factors.append(1)
        elif term[0] == "mul" and list(term[1]) == ["in", k] and term[2][0] == "const":
            factors.append(int(term[2][1]))
        else:
            return None
    return factors[0], factors[1]


def scaled_sum(expression: Any, ranges: Sequence[Interval], stated: Requantizer) -> tuple[Any, Rescale] | None:
    """An expression with factors of float32, and the requantizer without any; None if none are exact."""
    factors, sizes = linear(expression), [hi - lo + 1 for lo, hi in ranges]
    if factors is None or np.ptp(stated.mul) or np.ptp(stated.add) or stated.odd or stated.extent >= 1 << 62:
        return None
    if sizes[0] * sizes[1] > MAX_PAIRS or stated.lo < -(1 << 20) or stated.hi > 1 << 20:
        return None
    found = _found(factors, ranges, stated)
    if found is None:
        return None
    terms = [["mul", ["in", k], ["const", factor]] for k, factor in enumerate(found.factors)]
    add = np.array([found.add], np.float32) if found.add else None
    return ["add", *terms], Rescale(dtype=np.float32, mul=None, add=add, lo=float(stated.lo), hi=float(stated.hi))


def _found(factors: tuple[int, int], ranges: Sequence[Interval], stated: Requantizer) -> ScaledSum | None:
    """The first of the floats about the exact factors that is right for all pairs."""
    values = [np.arange(lo, hi + 1) for lo, hi in ranges]
    pairs = [x.reshape(-1) for x in np.meshgrid(*values, indexing="ij")]
    acc = pairs[0] * factors[0] + pairs[1] * factors[1]
    wanted = golden.requant(acc, stated.mul[:1], stated.add[:1], stated.shift, stated.lo, stated.hi)
    mul, add = (float(values[0]) for values in stated.factors)
    real = acc * mul + add
    hard = np.flatnonzero((np.abs(real - np.floor(real) - 0.5) < NEAR) & (real > stated.lo - 1) & (real < stated.hi + 1))
    few = [x[hard] for x in pairs]
    for candidate in _candidates((factors[0] * mul, factors[1] * mul), add):
        if (candidate.of(few, stated.lo, stated.hi) == wanted[hard]).all() and (
            candidate.of(pairs, stated.lo, stated.hi) == wanted
        ).all():
            return candidate
    return None


def _candidates(factors: tuple[float, float], add: float) -> list[ScaledSum]:
    """Floats about the exact ones, the nearest first."""
    near = [[float(np.float32(f) + k * np.spacing(np.float32(f))) for k in (0, 1, -1, 2, -2)] for f in factors]
    offsets = [float(np.float32(add + shift)) for shift in (0.0, 2.0**-17, -(2.0**-17), 2.0**-16, -(2.0**-16))]
    ranked = sorted(product(range(5), range(5), range(5)), key=sum)
    return [ScaledSum((near[0][i], near[1][j]), offsets[k]) for i, j, k in ranked]
