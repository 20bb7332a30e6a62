# SPDX-License-Identifier: Apache-2.0
"""Quantizers that compare with thresholds: QONNX's ``BipolarQuant`` and ``MultiThreshold``."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from headrace.frontend.affine import scalar
from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, Handler, OnnxNode, required
from headrace.frontend.values import ExactArray, ModelInput, QuantConst, Real, Value, exact, one
from headrace.ir.ops import Compare, Leaf


def compared(context: Context, node: OnnxNode, real: Real, edges: ExactArray, base: int, step: int, scale: Fraction) -> str:
    """Emits ``base + step * n``, n the number of edges (C or 1, N) that ``real`` reaches; returns the tensor's name."""
    source = context.tensors[real.tensor]
    slope, offset = (np.broadcast_to(p, source.channels).copy() for p in (real.scale, real.offset))
    leaf = Leaf(scale=slope, offset=offset, pure=real.pure)
    op = Compare(leaf=leaf, edges=edges, base=base, step=step, least=real.lo, most=real.hi)
    ends = base, base + step * edges.shape[1]
    return context.apply(node, op, (real.tensor,), source.shape, min(ends), max(ends), float(scale))


def bipolar_quant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """BipolarQuant(x, scale): ``scale`` where x >= 0, else ``-scale``; of a ReLU, Brevitas' unsigned quantizer of one bit."""
    x = required(node, inputs[0])
    if isinstance(x, np.ndarray | QuantConst):
        weight, scale = node.const(x, "weight"), np.asarray(node.const(inputs[1], "weight scale"), np.float32)
        if not (np.all(scale > 0) and np.all(np.isfinite(scale)) and np.all(np.isfinite(weight))):
            raise node.unsupported("weights or scales that are not finite, positive numbers", "train or export the model again")
        if scale.size != 1 and np.broadcast_shapes(scale.shape, weight.shape) != weight.shape:
            raise node.unsupported(f"scale {scale.shape} does not fit weights {weight.shape}", "export the model again")
        integers = np.where(weight >= 0, 1, -1).astype(np.int64)
        shape = np.broadcast_shapes(scale.shape, (1,) * weight.ndim)
        return [QuantConst(integers=integers, scale=np.broadcast_to(scale, shape))]
    step = Fraction(scalar(node, inputs[1], "activation scale"))
    if not step > 0:
        raise node.unsupported(f"scale {float(step):g}", "the scale must be positive")
    if isinstance(x, ModelInput):
        raise node.unsupported("binarizes the input, which hosts bring as integers", "quantize the input with Quant first")
    real = context.activation(node, x)
    if real.lo is not None and real.lo >= 0:  # Brevitas writes its unsigned quantizers of one bit so; -1 is out of reach
        return [context.quantize(node, real, step, 0, 1)]
    edges = exact([0.0]).reshape(1, 1)
    name = compared(context, node, real, edges, -1, 2, step)
    return [Real(tensor=name, scale=one(step))]


def multi_threshold(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """MultiThreshold(x, thresholds (C or 1, N)): ``out_scale * n + out_bias``, n the thresholds that x reaches."""
    if (layout := str(node.attrs.get("data_layout", ""))) not in ("", "NCHW"):
        raise node.unsupported(f"data layout {layout}", "export activations as (N, C, H, W)")
    real = context.real(node, inputs[0])
    source = context.tensors[real.tensor]
    thresholds = np.asarray(node.const(inputs[1] if len(inputs) > 1 else None, "thresholds"), np.float64)
    if thresholds.ndim != 2 or thresholds.shape[0] not in (1, source.channels) or not 1 <= thresholds.shape[1] < 1 << 16:
        raise node.unsupported(
            f"thresholds of shape {thresholds.shape} on {source.channels} channels",
            "give (C, N) or (1, N) of them",
        )
    if not np.all(np.isfinite(thresholds)):
        raise node.unsupported("thresholds that are not finite", "export the model again")
    scale, bias = (Fraction(float(node.attrs.get(name, default))) for name, default in (("out_scale", 1.0), ("out_bias", 0.0)))
    if scale <= 0:
        raise node.unsupported(f"out_scale {float(scale):g}", "the scale must be positive")
    whole = (bias / scale).denominator == 1 and abs(bias / scale) < 1 << (MAX_ACTIVATION_BITS - 1)
    base = int(bias / scale) if whole else 0
    edges = exact(np.sort(thresholds, axis=1)).reshape(thresholds.shape)
    name = compared(context, node, real, edges, base, 1, scale)
    return [Real(tensor=name, scale=one(scale), offset=exact([0.0]) if whole else one(bias))]


STEPS: dict[str, Handler] = {"BipolarQuant": bipolar_quant, "MultiThreshold": multi_threshold}
