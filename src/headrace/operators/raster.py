# SPDX-License-Identifier: Apache-2.0
"""The same pixels in other frames: rows of another length, cropped, or with a border of zeros."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

from headrace.engines.moves import Wires
from headrace.engines.technology import ceil_div
from headrace.engines.window import Window
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op, Pads, Pair
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator, lane_folds, same_lanes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raster(Op):
    """The same pixels in raster order, cut into other rows: ``size`` is (rows, columns)."""

    kind: ClassVar[str] = "raster"
    size: Pair


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crop(Op):
    """Zeros around the map, or rows and columns cut off where ``pad`` is negative; then every ``stride``-th pixel."""

    kind: ClassVar[str] = "crop"
    pad: Pads
    """top, left, bottom, right"""
    stride: Pair = (1, 1)


def raster(context: Context, node: OnnxNode, real: Real, size: Pair) -> Real:
    """``real`` in rows of another length; no node if they have it already."""
    source = context.tensors[real.tensor]
    if source.shape[:2] == size:
        return real
    shape = (*size, source.channels)
    out = context.apply(node, Raster(size=size), (real.tensor,), shape, source.lo, source.hi, source.scale[0])
    return replace(real, tensor=out)


def refuse_zeros(node: OnnxNode, real: Real) -> None:
    """Refuses to pad ``real``, if its integer zero does not mean zero.

    Raises:
        UnsupportedError: it has an offset, or a clip that keeps it away from zero.
    """
    if (real.offset != 0).any():
        raise node.unsupported("pads values with an offset, of which none is zero", "put a quantizer before the padding")
    if (real.lo is not None and real.lo > 0) or (real.hi is not None and real.hi < 0):
        raise node.unsupported("pads values that a clip keeps away from zero", "pad before the clip")


def crop_map(context: Context, node: OnnxNode, real: Real, pad: Pads, stride: Pair, out_hw: Pair) -> Real:
    """``real`` cropped, or with a border of zeros.

    Raises:
        UnsupportedError: zero is no integer of ``real``, or is clipped to something else.
    """
    if max(pad) > 0:
        refuse_zeros(node, real)
    source = context.tensors[real.tensor]
    least, most = (min(source.lo, 0), max(source.hi, 0)) if max(pad) > 0 else (source.lo, source.hi)
    op = Crop(pad=pad, stride=stride)
    out = context.apply(node, op, (real.tensor,), (*out_hw, source.channels), least, most, source.scale[0])
    return replace(real, tensor=out)


def map_raster(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Wires."""
    (source,) = graph.input_tensors(node)
    beats = source.pixels * ceil_div(source.channels, fold.lanes)
    engine = Wires(name=node.name, bits=source.bits, lanes=fold.lanes, frame_beats=beats)
    return same_lanes(engine, fold.lanes, (source.bits,), source.bits)


def map_crop(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """The window of a 1x1 kernel. Zero may be new to the range, so lanes are as wide as the result needs."""
    op = cast(Crop, node.op)
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    engine = Window(
        name=node.name,
        source=replace(source, lo=result.lo, hi=result.hi),
        out_hw=result.shape[:2],
        kernel=(1, 1),
        stride=op.stride,
        pad=op.pad,
        dilation=(1, 1),
        lanes=fold.lanes,
        taps=1,
        taps_inner=True,
    )
    return same_lanes(engine, fold.lanes, (result.bits,), result.bits)


def _delay(op: Op, inputs: tuple[Tensor, ...]) -> float:
    return max(0.0, PART_ROW - cast(Crop, op).pad[0]) / inputs[0].shape[0]


OPERATORS = (
    Operator(op=Raster, map=map_raster, folds=lane_folds),
    Operator(op=Crop, map=map_crop, folds=lane_folds, delay=_delay),
)
