# SPDX-License-Identifier: Apache-2.0
"""Scales: short mantissas and powers of two."""

import numpy as np
import pytest
import torch
from brevitas.nn import QuantConv2d, QuantIdentity, QuantReLU
from headrace_models.quantizers import (
    ShortMantissaWeight,
    SignedActivation,
    UnsignedActivation,
    best_exponent,
    best_weight_scale,
    round_mantissa,
)
from headrace_models.styles import weight_scaling
from hypothesis import given
from hypothesis import strategies as st


def _grid() -> list[float]:
    return [m * 2.0**e for e in range(-40, 20) for m in range(8, 16)]


@given(st.floats(min_value=2.0**-30, max_value=2.0**15, width=32))
def test_round_mantissa_finds_the_nearest(x: float) -> None:
    rounded = float(round_mantissa(torch.tensor([x]))[0])
    grid = np.array(_grid())
    assert rounded in grid
    assert abs(rounded - x) == np.abs(grid - x).min()


def test_round_mantissa_keeps_what_is_short_and_passes_gradients() -> None:
    values = torch.tensor([8.0, 9.0, 15.0, 0.8125, 2.0**-13], requires_grad=True)
    rounded = round_mantissa(values)
    assert torch.equal(rounded, values)
    torch.autograd.backward(rounded.sum())
    assert values.grad is not None
    assert torch.equal(values.grad, torch.ones(5))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_best_weight_scale_beats_its_neighbours(bits: int) -> None:
    torch.manual_seed(0)
    weight = torch.randn(6, 5, 3, 3)
    weight[3] = 0
    high = 2 ** (bits - 1) - 1
    scale = best_weight_scale(weight, bits)
    assert scale.shape == (6, 1, 1, 1)
    assert torch.equal(round_mantissa(scale), scale)

    def error(s: torch.Tensor) -> torch.Tensor:
        return ((weight / s).round().clamp(-high, high) * s - weight).square().sum((1, 2, 3))

    plain = round_mantissa((weight.abs().amax((1, 2, 3), keepdim=True) / high).clamp_min(2.0**-20))
    assert (error(scale) <= error(plain) + 1e-6).all()


@pytest.mark.parametrize(("signed", "expected"), [(False, -8), (True, -7)])
def test_best_exponent_of_the_unit_interval(signed: bool, expected: int) -> None:
    values = torch.linspace(-1 if signed else 0, 0.99, 1000)
    assert best_exponent(values, bits=8, signed=signed) == expected


def test_best_exponent_prefers_to_clip_a_lone_outlier() -> None:
    values = torch.cat([torch.linspace(0, 1, 100_000), torch.tensor([3.0])])
    assert best_exponent(values, bits=8, signed=False) < best_exponent(values[-1:], bits=8, signed=False)


def test_weights_are_narrow_integers_times_a_short_mantissa() -> None:
    torch.manual_seed(1)
    conv = QuantConv2d(3, 4, 3, weight_quant=ShortMantissaWeight, weight_bit_width=4)
    weight_scaling(conv).log_scale.data = best_weight_scale(conv.weight, 4).log2()
    quantized = conv.weight_quant(conv.weight)
    integers = quantized.value / quantized.scale
    assert torch.equal(integers, integers.round())
    assert integers.abs().max() == 7
    assert quantized.scale.shape == (4, 1, 1, 1)


def test_activations_round_half_to_even_and_saturate() -> None:
    act = QuantReLU(act_quant=UnsignedActivation, exponent=0)
    x = torch.tensor([-3.0, 0.5, 1.5, 2.5, 254.5, 255.5, 300.0])
    assert act(x).tolist() == [0, 0, 2, 2, 254, 255, 255]
    signed = QuantIdentity(act_quant=SignedActivation, exponent=-1)
    assert signed(torch.tensor([-100.0, -0.25, 0.75, 63.6])).tolist() == [-64, 0, 1, 63.5]
    narrow = QuantIdentity(act_quant=UnsignedActivation, exponent=0, bit_width=2)
    assert narrow(torch.tensor([-1.0, 1.4, 9.0])).tolist() == [0, 1, 3]
