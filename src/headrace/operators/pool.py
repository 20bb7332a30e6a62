# SPDX-License-Identifier: Apache-2.0
"""Pooling: maximum or sum over windows. An average is a sum whose scale is divided by the size of the window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import ClassVar, cast

import numpy as np
import numpy.typing as npt

from headrace.engines.pools import Pooler
from headrace.engines.slide import line_buffer
from headrace.engines.window import Window
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real, Value
from headrace.frontend.windows import ceil_padding, kernel_shape, padding_only, spatial_output, window_attributes
from headrace.ir.expressions import operand
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op, Pads, Pair
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator, lane_choices, tap_choices
from headrace.operators.constant import constant_map
from headrace.operators.elementwise.base import Pointwise
from headrace.operators.reduce import divided, reduce_map, rising


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool(Op):
    """Maximum over windows; padding never wins."""

    kind: ClassVar[str] = "max_pool"
    kernel: Pair
    stride: Pair
    pad: Pads = (0, 0, 0, 0)
    dilation: Pair = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SumPool(Op):
    """Sum over windows, as accumulators; padding is zero."""

    kind: ClassVar[str] = "sum_pool"
    kernel: Pair
    stride: Pair
    pad: Pads = (0, 0, 0, 0)
    dilation: Pair = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windows:
    """The windows of a pooling node."""

    kernel: Pair
    stride: Pair
    pad: Pads
    dilation: Pair
    out_hw: Pair
    beyond: Pads
    """Of ``pad``, what ``ceil_mode`` has added."""

    def counts(self, axis: int, size: int, *, padding: bool) -> npt.NDArray[np.int64]:
        """How many of a window's rows (columns) lie within ``size``, for each row (column) of windows.

        Args:
            padding: count the node's own padding too, but not what ``ceil_mode`` has added.
        """
        before, behind = self.pad[axis], self.pad[axis + 2] - self.beyond[axis + 2]
        first, last = (-before, size + behind) if padding else (0, size)
        starts = np.arange(self.out_hw[axis]) * self.stride[axis] - before
        taps = starts[:, None] + np.arange(self.kernel[axis]) * self.dilation[axis]
        return np.asarray(((taps >= first) & (taps < last)).sum(axis=1), np.int64)

    def spans(self, in_hw: Pair) -> tuple[bool, bool] | None:
        """(rows, columns) that a window takes as a whole while it is one pixel wide along the others; None: neither."""
        steps = tuple(k == size or (k == 1 and s == 1) for k, s, size in zip(self.kernel, self.stride, in_hw, strict=True))
        if any(self.pad) or not all(steps):
            return None
        return self.kernel[0] == in_hw[0], self.kernel[1] == in_hw[1]


def _windows(context: Context, node: OnnxNode, in_hw: Pair) -> _Windows:
    kernel = kernel_shape(node, context.axes.get(node.proto.input[0], 4))
    stride, pad, dilation = window_attributes(node, in_hw, kernel)
    own = pad
    if node.attrs.get("ceil_mode", 0):
        pad = ceil_padding(in_hw, kernel, stride, pad, dilation)
    return _Windows(
        kernel=kernel,
        stride=stride,
        pad=pad,
        dilation=dilation,
        out_hw=spatial_output(node, in_hw, kernel, stride, pad, dilation),
        beyond=(0, 0, pad[2] - own[2], pad[3] - own[3]),
    )


def max_pool(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """MaxPool commutes with every rising map, so it runs on the integers whatever they mean."""
    real = rising(context, node, context.real(node, inputs[0], skewed=True))
    source = context.tensors[real.tensor]
    windows = _windows(context, node, source.shape[:2])
    for axis in (0, 1):
        sizes = (windows.kernel[axis], windows.stride[axis], windows.pad[axis], windows.dilation[axis])
        if padding_only(source.shape[axis], windows.out_hw[axis], *sizes):
            raise node.unsupported(f"padding {windows.pad} so wide that a window sees nothing else", "pad less than the kernel")
    if spans := windows.spans(source.shape[:2]):
        return [reduce_map(context, node, real, *spans, total=False)]
    op = MaxPool(kernel=windows.kernel, stride=windows.stride, pad=windows.pad, dilation=windows.dilation)
    shape = (*windows.out_hw, source.channels)
    return [replace(real, tensor=context.apply(node, op, (real.tensor,), shape, source.lo, source.hi, source.scale[0]))]


def average_pool(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """AveragePool is linear, so it sums whatever integers there are; padding that is counted needs real zeros."""
    real = context.settled(node, context.real(node, inputs[0], skewed=True), skewed=True)
    source = context.tensors[real.tensor]
    windows, counted = _windows(context, node, source.shape[:2]), bool(node.attrs.get("count_include_pad", 0))
    size = windows.kernel[0] * windows.kernel[1]
    if any(windows.pad) and counted and np.any(real.offset != 0):
        raise node.unsupported("zero padding of values with an offset", "put a quantizer before the pool")
    if spans := windows.spans(source.shape[:2]):
        return [divided(reduce_map(context, node, real, *spans, total=True), size)]
    op = SumPool(kernel=windows.kernel, stride=windows.stride, pad=windows.pad, dilation=windows.dilation)
    lo, hi = source.lo * size, source.hi * size
    if any(windows.pad):
        lo, hi = min(lo, 0), max(hi, 0)
    shape = (*windows.out_hw, source.channels)
    out = replace(real, tensor=context.apply(node, op, (real.tensor,), shape, lo, hi, source.scale[0]))
    rows, cols = (windows.counts(axis, source.shape[axis], padding=counted) for axis in (0, 1))
    counts = rows[:, None] * cols
    if np.any(counts == 0):
        raise node.unsupported(f"padding {windows.pad} so wide that a window sees nothing else", "pad less than the kernel")
    if np.all(counts == size):
        return [divided(replace(out, offset=real.offset * size), size)]
    zero = (0,) if any(windows.pad) and counted else ()
    return [_weighted(context, node, out, counts, (min(source.lo, *zero, source.hi), max(source.hi, *zero, source.lo)))]


def _weighted(context: Context, node: OnnxNode, total: Real, counts: npt.NDArray[np.int64], limits: Pair) -> Real:
    """Sums over ``counts`` (rows, columns) numbers within ``limits`` as means, on one scale for all counts.

    A sum of n numbers becomes one of ``common`` numbers: times common / n. It lies within ``common`` times the limits.
    """
    common, kind = lcm(*np.unique(counts).tolist()), context.tensors[total.tensor]
    if common == 1:
        return total
    factors = constant_map(context, node, (common // counts)[..., None])
    op = Pointwise(expression=("mul", operand(0), operand(1)))
    out = context.apply(node, op, (total.tensor, factors), kind.shape, common * limits[0], common * limits[1], kind.scale[0])
    return replace(total, tensor=out, scale=total.scale / Fraction(common))


def _delay(op: Op, inputs: tuple[Tensor, ...]) -> float:
    op = cast(MaxPool | SumPool, op)
    return max(0.0, (op.kernel[0] - 1) * op.dilation[0] - op.pad[0] + PART_ROW) / inputs[0].shape[0]


def map_pool(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Window and maximum or sum."""
    op, total = cast(MaxPool | SumPool, node.op), isinstance(node.op, SumPool)
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    window = Window(
        name=f"{node.name}_window",
        source=source,
        out_hw=result.shape[:2],
        kernel=op.kernel,
        stride=op.stride,
        pad=op.pad,
        dilation=op.dilation,
        lanes=fold.lanes,
        taps=fold.taps,
        taps_inner=True,
        pad_value=-(1 << (source.bits - 1)) if source.signed and not total else 0,
    )
    pool = Pooler(
        name=node.name,
        source=source,
        result=result,
        lanes=fold.lanes,
        taps=fold.taps,
        steps=op.kernel[0] * op.kernel[1] // fold.taps,
        total=total,
    )
    return Mapped(
        chain=(line_buffer(window, pool.cycles), pool),
        in_lanes=(fold.lanes,),
        out_lanes=(fold.lanes,),
        in_bits=(source.bits,),
        out_bits=pool.out_bits,
    )


def _pool_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    for taps in tap_choices(cast(MaxPool | SumPool, node.op).kernel):
        for lanes in lane_choices(graph.input_tensors(node)[0].channels):
            yield Fold(lanes=lanes, taps=taps)


OPERATORS = (
    Operator(op=MaxPool, map=map_pool, folds=_pool_folds, handlers={"MaxPool": max_pool}, delay=_delay),
    Operator(op=SumPool, map=map_pool, folds=_pool_folds, handlers={"AveragePool": average_pool}, delay=_delay),
)
