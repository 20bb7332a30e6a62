# SPDX-License-Identifier: Apache-2.0
"""One network, two styles: in float with batch normalisation, or quantized with it folded away.

A network asks its style for convolutions and activations, so both versions share one definition and the same module
names. `fold_into` carries the weights over. Share one activation module wherever tensors meet in an add or a concat:
sharing the module is sharing the scale.
"""

from typing import Protocol

import torch
from brevitas.nn import QuantConv2d, QuantIdentity, QuantReLU
from brevitas.quant_tensor import QuantTensor
from torch import Tensor, nn

from headrace_models.errors import CheckpointError
from headrace_models.quantizers import (
    PowerOfTwoScaling,
    ShortMantissaScaling,
    ShortMantissaWeight,
    SignedActivation,
    UnsignedActivation,
    best_exponent,
    best_weight_scale,
)


class ConvNorm(nn.Module):
    """A convolution and what normalises it; the output is an unquantized accumulator.

    ``source`` is the activation whose scale the input carries; with it the accumulator's scale is known.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.Module, source: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.norm = norm
        self._source = (source,)  # in a tuple, for it belongs to another module's state

    @property
    def source(self) -> nn.Module:
        """The activation that feeds this convolution."""
        return self._source[0]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H', W')."""
        y: Tensor = self.norm(self.conv(x))
        return y


class Style(Protocol):
    """Builds the layers of a network in one number format."""

    def conv(
        self,
        source: nn.Module,
        c_in: int,
        c_out: int,
        k: int,
        *,
        stride: int = 1,
        groups: int = 1,
        bits: int = 4,
        norm: bool = True,
    ) -> ConvNorm:
        """Return a "same"-padded k x k convolution of what the activation ``source`` gave (directly, or through pooling,
        concat, shuffle, upsampling). ``bits`` is the weights' width; without ``norm`` there is a bias.
        """
        ...

    def weights_only(self, channels: int, k: int, *, outputs: int = 0, bits: int = 4) -> nn.Conv2d:
        """Return a bias-free convolution, depthwise or dense to ``outputs``, of which only the weights are used."""
        ...

    def relu(self, exponent: int | None = None) -> nn.Module:
        """Return a ReLU to unsigned 8 bit; a given exponent of the scale is kept, otherwise it is calibrated."""
        ...

    def signed(self, exponent: int | None = None, bits: int = 8) -> nn.Module:
        """Return a signed quantizer."""
        ...

    def unsigned(self, exponent: int, bits: int) -> nn.Module:
        """Return an unsigned quantizer with the fixed scale ``2**exponent``."""
        ...


class FloatStyle:
    """Plain float layers with batch normalisation."""

    def conv(
        self,
        source: nn.Module,
        c_in: int,
        c_out: int,
        k: int,
        *,
        stride: int = 1,
        groups: int = 1,
        bits: int = 4,
        norm: bool = True,
    ) -> ConvNorm:
        """See `Style.conv`; the weights' width plays no part in float."""
        del bits
        conv = nn.Conv2d(c_in, c_out, k, stride, k // 2, groups=groups, bias=not norm)
        return ConvNorm(conv, nn.BatchNorm2d(c_out) if norm else nn.Identity(), source)

    def weights_only(self, channels: int, k: int, *, outputs: int = 0, bits: int = 4) -> nn.Conv2d:
        """See `Style.weights_only`."""
        del bits
        return nn.Conv2d(channels, outputs or channels, k, 1, k // 2, groups=1 if outputs else channels, bias=False)

    def relu(self, exponent: int | None = None) -> nn.Module:
        """See `Style.relu`."""
        del exponent
        return nn.ReLU()

    def signed(self, exponent: int | None = None, bits: int = 8) -> nn.Module:
        """Return a straight-through rounding where it is coarse, as `unsigned` does."""
        if bits < 8 and exponent is not None:
            return StraightThroughRound(scale=2.0**exponent, low=-(2 ** (bits - 1)), high=2 ** (bits - 1) - 1)
        return nn.Identity()

    def unsigned(self, exponent: int, bits: int) -> nn.Module:
        """Return a straight-through rounding: coarse quantizers, such as of dilations, matter in float as well."""
        return StraightThroughRound(scale=2.0**exponent, low=0, high=2**bits - 1) if bits < 8 else nn.Identity()


class QuantStyle:
    """Brevitas layers: short-mantissa weights, power-of-two activations, biases added to the accumulator."""

    def conv(
        self,
        source: nn.Module,
        c_in: int,
        c_out: int,
        k: int,
        *,
        stride: int = 1,
        groups: int = 1,
        bits: int = 4,
        norm: bool = True,
    ) -> ConvNorm:
        """See `Style.conv`; there is always a bias, since a folded norm leaves one."""
        del norm
        conv = QuantConv2d(
            c_in, c_out, k, stride, k // 2, groups=groups, bias=True,
            weight_quant=ShortMantissaWeight, weight_bit_width=bits,
        )  # fmt: skip
        return ConvNorm(conv, nn.Identity(), source)

    def weights_only(self, channels: int, k: int, *, outputs: int = 0, bits: int = 4) -> nn.Conv2d:
        """See `Style.weights_only`."""
        conv: nn.Conv2d = QuantConv2d(
            channels, outputs or channels, k, 1, k // 2, groups=1 if outputs else channels, bias=False,
            weight_quant=ShortMantissaWeight, weight_bit_width=bits,
        )  # fmt: skip
        return conv

    def relu(self, exponent: int | None = None) -> nn.Module:
        """See `Style.relu`."""
        return _with_exponent(QuantReLU(act_quant=UnsignedActivation), exponent)

    def signed(self, exponent: int | None = None, bits: int = 8) -> nn.Module:
        """See `Style.signed`."""
        return _with_exponent(QuantIdentity(act_quant=SignedActivation, bit_width=bits), exponent)

    def unsigned(self, exponent: int, bits: int) -> nn.Module:
        """See `Style.unsigned`."""
        return _with_exponent(QuantIdentity(act_quant=UnsignedActivation, bit_width=bits), exponent)


class StraightThroughRound(nn.Module):
    """Round half to even to ``scale * (low..high)``; the gradient passes where nothing is clipped."""

    def __init__(self, *, scale: float, low: int, high: int) -> None:
        super().__init__()
        self.scale = scale
        self.low = low
        self.high = high

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        inside = torch.clamp(x, self.low * self.scale, self.high * self.scale)
        return inside + (torch.round(inside / self.scale) * self.scale - inside).detach()


def _with_exponent(activation: nn.Module, exponent: int | None) -> nn.Module:
    """Fix the scale of a Brevitas activation, or mark it for `calibrate`."""
    scaling = scaling_of(activation)
    scaling.is_fixed = exponent is not None
    if exponent is not None:
        scaling.set_exponent(exponent)
    return activation


def scaling_of(activation: nn.Module) -> PowerOfTwoScaling:
    """Return the module that holds a quantized activation's scale."""
    return next(m for m in activation.modules() if isinstance(m, PowerOfTwoScaling))


def is_signed(activation: nn.Module) -> bool:
    """Return whether a quantized activation's integers are signed."""
    return bool(activation.act_quant.is_signed)


def weight_scaling(conv: nn.Module) -> ShortMantissaScaling:
    """Return the module that holds a quantized convolution's weight scales."""
    return next(m for m in conv.modules() if isinstance(m, ShortMantissaScaling))


def used_weight(conv: nn.Conv2d) -> Tensor:
    """Return the weights as the convolution uses them: quantized, as real values, if it is a Brevitas layer."""
    if not isinstance(conv, QuantConv2d):
        return conv.weight
    quantized = conv.weight_quant(conv.weight)
    # While exporting, Brevitas returns the plain tensor behind its Quant node.
    weight: Tensor = quantized.value if isinstance(quantized, QuantTensor) else quantized
    return weight


def quantized_activations(model: nn.Module) -> dict[str, nn.Module]:
    """Return the Brevitas activations of a network by their first name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, QuantReLU | QuantIdentity)}


def quantized_convs(model: nn.Module) -> dict[str, QuantConv2d]:
    """Return the Brevitas convolutions of a network by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, QuantConv2d)}


@torch.no_grad()
def fold_into(source: nn.Module, target: nn.Module) -> None:
    """Copy a float network into the quantized one of the same names, batch normalisation folded into weights and bias.

    The weight scales of ``target`` start at the least squared error.

    Raises:
        CheckpointError: the two networks differ in structure.
    """
    floats = {name: m for name, m in source.named_modules() if isinstance(m, nn.Conv2d)}
    convs = quantized_convs(target)
    if floats.keys() != convs.keys():
        raise CheckpointError(f"networks differ in {', '.join(sorted(floats.keys() ^ convs.keys()))}")
    modules = dict(source.named_modules())
    for name, conv in convs.items():
        weight, bias = floats[name].weight, floats[name].bias
        norm = modules.get(name.removesuffix("conv") + "norm")
        if isinstance(norm, nn.BatchNorm2d):
            mean, variance = norm.running_mean, norm.running_var
            assert mean is not None  # FloatStyle's norms track mean and variance
            assert variance is not None
            gain = norm.weight / torch.sqrt(variance + norm.eps)
            weight = weight * gain[:, None, None, None]
            bias = norm.bias - mean * gain
        conv.weight.copy_(weight)
        if conv.bias is not None:
            conv.bias.copy_(bias)
        weight_scaling(conv).log_scale.copy_(best_weight_scale(weight, int(conv.weight_quant.bit_width())).log2())


@torch.no_grad()
def calibrate(model: nn.Module, images: Tensor) -> None:
    """Choose the scales of all activations that have no fixed one, layer after layer, on one batch.

    A shared quantizer gets the scale that serves all its tensors together.
    """
    seen: dict[nn.Module, list[Tensor]] = {}

    def observe(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        # A slice of each tensor is enough for the error's minimum and bounds the memory.
        seen.setdefault(module, []).append(inputs[0].flatten()[:: max(1, inputs[0].numel() // 200_000)].clone())
        values = torch.cat(seen[module])
        scaling_of(module).set_exponent(best_exponent(values, bits=8, signed=is_signed(module)))

    activations = [m for m in quantized_activations(model).values() if not scaling_of(m).is_fixed]
    hooks = [module.register_forward_pre_hook(observe) for module in activations]
    was_training = model.training
    model.eval()
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(was_training)
