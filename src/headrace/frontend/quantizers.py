# SPDX-License-Identifier: Apache-2.0
"""QONNX quantizers of activations, weights and the model's input."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.frontend.affine import per_channel, scalar
from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, Handler, OnnxNode
from headrace.frontend.functions import quantize_function
from headrace.frontend.inputs import quantized_input
from headrace.frontend.values import ExactArray, Function, ModelInput, QuantConst, Real, Value, exact
from headrace.ir.rounding import MODES, mode_of, rounded_array


def quant_grid(node: OnnxNode, inputs: list[Value | None]) -> tuple[int, int]:
    """Lowest and highest integer of a QONNX ``Quant`` node, before its zero point is subtracted."""
    bits = scalar(node, inputs[3], "bit width")
    if bits != round(bits) or not 1 <= bits <= 32:
        raise node.unsupported(f"bit width {bits}", "use a whole bit width from 1 to 32")
    if bits == 1 and node.attrs.get("signed", 1):
        raise node.unsupported(
            "1 signed bit means -1 and 1, without zero", "use BipolarQuant, or an unsigned 1-bit or ternary 2-bit quantizer"
        )
    signed, narrow = bool(node.attrs.get("signed", 1)), bool(node.attrs.get("narrow", 0))
    if signed:
        return -(1 << (int(bits) - 1)) + narrow, (1 << (int(bits) - 1)) - 1
    return 0, (1 << int(bits)) - 1 - narrow


def _rounding(node: OnnxNode) -> str:
    name = str(node.attrs.get("rounding_mode", "ROUND"))
    mode = mode_of(name)
    if mode is None:
        raise node.unsupported(f"rounding mode {name}", f"use ROUND (half to even), or one of {', '.join(MODES)}")
    return mode


def _activation_scale(context: Context, node: OnnxNode, x: Value | None, value: Value | None) -> ExactArray:
    """One scale, or one per channel of an activation."""
    if isinstance(x, Real | Function):
        scale = per_channel(node, value, context.tensors[x.tensor].channels, "activation scale")
    else:
        scale = exact([scalar(node, value, "activation scale")])
    if not np.all(scale > 0):
        raise node.unsupported(f"a scale of {float(min(scale)):g}", "the scale of an activation must be positive")
    return scale


def quant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """QONNX Quant(x, scale, zero point, bit width)."""
    if len(inputs) != 4:
        raise node.unsupported(f"{len(inputs)} inputs", "Quant needs x, scale, zero point and bit width")
    lo, hi = quant_grid(node, inputs)
    x = inputs[0]
    if isinstance(x, np.ndarray | QuantConst):
        return [_quant_const(node, node.const(x, "weight"), inputs, lo, hi)]
    scale = _activation_scale(context, node, x, inputs[1])
    zero = scalar(node, inputs[2], "activation zero point")
    if zero != round(zero) or abs(zero) >= 1 << MAX_ACTIVATION_BITS:
        raise node.unsupported(f"zero point {zero}", "the zero point must be a whole number of the grid")
    if hi - lo >= 1 << MAX_ACTIVATION_BITS:
        raise node.unsupported(
            f"bit width {(hi - lo).bit_length()} of an activation", f"use at most {MAX_ACTIVATION_BITS} bits"
        )
    lo, hi = lo - int(zero), hi - int(zero)
    if isinstance(x, ModelInput):
        return [quantized_input(context, node, x, float(scale[0]), lo, hi)]
    if x is None:
        raise node.unsupported("no input", "export the model again")
    if isinstance(x, Function):
        return [quantize_function(context, node, x, scale, lo, hi, rounding=_rounding(node), zero=int(zero))]
    real = context.activation(node, x, skewed=True)
    return [context.quantize(node, real, scale, lo, hi, rounding=_rounding(node), zero=int(zero))]


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
            real_steps = (x.astype(np.float32) / scale + zero).astype(np.float64)
        steps = np.clip(rounded_array(real_steps, _rounding(node)), lo, hi) - zero
    except ValueError as error:
        raise node.unsupported(f"scale {scale.shape} does not fit weights {x.shape}", "export the model again") from error
    return QuantConst(integers=steps.astype(np.int64), scale=scale)


QUANTIZERS: dict[str, Handler] = {"Quant": quant, "IntQuant": quant}
