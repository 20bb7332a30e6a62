# SPDX-License-Identifier: Apache-2.0
"""Graph inputs: the tensors that hosts feed, made when the model first reads them as integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import ModelInput, Quantized, Real, View, exact
from headrace.ir.tensor import Tensor


def quantized_input(context: Context, node: OnnxNode, x: ModelInput, scale: float, lo: int, hi: int) -> Real:
    """A float input behind its first quantizer: hosts feed the quantizer's integers, zero point subtracted.

    Where the model scales and moves the input before (``(x / 255 - mean) / std``), the tensor's scale and offset say what an
    integer is worth in the file's input.

    Raises:
        UnsupportedError: another quantizer reads the same input, or it is multiplied by zero.
    """
    if np.any(x.scale == 0):
        raise node.unsupported(f"input '{x.name}' is multiplied by zero", "repair the normalisation in front of the quantizer")
    steps, offsets = (tuple(map(float, p)) for p in (exact([scale]) / x.scale, -x.offset / x.scale))
    known = _known(context, x)
    if known is None:
        known = _declare(context, x, lo, hi, steps, offsets)
    elif (known.lo, known.hi, known.scale, known.offset) != (lo, hi, steps, offsets):
        raise node.unsupported(f"input '{x.name}' is quantized in two different ways", "share one quantizer")
    return Real(tensor=known.name, scale=exact([scale]))


def integer_input(context: Context, x: ModelInput, zero: int) -> Real:
    """An input of an integer type as the ONNX file counts it; hosts feed ``value - zero``.

    Args:
        zero: the zero point with which the model first reads it; later readers get the same tensor.
    """
    lo, hi = x.integers or (0, 0)
    known = _known(context, x) or _declare(context, x, lo - zero, hi - zero, (1.0,), (float(zero),))
    return Real(tensor=known.name, offset=exact(known.offset))


def turned_input(context: Context, node: OnnxNode, real: Real) -> Real | None:
    """An input of channels-last images that is transposed only behind its quantizer or cast, as (N, C, H, W).

    Pixels come in with their channels together, so nothing moves: the input's shape is read otherwise, and whatever else the
    file says about it becomes a view.

    Returns:
        None if ``real`` is no input, differs between channels, or has been read already.
    """
    name = real.tensor
    read = any(name in other.inputs for other in context.nodes)
    if name not in context.inputs or read or real.scale.size > 1 or real.offset.size > 1:
        return None
    cols, channels, rows = context.tensors[name].shape
    context.tensors[name] = replace(context.tensors[name], shape=(rows, cols, channels))
    index = np.arange(channels * rows * cols, dtype=np.int32).reshape(1, channels, rows, cols).transpose(0, 2, 3, 1)
    for key, value in list(context.values.items()):
        inner = value.inner if isinstance(value, Quantized) else value
        if isinstance(inner, ModelInput) and context.input_names.get(inner.name) == name:
            del context.values[key]
        elif isinstance(inner, Real) and inner.tensor == name:
            view = View(real=inner, index=index, node=node)
            context.values[key] = Quantized(inner=view) if isinstance(value, Quantized) else view
    return real


def _known(context: Context, x: ModelInput) -> Tensor | None:
    name = context.input_names.get(x.name)
    return None if name is None else context.tensors[name]


def _declare(context: Context, x: ModelInput, lo: int, hi: int, scale: tuple[float, ...], offset: tuple[float, ...]) -> Tensor:
    c, h, w = x.shape
    tensor = Tensor(name=context.unique(x.name), shape=(h, w, c), lo=lo, hi=hi, scale=scale, offset=offset)
    context.tensors[tensor.name] = tensor
    context.inputs.append(tensor.name)
    context.input_names[x.name] = tensor.name
    return tensor
