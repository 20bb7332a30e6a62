# SPDX-License-Identifier: Apache-2.0
"""Requantizers in floating point that give the integers of :func:`headrace_host.golden.requant`, provably.

``clip(round_half_even((acc * mul + add) / 2**shift), lo, hi)`` is taken in the first of these ways that applies:

1. float32, because ``acc * mul + add`` is below 2**24 and hence exact, as is its division by a power of two.
2. float32 with factors of 24 bits, found to agree: both functions rise (or fall) with ``acc``, for rounding a product or a
   sum does not change order. So they are equal on a range if they are equal at its ends and on both sides of each step.
3. float64, because ``acc * mul + add`` is below 2**53, or found to agree. If only a few channels need it, there is also
   the float32 of the others, and these few, the strays, are computed once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from headrace_host import golden
from headrace_host.cpu.memory import Array

if TYPE_CHECKING:
    Int64Array = npt.NDArray[np.int64]
else:
    Int64Array = np.ndarray  # numpy 1.21, on PYNQ images, cannot subscript np.int64

MAX_POINTS = 1 << 20
"""Steps of all channels together, beyond which comparing them takes too long."""
STRAYS = 12
"""One channel in so many may be a stray."""
ULPS = 3
"""How far from the nearest float32 a factor is sought, in units of its last place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantizer:
    """A requantizer as the program states it, and the accumulators that reach it, from ``least`` to ``most``."""

    mul: Array
    """(C,) or (1,)"""
    add: Array
    shift: int
    lo: int
    hi: int
    odd: bool = False
    least: int
    most: int

    @property
    def extent(self) -> int:
        """A bound of ``acc * mul + add``, and of what is added to it for rounding."""
        acc = max(abs(self.least), abs(self.most))
        mul, add = (max(abs(int(values.min())), abs(int(values.max()))) for values in (self.mul, self.add))
        return acc * mul + add + ((2 if self.odd else 1) << self.shift)

    @property
    def factors(self) -> tuple[Array, Array]:
        """``mul`` and ``add`` over ``2**shift``."""
        mul, add = (np.ldexp(values.astype(np.float64), -self.shift) for values in (self.mul, self.add))
        return mul, add + int(self.odd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale:
    """``clip(rint(acc * mul + add), lo, hi) - odd`` in ``dtype``."""

    dtype: type[np.floating[Any]]
    mul: Array | None
    """(C,) or (1,); None: 1"""
    add: Array | None
    """(C,) or (1,); None: 0"""
    lo: float | None
    """Bounds; None where nothing lies beyond."""
    hi: float | None
    whole: bool = False
    """Whether ``acc * mul + add`` is whole already."""
    odd: bool = False
    shift: int | None = None
    """Where all of it is exact in float32: the factors are whole numbers over ``2**shift``."""
    near: Rescale | None = None
    """The same in float32, but wrong in its `strays`."""
    strays: tuple[int, ...] = ()
    exact: Rescale | None = None
    """Of the strays alone."""


def rescale(stated: Requantizer) -> Rescale | None:
    """A requantizer in floating point; None if it needs more than float64."""
    if stated.extent < 1 << 24 and not stated.odd:
        whole = not np.any(stated.mul % (1 << stated.shift)) and not np.any(stated.add % (1 << stated.shift))
        return replace(_made(stated, np.float32, *stated.factors), shift=stated.shift, whole=whole)
    search = _Search(stated) if _Search.can(stated) else None
    mul, add, wrong = search.float32() if search else (None, None, np.arange(0))
    if mul is not None and add is not None and not len(wrong):
        return _made(stated, np.float32, mul, add)
    if stated.extent >= 1 << 53 and not (search and search.is_float64()):
        return None
    made = _made(stated, np.float64, *stated.factors)
    if mul is None or add is None or len(wrong) * STRAYS > len(mul):
        return made
    exact = replace(made, mul=_only(made.mul, wrong), add=_only(made.add, wrong))
    near = replace(_made(stated, np.float32, mul, add), strays=tuple(wrong.tolist()), exact=exact)
    return replace(made, near=near)


def _made(stated: Requantizer, dtype: type[np.floating[Any]], mul: Array, add: Array) -> Rescale:
    """Without what does nothing."""
    ends = np.concatenate([acc * mul.astype(np.float64) + add for acc in (stated.least, stated.most)])
    lo, hi = stated.lo + int(stated.odd), stated.hi + int(stated.odd)
    return Rescale(
        dtype=dtype,
        mul=None if np.all(mul == 1) else _alike(mul).astype(dtype),
        add=None if not np.any(add) else _alike(add).astype(dtype),
        lo=float(lo) if ends.min() <= lo - 0.49 else None,  # what lies a little above -1/2 is rounded to 0
        hi=float(hi) if ends.max() >= hi + 0.49 else None,
        odd=stated.odd,
    )


def _alike(values: Array) -> Array:
    """One value if all are the same."""
    return values[:1] if np.all(values == values[0]) else values


def _only(values: Array | None, channels: Int64Array) -> Array | None:
    """Those of some channels."""
    return values if values is None or len(values) == 1 else values[channels]


class _Search:
    """Compares a requantizer with floating point and looks for factors; channels with falling ones are mirrored."""

    def __init__(self, stated: Requantizer) -> None:
        self.stated = stated
        channels = max(len(stated.mul), len(stated.add))
        self.mul, self.add = (np.broadcast_to(v, channels).astype(np.int64) for v in (stated.mul, stated.add))
        self.sign = np.where(self.mul < 0, -1, 1)
        self.first = np.where(self.mul < 0, -stated.most, stated.least)[:, None]
        self.last = np.where(self.mul < 0, -stated.least, stated.most)[:, None]
        self.levels = np.arange(stated.lo, stated.hi, dtype=np.int64)
        self.steps = self._steps()
        inside = np.concatenate([self.steps, self.steps - 1], axis=1).clip(self.first, self.last)
        self.points = np.concatenate([inside, self.first, self.last], axis=1) * self.sign[:, None]
        self.wanted = golden.requant(self.points.T, self.mul, self.add, stated.shift, stated.lo, stated.hi).T

    @staticmethod
    def can(stated: Requantizer) -> bool:
        """Whether 64 bits and a reasonable time are enough; ties to odd are left out."""
        levels = (max(abs(stated.lo), abs(stated.hi)) * 2 + 3) << stated.shift
        few = max(len(stated.mul), len(stated.add)) * (stated.hi - stated.lo) <= MAX_POINTS
        return few and not stated.odd and 2 * stated.extent + levels < 1 << 62

    def _steps(self) -> Int64Array:
        """The least mirrored accumulators (C, levels) whose results are above each level."""
        factor = np.maximum(np.abs(self.mul), 1)[:, None]
        # above level k: 2 * (acc * mul + add) > (2 * k + 1) << shift, or equal where the tie goes up, to an even k + 1
        least = ((2 * self.levels + 1) << self.stated.shift) - 2 * self.add[:, None] + (self.levels % 2 == 0)
        steps: Int64Array = -(-least // (2 * factor))
        return steps

    def float32(self) -> tuple[Array | None, Array | None, Int64Array]:
        """Factors and offsets (C,) of float32, and the channels where they are wrong somewhere on the range.

        None in place of the factors if accumulators are beyond float32.
        """
        if max(np.abs(self.first).max(), np.abs(self.last).max()) >= 1 << 24:
            return None, None, np.arange(0)
        exact, stated = self._factors()
        mul, add = exact.astype(np.float32), stated.astype(np.float32)
        wrong = np.flatnonzero(~self._agree(np.arange(len(mul)), mul, add))
        for ulps in sorted(range(-ULPS, ULPS + 1), key=abs):
            if not len(wrong):
                break
            nearby = exact[wrong].astype(np.float32)
            nearby += ulps * np.spacing(nearby)
            middle = self._middle(wrong, nearby)
            for direction in (0, -1, 1):
                offset = middle + direction * np.spacing(middle)
                good = self._agree(wrong, nearby, offset)
                mul[wrong[good]], add[wrong[good]] = nearby[good], offset[good]
                wrong, nearby, middle = wrong[~good], nearby[~good], middle[~good]
        return mul, add, wrong

    def is_float64(self) -> bool:
        """Whether float64 with the factors as they are is exact on the whole range."""
        return bool(self._agree(np.arange(len(self.mul)), *self._factors()).all())

    def _factors(self) -> tuple[Array, Array]:
        mul, add = (np.ldexp(values.astype(np.float64), -self.stated.shift) for values in (self.mul, self.add))
        return mul, add

    def _agree(self, channels: Int64Array, mul: Array, add: Array) -> npt.NDArray[np.bool_]:
        """Whether each of ``channels`` gets the right integers everywhere in the arithmetic of its factors' type."""
        products = self.points[channels].astype(mul.dtype) * mul[:, None]
        lo, hi = mul.dtype.type(self.stated.lo), mul.dtype.type(self.stated.hi)
        rounded = np.rint((products + add[:, None]).clip(lo, hi))
        return np.asarray((rounded == self.wanted[channels]).all(axis=1))

    def _middle(self, channels: Int64Array, mul: Array) -> Array:
        """The offsets that keep the products on both sides of all steps as far from rounding to another integer as possible."""
        steps, sign = self.steps[channels], self.sign[channels][:, None]
        reached = (steps > self.first[channels]) & (steps <= self.last[channels])
        above, below = (((steps - back) * sign).astype(np.float32) * mul[:, None] for back in (0, 1))
        ties = self.levels + 0.5
        most = np.where(reached, ties - below.astype(np.float64), np.inf).min(axis=1, initial=np.inf)
        least = np.where(reached, ties - above.astype(np.float64), -np.inf).max(axis=1, initial=-np.inf)
        _, stated = self._factors()
        found = np.isfinite(least) & np.isfinite(most)
        with np.errstate(invalid="ignore"):  # inf - inf
            return np.where(found, (least + most) / 2, stated[channels]).astype(np.float32)
