# SPDX-License-Identifier: Apache-2.0
"""Shift networks: every channel moved by an offset of its own, instead of a depthwise convolution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np

from headrace.engines.moves import Shifter
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import IntArray, Op, Pads, Pair
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator, lane_folds, same_lanes
from headrace.operators.raster import crop_map

FARTHEST = 127
"""Largest offset, in rows or columns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shift(Op):
    """``out[y, x, c] = in[y + offsets[c, 0], x + offsets[c, 1], c]``, zero outside the map."""

    kind: ClassVar[str] = "shift"
    offsets: IntArray
    """(C, 2): rows, columns"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taps:
    """Filters of a depthwise convolution, and where they look."""

    weight: IntArray
    """(C, KH, KW)"""
    stride: Pair
    pad: Pads
    dilation: Pair
    out_hw: Pair


def shift_channels(context: Context, node: OnnxNode, x: Real, offsets: IntArray) -> Real:
    """``x`` with each channel moved by its offset (C, 2), in rows and columns; zeros come in."""
    source = context.tensors[x.tensor]
    lo, hi = min(source.lo, 0), max(source.hi, 0)
    return replace(x, tensor=context.apply(node, Shift(offsets=offsets), (x.tensor,), source.shape, lo, hi, source.scale[0]))


def as_shift(context: Context, node: OnnxNode, x: Real, taps: Taps) -> tuple[str, int] | None:
    """A depthwise convolution whose filters each have one weight, the same one, as shifts; None if it is none.

    Returns:
        the shifted map's tensor, and the weight.
    """
    source = context.tensors[x.tensor]
    if taps.weight[0].size == 1 or np.any(np.count_nonzero(taps.weight, axis=(1, 2)) != 1):
        return None
    filters, rows, cols = np.nonzero(taps.weight)
    weights = taps.weight[filters, rows, cols]
    offsets = np.stack([rows * taps.dilation[0] - taps.pad[0], cols * taps.dilation[1] - taps.pad[1]], axis=1)
    bottom, right = ((taps.out_hw[a] - 1) * taps.stride[a] + 1 - source.shape[a] for a in (0, 1))
    if np.any(weights != weights[0]) or weights[0] < 0 or np.abs(offsets).max() > FARTHEST or max(bottom, right) > 0:
        return None
    moved = shift_channels(context, node, x, offsets)
    if source.shape[:2] != taps.out_hw:
        moved = crop_map(context, node, moved, (0, 0, bottom, right), taps.stride, taps.out_hw)
    return moved.tensor, int(weights[0])


def map_shift(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One shift engine. Zero may be new to the range, so lanes are as wide as the result needs."""
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    offsets = cast(Shift, node.op).offsets
    engine = Shifter(name=node.name, bits=result.bits, size=source.shape[:2], offsets=offsets, lanes=fold.lanes)
    return same_lanes(engine, fold.lanes, (result.bits,), result.bits)


def _delay(op: Op, inputs: tuple[Tensor, ...]) -> float:
    return (max(0, int(cast(Shift, op).offsets[:, 0].max())) + PART_ROW) / inputs[0].shape[0]


OPERATORS = (Operator(op=Shift, map=map_shift, folds=lane_folds, delay=_delay),)
