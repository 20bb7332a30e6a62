# SPDX-License-Identifier: Apache-2.0
"""Merges what chooses and reorders channels or pixels: with each other, and into the weights of convolutions.

A dense convolution reads and writes its channels in any order for nothing: the order of its weights. So a choice of channels
vanishes that only dense convolutions read, or that reads what one of them makes through operators that keep channels apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op, Quantize, Requant
from headrace.operators.blocks import DepthToSpace, SpaceToDepth
from headrace.operators.channels import Concat, Shuffle, Slice
from headrace.operators.conv import Conv
from headrace.operators.deform import DeformDepthwise
from headrace.operators.gather import Gather, selection
from headrace.operators.raster import Crop, Raster
from headrace.operators.shift import Shift
from headrace.passes.dead import drop_dead

CHANNELWISE = frozenset({"max_pool", "sum_pool", "upsample", "crop", "raster"})
"""Operators that do the same to every channel by itself."""

Indices = npt.NDArray[np.int64]


def merge_selections(graph: Graph) -> Graph:
    """Applies the rules of this module until none does."""
    rules = (_compose, _of_joined, _into_filters, _into_inputs, _crop_into_conv, _cancel_blocks)
    while (changed := next((g for rule in rules if (g := _first(graph, rule)) is not None), None)) is not None:
        graph = drop_dead(changed)
    return graph


Rule = Callable[[Graph, Node], Graph | None]


def _first(graph: Graph, rule: Rule) -> Graph | None:
    return next((changed for node in graph.nodes if node.inputs and (changed := rule(graph, node)) is not None), None)


def indices_of(graph: Graph, node: Node) -> Indices | None:
    """The channels that ``node`` chooses, if that is all that it does."""
    channels = graph.tensors[node.inputs[0]].channels
    if isinstance(node.op, Gather):
        return np.array(node.op.indices)
    if isinstance(node.op, Slice):
        return np.arange(node.op.start, node.op.stop)
    if isinstance(node.op, Shuffle):
        return np.arange(channels).reshape(node.op.groups, -1).T.ravel()
    return None


def _only_reader(graph: Graph, tensor: str) -> bool:
    return tensor not in graph.outputs and len(graph.consumers(tensor)) == 1


def _replaced(graph: Graph, changes: dict[str, Node | None], renames: dict[str, str] | None = None) -> Graph:
    """``graph`` with nodes changed or (None) left out, and tensors read by other names."""
    names = renames or {}
    nodes = []
    for node in graph.nodes:
        new = changes.get(node.name, node)
        if new is not None:
            nodes.append(replace(new, inputs=tuple(names.get(name, name) for name in new.inputs)))
    return graph.with_nodes(tuple(nodes))


def without(graph: Graph, node: Node) -> Graph:
    """``graph`` without a node whose result is its input."""
    return _replaced(graph, {node.name: None}, {node.outputs[0]: node.inputs[0]})


def _compose(graph: Graph, node: Node) -> Graph | None:
    """A choice of a choice is one; one of all channels in order is none."""
    outer = indices_of(graph, node)
    if outer is None:
        return None
    source = graph.tensors[node.inputs[0]]
    if node.outputs[0] not in graph.outputs and np.array_equal(outer, np.arange(source.channels)):
        return without(graph, node)
    before = graph.producer(node.inputs[0])
    inner = None if before is None else indices_of(graph, before)
    if before is None or inner is None or not _only_reader(graph, node.inputs[0]):
        return None
    op = selection(tuple(np.where(outer < 0, -1, inner[outer]).tolist()), graph.tensors[before.inputs[0]].channels)
    return _replaced(graph, {before.name: None, node.name: replace(node, op=op, inputs=before.inputs)})


def _of_joined(graph: Graph, node: Node) -> Graph | None:
    """A choice of whole operands of a concat joins these alone; a choice within one operand reads only that."""
    indices, before = indices_of(graph, node), graph.producer(node.inputs[0])
    if indices is None or indices.min() < 0 or before is None or not isinstance(before.op, Concat):
        return None
    if not _only_reader(graph, node.inputs[0]):
        return None
    ends = np.cumsum([graph.tensors[name].channels for name in before.inputs])
    members = np.searchsorted(ends, indices, side="right")
    if np.all(members == members[0]):
        name, result = before.inputs[members[0]], graph.tensors[node.outputs[0]]
        channels, limits = graph.tensors[name].channels, (graph.tensors[name].lo, graph.tensors[name].hi)
        if limits != (result.lo, result.hi):
            return None  # the operators behind count on the lanes of the joined tensor
        op = selection(tuple((indices - ends[members[0]] + channels).tolist()), channels)
        return _replaced(graph, {before.name: None, node.name: replace(node, op=op, inputs=(name,))})
    chosen, at = [], 0
    while at < len(indices):
        member = int(members[at])
        channels = graph.tensors[before.inputs[member]].channels
        if not np.array_equal(indices[at : at + channels], np.arange(ends[member] - channels, ends[member])):
            return None
        chosen.append(before.inputs[member])
        at += channels
    return _replaced(graph, {before.name: None, node.name: replace(node, op=before.op, inputs=tuple(chosen))})


def _into_inputs(graph: Graph, node: Node) -> Graph | None:
    """Dense convolutions that alone read a choice of channels read its source instead, if that has no more channels."""
    indices = None if isinstance(node.op, Slice) else indices_of(graph, node)
    readers = graph.consumers(node.outputs[0])
    source = graph.tensors[node.inputs[0]].channels
    if indices is None or node.outputs[0] in graph.outputs or not readers or source > len(indices):
        return None
    changes: dict[str, Node | None] = {node.name: None}
    for reader in readers:
        if not isinstance(reader.op, Conv) or reader.op.groups != 1:
            return None
        weight = reader.op.weight @ (indices[:, None] == np.arange(source)).astype(reader.op.weight.dtype)
        changes[reader.name] = replace(reader, op=replace(reader.op, weight=weight))
    return _replaced(graph, changes, {node.outputs[0]: node.inputs[0]})


def _upstream(graph: Graph, node: Node) -> Iterator[Node]:
    """The nodes before ``node``, each read by the next one only."""
    tensor = node.inputs[0]
    while _only_reader(graph, tensor) and (before := graph.producer(tensor)) is not None and before.inputs:
        yield before
        tensor = before.inputs[0]


def _into_filters(graph: Graph, node: Node) -> Graph | None:
    """A dense convolution makes the chosen channels in order, and what stands between works on them."""
    indices = None if isinstance(node.op, Slice) else indices_of(graph, node)
    if indices is None or indices.min() < 0 or len(indices) > graph.tensors[node.inputs[0]].channels:
        return None
    path = []
    for before in _upstream(graph, node):
        if len(before.outputs) > 1 or (op := chosen(before.op, indices)) is None:
            return None
        path.append(replace(before, op=op))
        if isinstance(before.op, Conv) and before.op.groups == 1:
            break
    else:
        return None
    tensors = dict(graph.tensors)
    for before in path:
        old = graph.tensors[before.outputs[0]]
        scale, offset = (v if len(v) == 1 else tuple(v[i] for i in indices.tolist()) for v in (old.scale, old.offset))
        tensors[old.name] = replace(old, shape=(*old.shape[:2], len(indices)), scale=scale, offset=offset)
    changes: dict[str, Node | None] = {before.name: before for before in path}
    changes[path[0].name] = replace(path[0], outputs=node.outputs)
    return _replaced(replace(graph, tensors=tensors), {**changes, node.name: None})


def chosen(op: Op, indices: Indices) -> Op | None:
    """``op`` making the chosen channels only, or all in another order; None if it mixes channels."""
    if isinstance(op, Quantize):
        return replace(op, slope=op.slope[indices], offset=op.offset[indices])
    if isinstance(op, Requant):
        return replace(op, mul=op.mul[indices], add=op.add[indices])
    if isinstance(op, DeformDepthwise):
        return replace(op, weight=op.weight[..., indices])
    if isinstance(op, Conv) and (op.groups == 1 or op.depthwise):
        return replace(op, weight=op.weight[indices], groups=1 if op.groups == 1 else len(indices))
    if isinstance(op, Shift):
        return replace(op, offsets=op.offsets[indices])
    return op if op.kind in CHANNELWISE else None


def _crop_into_conv(graph: Graph, node: Node) -> Graph | None:
    """Convolutions that alone read a cropped or padded map pad or crop by themselves."""
    readers = graph.consumers(node.outputs[0])
    if not isinstance(node.op, Crop) or node.op.stride != (1, 1) or node.outputs[0] in graph.outputs or not readers:
        return None
    changes: dict[str, Node | None] = {node.name: None}
    for reader in readers:
        if not isinstance(reader.op, Conv) or any(a < 0 < b for a, b in zip(node.op.pad, reader.op.pad, strict=True)):
            return None  # zeros would lie where the map goes on
        top, left, bottom, right = (a + b for a, b in zip(node.op.pad, reader.op.pad, strict=True))
        changes[reader.name] = replace(reader, op=replace(reader.op, pad=(top, left, bottom, right)))
    return _replaced(graph, changes, {node.outputs[0]: node.inputs[0]})


def _cancel_blocks(graph: Graph, node: Node) -> Graph | None:
    """Pixels that return to where they were; rows cut anew twice are cut once."""
    before = graph.producer(node.inputs[0])
    pair = (DepthToSpace, SpaceToDepth)
    if isinstance(node.op, Raster) and before is not None and isinstance(before.op, Raster):
        return _replaced(graph, {node.name: replace(node, inputs=before.inputs)})
    if node.outputs[0] in graph.outputs:
        return None
    if isinstance(node.op, Raster) and graph.tensors[node.inputs[0]].shape[:2] == node.op.size:
        return without(graph, node)
    if before is None or not isinstance(node.op, pair) or not isinstance(before.op, pair):
        return None
    if before.op.kind == node.op.kind or before.op.block != node.op.block:
        return None
    return _replaced(graph, {node.name: None}, {node.outputs[0]: before.inputs[0]})
