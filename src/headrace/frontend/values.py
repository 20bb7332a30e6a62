# SPDX-License-Identifier: Apache-2.0
"""What an ONNX value can be while a model is imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx

if TYPE_CHECKING:
    from headrace.frontend.context import OnnxNode

Index = npt.NDArray[np.int32]
ExactArray = npt.NDArray[np.object_]
"""Fractions: scales and offsets are kept as the exact rationals that the model's floating-point numbers are."""


def exact(values: npt.ArrayLike) -> ExactArray:
    """``values`` (finite floats) as a one-dimensional array of exact fractions."""
    flat = np.asarray(values, np.float64).ravel()
    out = np.empty(flat.size, object)
    out[:] = [Fraction(v) for v in flat.tolist()]
    return out


def one(value: Fraction) -> ExactArray:
    """A single fraction as an array."""
    out = np.empty(1, object)
    out[0] = value
    return out


def _one() -> ExactArray:
    return exact([1.0])


def _zero() -> ExactArray:
    return exact([0.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """A real-valued activation: ``clip(integer * scale + offset, lo, hi)`` of an integer tensor of the graph.

    ``scale`` and ``offset`` hold one value, or one per channel.
    """

    tensor: str
    scale: ExactArray = field(default_factory=_one)
    offset: ExactArray = field(default_factory=_zero)
    lo: Fraction | None = None
    hi: Fraction | None = None
    pure: bool = True
    """The model computes it by products and sums alone, with no factor or batch norm that float32 would round."""
    skewed: bool = False
    """The sum of operands in no whole ratio: only a quantizer may read it, whose certificate counts what that changes."""

    @property
    def clamped(self) -> bool:
        """Whether a ReLU or clip waits for the next quantizer."""
        return self.lo is not None or self.hi is not None

    @property
    def step(self) -> Fraction:
        """The scale of a uniform value."""
        step: Fraction = self.scale[0]
        return step

    @property
    def uniform(self) -> bool:
        """One scale for all channels and no offset: the integers themselves can feed an operator."""
        return bool(np.all(self.scale == self.scale[0]) and np.all(self.offset == 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantConst:
    """A quantized constant: ``integers * scale``, ``scale`` broadcastable to the integers' shape."""

    integers: npt.NDArray[np.int64]
    scale: npt.NDArray[np.floating[Any]]

    @property
    def real(self) -> npt.NDArray[np.float64]:
        """The value that the quantizer lets through."""
        return self.integers.astype(np.float64) * self.scale.astype(np.float64)

    @property
    def exact(self) -> ExactArray:
        """The value that the quantizer lets through, flat, exact for integers of any width."""
        scales = exact(np.broadcast_to(self.scale, self.integers.shape))
        out = np.empty(self.integers.size, object)
        out[:] = [scale * integer for scale, integer in zip(scales, self.integers.ravel().tolist(), strict=True)]
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """The input of the model before its first quantizer; (C, H, W)."""

    name: str
    shape: tuple[int, int, int]
    integers: tuple[int, int] | None = None
    """Range of its integer type; None for a float input."""
    scale: ExactArray = field(default_factory=_one)
    offset: ExactArray = field(default_factory=_zero)
    """What the model has made of the input so far: ``input * scale + offset``, one value or one per channel."""


@dataclass(frozen=True, slots=True)
class Flat:
    """(N, C * H * W): the numbers of the map ``real`` in ONNX's order."""

    real: Real


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Function:
    """A real function of the integers of one tensor, as the ONNX nodes that compute it; it waits for a quantizer."""

    tensor: str
    node: onnx.NodeProto
    operands: tuple[Real | Function | npt.NDArray[Any] | None, ...]
    """The node's inputs: affine images of the tensor, further functions, constants as scalars or (1, C, 1, 1)."""
    opset: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """The numbers of a map laid out anew by reshapes, transposes, slices and their like."""

    real: Real | Function
    index: Index
    """Of the view's shape, with a batch of 1: the place of each number in the map as (C, H, W); -1 is zero."""
    node: OnnxNode
    """The latest operator that laid them out; it bears the names of what is emitted, and refusals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantized:
    """Integers as ONNX holds them between QuantizeLinear and DequantizeLinear, zero point included.

    ``inner`` gives their value: an activation of scale 1 whose offset is the zero point, or a view of one.
    """

    inner: Real | Flat | View


Value = Real | Function | QuantConst | ModelInput | Flat | View | Quantized | npt.NDArray[Any]
