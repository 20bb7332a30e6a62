# SPDX-License-Identifier: Apache-2.0
"""Quantizers behind operators that only move numbers go before them, so that narrow activations move instead of accumulators.

A quantizer acts on each number by itself, so it commutes with choices of channels, pixel shuffles, upsampling, crops, joins and
cuts; with a maximum as well, if it rises; with zeros that come in, if it leaves zero alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Leaf, Op, Quantize, Tabulate
from headrace.ir.rounding import rounded
from headrace.ir.tensor import Tensor
from headrace.operators.blocks import DepthToSpace, SpaceToDepth
from headrace.operators.channels import Concat, Shuffle, Split
from headrace.operators.constant import Constant
from headrace.operators.gather import Gather
from headrace.operators.pool import MaxPool
from headrace.operators.raster import Crop, Raster
from headrace.operators.shift import Shift
from headrace.operators.upsample import Upsample

MAX_GROWTH = 6
"""Times as many values may be quantized as behind the move."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Channels of a move: channel ``outer[k]`` of the result holds numbers of channel ``inner[k]``; ``zeros`` may come in."""

    inner: Indices
    outer: Indices
    zeros: bool = False


def quantize_first(graph: Graph) -> Graph:
    """Moves quantizers toward the accumulators until none can go on, and applies those that reach constant maps."""
    while (changed := next(_changes(graph), None)) is not None:
        graph = changed
    return graph


def _changes(graph: Graph) -> Iterator[Graph]:
    for node in graph.nodes:
        if isinstance(node.op, Quantize):
            move = graph.producer(node.inputs[0])
            if move is None or node.inputs[0] in graph.outputs:
                continue
            if isinstance(move.op, Constant):
                yield _constant(graph, node, node.op, move.op)
            elif len(graph.consumers(node.inputs[0])) > 1:
                continue
            elif isinstance(move.op, Concat) and _worth(graph, node, move):
                yield _before_join(graph, node, node.op, move)
            elif (before := _before_move(graph, node, node.op, move)) is not None:
                yield before
        elif isinstance(node.op, Tabulate):
            if (before := _function_before_move(graph, node, node.op)) is not None:
                yield before
        elif (before := _before_parts(graph, node)) is not None:
            yield before


def _moved(op: Op, channels: int, results: int) -> Moved | None:
    """How ``op`` moves ``channels`` to ``results``, if that is all that it does."""
    each, same = np.arange(results), np.arange(channels)
    if isinstance(op, Shuffle):
        return Moved(inner=same.reshape(op.groups, -1).T.ravel(), outer=each)
    if isinstance(op, Gather):
        chosen = np.array(op.indices)
        return Moved(inner=chosen[chosen >= 0], outer=each[chosen >= 0], zeros=bool(np.any(chosen < 0)))
    if isinstance(op, DepthToSpace):
        return Moved(inner=same, outer=same % results)
    if isinstance(op, SpaceToDepth):
        return Moved(inner=each % channels, outer=each)
    if isinstance(op, Upsample | Raster | MaxPool):
        return Moved(inner=same, outer=same)
    if isinstance(op, Crop | Shift):
        return Moved(inner=same, outer=same, zeros=isinstance(op, Shift) or max(op.pad) > 0)
    return None


def _worth(graph: Graph, node: Node, move: Node) -> bool:
    """Whether activations of ``node`` are narrower than what moves now; rounded constant maps are quantized in any case."""
    producers = [graph.producer(name) for name in move.inputs]
    rounded_map = any(p is not None and isinstance(p.op, Constant) and p.op.residue is not None for p in producers)
    return rounded_map or graph.tensors[node.outputs[0]].bits < graph.tensors[node.inputs[0]].bits


def _keeps_zero(op: Quantize) -> bool:
    return op.lo <= 0 <= op.hi and all(rounded(v, op.rounding, op.zero) == 0 for v in set(op.offset.tolist()))


def _before_move(graph: Graph, node: Node, op: Quantize, move: Node) -> Graph | None:
    source, result = graph.tensors[move.inputs[0]] if move.inputs else None, graph.tensors[node.outputs[0]]
    moved = None if source is None else _moved(move.op, source.channels, result.channels)
    if source is None or moved is None or not _worth(graph, node, move) or (moved.zeros and not _keeps_zero(op)):
        return None
    if source.pixels * source.channels > MAX_GROWTH * result.pixels * result.channels:
        return None
    if isinstance(move.op, MaxPool) and any(slope < 0 for slope in op.slope):
        return None
    of = np.full(source.channels, moved.outer[0])
    of[moved.inner] = moved.outer
    earlier = replace(op, slope=op.slope[of], offset=op.offset[of])
    if np.any(op.slope[of[moved.inner]] != op.slope[moved.outer]) or np.any(
        op.offset[of[moved.inner]] != op.offset[moved.outer]
    ):
        return None  # one channel is read by two, of unlike quantizers
    inner = _activations(graph, node, source)
    first = replace(node, op=earlier, inputs=move.inputs, outputs=(inner.name,))
    return _replaced(
        graph, {move.name: [first, replace(move, inputs=(inner.name,), outputs=node.outputs)], node.name: []}, inner
    )


def _function_before_move(graph: Graph, node: Node, op: Tabulate) -> Graph | None:
    """The same for a function, where it is one for all channels."""
    move = graph.producer(node.inputs[0])
    if move is None or not move.inputs or len(graph.consumers(node.inputs[0])) > 1 or node.inputs[0] in graph.outputs:
        return None
    source, result = graph.tensors[move.inputs[0]], graph.tensors[node.outputs[0]]
    moved = None if isinstance(move.op, MaxPool) else _moved(move.op, source.channels, result.channels)
    if moved is None or moved.zeros or len(op.members) > 1 or not _worth(graph, node, move):
        return None
    if source.pixels * source.channels > MAX_GROWTH * result.pixels * result.channels:
        return None
    c = source.channels
    alike = replace(
        op,
        classes=np.zeros(c, np.int64),
        members=np.zeros(1, np.int64),
        scale=np.resize(op.scale, c),
        leaves=tuple(_resized(leaf, c) for leaf in op.leaves),
        pieces=tuple(_resized(leaf, c) for leaf in op.pieces),
    )
    inner = _activations(graph, node, source)
    first = replace(node, op=alike, inputs=move.inputs, outputs=(inner.name,))
    return _replaced(
        graph, {move.name: [first, replace(move, inputs=(inner.name,), outputs=node.outputs)], node.name: []}, inner
    )


def _resized(leaf: Leaf, channels: int) -> Leaf:
    return replace(leaf, scale=np.resize(leaf.scale, channels), offset=np.resize(leaf.offset, channels))


def _activations(graph: Graph, node: Node, source: Tensor, suffix: str = "moved") -> Tensor:
    """The type of ``source`` behind the quantizer ``node``."""
    result = graph.tensors[node.outputs[0]]
    name = f"{node.name}_{suffix}"
    while name in graph.tensors:
        name += "_"
    return replace(result, name=name, shape=source.shape, scale=result.scale[:1], offset=result.offset[:1])


def _before_join(graph: Graph, node: Node, op: Quantize, join: Node) -> Graph:
    """A quantizer for each operand; one that changes nothing is left out."""
    nodes: list[Node] = []
    names, inner, start = [], [], 0
    for k, name in enumerate(join.inputs):
        source = graph.tensors[name]
        own = slice(start, start + source.channels)
        start += source.channels
        part = replace(op, slope=op.slope[own], offset=op.offset[own])
        if np.all(part.slope == 1) and np.all(part.offset == 0) and op.lo <= source.lo and source.hi <= op.hi:
            names.append(name)
            continue
        inner.append(_activations(graph, node, source, f"part{k}"))
        names.append(inner[-1].name)
        nodes.append(Node(name=f"{node.name}_part{k}", op=part, inputs=(name,), outputs=(inner[-1].name,)))
    nodes.append(replace(join, inputs=tuple(names), outputs=node.outputs))
    return _replaced(graph, {join.name: nodes, node.name: []}, *inner)


def _before_parts(graph: Graph, node: Node) -> Graph | None:
    """One quantizer before a cut instead of one behind each of its parts, if all have one grid."""
    if not isinstance(node.op, Split) or set(node.outputs) & set(graph.outputs):
        return None
    readers = [graph.consumers(name) for name in node.outputs]
    behind = [found[0] for found in readers if len(found) == 1]
    ops = [reader.op for reader in behind if isinstance(reader.op, Quantize)]
    source = graph.tensors[node.inputs[0]]
    if not ops or len(ops) < sum(bool(found) for found in readers):
        return None
    grids = {(op.lo, op.hi, op.rounding, op.zero, op.scale, op.pure) for op in ops}
    if len(grids) > 1 or not _worth(graph, behind[0], node):
        return None
    whole = _joined_quantizer(ops[0], [found[0].op if found else ops[0] for found in readers], node.op.sizes)
    inner = _activations(graph, behind[0], source)
    first = replace(behind[0], op=whole, inputs=node.inputs, outputs=(inner.name,))
    outputs = tuple(found[0].outputs[0] if found else name for found, name in zip(readers, node.outputs, strict=True))
    cut = replace(node, inputs=(inner.name,), outputs=outputs)
    unread = [
        replace(graph.tensors[name], lo=inner.lo, hi=inner.hi)
        for found, name in zip(readers, node.outputs, strict=True)
        if not found
    ]
    return _replaced(graph, {node.name: [first, cut], **{reader.name: [] for reader in behind}}, inner, *unread)


def _joined_quantizer(first: Quantize, ops: list[Op], sizes: tuple[int, ...]) -> Quantize:
    """One quantizer of the channels of all ``ops``; what nothing reads (``first`` stands there) is quantized anyhow."""
    parts = [(op if isinstance(op, Quantize) else first, size) for op, size in zip(ops, sizes, strict=True)]
    slope, offset = (
        np.concatenate([np.resize(values, size) for values, size in columns])
        for columns in (
            [(op.slope, size) for op, size in parts],
            [(op.offset, size) for op, size in parts],
        )
    )
    return replace(first, slope=slope, offset=offset)


def _constant(graph: Graph, node: Node, op: Quantize, constant: Constant) -> Graph:
    """A quantized constant map, from its real numbers."""
    real = constant.value.astype(object) if constant.residue is None else constant.value + constant.residue
    scaled = real * op.slope + op.offset
    numbers = {v: min(max(rounded(v, op.rounding, op.zero), op.lo), op.hi) for v in set(scaled.ravel().tolist())}
    value = np.array([numbers[v] for v in scaled.ravel().tolist()], np.int64).reshape(scaled.shape)
    result = replace(graph.tensors[node.outputs[0]], lo=int(value.min()), hi=int(value.max()))
    return _replaced(graph, {node.name: [replace(node, op=Constant(value=value), inputs=())]}, result)


def _replaced(graph: Graph, changes: dict[str, list[Node]], *tensors: Tensor) -> Graph:
    """``graph`` with nodes replaced by others (none: left out), in their place, and further or other tensors."""
    nodes = [new for node in graph.nodes for new in changes.get(node.name, [node])]
    known = {**graph.tensors, **{tensor.name: tensor for tensor in tensors}}
    return replace(graph, tensors=known).with_nodes(tuple(nodes))
