# SPDX-License-Identifier: Apache-2.0
"""Joining, cutting and permuting channels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.engines.plumbing import Interleaver, Repack
from headrace.engines.technology import ceil_div
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import ExactArray, Real, Value
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op
from headrace.ir.tensor import Tensor
from headrace.operators.base import Fold, Mapped, Operator, lane_folds, same_lanes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concat(Op):
    """Channels of all inputs, in order."""

    kind: ClassVar[str] = "concat"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split(Op):
    """Consecutive channel ranges of ``sizes``, one output each."""

    kind: ClassVar[str] = "split"
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice(Op):
    """Channels [start, stop); the merge_slices pass gathers slices of one tensor into a `Split`."""

    kind: ClassVar[str] = "slice"
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shuffle(Op):
    """ShuffleNet's permutation: channel g * (C / groups) + n becomes n * groups + g; lowered to `Split` and `Interleave`."""

    kind: ClassVar[str] = "shuffle"
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interleave(Op):
    """Channel n of input k becomes channel n * inputs + k: a concat of equals followed by a shuffle."""

    kind: ClassVar[str] = "interleave"


def _spread(parameter: ExactArray, channels: int) -> ExactArray:
    return np.broadcast_to(parameter, channels)


def concat(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Concat along channels; unequal scales stay with their channels until the next quantizer."""
    reals = [_operand(context, node, value) for value in inputs]
    if len({(real.lo, real.hi) for real in reals}) > 1:
        reals = [context.settled(node, real) for real in reals]
    kinds = [context.tensors[real.tensor] for real in reals]
    if len({kind.shape[:2] for kind in kinds}) > 1:
        raise node.unsupported(f"joins maps of {[kind.shape for kind in kinds]}", "join maps of one size")
    if len(reals) == 1:
        return [reals[0]]
    channels = [kind.channels for kind in kinds]
    shape = (*kinds[0].shape[:2], sum(channels))
    lo, hi = min(kind.lo for kind in kinds), max(kind.hi for kind in kinds)
    out = context.apply(node, Concat(), tuple(real.tensor for real in reals), shape, lo, hi, kinds[0].scale[0])
    scale = np.concatenate([_spread(real.scale, c) for real, c in zip(reals, channels, strict=True)])
    offset = np.concatenate([_spread(real.offset, c) for real, c in zip(reals, channels, strict=True)])
    pure = all(real.pure for real in reals)
    joined = Real(tensor=out, scale=_collapse(scale), offset=_collapse(offset), lo=reals[0].lo, hi=reals[0].hi, pure=pure)
    return [replace(joined, skewed=any(real.skewed for real in reals))]


def _operand(context: Context, node: OnnxNode, value: Value | None) -> Real:
    """An activation to be joined, or a rounded constant map, which the quantizer behind the join quantizes by itself."""
    if isinstance(value, Real) and value.skewed and any(value.tensor in n.outputs and not n.inputs for n in context.nodes):
        return value
    return context.real(node, value)


def _collapse(parameter: ExactArray) -> ExactArray:
    return parameter[:1] if np.all(parameter == parameter[0]) else parameter


def part(real: Real, tensor: str, channels: int, chosen: slice | npt.NDArray[np.int64]) -> Real:
    """``real``'s meaning for ``tensor``, which holds the ``chosen`` ones of its channels."""
    scale, offset = (_spread(p, channels)[chosen] for p in (real.scale, real.offset))
    return replace(real, tensor=tensor, scale=_collapse(scale), offset=_collapse(offset))


def split_channels(context: Context, node: OnnxNode, real: Real, sizes: list[int]) -> list[Value]:
    """Consecutive ranges of ``sizes`` channels."""
    source = context.tensors[real.tensor]
    name = context.unique(node.name)
    outputs = tuple(
        Tensor(name=f"{name}_out{i}", shape=(*source.shape[:2], size), lo=source.lo, hi=source.hi, scale=source.scale)
        for i, size in enumerate(sizes)
    )
    context.emit(name, Split(sizes=tuple(sizes)), (real.tensor,), outputs)
    ends = np.cumsum(sizes).tolist()
    return [
        part(real, tensor.name, source.channels, slice(end - size, end))
        for tensor, size, end in zip(outputs, sizes, ends, strict=True)
    ]


def slice_channels(context: Context, node: OnnxNode, real: Real, first: int, last: int) -> Real:
    """Channels ``first:last``, as numpy counts them (how some exporters write chunk)."""
    real = context.real(node, real)
    source = context.tensors[real.tensor]
    start, stop, _ = slice(first, last).indices(source.channels)
    if (start, stop) == (0, source.channels):
        return real
    if start >= stop:
        raise node.unsupported(f"the slice {start}:{stop} is empty", "repair the slice")
    shape = (*source.shape[:2], stop - start)
    out = context.apply(node, Slice(start=start, stop=stop), (real.tensor,), shape, source.lo, source.hi, source.scale[0])
    return part(real, out, source.channels, slice(start, stop))


def map_repack(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Concat or split: one repack whose inputs and outputs have the same lanes."""
    ins, outs = graph.input_tensors(node), graph.output_tensors(node)
    bits = outs[0].bits if len(ins) > 1 else ins[0].bits
    engine = Repack(
        name=node.name,
        bits=bits,
        pixels=outs[0].pixels,
        lanes_in=fold.lanes,
        lanes_out=fold.lanes,
        in_channels=tuple(t.channels for t in ins),
        out_channels=tuple(t.channels for t in outs),
    )
    return same_lanes(engine, fold.lanes, (bits,) * len(ins), bits)


def map_interleave(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One interleaver; its output has as many times the lanes as it has inputs."""
    ins = graph.input_tensors(node)
    bits = graph.output_tensors(node)[0].bits
    engine = Interleaver(
        name=node.name,
        bits=bits,
        lanes=fold.lanes,
        inputs=len(ins),
        frame_beats=ins[0].pixels * ceil_div(ins[0].channels, fold.lanes),
    )
    return Mapped(
        chain=(engine,),
        in_lanes=(fold.lanes,) * len(ins),
        out_lanes=(fold.lanes * len(ins),),
        in_bits=(bits,) * len(ins),
        out_bits=bits,
    )


OPERATORS = (
    Operator(op=Concat, map=map_repack, folds=lane_folds),
    Operator(op=Split, map=map_repack, folds=lane_folds),
    Operator(op=Interleave, map=map_interleave, folds=lane_folds),
)
