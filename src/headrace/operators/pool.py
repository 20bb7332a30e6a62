# SPDX-License-Identifier: Apache-2.0
"""Maximum over windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np

from headrace.engines.elementwise import MaxPooler
from headrace.engines.window import Window
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Value
from headrace.frontend.windows import ceil_padding, padding_only, spatial_output, window_attributes
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op, Pads, Pair
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator, lane_choices, tap_choices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool(Op):
    """Maximum over windows; padding never wins."""

    kind: ClassVar[str] = "max_pool"
    kernel: Pair
    stride: Pair
    pad: Pads = (0, 0, 0, 0)
    dilation: Pair = (1, 1)


def max_pool(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """MaxPool commutes with every rising map, so it runs on the integers whatever they mean."""
    real = context.real(node, inputs[0])
    source = context.tensors[real.tensor]
    if np.any(real.scale <= 0):
        raise node.unsupported("a maximum behind a negative batch-norm factor", "put a quantizer before the pool")
    kernel = tuple(node.attrs.get("kernel_shape", ()))
    if len(kernel) != 2:
        raise node.unsupported(f"a {len(kernel)}-D window", "only 2-D windows are mapped")
    stride, pad, dilation = window_attributes(node, source.shape[:2], kernel)
    if node.attrs.get("ceil_mode", 0):
        pad = ceil_padding(source.shape[:2], kernel, stride, pad, dilation)
    out_hw = spatial_output(node, source.shape[:2], kernel, stride, pad, dilation)
    for axis in (0, 1):
        if padding_only(source.shape[axis], out_hw[axis], kernel[axis], stride[axis], pad[axis], dilation[axis]):
            raise node.unsupported(f"padding {pad} so wide that a window sees nothing else", "pad less than the kernel")
    op = MaxPool(kernel=kernel, stride=stride, pad=pad, dilation=dilation)
    out = context.apply(node, op, (real.tensor,), (*out_hw, source.channels), source.lo, source.hi, source.scale[0])
    return [replace(real, tensor=out)]


def _delay(op: Op, inputs: tuple[Tensor, ...]) -> float:
    op = cast(MaxPool, op)
    return max(0.0, (op.kernel[0] - 1) * op.dilation[0] - op.pad[0] + PART_ROW) / inputs[0].shape[0]


def map_max_pool(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Window and maximum."""
    op = cast(MaxPool, node.op)
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
        pad_value=-(1 << (source.bits - 1)) if source.signed else 0,
    )
    steps = op.kernel[0] * op.kernel[1] // fold.taps
    pool = MaxPooler(name=node.name, source=source, result=result, lanes=fold.lanes, taps=fold.taps, steps=steps)
    return Mapped(
        chain=(window, pool),
        in_lanes=(fold.lanes,),
        out_lanes=(fold.lanes,),
        in_bits=(source.bits,),
        out_bits=result.bits,
    )


def _pool_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    for taps in tap_choices(cast(MaxPool, node.op).kernel):
        for lanes in lane_choices(graph.input_tensors(node)[0].channels):
            yield Fold(lanes=lanes, taps=taps)


OPERATORS = (Operator(op=MaxPool, map=map_max_pool, folds=_pool_folds, handlers={"MaxPool": max_pool}, delay=_delay),)
