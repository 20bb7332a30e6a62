# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear: plain ONNX as onnxruntime and other quantizers write it (the QDQ format).

``QuantizeLinear(x) = saturate(round_half_even(x / scale) + zero)``. The zero point is added behind the rounding, so
``integer = value - zero`` is a quantizer without one, on the range ``[least - zero, greatest - zero]`` of the type. Between
the two operators a value is `Quantized`: it counts as ONNX does, and whatever only moves values moves it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, Handler, OnnxNode, required
from headrace.frontend.functions import quantize_function
from headrace.frontend.inputs import integer_input, quantized_input
from headrace.frontend.readers import handled
from headrace.frontend.values import ExactArray, Flat, Function, ModelInput, QuantConst, Quantized, Real, Value, View, exact
from headrace.frontend.views import pad
from headrace.ir.ops import Quantize

MOVES_INTEGERS = frozenset(
    {
        "Concat",
        "DepthToSpace",
        "Dropout",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "MaxPool",
        "Reshape",
        "Resize",
        "Shape",
        "Slice",
    }
    | {"SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze", "Upsample"}
)
"""Operators that may stand between QuantizeLinear and DequantizeLinear: they move values, or take the largest."""


def integer_range(dtype: np.dtype[Any]) -> tuple[int, int] | None:
    """Least and greatest value of an integer type, the narrow ones of ONNX among them; None for any other type."""
    match = re.fullmatch(r"(u?)int(\d+)", dtype.name)
    if match is None:
        return None
    bits = int(match[2])
    return (0, (1 << bits) - 1) if match[1] else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def _type_range(node: OnnxNode, dtype: np.dtype[Any]) -> tuple[int, int]:
    levels = integer_range(dtype)
    if levels is None:
        raise node.unsupported(f"quantizes to {dtype.name}", "quantize to integers of 2 to 16 bits")
    return levels


def _parameters(
    node: OnnxNode, inputs: list[Value | None], shape: tuple[int, ...]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Scales and zero points of a node, each broadcastable over ``shape``.

    Raises:
        UnsupportedError: they are blocked, computed, not positive and finite, or do not fit.
    """
    if node.attrs.get("block_size", 0):
        raise node.unsupported(f"blocks of {node.attrs['block_size']}", "quantize per tensor, or weights per output channel")
    scale = np.asarray(node.const(inputs[1] if len(inputs) > 1 else None, "scale"))
    zero = node.const(inputs[2], "zero point") if len(inputs) > 2 and inputs[2] is not None else np.zeros_like(scale, np.int64)
    integers = np.asarray(zero).astype(np.int64)
    if not (np.all(np.isfinite(scale.astype(np.float64))) and np.all(scale > 0) and scale.size):
        raise node.unsupported("a scale that is not finite and positive", "calibrate the model again")
    axis, axes = int(node.attrs.get("axis", 1)), len(shape)
    if scale.size == 1 and integers.size == 1:
        return scale.reshape((1,) * axes), integers.reshape((1,) * axes)
    if not -axes <= axis < axes or {scale.size, integers.size} - {1, shape[axis]} or max(scale.ndim, integers.ndim) > 1:
        raise node.unsupported(
            f"scales {scale.shape} and zero points {integers.shape} along axis {axis} of {shape}",
            "quantize per tensor or along one axis",
        )
    spread = [shape[axis] if i == axis % axes else 1 for i in range(axes)]
    return (np.broadcast_to(p.ravel(), shape[axis]).reshape(spread) for p in (scale, integers))  # type: ignore[return-value]


def _activation_parameters(
    node: OnnxNode, inputs: list[Value | None], shape: tuple[int, int, int]
) -> tuple[ExactArray, npt.NDArray[np.int64]]:
    """Scales and zero points over (H, W, C) as (1,) or (C,)."""
    h, w, c = shape
    scale, zero = _parameters(node, inputs, (1, c, h, w))
    if max(scale.shape[2:] + zero.shape[2:]) > 1:
        raise node.unsupported("quantizes activations along rows or columns", "quantize per tensor or per channel (axis 1)")
    return exact(scale), zero.ravel()


def _source(node: OnnxNode, value: Value | None) -> Value:
    """The activation, or function of one, that ``value`` is or lays out anew."""
    value = value.inner if isinstance(value, Quantized) else required(node, value)
    return value.real if isinstance(value, View | Flat) else value


def _shape(context: Context, node: OnnxNode, x: Value | None) -> tuple[int, int, int]:
    source = _source(node, x)
    if isinstance(source, ModelInput):
        return source.shape[1], source.shape[2], source.shape[0]
    real = source if isinstance(source, Function) else context.activation(node, source, skewed=True)
    return context.tensors[real.tensor].shape


def _same_view(value: Value | None, real: Real) -> Real | Flat | View:
    """``real`` laid out as ``value`` lays out its activation."""
    if isinstance(value, View):
        return replace(value, real=real)
    return Flat(real) if isinstance(value, Flat) else real


def quantize_linear(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """QuantizeLinear of an activation, of the model's input, or of constants."""
    x = inputs[0]
    dtype = _output_type(node, inputs)
    if isinstance(x, np.ndarray | QuantConst):
        return [_quantize_constant(node, node.const(x, "input"), inputs, dtype)]
    scale, zeros = _activation_parameters(node, inputs, _shape(context, node, x))
    if np.any(zeros != zeros[0]):
        raise node.unsupported(f"zero points {zeros.tolist()} that differ between channels", "use symmetric quantization")
    zero = int(zeros[0])
    lo, hi = (level - zero for level in _type_range(node, dtype))
    if hi - lo >= 1 << MAX_ACTIVATION_BITS:
        raise node.unsupported(f"{(hi - lo).bit_length()}-bit activations", f"quantize to at most {MAX_ACTIVATION_BITS} bits")
    source = _source(node, x)
    if scale.size > 1 and not isinstance(x, Real | Function):
        raise node.unsupported("scales per channel of what is no map of channels", "quantize it per tensor")
    if isinstance(source, ModelInput) and source.integers is None:
        real = quantized_input(context, node, source, float(scale[0]), lo, hi)
    elif isinstance(source, Function):
        real = quantize_function(context, node, source, scale, lo, hi)
    else:
        real = context.activation(node, source, skewed=True)
        real = context.quantize(node, real, scale[0] if scale.size == 1 else scale, lo, hi)
    return [Quantized(inner=_same_view(x, replace(real, scale=exact([1.0]), offset=exact([zero]))))]


def _output_type(node: OnnxNode, inputs: list[Value | None]) -> np.dtype[Any]:
    """The type that a QuantizeLinear node gives."""
    if len(inputs) > 2 and inputs[2] is not None:
        dtype: np.dtype[Any] = node.const(inputs[2], "zero point").dtype
        return dtype
    wanted = int(node.attrs.get("output_dtype", 0)) or onnx.TensorProto.UINT8
    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(wanted))


def _quantize_constant(
    node: OnnxNode, x: npt.NDArray[Any], inputs: list[Value | None], dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Constants as integers, zero point included; float32 throughout, as runtimes compute it."""
    scale, zero = _parameters(node, inputs, x.shape)
    if not np.all(np.isfinite(np.asarray(x, np.float64))):
        raise node.unsupported("constants that are not finite", "train or export the model again")
    with np.errstate(over="ignore"):  # infinity saturates like any large number
        steps = np.rint(x.astype(np.float32) / scale.astype(np.float32)).astype(np.float64)
    return np.clip(steps + zero, *_type_range(node, dtype)).astype(np.int64).astype(dtype)


def dequantize_linear(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """DequantizeLinear of quantized activations, of an integer input, or of integer constants (weights, biases)."""
    x = inputs[0]
    if isinstance(x, np.ndarray):
        _type_range(node, x.dtype)
        scale, zero = _parameters(node, inputs, x.shape)
        return [QuantConst(integers=x.astype(np.int64) - zero, scale=scale)]
    factor, zeros = _activation_parameters(node, inputs, _shape(context, node, x))
    if isinstance(x, ModelInput) and x.integers is not None:
        x = Quantized(inner=integer_input(context, x, int(zeros[0]) if np.all(zeros == zeros[0]) else 0))
    if not isinstance(x, Quantized):
        raise node.unsupported("its input is not quantized", "put a QuantizeLinear before it")
    if isinstance(x.inner, View | Flat) and factor.size > 1:
        raise node.unsupported("scales per channel of what is no map of channels", "quantize it per tensor")
    real = _dequantized(context, node, context.activation(node, _source(node, x)), factor, exact(zeros))
    if isinstance(x.inner, View) and np.any(x.inner.index < 0) and np.any(real.offset != 0):
        raise node.unsupported("the padding before it is not zero behind it", "pad with the zero point")
    return [_same_view(x.inner, real)]


def _dequantized(context: Context, node: OnnxNode, real: Real, factor: ExactArray, zero: ExactArray) -> Real:
    if real.clamped and max(factor.size, zero.size) > 1:
        real = context.settled(node, real)
    lo, hi = (None if bound is None else (bound - zero[0]) * factor[0] for bound in (real.lo, real.hi))
    return replace(real, scale=real.scale * factor, offset=(real.offset - zero) * factor, lo=lo, hi=hi)


def on_integers(node: OnnxNode, handler: Handler | None) -> Handler:
    """The handler of a node that reads quantized integers; what only moves values does so whatever they mean.

    Raises:
        UnsupportedError: its arithmetic on integers is another than on real values.
    """
    if (reader := READERS.get(node.op_type)) is not None:
        return reader
    if handler is None or node.op_type not in MOVES_INTEGERS:
        raise node.unsupported("computes with quantized integers", "put a DequantizeLinear before it (the QDQ format)")

    def moved(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
        if isinstance(inputs[0], ModelInput) and node.op_type in ("Identity", "Transpose"):
            return handler(context, node, inputs)
        results = handled(handler, context, node, [_counted(context, value) for value in inputs])
        return [Quantized(inner=value) if isinstance(value, Real | Flat | View) else value for value in results]

    return moved


def reads_integers(value: Value | None) -> bool:
    """Whether ``value`` counts in ONNX integers."""
    return isinstance(value, Quantized) or (isinstance(value, ModelInput) and value.integers is not None)


def _counted(context: Context, value: Value | None) -> Any:
    if isinstance(value, ModelInput) and value.integers is not None:
        return integer_input(context, value, 0)
    return value.inner if isinstance(value, Quantized) else value


def cast_integers(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Cast of integers: to float they stay what they are, and to a type that holds them all."""
    inner = _counted(context, inputs[0])
    to = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(int(node.attrs.get("to", 0))))
    if to in (np.float32, np.float64):
        return [inner]
    levels, real = integer_range(to), context.activation(node, _source(node, inner))
    source, zero = context.tensors[real.tensor], real.offset
    if levels is None or not (levels[0] <= source.lo + min(zero) and source.hi + max(zero) <= levels[1]):
        raise node.unsupported(f"casts integers to {to.name}, which does not hold them", "cast to float, or remove the cast")
    return [Quantized(inner=inner)]


def clip_integers(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Clip between the two: how Brevitas writes quantizers of fewer than eight bits. Narrows the quantizer before it."""
    bounds = [None if value is None else int(np.asarray(node.const(value, "bound")).item()) for value in inputs[1:3]]
    lo, hi = (*bounds, None, None)[:2]
    return [_within(context, node, inputs[0], lo, hi)]


def pad_integers(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Pad with the zero point, which is zero behind the DequantizeLinear."""
    inner = _counted(context, inputs[0])
    zero = context.activation(node, _source(node, inner)).offset
    fill = node.const(inputs[2], "fill value") if len(inputs) > 2 and inputs[2] is not None else np.zeros(1)
    if np.any(zero != zero[0]) or int(fill.item()) != zero[0]:
        raise node.unsupported(f"pads with {fill.item()}, not the zero point {int(zero[0])}", "pad with the zero point")
    (padded,) = pad(context, node, [inner, inputs[1], None, *inputs[3:]])
    return [Quantized(inner=padded)]  # type: ignore[arg-type]  # a view


def relu_integers(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Relu of integers, zero point included."""
    return [_within(context, node, inputs[0], 0, None)]


def _within(context: Context, node: OnnxNode, value: Value | None, lo: int | None, hi: int | None) -> Value:
    inner = _counted(context, value)
    real = context.activation(node, _source(node, inner))
    if np.any(real.offset != real.offset[0]):
        raise node.unsupported("clips integers of several zero points", "clip before the concatenation")
    source, zero = context.tensors[real.tensor], int(real.offset[0])
    low = source.lo if lo is None else max(source.lo, lo - zero)
    high = source.hi if hi is None else min(source.hi, hi - zero)
    if low > high:
        raise node.unsupported(f"clips [{source.lo + zero}, {source.hi + zero}] to nothing", "repair the bounds")
    if isinstance(inner, View) and np.any(inner.index < 0) and not low <= 0 <= high:
        raise node.unsupported("clips padding to something else", "pad behind the clip")
    if (low, high) == (source.lo, source.hi):
        return Quantized(inner=inner)
    return Quantized(inner=_same_view(inner, replace(real, tensor=_narrowed(context, node, real.tensor, low, high))))


def _narrowed(context: Context, node: OnnxNode, tensor: str, lo: int, hi: int) -> str:
    """``tensor`` clipped to [lo, hi]: by its quantizer if it has one, by a narrower input, else by a node."""
    source = context.tensors[tensor]
    producer = next((n for n in context.nodes if tensor in n.outputs), None)
    read = any(tensor in n.inputs for n in context.nodes)
    if producer is None and not read:
        context.tensors[tensor] = replace(source, lo=lo, hi=hi)
        return tensor
    if producer is not None and isinstance(producer.op, Quantize):
        op = replace(producer.op, lo=lo, hi=hi)
        return context.apply(node, op, producer.inputs, source.shape, lo, hi, source.scale[0])
    return context.quantize(node, Real(tensor=tensor), Fraction(1), lo, hi).tensor


READERS: dict[str, Callable[[Context, OnnxNode, list[Value | None]], list[Value]]] = {
    "DequantizeLinear": dequantize_linear,
    "Cast": cast_integers,
    "Clip": clip_integers,
    "Pad": pad_integers,
    "Relu": relu_integers,
}

QDQ: dict[str, Handler] = {"QuantizeLinear": quantize_linear, "DequantizeLinear": dequantize_linear}
