# SPDX-License-Identifier: Apache-2.0
"""Limited-range square deformable depthwise convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from headrace.engines.base import fields_of
from headrace.engines.mac import Depthwise, acc_bits, column_major
from headrace.engines.window import Deform, Window
from headrace.frontend.context import Context, OnnxNode, required
from headrace.frontend.values import Real, Value
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import IntArray, Op, Pair
from headrace.ir.ranges import Range, mac_range
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator, lane_choices, tap_choices
from headrace.operators.conv import conv_weight


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeformDepthwise(Op):
    """Limited-range square deformable depthwise convolution; inputs are the activations and the dilation map."""

    kind: ClassVar[str] = "deform_depthwise"
    weight: IntArray
    """(k, k, C), k odd"""
    lo: int
    hi: int
    repeat: Pair = (1, 1)
    """Rows and columns, powers of two, of the sampled map that each pixel stands for; the dilations have all of them."""


def deform(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """headrace.ops SquareDeformDepthwise(x, dilation, weight), attributes lo and hi."""
    weight, weight_scale = conv_weight(node, inputs[2])
    x = context.integers(node, required(node, inputs[0]))
    d = context.integers(node, required(node, inputs[1]))
    source, dilation = context.tensors[x.tensor], context.tensors[d.tensor]
    c, c_group, k, kw = weight.shape
    if c_group != 1 or c != source.channels or k != kw or k % 2 == 0:
        raise node.unsupported(f"weights {weight.shape} on {source.channels} channels", "use one odd square filter per channel")
    if dilation.shape != (*source.shape[:2], 1):
        raise node.unsupported(f"a dilation map {dilation.shape} on a map {source.shape}", "give one dilation per pixel")
    if d.step != 1:
        raise node.unsupported(f"dilations on a grid of {float(d.step):g}", "quantize the dilation with a constant scale of 1")
    lo, hi = int(node.attrs.get("lo", dilation.lo)), int(node.attrs.get("hi", dilation.hi))
    if lo > hi:
        raise node.unsupported(f"the range [{lo}, {hi}] is empty", "declare lo <= hi")
    # dilations that cannot occur, or that lead out of the map anyway, need no rows of the line buffer
    far = max(source.shape[:2])
    lo, hi = (min(max(min(max(end, lo), hi), -far), far) for end in (dilation.lo, dilation.hi))
    op = DeformDepthwise(weight=weight[:, 0].transpose(1, 2, 0).copy(), lo=lo, hi=hi)
    acc_lo, acc_hi = deform_bounds(op, (source, dilation))
    out = context.apply(node, op, (x.tensor, d.tensor), source.shape, int(acc_lo.min()), int(acc_hi.max()))
    return [Real(tensor=out, scale=weight_scale * x.step)]


def deform_bounds(op: Op, inputs: tuple[Tensor, ...]) -> Range:
    """Range of the accumulators of each channel."""
    op = cast(DeformDepthwise, op)
    return mac_range(op.weight.reshape(-1, op.weight.shape[-1]).T, inputs[0].lo, inputs[0].hi)


def _delay(op: Op, inputs: tuple[Tensor, ...]) -> float:
    op = cast(DeformDepthwise, op)
    radius = int(op.weight.shape[0] - 1) // 2
    return (max(abs(op.lo), abs(op.hi)) * radius + PART_ROW) / (inputs[0].shape[0] * op.repeat[0])


def _window(graph: Graph, node: Node, fold: Fold) -> Window:
    op = cast(DeformDepthwise, node.op)
    (source, dilation), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    k = op.weight.shape[0]
    return Window(
        name=f"{node.name}_window",
        source=source,
        out_hw=result.shape[:2],
        kernel=(k, k),
        stride=(1, 1),
        pad=(k // 2,) * 4,
        dilation=(1, 1),
        lanes=fold.lanes,
        taps=fold.taps,
        taps_inner=True,
        deform=Deform(lo=op.lo, hi=op.hi, bits=dilation.bits, signed=dilation.signed),
        repeat=op.repeat,
        slots=fold.rows,
    )


def map_deform(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Deformable window, depthwise multiply-accumulate, narrow."""
    op = cast(DeformDepthwise, node.op)
    (source, dilation), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    window = _window(graph, node, fold)
    mac = Depthwise(
        name=node.name,
        weights=column_major(op.weight).T,
        weight_bits=fields_of(op.weight, 2),
        source=source,
        result=result,
        lanes=fold.lanes,
        taps=fold.taps,
    )
    return Mapped(
        chain=(window, mac),
        in_lanes=(fold.lanes, 1),
        out_lanes=(fold.lanes,),
        in_bits=(source.bits, dilation.bits),
        out_bits=acc_bits(result),
    )


def _deform_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    k = cast(DeformDepthwise, node.op).weight.shape[0]
    for taps in tap_choices((k, k)):
        for lanes in lane_choices(graph.input_tensors(node)[0].channels):
            yield Fold(lanes=lanes, taps=taps)


def _lean_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    for fold in _deform_folds(graph, node):
        yield from (replace(fold, rows=rows) for rows in _window(graph, node, fold).fewer_rows())


OPERATORS = (
    Operator(
        op=DeformDepthwise,
        map=map_deform,
        folds=_deform_folds,
        lean=_lean_folds,
        handlers={"SquareDeformDepthwise": deform},
        bounds=deform_bounds,
        delay=_delay,
    ),
)
