# SPDX-License-Identifier: Apache-2.0
"""Any choice of channels, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt

from headrace.engines.moves import Gatherer
from headrace.engines.technology import ceil_div
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op
from headrace.operators.base import Fold, Mapped, Operator
from headrace.operators.channels import Shuffle, Slice, part
from headrace.operators.raster import refuse_zeros

MAX_GROUPS = 4
"""A shuffle of more groups is left to one gather engine rather than as many streams."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gather(Op):
    """Channel n of the result is channel ``indices[n]``, or zero where that is -1; repetitions and omissions are allowed."""

    kind: ClassVar[str] = "gather"
    indices: tuple[int, ...]


def selection(indices: tuple[int, ...], channels: int) -> Op:
    """The cheapest operator that chooses ``indices`` of ``channels``: a slice, a shuffle of few groups, or a `Gather`."""
    if min(indices) < 0:
        return Gather(indices=indices)
    if indices == tuple(range(indices[0], indices[-1] + 1)):
        return Slice(start=indices[0], stop=indices[-1] + 1)
    groups = _shuffle_groups(indices, channels)
    return Gather(indices=indices) if groups is None or groups > MAX_GROUPS else Shuffle(groups=groups)


def choose_channels(context: Context, node: OnnxNode, real: Real, indices: tuple[int, ...]) -> Real:
    """``real`` with the channels ``indices``: nothing, a slice, a shuffle or a `Gather`, whichever is least."""
    source = context.tensors[real.tensor]
    c = source.channels
    if indices == tuple(range(c)):
        return real
    op, lo, hi = selection(indices, c), source.lo, source.hi
    if min(indices) < 0:
        refuse_zeros(node, real)
        lo, hi = min(lo, 0), max(hi, 0)
    shape = (*source.shape[:2], len(indices))
    out = context.apply(node, op, (real.tensor,), shape, lo, hi, source.scale[0])
    return part(real, out, c, np.array(indices))


def _shuffle_groups(indices: tuple[int, ...], channels: int) -> int | None:
    """The number of groups if ``indices`` are ShuffleNet's permutation."""
    if len(indices) != channels or len(indices) < 2 or indices[1] == 0 or channels % indices[1]:
        return None
    groups = channels // indices[1]
    return groups if indices == tuple(np.arange(channels).reshape(groups, -1).T.ravel().tolist()) else None


def gather_channels(context: Context, node: OnnxNode, real: Real, indices: npt.NDArray[np.integer[Any]]) -> Real:
    """``real`` with the channels ``indices``, negative ones counting from the end.

    Raises:
        UnsupportedError: there is no such channel.
    """
    real = context.real(node, real)
    channels = context.tensors[real.tensor].channels
    if indices.min() < -channels or indices.max() >= channels:
        raise node.unsupported(f"indices {indices.min()} to {indices.max()} into {channels} channels", "repair the indices")
    return choose_channels(context, node, real, tuple((indices % channels).tolist()))


def map_gather(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One gather engine."""
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    engine = Gatherer(
        name=node.name,
        bits=result.bits,
        pixels=source.pixels,
        channels=source.channels,
        indices=cast(Gather, node.op).indices,
        lanes_in=fold.lanes,
        lanes_out=fold.pe,
    )
    return Mapped(
        chain=(engine,),
        in_lanes=(fold.lanes,),
        out_lanes=(fold.pe,),
        in_bits=(result.bits,),
        out_bits=result.bits,
    )


def _gather_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    """For each number of beats that a pixel may take, the fewest lanes on both sides."""
    c, n = graph.input_tensors(node)[0].channels, len(cast(Gather, node.op).indices)
    seen = set()
    for beats in range(1, max(c, n) + 1):
        lanes = ceil_div(c, beats), ceil_div(n, beats)
        if lanes not in seen:
            seen.add(lanes)
            yield Fold(lanes=lanes[0], pe=lanes[1])


OPERATORS = (Operator(op=Gather, map=map_gather, folds=_gather_folds),)
