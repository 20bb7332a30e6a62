# SPDX-License-Identifier: Apache-2.0
"""What every operator of the integer graph is, and the two forms of a quantizer.

An operator is a frozen dataclass (see `headrace.operators`); its ``kind`` names it in the serialised program that
`headrace_host` executes. Arrays are integer numpy arrays. Semantics live in `headrace_host.golden`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from headrace.ir.rounding import HALF_EVEN

IntArray = npt.NDArray[np.integer[Any]]
Pads = tuple[int, int, int, int]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Op:
    """Base of all operators; subclasses are frozen dataclasses of numbers, tuples and integer arrays."""

    kind: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantize(Op):
    """The quantizer as the model states it: ``clip(round(acc * slope + offset + zero) - zero, lo, hi)`` over the reals.

    ``slope`` and ``offset`` are arrays (C,) of fractions, exact. The requantize pass turns it into a `Requant`.
    """

    kind: ClassVar[str] = "quantize"
    slope: npt.NDArray[np.object_]
    offset: npt.NDArray[np.object_]
    lo: int
    hi: int
    rounding: str = HALF_EVEN
    """One of `headrace.ir.rounding.MODES`."""
    zero: int = 0
    """The model's zero point, if the model rounds before it subtracts it: ties then go to what is even there, and so on."""
    scale: Fraction = Fraction(1)
    """Real value of one step of the result."""
    pure: bool = False
    """The model's float arithmetic up to here is sums of products alone (see the requantize pass, float32)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leaf:
    """An affine image ``x * scale + offset`` of a tensor's integers; both are (C,) of fractions."""

    scale: npt.NDArray[np.object_]
    offset: npt.NDArray[np.object_]
    pure: bool
    """The model computes it by sums of products alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tabulate(Op):
    """A quantized function of one value as the model states it: ``clip(round(f(x) / scale + zero) - zero, lo, hi)``.

    The requantize pass turns it into a table or thresholds.
    """

    kind: ClassVar[str] = "tabulate"
    function: Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64], Any], npt.NDArray[Any]]
    """(channels (G,), x (G, n), float type) -> f(x) (G, n), computed in that type."""
    bounds: Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]], Any] | None
    """(channels (G,), first x (G, n), last x (G, n)) -> (lowest, highest) of f between them, if such bounds are known."""
    classes: npt.NDArray[np.int64]
    """(C,): channels of one class have one function."""
    members: npt.NDArray[np.int64]
    """A channel of each class."""
    lo: int
    hi: int
    scale: npt.NDArray[np.object_]
    """Real value of one step of the result, (C,) of fractions."""
    zero: int
    rounding: str
    """One of `headrace.ir.rounding.MODES`."""
    leaves: tuple[Leaf, ...]
    origin: str
    """The ONNX operator in front of the quantizer."""
    pieces: tuple[Leaf, ...] = ()
    """Two affine images of which f is the larger, if it is so."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compare(Op):
    """``base + step * n``, n the number of edges that ``clip(x * slope + offset, least, most)`` reaches.

    The requantize pass turns it into thresholds.
    """

    kind: ClassVar[str] = "compare"
    leaf: Leaf
    edges: npt.NDArray[np.object_]
    """(C or 1, N), rising along each row"""
    base: int
    step: int
    least: Fraction | None = None
    most: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requant(Op):
    """``clip(round_half_even((acc * mul + add) / 2**shift), lo, hi)``; ``mul`` and ``add`` are (C,)."""

    kind: ClassVar[str] = "requant"
    mul: IntArray
    add: IntArray
    shift: int
    lo: int
    hi: int
    odd: bool = False
    """Ties go to odd integers instead."""
