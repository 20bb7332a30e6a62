# SPDX-License-Identifier: Apache-2.0
"""What an ONNX value can be while a model is imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def _one() -> FloatArray:
    return np.ones(1)


def _zero() -> FloatArray:
    return np.zeros(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """A real-valued activation: ``clip(integer * scale + offset, lo, hi)`` of an integer tensor of the graph.

    ``scale`` and ``offset`` hold one value, or one per channel.
    """

    tensor: str
    scale: FloatArray = field(default_factory=_one)
    offset: FloatArray = field(default_factory=_zero)
    lo: float = -np.inf
    hi: float = np.inf

    @property
    def clamped(self) -> bool:
        """Whether a ReLU or clip waits for the next quantizer."""
        return bool(np.isfinite(self.lo) or np.isfinite(self.hi))

    @property
    def uniform(self) -> bool:
        """One scale for all channels and no offset: the integers themselves can feed an operator."""
        return bool(np.all(self.scale == self.scale.flat[0]) and np.all(self.offset == 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantConst:
    """A quantized constant: ``integers * scale``, ``scale`` broadcastable to the integers' shape."""

    integers: npt.NDArray[np.int64]
    scale: npt.NDArray[np.float32]

    @property
    def real(self) -> npt.NDArray[np.float64]:
        """The value that the quantizer lets through."""
        return self.integers.astype(np.float64) * self.scale.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """The float input of the model before its first quantizer; (C, H, W)."""

    name: str
    shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """A channel axis split into (groups, C / groups) on its way through a channel shuffle."""

    real: Real
    groups: int
    swapped: bool = False


Value = Real | QuantConst | ModelInput | Grouped | npt.NDArray[Any]
