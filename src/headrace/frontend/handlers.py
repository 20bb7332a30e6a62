# SPDX-License-Identifier: Apache-2.0
"""Handlers of arithmetic operators: (context, node, input values) -> output values."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, Handler, OnnxNode
from headrace.frontend.moves import MOVES
from headrace.frontend.values import ExactArray, ModelInput, QuantConst, Real, Value, exact
from headrace.frontend.windows import spatial_output, window_attributes
from headrace.ir.ops import Add, Conv, DeformDepthwise
from headrace.ir.ranges import conv_range
from headrace.ir.tensor import Tensor

MAX_ADD_MULTIPLIER = 1 << 12
"""Largest whole factor that brings one operand of an addition to the other's grid."""


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
    if array.size == 1:
        return exact(array)
    if array.size != channels or array.ndim < 3 or array.shape[-3] != channels:
        raise node.unsupported(
            f"{what} of shape {array.shape} is not one number per channel ({channels})", "use a scalar or (1, C, 1, 1)"
        )
    return exact(array)


def quant_grid(node: OnnxNode, inputs: list[Value | None]) -> tuple[int, int]:
    """Lowest and highest integer of a QONNX ``Quant`` node, before its zero point is subtracted."""
    if (mode := str(node.attrs.get("rounding_mode", "ROUND")).upper()) not in ("ROUND", "HALF_EVEN"):
        raise node.unsupported(f"rounding mode {mode}", "use ROUND (half to even)")
    bits = scalar(node, inputs[3], "bit width")
    if bits != round(bits) or not 1 <= bits <= 32:
        raise node.unsupported(f"bit width {bits}", "use a whole bit width from 1 to 32")
    if bits == 1 and node.attrs.get("signed", 1):
        raise node.unsupported("1 signed bit means -1 and 1, without zero", "use unsigned 1-bit or ternary 2-bit quantizers")
    signed, narrow = bool(node.attrs.get("signed", 1)), bool(node.attrs.get("narrow", 0))
    if signed:
        return -(1 << (int(bits) - 1)) + narrow, (1 << (int(bits) - 1)) - 1
    return 0, (1 << int(bits)) - 1 - narrow


def quant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """QONNX Quant(x, scale, zero point, bit width)."""
    if len(inputs) != 4:
        raise node.unsupported(f"{len(inputs)} inputs", "Quant needs x, scale, zero point and bit width")
    lo, hi = quant_grid(node, inputs)
    x = inputs[0]
    if isinstance(x, np.ndarray | QuantConst):
        return [_quant_const(node, node.const(x, "weight"), inputs, lo, hi)]
    scale = scalar(node, inputs[1], "activation scale")
    zero = scalar(node, inputs[2], "activation zero point")
    if not scale > 0 or zero != round(zero) or abs(zero) >= 1 << MAX_ACTIVATION_BITS:
        raise node.unsupported(
            f"scale {scale} and zero point {zero}", "the scale must be positive, the zero point a whole number of the grid"
        )
    if hi - lo >= 1 << MAX_ACTIVATION_BITS:
        raise node.unsupported(
            f"bit width {(hi - lo).bit_length()} of an activation", f"use at most {MAX_ACTIVATION_BITS} bits"
        )
    lo, hi = lo - int(zero), hi - int(zero)
    if isinstance(x, ModelInput):
        return [_quant_input(context, node, x, scale, lo, hi)]
    if x is None:
        raise node.unsupported("no input", "export the model again")
    return [context.quantize(node, context.activation(node, x, skewed=True), Fraction(scale), lo, hi, odd=bool(int(zero) % 2))]


def _quant_const(node: OnnxNode, x: npt.NDArray[Any], inputs: list[Value | None], lo: int, hi: int) -> QuantConst:
    scale = np.asarray(node.const(inputs[1], "weight scale"), np.float32)
    zero = np.asarray(node.const(inputs[2], "weight zero point"), np.float32)
    if not (np.all(scale > 0) and np.all(np.isfinite(scale)) and np.all(np.isfinite(x))):
        raise node.unsupported("weights or scales that are not finite, positive numbers", "train or export the model again")
    if not np.all((zero == np.rint(zero)) & (np.abs(zero) < 1 << MAX_ACTIVATION_BITS)):
        raise node.unsupported("weight zero points that are not whole numbers of the grid", "export the model again")
    try:
        scale = np.broadcast_to(scale, np.broadcast_shapes(scale.shape, (1,) * x.ndim))
        # float32 throughout: this is the arithmetic in which Brevitas rounds the weights
        with np.errstate(over="ignore"):  # infinity clips like any large number
            steps = np.clip(np.rint(x.astype(np.float32) / scale + zero), lo, hi) - zero
    except ValueError as error:
        raise node.unsupported(f"scale {scale.shape} does not fit weights {x.shape}", "export the model again") from error
    return QuantConst(integers=steps.astype(np.int64), scale=scale)


def _quant_input(context: Context, node: OnnxNode, x: ModelInput, scale: float, lo: int, hi: int) -> Real:
    c, h, w = x.shape
    for name in context.inputs:
        if name == context.input_names.get(x.name):
            known = context.tensors[name]
            if (known.lo, known.hi, known.scale) != (lo, hi, (scale,)):
                raise node.unsupported(f"input '{x.name}' is quantized in two different ways", "share one quantizer")
            return Real(tensor=name, scale=exact([scale]))
    tensor = Tensor(name=context.unique(x.name), shape=(h, w, c), lo=lo, hi=hi, scale=(scale,))
    context.tensors[tensor.name] = tensor
    context.inputs.append(tensor.name)
    context.input_names[x.name] = tensor.name
    return Real(tensor=tensor.name, scale=exact([scale]))


def conv_weight(node: OnnxNode, value: Value | None) -> tuple[npt.NDArray[np.int64], ExactArray]:
    """Integer weights (M, C / groups, KH, KW) and their scales (M,) or (1,)."""
    if not isinstance(value, QuantConst):
        raise node.unsupported("its weights are not quantized", "quantize them (Brevitas QuantConv2d with a weight quantizer)")
    if value.integers.ndim != 4:
        raise node.unsupported(f"weights with {value.integers.ndim} axes", "only 2-D convolutions are mapped")
    m = value.integers.shape[0]
    if value.scale.size not in (1, m) or (value.scale.size == m and value.scale.shape[0] != m):
        raise node.unsupported(f"weight scales of shape {value.scale.shape}", "scale weights per tensor or per output channel")
    return value.integers, exact(value.scale)


def conv(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ONNX Conv with quantized weights, to exact accumulators."""
    weight, weight_scale = conv_weight(node, inputs[1])
    x = context.integers(node, _required(node, inputs[0]))
    source = context.tensors[x.tensor]
    groups = int(node.attrs.get("group", 1))
    m, c_group, kh, kw = weight.shape
    if c_group * groups != source.channels:
        raise node.unsupported(
            f"{source.channels} channels for weights {weight.shape} in {groups} groups", "export the model again"
        )
    if groups != 1 and not (c_group == 1 and m == groups):
        raise node.unsupported(
            f"{groups} groups of {c_group} channels", "use groups=1, or depthwise with one filter per channel"
        )
    stride, pad, dilation = window_attributes(node, source.shape[:2], (kh, kw))
    out_hw = spatial_output(node, source.shape[:2], (kh, kw), stride, pad, dilation)
    op = Conv(weight=weight.transpose(0, 2, 3, 1).copy(), stride=stride, pad=pad, dilation=dilation, groups=groups)
    lo, hi = conv_range(op, source.lo, source.hi)
    out = context.apply(node, op, (x.tensor,), (*out_hw, m), int(lo.min()), int(hi.max()))
    offset = exact([0.0]) if len(inputs) < 3 or inputs[2] is None else _bias(node, inputs[2], m)
    return [Real(tensor=out, scale=weight_scale * x.step, offset=offset)]


def _bias(node: OnnxNode, value: Value, m: int) -> ExactArray:
    bias = np.asarray(node.const(value, "bias"), np.float64)
    if bias.size != m or not np.all(np.isfinite(bias)):
        raise node.unsupported(f"a bias of {bias.size} numbers (finite ones needed) for {m} filters", "export the model again")
    return exact(bias)


def deform(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """headrace.ops SquareDeformDepthwise(x, dilation, weight), attributes lo and hi."""
    weight, weight_scale = conv_weight(node, inputs[2])
    x = context.integers(node, _required(node, inputs[0]))
    d = context.integers(node, _required(node, inputs[1]))
    source, dilation = context.tensors[x.tensor], context.tensors[d.tensor]
    c, c_group, k, kw = weight.shape
    if c_group != 1 or c != source.channels or k != kw or k % 2 == 0:
        raise node.unsupported(f"weights {weight.shape} on {source.channels} channels", "use one odd square filter per channel")
    if dilation.shape != (*source.shape[:2], 1):
        raise node.unsupported(f"a dilation map {dilation.shape} on a map {source.shape}", "give one dilation per pixel")
    if d.step != 1:
        raise node.unsupported(f"dilations on a grid of {float(d.step):g}", "quantize the dilation with a constant scale of 1")
    lo, hi = int(node.attrs.get("lo", dilation.lo)), int(node.attrs.get("hi", dilation.hi))
    if lo > hi:
        raise node.unsupported(f"the range [{lo}, {hi}] is empty", "declare lo <= hi")
    # dilations that cannot occur, or that lead out of the map anyway, need no rows of the line buffer
    far = max(source.shape[:2])
    lo, hi = (min(max(min(max(end, lo), hi), -far), far) for end in (dilation.lo, dilation.hi))
    op = DeformDepthwise(weight=weight[:, 0].transpose(1, 2, 0).copy(), lo=lo, hi=hi)
    acc_lo, acc_hi = conv_range(op, source.lo, source.hi)
    out = context.apply(node, op, (x.tensor, d.tensor), source.shape, int(acc_lo.min()), int(acc_hi.max()))
    return [Real(tensor=out, scale=weight_scale * x.step)]


def _required(node: OnnxNode, value: Value | None) -> Value:
    if value is None:
        raise node.unsupported("an input is missing", "export the model again")
    return value


def _affine(context: Context, node: OnnxNode, x: Value, factor: ExactArray, term: ExactArray) -> Real:
    """``x * factor + term`` per channel, folded into the meaning of the integers."""
    real = context.activation(node, x, skewed=True)
    if real.clamped:
        if np.any(term != 0) or factor.size != 1 or factor[0] <= 0:
            real = context.settled(node, real)
        else:
            lo, hi = (None if bound is None else bound * factor[0] for bound in (real.lo, real.hi))
            real = replace(real, lo=lo, hi=hi)
    return replace(real, scale=real.scale * factor, offset=real.offset * factor + term, pure=False)


def _channels(context: Context, x: Value) -> int:
    return context.tensors[x.tensor].channels if isinstance(x, Real) else 0


def _operands(context: Context, node: OnnxNode, inputs: list[Value | None]) -> tuple[Value, ExactArray]:
    """The activation and the constant of a two-operand node."""
    a, b = _required(node, inputs[0]), _required(node, inputs[1])
    if isinstance(a, np.ndarray | QuantConst):
        a, b = b, a
    context.activation(node, a, skewed=True)
    return a, per_channel(node, b, _channels(context, a), "constant operand")


def add(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Add: a constant moves the offset, two activations become an `Add`."""
    a, b = _required(node, inputs[0]), _required(node, inputs[1])
    if isinstance(a, Real) and isinstance(b, Real):
        return [_add_activations(context, node, a, b)]
    x, constant = _operands(context, node, inputs)
    return [_affine(context, node, x, exact([1.0]), constant)]


def _add_activations(context: Context, node: OnnxNode, a: Real, b: Real) -> Real:
    a, b = context.integers(node, a), context.integers(node, b)
    ta, tb = context.tensors[a.tensor], context.tensors[b.tensor]
    if ta.shape != tb.shape:
        raise node.unsupported(f"adds maps of {ta.shape} and {tb.shape}", "add maps of one shape")
    ratio = a.step / b.step
    near = min(ratio, 1 / ratio).limit_denominator(MAX_ADD_MULTIPLIER)
    if near == 0:
        raise node.unsupported(
            f"its operands have scales {float(a.step):.6g} and {float(b.step):.6g}, too far apart to be added",
            "share one quantizer between the operands",
        )
    near = near if ratio < 1 else 1 / near
    mul_a, mul_b = near.numerator, near.denominator
    op = Add(mul_a=mul_a, mul_b=mul_b, skew=float(ratio / near - 1))
    lo, hi = ta.lo * mul_a + tb.lo * mul_b, ta.hi * mul_a + tb.hi * mul_b
    out = context.apply(node, op, (a.tensor, b.tensor), ta.shape, lo, hi)
    return Real(tensor=out, scale=b.scale[:1] / mul_b, pure=a.pure and b.pure, skewed=ratio != near)


def sub(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Sub of a constant from an activation."""
    if not isinstance(inputs[0], Real):
        raise node.unsupported("subtracts an activation from a constant", "use Add with negated weights")
    return [_affine(context, node, inputs[0], exact([1.0]), -_operands(context, node, inputs)[1])]


def mul(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Mul by a constant."""
    x, constant = _operands(context, node, inputs)
    return [_affine(context, node, x, constant, exact([0.0]))]


def div(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Div by a constant."""
    if not isinstance(inputs[0], Real):
        raise node.unsupported("divides by an activation", "divide by constants only")
    constant = _operands(context, node, inputs)[1]
    if np.any(constant == 0):
        raise node.unsupported("divides by zero", "repair the constant")
    return [_affine(context, node, inputs[0], Fraction(1) / constant, exact([0.0]))]


def batch_norm(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """BatchNormalization in inference form."""
    gamma, beta, mean, var = (
        np.asarray(node.const(v, what), np.float64).reshape(-1)
        for v, what in zip(inputs[1:5], ("scale", "bias", "mean", "variance"), strict=True)
    )
    x = _required(node, inputs[0])
    sizes, channels = {gamma.size, beta.size, mean.size, var.size}, _channels(context, x)
    if sizes != {channels}:
        raise node.unsupported(f"parameters of {sorted(sizes)} channels on {channels} channels", "export the model again")
    spread = var + float(node.attrs.get("epsilon", 1e-5))
    if not np.all(spread > 0):
        raise node.unsupported("a variance that is negative or not finite", "train or export the model again")
    factor = gamma / np.sqrt(spread)
    return [_affine(context, node, x, exact(factor), exact(beta - mean * factor))]


def relu(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Relu waits as a clamp for the next quantizer."""
    return [_clamp(context.activation(node, _required(node, inputs[0]), skewed=True), Fraction(0), None)]


def clip(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Clip (ReLU6 among them) to constants."""
    bounds = [*inputs[1:], None, None]
    lo = None if bounds[0] is None else Fraction(scalar(node, bounds[0], "lower bound"))
    hi = None if bounds[1] is None else Fraction(scalar(node, bounds[1], "upper bound"))
    if lo is not None and hi is not None and lo > hi:
        raise node.unsupported(f"an empty range [{float(lo):g}, {float(hi):g}]", "repair the bounds")
    return [_clamp(context.activation(node, _required(node, inputs[0]), skewed=True), lo, hi)]


def _clamp(real: Real, lo: Fraction | None, hi: Fraction | None) -> Real:
    """Clamps behind the clamp that waits already."""

    def within(bound: Fraction | None) -> Fraction | None:
        if bound is None:
            return None
        bound = bound if lo is None else max(bound, lo)
        return bound if hi is None else min(bound, hi)

    return replace(real, lo=lo if real.lo is None else within(real.lo), hi=hi if real.hi is None else within(real.hi))


HANDLERS: dict[str, Handler] = {
    "Quant": quant,
    "IntQuant": quant,
    "Conv": conv,
    "SquareDeformDepthwise": deform,
    "Add": add,
    "Sub": sub,
    "Mul": mul,
    "Div": div,
    "BatchNormalization": batch_norm,
    "Relu": relu,
    "Clip": clip,
    **MOVES,
}
