# SPDX-License-Identifier: Apache-2.0
"""Maximum or sum over all rows, all columns, or both: global pooling and the Reduce operators.

Over channels, a sum is a 1x1 convolution with ones, and a maximum the first of one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, cast

import numpy as np

from headrace.engines.pools import Reducer
from headrace.frontend.axes import among, axes_of_input, without_axes
from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, OnnxNode
from headrace.frontend.values import Real, Value
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator, lane_folds, same_lanes
from headrace.operators.conv import Conv
from headrace.operators.topk import TopK, comparable, first_channels

MAPPED = "reduce channels (1), rows (2) or columns (3)"


LARGEST = TopK(k=1, largest=True, indices=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reduce(Op):
    """Sum (as accumulators) or maximum over rows, columns or both; what is reduced keeps one entry."""

    kind: ClassVar[str] = "reduce"
    rows: bool
    cols: bool
    total: bool
    """Sum instead of maximum."""


def reduce_map(context: Context, node: OnnxNode, real: Real, rows: bool, cols: bool, *, total: bool) -> Real:
    """The sum or maximum of ``real``, whose clamp is settled if it is to be summed and whose scales are positive otherwise."""
    source = context.tensors[real.tensor]
    h, w, c = source.shape
    size = (h if rows else 1) * (w if cols else 1)
    if size == 1:
        return real
    lo, hi = (source.lo * size, source.hi * size) if total else (source.lo, source.hi)
    shape = (1 if rows else h, 1 if cols else w, c)
    op = Reduce(rows=rows, cols=cols, total=total)
    out = context.apply(node, op, (real.tensor,), shape, lo, hi, source.scale[0])
    return replace(real, tensor=out, offset=real.offset * size if total else real.offset)


def _axes(node: OnnxNode, inputs: list[Value | None], count: int) -> set[int]:
    """What a Reduce node reduces, of a tensor of ``count`` axes."""
    given = inputs[1] if len(inputs) > 1 else None
    axes = [int(axis) for axis in node.attrs.get("axes", ())] if given is None else node.whole_numbers(given, "axes")
    if not axes and node.attrs.get("noop_with_empty_axes", 0):
        return set()
    chosen = among(node, axes, count)
    if not chosen or 0 in chosen:
        raise node.unsupported(f"reduces axes {sorted(axes) or 'all'}, the batch among them", MAPPED)
    return chosen


def _reduced(context: Context, node: OnnxNode, real: Real, chosen: set[int], count: int) -> list[Value]:
    """The node's result; of a tensor of three axes, the third is all pixels."""
    channels, rows, cols = 1 in chosen, 2 in chosen, 3 in chosen or (count == 3 and 2 in chosen)
    if node.op_type == "ReduceMin":  # the smallest is the largest of the negated values, negated
        settled = context.settled(node, real)
        real = context.integers(node, replace(settled, scale=-settled.scale, offset=-settled.offset))
    if node.op_type in ("ReduceMax", "ReduceMin", "GlobalMaxPool"):
        result = reduce_map(context, node, rising(context, node, real), rows, cols, total=False)
        result = first_channels(context, node, comparable(context, node, result), LARGEST) if channels else result
        result = replace(result, scale=-result.scale) if node.op_type == "ReduceMin" else result
    else:
        h, w, c = context.tensors[real.tensor].shape
        real = _sum_of_channels(context, node, real) if channels else context.settled(node, real, skewed=True)
        result = reduce_map(context, node, real, rows, cols, total=True)
        size = (h if rows else 1) * (w if cols else 1) * (c if channels else 1)
        result = result if node.op_type == "ReduceSum" else divided(result, size)
    return [without_axes(context, node, result, chosen, count)]


def rising(context: Context, node: OnnxNode, real: Real) -> Real:
    """``real`` as integers that grow with it, so that their maximum is its own.

    Raises:
        UnsupportedError: channels fall that no node can turn.
    """
    if np.all(real.scale > 0):
        return real
    if not real.uniform or context.tensors[real.tensor].bits > MAX_ACTIVATION_BITS:
        raise node.unsupported("a maximum behind a negative batch-norm factor", "put a quantizer before it")
    return context.integers(node, real)


def divided(real: Real, size: int) -> Real:
    """``real / size``, exact."""
    return replace(real, scale=real.scale / Fraction(size), offset=real.offset / Fraction(size))


def _sum_of_channels(context: Context, node: OnnxNode, real: Real) -> Real:
    real = context.integers(node, real)
    source = context.tensors[real.tensor]
    op = Conv(weight=np.ones((1, 1, 1, source.channels), np.int64))
    lo, hi = source.lo * source.channels, source.hi * source.channels
    return replace(real, tensor=context.apply(node, op, (real.tensor,), (*source.shape[:2], 1), min(lo, 0), max(hi, 0)))


def global_pool(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """GlobalAveragePool and GlobalMaxPool."""
    return _reduced(context, node, context.real(node, inputs[0], skewed=True), {2, 3}, 4)


def reduce_axes(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ReduceMean, ReduceSum, ReduceMax and ReduceMin over any axes but the batch; axes as attribute or input."""
    count = axes_of_input(context, node)
    return _reduced(context, node, context.real(node, inputs[0], skewed=True), _axes(node, inputs, count), count)


def _delay(op: Op, inputs: tuple[Tensor, ...]) -> float:
    return 1.0 if cast(Reduce, op).rows else PART_ROW / inputs[0].shape[0]


def map_reduce(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One reducer."""
    op = cast(Reduce, node.op)
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    engine = Reducer(name=node.name, source=source, result=result, rows=op.rows, cols=op.cols, total=op.total, lanes=fold.lanes)
    return same_lanes(engine, fold.lanes, (source.bits,), engine.out_bits)


HANDLERS = {
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "ReduceMean": reduce_axes,
    "ReduceSum": reduce_axes,
    "ReduceMax": reduce_axes,
    "ReduceMin": reduce_axes,
}
OPERATORS = (Operator(op=Reduce, map=map_reduce, folds=lane_folds, handlers=HANDLERS, delay=_delay),)
