# SPDX-License-Identifier: Apache-2.0
"""Brevitas quantizers whose scales make float32 arithmetic exact.

Activations have one power-of-two scale per tensor. Weights have one *short-mantissa* scale per output channel: ``m * 2**e``
with a whole ``m`` in 8..15. An accumulator times such a scale then needs only a few bits beyond its own, so float32
represents every step of the layer exactly, and an integer datapath with a 4-bit multiplier and a shift equals it
bit for bit. Against power-of-two weight scales this costs four bits of multiplier and saves most of the accuracy loss.
"""

from typing import cast

import torch
from brevitas.core.utils import SingleArgStatelessBuffer
from brevitas.quant.base import IntQuant, NarrowIntQuant, UintQuant
from brevitas.quant.solver.act import ActQuantSolver
from brevitas.quant.solver.weight import WeightQuantSolver
from torch import Tensor, nn

MANTISSA_BITS = 4
"""Bits of a weight scale's mantissa, its leading one included."""

MIN_WEIGHT_SCALE = 2.0**-20
"""Smallest weight scale; stands in for the scale of a channel whose weights are all zero."""

_DROPPED_BITS = 24 - MANTISSA_BITS  # of float32's 24-bit significand


class _RoundMantissa(torch.autograd.Function):
    """Round positive float32 to `MANTISSA_BITS` significant bits; the gradient passes straight through."""

    @staticmethod
    def forward(_: object, x: Tensor) -> Tensor:
        # On the bit pattern, because exp2 and pow of a whole number need not be exact in every vector library.
        # A carry out of the mantissa raises the exponent, as it should.
        bits = x.contiguous().view(torch.int32) + (1 << (_DROPPED_BITS - 1))
        return (bits & -(1 << _DROPPED_BITS)).view(torch.float32)

    @staticmethod
    def backward(_: object, *grads: Tensor) -> Tensor:
        return grads[0]


def round_mantissa(x: Tensor) -> Tensor:
    """Return positive float32 ``x`` at the nearest ``m * 2**e``, m a whole number in 8..15; ties go up."""
    return cast(Tensor, _RoundMantissa.apply(x))  # type: ignore[no-untyped-call]  # torch's own signature


class ShortMantissaScaling(nn.Module):
    """Learned per-channel weight scale, trained in the log domain and used at a short mantissa."""

    def __init__(self, scaling_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(scaling_shape))

    def forward(self, _: Tensor, __: Tensor | None = None) -> Tensor:
        """Return the scale; Brevitas passes the tensor and the integer threshold, which are not needed."""
        return round_mantissa(torch.exp2(self.log_scale).clamp_min(MIN_WEIGHT_SCALE))


class PowerOfTwoScaling(nn.Module):
    """Fixed power-of-two activation scale, ``2**exponent``, kept in the checkpoint.

    Calibration leaves it alone if ``is_fixed``.
    """

    scale: Tensor

    def __init__(self, exponent: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(2.0**exponent))
        self.is_fixed = False

    def set_exponent(self, exponent: int) -> None:
        """Make the scale ``2**exponent``."""
        self.scale.fill_(2.0**exponent)

    def forward(self, _: Tensor, __: Tensor | None = None) -> Tensor:
        """Return the scale; see `ShortMantissaScaling.forward`."""
        return self.scale


class ShortMantissaWeight(NarrowIntQuant, WeightQuantSolver):  # type: ignore[misc]  # Brevitas is untyped
    """Symmetric narrow-range weights with a short-mantissa scale for each output channel."""

    bit_width = 4
    scaling_per_output_type = "channel"
    scaling_impl_type = "parameter"  # lets gradients reach the scale through clipped weights
    restrict_scaling_type = "fp"
    scaling_impl = ShortMantissaScaling
    int_scaling_impl = SingleArgStatelessBuffer(1.0)


class UnsignedActivation(UintQuant, ActQuantSolver):  # type: ignore[misc]  # Brevitas is untyped
    """Unsigned activations with a power-of-two scale."""

    bit_width = 8
    exponent = -4
    scaling_per_output_type = "tensor"
    scaling_impl_type = "parameter"
    restrict_scaling_type = "fp"
    scaling_impl = PowerOfTwoScaling
    int_scaling_impl = SingleArgStatelessBuffer(1.0)


class SignedActivation(IntQuant, ActQuantSolver):  # type: ignore[misc]  # Brevitas is untyped
    """Signed activations with a power-of-two scale."""

    bit_width = 8
    exponent = -4
    scaling_per_output_type = "tensor"
    scaling_impl_type = "parameter"
    restrict_scaling_type = "fp"
    scaling_impl = PowerOfTwoScaling
    int_scaling_impl = SingleArgStatelessBuffer(1.0)


def _error_of(values: Tensor, scale: Tensor, low: int, high: int, dims: tuple[int, ...]) -> Tensor:
    return (torch.clamp(torch.round(values / scale), low, high) * scale - values).square().sum(dims)


@torch.no_grad()
def best_weight_scale(weight: Tensor, bits: int) -> Tensor:
    """Return the short-mantissa scale of each output channel with the least squared error.

    ``weight`` is (C_out, ...); the result is (C_out, 1, ...), for symmetric narrow-range integers of ``bits`` bits.
    """
    high = 2 ** (bits - 1) - 1
    dims = tuple(range(1, weight.ndim))
    largest = weight.abs().amax(dims, keepdim=True) / high
    # Half of the largest weight's scale is a generous lower end: W4 optima lie near 0.6 to 0.9 of it.
    candidates = [round_mantissa((largest * 2.0 ** (-step / 16)).clamp_min(MIN_WEIGHT_SCALE)) for step in range(17)]
    errors = torch.stack([_error_of(weight, scale, -high, high, dims) for scale in candidates])
    best = errors.argmin(dim=0).reshape(largest.shape)
    return torch.stack(candidates).gather(0, best[None])[0]


@torch.no_grad()
def best_exponent(values: Tensor, *, bits: int, signed: bool) -> int:
    """Return the exponent of the power-of-two scale that quantizes ``values`` with the least squared error."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    flat = values.flatten()
    if not signed:
        flat = flat.clamp_min(0)
    top = float(flat.abs().max())
    start = int(torch.tensor(max(top, 2.0**-20) / high).log2().ceil())
    dims = (0,)
    errors = {e: float(_error_of(flat, torch.tensor(2.0**e), low, high, dims)) for e in range(start - 4, start + 1)}
    return min(errors, key=lambda e: (errors[e], -e))


__all__ = [
    "MANTISSA_BITS",
    "MIN_WEIGHT_SCALE",
    "PowerOfTwoScaling",
    "ShortMantissaScaling",
    "ShortMantissaWeight",
    "SignedActivation",
    "UnsignedActivation",
    "best_exponent",
    "best_weight_scale",
    "round_mantissa",
]
