# SPDX-License-Identifier: Apache-2.0
"""Brings data movement to the forms that hardware has: split, concat, interleave; drops what nothing reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from headrace.ir.graph import Graph, Node, attributes
from headrace.ir.ops import Op
from headrace.ir.tensor import Tensor
from headrace.operators.channels import Concat, Interleave, Shuffle, Slice, Split
from headrace.passes.dead import drop_dead
from headrace.passes.quantize_first import quantize_first
from headrace.passes.selections import merge_selections


def simplify(graph: Graph) -> Graph:
    """All passes of this module, in order."""
    for step in (
        merge_duplicates,
        merge_selections,
        slices_to_splits,
        quantize_first,
        shuffles_to_interleaves,
        cancel_splits,
        drop_dead,
    ):
        graph = step(graph)
    return graph


def _key(node: Node) -> tuple[object, ...]:
    def frozen(value: object) -> object:
        if not isinstance(value, np.ndarray):
            return value
        content = tuple(value.ravel().tolist()) if value.dtype == object else value.tobytes()
        return (value.shape, value.dtype.str, content)

    return (node.op.kind, node.inputs, tuple((name, frozen(value)) for name, value in attributes(node.op)))


def _substitute(graph: Graph, nodes: list[Node], new_names: Mapping[str, str]) -> Graph:
    """``nodes`` with tensors renamed; chains of renames are followed. Graph outputs are never renamed away."""

    def final(name: str) -> str:
        while name in new_names:
            name = new_names[name]
        return name

    return graph.with_nodes(tuple(replace(n, inputs=tuple(map(final, n.inputs))) for n in nodes))


def merge_duplicates(graph: Graph) -> Graph:
    """Keeps one of several nodes that compute the same from the same tensors (a quantizer shared by several readers).

    Constant maps are kept apart: each reader takes its own at its own pace, without a FIFO.
    """
    seen: dict[tuple[object, ...], Node] = {}
    renames: dict[str, str] = {}
    kept: list[Node] = []
    for original in graph.nodes:
        node = replace(original, inputs=tuple(renames.get(name, name) for name in original.inputs))
        twin = seen.get(_key(node))
        if twin is None or not node.inputs or any(name in graph.outputs for name in node.outputs):
            seen.setdefault(_key(node), node)
            kept.append(node)
        else:
            renames.update(zip(node.outputs, twin.outputs, strict=True))
    return _substitute(graph, kept, {})


def slices_to_splits(graph: Graph) -> Graph:
    """All slices of one tensor become one split; a slice that spans several parts becomes their concat."""
    sliced = {node.inputs[0] for node in graph.nodes if isinstance(node.op, Slice)}
    tensors = dict(graph.tensors)
    nodes: list[Node] = []
    parts: dict[str, list[tuple[int, str]]] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Slice):
            nodes.append(node)
            continue
        source = node.inputs[0]
        if source in sliced:
            sliced.discard(source)
            split, parts[source] = _split_at_slices(graph, source, tensors)
            nodes.append(split)
        inside = tuple(name for start, name in parts[source] if node.op.start <= start < node.op.stop)
        nodes.append(replace(node, op=Concat(), inputs=inside))
    return drop_single_concats(replace(graph, tensors=tensors, nodes=tuple(nodes)))


def _split_at_slices(graph: Graph, source: str, tensors: dict[str, Tensor]) -> tuple[Node, list[tuple[int, str]]]:
    kind = graph.tensors[source]
    bounds = {0, kind.channels}
    for node in graph.consumers(source):
        if isinstance(node.op, Slice):
            bounds |= {node.op.start, node.op.stop}
    starts = sorted(bounds)
    sizes = tuple(np.diff(starts).tolist())
    names = [f"{source}_part{i}" for i in range(len(sizes))]
    for name, size in zip(names, sizes, strict=True):
        tensors[name] = replace(kind, name=name, shape=(*kind.shape[:2], size))
    node = Node(name=f"{source}_split", op=Split(sizes=sizes), inputs=(source,), outputs=tuple(names))
    return node, list(zip(starts[:-1], names, strict=True))


def drop_single_concats(graph: Graph) -> Graph:
    """Removes concats of one tensor (unless they write a graph output)."""

    def redundant(node: Node) -> bool:
        return isinstance(node.op, Concat) and len(node.inputs) == 1 and node.outputs[0] not in graph.outputs

    renames = {node.outputs[0]: node.inputs[0] for node in graph.nodes if redundant(node)}
    return _substitute(graph, [node for node in graph.nodes if not redundant(node)], renames)


def shuffles_to_interleaves(graph: Graph) -> Graph:
    """A shuffle is a split into its groups and an interleave of them."""
    tensors = dict(graph.tensors)
    nodes: list[Node] = []
    for node in graph.nodes:
        if not isinstance(node.op, Shuffle):
            nodes.append(node)
            continue
        kind = graph.tensors[node.inputs[0]]
        groups = node.op.groups
        names = tuple(f"{node.name}_group{i}" for i in range(groups))
        each = kind.channels // groups
        for name in names:
            tensors[name] = replace(kind, name=name, shape=(*kind.shape[:2], each))
        split: Op = Split(sizes=(each,) * groups)
        nodes.append(Node(name=f"{node.name}_split", op=split, inputs=node.inputs, outputs=names))
        nodes.append(replace(node, op=Interleave(), inputs=names))
    return replace(graph, tensors=tensors, nodes=tuple(nodes))


def cancel_splits(graph: Graph) -> Graph:
    """A split that cuts a concat where it was joined passes the concat's inputs through."""
    renames: dict[str, str] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        joined = graph.producer(node.inputs[0]) if isinstance(node.op, Split) else None
        if isinstance(node.op, Split) and joined is not None and isinstance(joined.op, Concat):
            sizes = tuple(graph.tensors[name].channels for name in joined.inputs)
            if sizes == node.op.sizes and not set(node.outputs) & set(graph.outputs):
                renames.update(zip(node.outputs, joined.inputs, strict=True))
                continue
        kept.append(node)
    return _substitute(graph, kept, renames)
