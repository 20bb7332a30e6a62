# SPDX-License-Identifier: Apache-2.0
"""Operators of the integer graph.

Each operator is a frozen dataclass; its ``kind`` names it in the serialised program that `headrace_host` executes. Arrays are
integer numpy arrays. Semantics live in `headrace_host.golden`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
Pads = tuple[int, int, int, int]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conv:
    """Dense (groups = 1), grouped or depthwise convolution to exact accumulators."""

    kind: ClassVar[str] = "conv"
    weight: IntArray
    """(M, KH, KW, C / groups)"""
    stride: Pair = (1, 1)
    pad: Pads = (0, 0, 0, 0)
    """top, left, bottom, right"""
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def depthwise(self) -> bool:
        """One filter per channel."""
        m, _, _, c = self.weight.shape
        return bool(c == 1 and m == self.groups)

    @property
    def kernel(self) -> Pair:
        """Rows, columns."""
        return self.weight.shape[1], self.weight.shape[2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeformDepthwise:
    """Limited-range square deformable depthwise convolution; inputs are the activations and the dilation map."""

    kind: ClassVar[str] = "deform_depthwise"
    weight: IntArray
    """(k, k, C), k odd"""
    lo: int
    hi: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantize:
    """The quantizer as the model states it: ``clip(round_half_even(acc * slope + offset), lo, hi)`` over the reals.

    ``slope`` and ``offset`` are arrays (C,) of fractions, exact. The requantize pass turns it into a `Requant`.
    """

    kind: ClassVar[str] = "quantize"
    slope: npt.NDArray[np.object_]
    offset: npt.NDArray[np.object_]
    lo: int
    hi: int
    odd: bool = False
    """The model's zero point is odd: ties go to what is even before it is subtracted, so to odd levels here."""
    scale: Fraction = Fraction(1)
    """Real value of one step of the result."""
    pure: bool = False
    """The model's float arithmetic up to here is sums of products alone (see the requantize pass, float32)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requant:
    """``clip(round_half_even((acc * mul + add) / 2**shift), lo, hi)``; ``mul`` and ``add`` are (C,)."""

    kind: ClassVar[str] = "requant"
    mul: IntArray
    add: IntArray
    shift: int
    lo: int
    hi: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool:
    """Maximum over windows; padding never wins."""

    kind: ClassVar[str] = "max_pool"
    kernel: Pair
    stride: Pair
    pad: Pads = (0, 0, 0, 0)
    dilation: Pair = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Add:
    """``a * mul_a + b * mul_b``; the multipliers bring both operands to one scale."""

    kind: ClassVar[str] = "add"
    mul_a: int = 1
    mul_b: int = 1
    skew: float = 0.0
    """What the whole multipliers miss of the operands' real ratio: a's real factor is ``mul_a * (1 + skew)``.

    Hardware and golden ignore it; the certificate of the quantizer behind counts what it changes.
    """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concat:
    """Channels of all inputs, in order."""

    kind: ClassVar[str] = "concat"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Consecutive channel ranges of ``sizes``, one output each."""

    kind: ClassVar[str] = "split"
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """Channels [start, stop); the merge_slices pass gathers slices of one tensor into a `Split`."""

    kind: ClassVar[str] = "slice"
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shuffle:
    """ShuffleNet's permutation: channel g * (C / groups) + n becomes n * groups + g; lowered to `Split` and `Interleave`."""

    kind: ClassVar[str] = "shuffle"
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interleave:
    """Channel n of input k becomes channel n * inputs + k: a concat of equals followed by a shuffle."""

    kind: ClassVar[str] = "interleave"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upsample:
    """Nearest neighbour by whole factors (rows, columns)."""

    kind: ClassVar[str] = "upsample"
    factors: Pair


Op = Conv | DeformDepthwise | Quantize | Requant | MaxPool | Add | Concat | Split | Slice | Shuffle | Interleave | Upsample
