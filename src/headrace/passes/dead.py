# SPDX-License-Identifier: Apache-2.0
"""Drops what leads to no output."""

from __future__ import annotations

from headrace.ir.graph import Graph, Node


def drop_dead(graph: Graph) -> Graph:
    """Removes nodes of which nothing reads any output."""
    live = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if live & set(node.outputs):
            live.update(node.inputs)
            kept.append(node)
    return graph.with_nodes(tuple(reversed(kept)))
