# SPDX-License-Identifier: Apache-2.0
"""The largest or smallest channels of a pixel: ArgMax, ArgMin, TopK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from headrace.engines.pools import Chooser
from headrace.frontend.axes import among, axes_of_input, without_axes
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real, Value
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op
from headrace.operators.base import Fold, Mapped, Operator, lane_folds

MAX_K = 8
"""Longest list; its comparators grow with the square."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TopK(Op):
    """The ``k`` largest (or smallest) channels of each pixel, sorted, or where they are."""

    kind: ClassVar[str] = "top_k"
    k: int
    largest: bool
    indices: bool
    """Give channel numbers instead of values."""
    last: bool = False
    """Of equal channels the higher one comes first instead of the lower one."""


def _among_channels(context: Context, node: OnnxNode, value: Value | None, axis: int) -> Real:
    """The operand of a node that chooses along ``axis``."""
    real = context.real(node, value)
    if among(node, [axis], axes_of_input(context, node)) != {1}:
        raise node.unsupported(f"chooses along axis {axis}", "choose among channels (axis 1)")
    return comparable(context, node, real)


def comparable(context: Context, node: OnnxNode, real: Real) -> Real:
    """``real`` without a pending clamp, if its integers compare as its real values do, across channels.

    Raises:
        UnsupportedError: channels have different scales or offsets, or fall.
    """
    real = context.settled(node, real)
    same = np.all(real.scale == real.scale[0]) and np.all(real.offset == real.offset[0])
    if not same or real.scale[0] <= 0:
        raise node.unsupported("compares channels of different or negative scales", "put a quantizer before it")
    return real


def first_channels(context: Context, node: OnnxNode, real: Real, op: TopK) -> Real:
    """The result of ``op`` on a `comparable` value."""
    source = context.tensors[real.tensor]
    lo, hi = (0, source.channels - 1) if op.indices else (source.lo, source.hi)
    out = context.apply(node, op, (real.tensor,), (*source.shape[:2], op.k), lo, hi, 1.0 if op.indices else source.scale[0])
    return Real(tensor=out) if op.indices else Real(tensor=out, scale=real.scale[:1], offset=real.offset[:1], pure=real.pure)


def arg_max(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ArgMax and ArgMin along channels: integers of scale 1."""
    real = _among_channels(context, node, inputs[0], int(node.attrs.get("axis", 0)))
    last = bool(node.attrs.get("select_last_index", 0))
    result = first_channels(context, node, real, TopK(k=1, largest=node.op_type == "ArgMax", indices=True, last=last))
    return [without_axes(context, node, result, {1}, axes_of_input(context, node))]


def top_k(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """TopK along channels: values, and indices as integers of scale 1."""
    real = _among_channels(context, node, inputs[0], int(node.attrs.get("axis", -1)))
    channels = context.tensors[real.tensor].channels
    wanted = node.whole_numbers(inputs[1], "k") if len(inputs) > 1 else [int(node.attrs.get("k", 0))]
    if len(wanted) != 1 or not 1 <= wanted[0] <= min(MAX_K, channels):
        raise node.unsupported(f"the first {wanted} of {channels} channels", f"choose 1 to {min(MAX_K, channels)} channels")
    largest = bool(node.attrs.get("largest", 1))
    used = [*node.proto.output, "", ""]
    results = [
        first_channels(context, node, real, TopK(k=wanted[0], largest=largest, indices=indices)) if used[indices] else real
        for indices in (False, True)
    ]
    count = axes_of_input(context, node)
    return [without_axes(context, node, result, set(), count) for result in results]


def map_top_k(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One chooser; all its results leave in one beat."""
    op = cast(TopK, node.op)
    (source,) = graph.input_tensors(node)
    engine = Chooser(
        name=node.name, source=source, k=op.k, largest=op.largest, last=op.last, indices=op.indices, lanes=fold.lanes
    )
    return Mapped(chain=(engine,), in_lanes=(fold.lanes,), out_lanes=(op.k,), in_bits=(source.bits,), out_bits=engine.out_bits)


OPERATORS = (
    Operator(op=TopK, map=map_top_k, folds=lane_folds, handlers={"ArgMax": arg_max, "ArgMin": arg_max, "TopK": top_k}),
)
