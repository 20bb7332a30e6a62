# SPDX-License-Identifier: Apache-2.0
"""Constant factors, terms and clamps: they change what an activation's integers mean, not the integers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from headrace.frontend.constants import collapsed
from headrace.frontend.context import Context, Handler, OnnxNode, required
from headrace.frontend.values import ExactArray, ModelInput, QuantConst, Real, Value, exact

Numbers = npt.NDArray[np.float64]


def scalar(node: OnnxNode, value: Value | None, what: str) -> float:
    """A one-element constant.

    Raises:
        UnsupportedError: it holds several different values, or none.
    """
    array = np.asarray(node.const(value, what), np.float64).ravel()
    if array.size == 0 or np.any(array != array[0]) or not np.isfinite(array[0]):
        raise node.unsupported(f"{what} must be one finite number", "quantize activations per tensor")
    return float(array[0])


def per_channel(node: OnnxNode, value: Value | None, channels: int, what: str) -> ExactArray:
    """A constant that broadcasts over (1, C, H, W) along channels only, as (1,) or (C,)."""
    array = np.asarray(node.const(value, what), np.float64)
    if not np.all(np.isfinite(array)):
        raise node.unsupported(f"{what} holds numbers that are not finite", "train or export the model again")
    array = collapsed(array)
    if array.size == 1:
        return exact(array)
    if array.size != channels or array.ndim < 3 or array.shape[-3] != channels:
        raise node.unsupported(
            f"{what} of shape {array.shape} is not one number per channel ({channels})", "use a scalar or (1, C, 1, 1)"
        )
    return exact(array)


def affine(context: Context, node: OnnxNode, x: Value, factor: ExactArray, term: ExactArray) -> Real | ModelInput:
    """``x * factor + term`` per channel, folded into the meaning of the integers; of the raw input, into that of its pixels."""
    if _raw(x):
        return replace(x, scale=x.scale * factor, offset=x.offset * factor + term)
    real = context.activation(node, x, skewed=True)
    if real.clamped:
        if np.any(term != 0) or factor.size != 1 or factor[0] <= 0:
            real = context.settled(node, real)
        else:
            lo, hi = (None if bound is None else bound * factor[0] for bound in (real.lo, real.hi))
            real = replace(real, lo=lo, hi=hi)
    return replace(real, scale=real.scale * factor, offset=real.offset * factor + term, pure=False)


def _raw(x: Value | None) -> TypeGuard[ModelInput]:
    """Whether ``x`` is a float input that no quantizer has read yet."""
    return isinstance(x, ModelInput) and x.integers is None


def _channels(context: Context, x: Value) -> int:
    if isinstance(x, ModelInput):
        return x.shape[0]
    return context.tensors[x.tensor].channels if isinstance(x, Real) else 0


def operands(context: Context, node: OnnxNode, inputs: list[Value | None]) -> tuple[Value, ExactArray]:
    """The activation and the constant of a two-operand node."""
    a, b = required(node, inputs[0]), required(node, inputs[1])
    if isinstance(a, np.ndarray | QuantConst):
        a, b = b, a
    if not _raw(a):
        context.activation(node, a, skewed=True)
    return a, per_channel(node, b, _channels(context, a), "constant operand")


def div(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Div by a constant."""
    if not isinstance(inputs[0], Real | ModelInput):
        raise node.unsupported("divides by an activation", "divide by constants only")
    from headrace.operators.elementwise.map_terms import divided_by_map  # the operators import this module

    if (quotient := divided_by_map(context, node, inputs)) is not None:
        return [quotient]
    constant = operands(context, node, inputs)[1]
    if np.any(constant == 0):
        raise node.unsupported("divides by zero", "repair the constant")
    return [affine(context, node, inputs[0], Fraction(1) / constant, exact([0.0]))]


def normalization(node: OnnxNode, inputs: list[Value | None], channels: int) -> tuple[Numbers, Numbers]:
    """Factor and term of a BatchNormalization in inference form, (C,) each.

    Raises:
        UnsupportedError: other numbers of channels, or a variance that is none.
    """
    gamma, beta, mean, var = (
        np.asarray(node.const(v, what), np.float64).reshape(-1)
        for v, what in zip(inputs[1:5], ("scale", "bias", "mean", "variance"), strict=True)
    )
    sizes = {gamma.size, beta.size, mean.size, var.size}
    if sizes != {channels}:
        raise node.unsupported(f"parameters of {sorted(sizes)} channels on {channels} channels", "export the model again")
    spread = var + float(node.attrs.get("epsilon", 1e-5))
    if not np.all(spread > 0):
        raise node.unsupported("a variance that is negative or not finite", "train or export the model again")
    factor = gamma / np.sqrt(spread)
    return factor, beta - mean * factor


def batch_norm(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """BatchNormalization in inference form."""
    x = required(node, inputs[0])
    x = x if _raw(x) else context.activation(node, x, skewed=True)
    factor, term = normalization(node, inputs, _channels(context, x))
    return [affine(context, node, x, exact(factor), exact(term))]


def relu(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Relu waits as a clamp for the next quantizer."""
    return [clamp(context.activation(node, required(node, inputs[0]), skewed=True), Fraction(0), None)]


def clip(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Clip (ReLU6 among them) to constants."""
    bounds = [*inputs[1:], None, None]
    lo = None if bounds[0] is None else Fraction(scalar(node, bounds[0], "lower bound"))
    hi = None if bounds[1] is None else Fraction(scalar(node, bounds[1], "upper bound"))
    if lo is not None and hi is not None and lo > hi:
        raise node.unsupported(f"an empty range [{float(lo):g}, {float(hi):g}]", "repair the bounds")
    return [clamp(context.activation(node, required(node, inputs[0]), skewed=True), lo, hi)]


def clamp(real: Real, lo: Fraction | None, hi: Fraction | None) -> Real:
    """``real`` clamped, behind the clamp that waits already."""

    def within(bound: Fraction | None) -> Fraction | None:
        if bound is None:
            return None
        bound = bound if lo is None else max(bound, lo)
        return bound if hi is None else min(bound, hi)

    return replace(real, lo=lo if real.lo is None else within(real.lo), hi=hi if real.hi is None else within(real.hi))


AFFINE: dict[str, Handler] = {
    "Div": div,
    "BatchNormalization": batch_norm,
    "Relu": relu,
    "Clip": clip,
}
