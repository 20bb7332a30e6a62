# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers: Gemm and MatMul with constant weights, as convolutions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from headrace.frontend.context import Context, OnnxNode, required
from headrace.frontend.values import Flat, Function, QuantConst, Real, Value, View, exact
from headrace.operators import conv
from headrace.operators.conv import conv_weight, convolve, rearranged


def _is_constant(value: Value) -> bool:
    return isinstance(value, np.ndarray | QuantConst)


def flat_map(context: Context, node: OnnxNode, value: Value) -> Real:
    """The map whose numbers, in ONNX's order, are the rows of a matrix (N, F).

    Raises:
        UnsupportedError: the value has other axes than these two.
    """
    if isinstance(value, View):
        value = context.laid_out(value)
    if isinstance(value, Flat):
        return value.real
    real = context.activation(node, value)
    if context.axes.get(node.proto.input[0], 4) != 2 and context.tensors[real.tensor].pixels > 1:
        raise node.unsupported("multiplies a map as if it were a matrix", "flatten it before the fully connected layer")
    return real


def connected(context: Context, node: OnnxNode, x: Real, weight: Value, bias: Value | None = None) -> Real:
    """``weight`` (M, F) times all numbers of the map ``x``, which are F in ONNX's order, as a map of one pixel."""
    x = context.integers(node, x)
    h, w, c = context.tensors[x.tensor].shape
    shape = weight.integers.shape if isinstance(weight, QuantConst) else np.shape(weight)  # type: ignore[arg-type]
    if len(shape) != 2 or shape[1] != c * h * w:
        raise node.unsupported(f"{c * h * w} numbers for weights {shape}", "export the model again")
    integers, scale = conv_weight(node, rearranged(weight, lambda a: a.reshape(-1, c, h, w)))
    return convolve(context, node, x, integers, scale, bias)


def gemm(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Gemm: ``alpha * A B + beta * C`` of an activation A, quantized weights B and a bias C."""
    a, b = required(node, inputs[0]), required(node, inputs[1])
    if _is_constant(a) or node.attrs.get("transA", 0):
        raise node.unsupported("multiplies weights by activations", "multiply activations (N, F) by weights (F, M)")
    weight = b if node.attrs.get("transB", 0) else rearranged(b, lambda w: w.T)
    alpha, beta = (Fraction(float(node.attrs.get(name, 1.0))) for name in ("alpha", "beta"))
    tokens = _over_channels(context, node, a, rearranged(weight, lambda w: w.T)) if _of_tokens(a) else None
    real = connected(context, node, flat_map(context, node, a), weight) if tokens is None else context.real(node, tokens.real)
    m = context.tensors[real.tensor].channels
    offset = exact([0.0])
    if len(inputs) > 2 and inputs[2] is not None:
        bias = np.asarray(node.const(inputs[2], "bias"), np.float64)
        if bias.size not in (1, m) or not np.all(np.isfinite(bias)):
            raise node.unsupported(f"a bias of shape {bias.shape} for {m} outputs", "add a bias (M,)")
        offset = exact(bias) * beta
    real = replace(real, scale=real.scale * alpha, offset=offset, pure=real.pure and alpha == 1 and beta == 1)
    return [Flat(real) if tokens is None else replace(tokens, real=real)]


def _of_tokens(value: Value) -> bool:
    """Whether a matrix (L, C) holds the places of one frame, and not frames: (N, L, C) without its batch of one."""
    return isinstance(value, View) and value.index.ndim == 2 and value.index.shape[0] > 1


def _over_channels(context: Context, node: OnnxNode, value: Value, weight: Value) -> View:
    """(..., C) times weights (C, M): a 1x1 convolution of the map whose channels are the last axis."""
    if not isinstance(value, View | Real | Function | Flat):
        context.activation(node, value)
    view = context.viewed(node, value)
    if _of_tokens(view):
        view = _over_channels(context, node, replace(view, index=view.index[None]), weight)
        return replace(view, index=view.index[0])
    if view.index.ndim not in (3, 4):
        raise node.unsupported(
            f"multiplies a tensor of shape {view.index.shape} by weights", "use (N, F), (N, L, C) or (N, H, W, C)"
        )
    map_ = context.laid_out(replace(view, index=np.moveaxis(view.index, -1, 1)))
    assert isinstance(map_, Real)
    real = _pixelwise(context, node, map_, rearranged(weight, lambda w: w.T))
    back = context.viewed(node, real, view.index.ndim)
    return replace(back, index=np.moveaxis(back.index, 1, -1))


def _pixelwise(context: Context, node: OnnxNode, x: Real, weight: Value) -> Real:
    """``weight`` (M, C) times the channels of each pixel."""
    integers, scale = conv_weight(node, rearranged(weight, lambda w: w.reshape(*w.shape, 1, 1)))
    return convolve(context, node, context.integers(node, x), integers, scale)


def matmul(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """MatMul of an activation and quantized weights, on either side."""
    a, b = required(node, inputs[0]), required(node, inputs[1])
    if not _is_constant(a) and not _is_constant(b):
        raise node.unsupported("multiplies two activations", "only products with constant weights are mapped")
    weight = a if _is_constant(a) else b
    shape = weight.integers.shape if isinstance(weight, QuantConst) else np.shape(weight)  # type: ignore[arg-type]
    if len(shape) < 2 or any(n != 1 for n in shape[:-2]):
        raise node.unsupported(f"weights of shape {shape}", "use one matrix for all frames")
    weight = rearranged(weight, lambda w: w.reshape(w.shape[-2:]))
    if _is_constant(a):  # weights (M, C) times (N, C, L)
        view = context.viewed(node, b, context.axes.get(node.proto.input[1], 4))
        if view.index.ndim != 3:
            raise node.unsupported(f"multiplies weights by a tensor of shape {view.index.shape}", "use (N, C, L)")
        map_ = context.laid_out(view)
        assert isinstance(map_, Real)
        return [_pixelwise(context, node, map_, weight)]
    axes = a.index.ndim if isinstance(a, View) else 2 if isinstance(a, Flat) else context.axes.get(node.proto.input[0], 4)
    if axes == 2 and not _of_tokens(a):
        return [Flat(connected(context, node, flat_map(context, node, a), rearranged(weight, lambda w: w.T)))]
    return [_over_channels(context, node, a, weight)]


# Further ONNX forms of the convolution.
OPERATORS = tuple(replace(operator, handlers={"Gemm": gemm, "MatMul": matmul}) for operator in conv.OPERATORS)
