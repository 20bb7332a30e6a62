# SPDX-License-Identifier: Apache-2.0
"""Makes a quantized network exact: biases on the accumulator's grid, and a proof that float32 never rounds an accumulator.

A convolution's accumulator has the scale ``s_in * s_w[c]``, ``s_w[c] = m * 2**e``. In units of ``s_in * 2**e`` every partial
sum is a whole number. Activations x >= 0 bound it by ``m * (max(sum of w > 0, sum of -w > 0) * max x + |bias|)``, signed ones
by ``m * (sum |w| * max |x| + |bias|)``; while that stays below 2**24, float32 holds each one exactly, in whatever order a
library adds them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from brevitas.nn import QuantConv2d
from numpy.typing import NDArray
from torch import Tensor, nn

from headrace_models.errors import ExactnessError
from headrace_models.quantizers import MANTISSA_BITS, round_mantissa
from headrace_models.styles import ConvNorm, is_signed, quantized_convs, scaling_of, used_weight, weight_scaling

FLOAT32_BITS = 24
"""Whole numbers below 2**24 are exact in float32."""


MARGIN_BITS = 1
"""Bits that `limit_accumulators` leaves free for what the weights still learn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerConv:
    """True integers of one convolution.

    ``weight`` is int64 (C_out, C_in / groups, k, k), ``bias`` int64 (C_out,); real values are ``weight * weight_scale[c]`` and
    ``bias * input_scale * weight_scale[c]``. ``headroom_bits`` is what is left of float32's 24 bits in the worst case.
    """

    name: str
    weight: NDArray[np.int64]
    bias: NDArray[np.int64]
    weight_scale: NDArray[np.float64]
    input_scale: float
    headroom_bits: float


@torch.no_grad()
def limit_accumulators(model: nn.Module) -> None:
    """Coarsen, in place, the weight scales of channels whose accumulator could come near float32's limit.

    Concerns 8-bit weights over many channels, and channels of nearly no weight but a bias, such as a dilation that is still
    the same everywhere. Call it before training on, which then makes good what was lost.
    """
    for module in model.modules():
        if isinstance(module, ConvNorm) and isinstance(module.conv, QuantConv2d):
            log_scale = weight_scaling(module.conv).log_scale
            excess = _accumulator_bits(module) - (FLOAT32_BITS - MARGIN_BITS)
            while (excess > 0).any():
                log_scale.add_(torch.from_numpy(np.ceil(excess).clip(min=0)).float().reshape(log_scale.shape))
                excess = _accumulator_bits(module) - (FLOAT32_BITS - MARGIN_BITS)


@torch.no_grad()
def snap_weights(model: nn.Module) -> None:
    """Replace every weight by its quantized value, in place; the network computes the same as before.

    What is exported then holds true integers times scales, and no reader has to round again.
    """
    for conv in quantized_convs(model).values():
        conv.weight.copy_(used_weight(conv) + 0.0)  # + 0.0 turns -0.0 into 0.0: one byte string for one value


@torch.no_grad()
def snap_biases(model: nn.Module) -> None:
    """Round every bias to its accumulator's grid, in place; moves none by more than half an accumulator step."""
    for module in model.modules():
        if isinstance(module, ConvNorm) and isinstance(module.conv, QuantConv2d):
            bias = module.conv.bias
            assert bias is not None  # QuantStyle gives every convolution one
            step = float(scaling_of(module.source).scale) * _weight_scale(module.conv)
            bias.copy_((torch.round(bias.double() / step) * step).float() + 0.0)  # no -0.0


def integer_convs(model: nn.Module) -> dict[str, IntegerConv]:
    """Return the integers of all convolutions that have a bias, by name.

    Raises:
        ExactnessError: a bias is off the grid (call `snap_biases` first), a scale has too long a mantissa, or an accumulator
            may outgrow float32.
    """
    modules = {name: m for name, m in model.named_modules() if isinstance(m, ConvNorm)}
    return {name: _integers(name, m) for name, m in modules.items() if isinstance(m.conv, QuantConv2d)}


def weight_integers(conv: QuantConv2d) -> NDArray[np.int64]:
    """Return the integer weights of a Brevitas convolution, in its own shape."""
    quantized = conv.weight_quant(conv.weight)
    return np.asarray(torch.round(quantized.value / quantized.scale).to(torch.int64).numpy(force=True))


def deform_weights(model: nn.Module) -> dict[str, NDArray[np.int64]]:
    """Return the integer weights of the deformable convolutions, which have no bias, by name."""
    return {name: weight_integers(conv) for name, conv in quantized_convs(model).items() if conv.bias is None}


@torch.no_grad()
def _integers(name: str, module: ConvNorm) -> IntegerConv:
    conv = module.conv
    weight = weight_integers(conv)
    scale = _weight_scale(conv)
    input_scaling = scaling_of(module.source)
    if (round_mantissa(scale.float()).double() != scale).any():
        raise ExactnessError(f"{name}: a weight scale has more than {MANTISSA_BITS} significant bits")
    bias = _bias_steps(module)
    if not np.array_equal(bias, np.round(bias)):
        raise ExactnessError(f"{name}: biases are not whole accumulator steps; call snap_biases first")
    headroom = FLOAT32_BITS - float(_accumulator_bits(module).max())
    if headroom < 0:
        raise ExactnessError(
            f"{name}: an accumulator may need {FLOAT32_BITS - headroom:.1f} bits, float32 has {FLOAT32_BITS};"
            " use fewer weight bits or input channels"
        )
    return IntegerConv(
        name=name, weight=weight, bias=bias.astype(np.int64), weight_scale=scale.numpy(),
        input_scale=float(input_scaling.scale), headroom_bits=headroom,
    )  # fmt: skip


@torch.no_grad()
def _accumulator_bits(module: ConvNorm) -> NDArray[np.float64]:
    """Return the bits that the worst partial sum of each output channel needs, in units of the scale's exponent."""
    conv = module.conv
    scale = _weight_scale(conv)
    mantissa = np.frexp(scale.numpy())[0] * 2**MANTISSA_BITS
    # A power of two needs one bit of mantissa, not four.
    odd = np.where(mantissa == 2 ** (MANTISSA_BITS - 1), 1, mantissa)
    flat = weight_integers(conv).reshape(conv.out_channels, -1)
    if is_signed(module.source):
        reach = np.abs(flat).sum(axis=1) * 128
    else:
        reach = np.maximum(flat.clip(min=0).sum(axis=1), -flat.clip(max=0).sum(axis=1)) * 255
    return np.asarray(np.log2(np.maximum(odd * (reach + np.abs(_bias_steps(module))), 1)))


def _bias_steps(module: ConvNorm) -> NDArray[np.float64]:
    """Return the bias of each output channel in accumulator steps."""
    bias = module.conv.bias
    assert bias is not None  # QuantStyle gives every convolution one
    return (bias.detach().double() / (_weight_scale(module.conv) * float(scaling_of(module.source).scale))).numpy()


def _weight_scale(conv: QuantConv2d) -> Tensor:
    """Return the weight scale of each output channel, float64 (C_out,)."""
    scale: Tensor = conv.weight_quant.scale()
    return scale.detach().double().flatten()
