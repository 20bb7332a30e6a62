# SPDX-License-Identifier: Apache-2.0
"""Transposed convolution, as a convolution that gives all pixels of a block at once and a pixel shuffle.

Output row ``s * q + r`` of a transposed convolution of stride s reads the input rows ``q + o`` for the few offsets o at
which a tap of the kernel meets it. Each of the s * s phases r has a filter of its own over all offsets, zero where no tap
meets. Nothing is multiplied by the zeros that a stuffed map would hold (W. Shi et al., arXiv 1609.07009).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.engines.technology import ceil_div
from headrace.frontend.context import Context, OnnxNode, required
from headrace.frontend.values import QuantConst, Real, Value
from headrace.frontend.windows import check_axes, listed, two_axes
from headrace.ir.ops import Pair
from headrace.operators import conv
from headrace.operators.blocks import channels_to_blocks
from headrace.operators.conv import bias_of, conv_weight, convolve, rearranged
from headrace.operators.gather import choose_channels
from headrace.operators.raster import crop_map


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Rows or columns of a transposed convolution."""

    size: int
    """Of the input."""
    kernel: int
    stride: int
    dilation: int
    begin: int
    """Padding that is cut off in front."""
    out: int
    """Of the output."""

    def offset(self, phase: int, tap: int) -> int | None:
        """The input row that ``tap`` reads for output row ``stride * q + phase``, less q; None if it reads none."""
        distance = phase + self.begin - tap * self.dilation
        return distance // self.stride if distance % self.stride == 0 else None

    @property
    def offsets(self) -> range:
        """All offsets of all phases."""
        found = [o for r in range(self.stride) for t in range(self.kernel) if (o := self.offset(r, t)) is not None]
        return range(min(found), max(found) + 1)

    @property
    def blocks(self) -> int:
        """Blocks of ``stride`` outputs, the last of which may be cut."""
        return ceil_div(self.out, self.stride)

    @property
    def pad(self) -> Pair:
        """Padding of the convolution in front and behind; negative: cropping."""
        return -self.offsets.start, self.blocks + self.offsets.stop - 1 - self.size


def _axes(node: OnnxNode, in_hw: Pair, kernel: Pair) -> tuple[Axis, Axis]:
    """Both axes, from the attributes of a ConvTranspose node (ONNX's own formulas)."""
    stride, dilation = listed(node, "strides", 1, 1), listed(node, "dilations", 1, 1)
    extra = listed(node, "output_padding", 0, 0)
    auto = str(node.attrs.get("auto_pad", "NOTSET"))
    wanted = two_axes([int(v) for v in node.attrs["output_shape"]][-2:], 1) if "output_shape" in node.attrs else None
    pads = node.attrs.get("pads", [0] * 4)
    half = len(pads) // 2
    begin, end = two_axes(list(pads[:half]), 0), two_axes(list(pads[half:]), 0)
    axes = []
    for a in (0, 1):
        if extra[a] >= max(stride[a], dilation[a]):
            raise node.unsupported(f"output_padding {extra}", "pad less than the stride or the dilation")
        full = stride[a] * (in_hw[a] - 1) + extra[a] + (kernel[a] - 1) * dilation[a] + 1
        first, out = begin[a], full - begin[a] - end[a]
        if wanted is not None or auto.startswith("SAME"):
            out = wanted[a] if wanted is not None else in_hw[a] * stride[a]
            cut = full - out
            first = cut // 2 if auto == "SAME_UPPER" else cut - cut // 2
        elif auto == "VALID":
            first, out = 0, full
        if out < 1:
            raise node.unsupported(f"padding {list(pads)} leaves nothing of the output", "pad less")
        axes.append(Axis(size=in_hw[a], kernel=kernel[a], stride=stride[a], dilation=dilation[a], begin=first, out=out))
    return axes[0], axes[1]


def phase_filters(weight: npt.NDArray[Any], rows: Axis, cols: Axis, groups: int) -> npt.NDArray[Any]:
    """Weights (C, M / groups, KH, KW) as filters (groups, phases, M / groups, C / groups, offsets, offsets)."""
    c, each, kh, kw = weight.shape
    parts = weight.reshape(groups, c // groups, each, kh, kw).swapaxes(1, 2)
    shape = (groups, rows.stride * cols.stride, *parts.shape[1:3], len(rows.offsets), len(cols.offsets))
    out = np.zeros(shape, weight.dtype)
    for phase in range(rows.stride * cols.stride):
        r, q = divmod(phase, cols.stride)
        for i, j in np.ndindex(kh, kw):
            y, x = rows.offset(r, i), cols.offset(q, j)
            if y is not None and x is not None:
                out[:, phase, ..., y - rows.offsets.start, x - cols.offsets.start] = parts[..., i, j]
    return out


def conv_transpose(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ONNX ConvTranspose with quantized weights, to exact accumulators."""
    check_axes(node, node.const(inputs[1], "weights").ndim - 2, context.axes.get(node.proto.input[0], 4))
    value = rearranged(required(node, inputs[1]), lambda w: w[..., None] if w.ndim == 3 else w)
    shape = value.integers.shape if isinstance(value, QuantConst) else np.shape(value)  # type: ignore[arg-type]
    x = context.integers(node, required(node, inputs[0]))
    source, groups = context.tensors[x.tensor], int(node.attrs.get("group", 1))
    if len(shape) != 4 or shape[0] != source.channels or groups < 1 or source.channels % groups:
        raise node.unsupported(f"{source.channels} channels for weights {shape} in {groups} groups", "export the model again")
    each, m = shape[1], shape[1] * groups
    by_filter = rearranged(value, lambda w: w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2).reshape(m, -1, *w.shape[2:]))
    filters, scale = conv_weight(node, by_filter)  # (M, C / groups, KH, KW)
    weight = filters.reshape(groups, each, -1, *shape[2:]).swapaxes(1, 2).reshape(shape)
    rows, cols = _axes(node, source.shape[:2], (shape[2], shape[3]))
    phases = rows.stride * cols.stride
    spread = phase_filters(weight, rows, cols, groups)
    scales = scale if scale.size == 1 else np.repeat(scale.reshape(groups, 1, each), phases, axis=1).ravel()
    pad = (rows.pad[0], cols.pad[0], rows.pad[1], cols.pad[1])
    out = convolve(context, node, x, spread.reshape(-1, *spread.shape[3:]), scales, pad=pad, groups=groups)
    order = np.arange(m * phases).reshape(groups, phases, each).swapaxes(0, 1).ravel()
    out = channels_to_blocks(
        context, node, choose_channels(context, node, out, tuple(order.tolist())), (rows.stride, cols.stride)
    )
    behind = (rows.out - rows.blocks * rows.stride, cols.out - cols.blocks * cols.stride)
    if any(behind):
        out = crop_map(context, node, out, (0, 0, *behind), (1, 1), (rows.out, cols.out))
    return [_with_bias(node, out, inputs, m)]


def _with_bias(node: OnnxNode, real: Real, inputs: list[Value | None], m: int) -> Real:
    value = inputs[2] if len(inputs) > 2 else None
    return real if value is None else replace(real, offset=bias_of(node, value, m))


# A further ONNX form of the convolution.
OPERATORS = tuple(replace(operator, handlers={"ConvTranspose": conv_transpose}) for operator in conv.OPERATORS)
