# SPDX-License-Identifier: Apache-2.0
"""Moves nearest-neighbour upsampling to where a map is read in windows, and into these.

What treats each pixel by itself gives the same for pixels that are the same, so it may come first, with a fraction of the
work. A line buffer that knows of the repetition holds each pixel once.
"""

from __future__ import annotations

from dataclasses import replace

from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op, Requant
from headrace.ir.tensor import Tensor
from headrace.operators.conv import Conv, needs_window
from headrace.operators.deform import DeformDepthwise
from headrace.operators.elementwise.base import Pointwise
from headrace.operators.gather import Gather
from headrace.operators.tables import Lookup, Thresholds
from headrace.operators.upsample import Upsample
from headrace.passes.dead import drop_dead

MOST_REPEATS = 8
"""Rows and columns that a line buffer repeats a pixel to."""


def upsample_late(graph: Graph) -> Graph:
    """The same function, with less to compute and less to hold."""
    while (moved := _moved(graph)) is not None:
        graph = moved
    return drop_dead(_fused(graph))


def _by_pixel(op: Op, source: Tensor) -> bool:
    """Whether a node with one input gives for each pixel what this one alone decides."""
    if isinstance(op, Conv):
        return op.kernel == (1, 1) and not needs_window(op, source) and not op.covers(source)
    return isinstance(op, Requant | Pointwise | Gather | Thresholds | Lookup)


def _moved(graph: Graph) -> Graph | None:
    """The graph with one upsampling behind one of its readers; None if there is none to move."""
    for reader in graph.nodes:
        first = graph.producer(reader.inputs[0]) if len(reader.inputs) == 1 and len(reader.outputs) == 1 else None
        if first is None or not isinstance(first.op, Upsample):
            continue
        source, (result,) = graph.tensors[first.inputs[0]], graph.output_tensors(reader)
        if not _by_pixel(reader.op, graph.tensors[reader.inputs[0]]) or not _by_pixel(reader.op, source):
            continue
        small = replace(result, name=f"{result.name}_small", shape=(*source.shape[:2], result.channels))
        early = replace(reader, inputs=first.inputs, outputs=(small.name,))
        late = Node(name=f"{reader.name}_resize", op=first.op, inputs=(small.name,), outputs=reader.outputs)
        nodes = [part for node in graph.nodes for part in ((early, late) if node is reader else (node,))]
        return drop_dead(replace(graph, nodes=tuple(nodes), tensors={**graph.tensors, small.name: small}))
    return None


def _fused(graph: Graph) -> Graph:
    """The graph with upsampling as a part of the windows that read it, where line buffers can."""
    nodes: list[Node] = []
    for node in graph.nodes:
        first = graph.producer(node.inputs[0]) if node.inputs else None
        if first is not None and isinstance(first.op, Upsample) and (op := _repeating(graph, node, first.op)) is not None:
            nodes.append(replace(node, op=op, inputs=(first.inputs[0], *node.inputs[1:])))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _repeating(graph: Graph, node: Node, upsample: Upsample) -> Op | None:
    op, source = node.op, graph.tensors[node.inputs[0]]
    if any(f & (f - 1) or f > MOST_REPEATS for f in upsample.factors):
        return None
    if isinstance(op, DeformDepthwise):
        return replace(op, repeat=upsample.factors)
    if not isinstance(op, Conv) or not needs_window(op, source):
        return None
    last = (graph.output_tensors(node)[0].shape[0] - 1) * op.stride[0] - op.pad[0] + (op.kernel[0] - 1) * op.dilation[0]
    read_whole = min(op.pad) >= 0 and last >= source.shape[0] - 1
    return replace(op, repeat=upsample.factors) if read_whole else None
