# SPDX-License-Identifier: Apache-2.0
"""Lets channels that are chosen stay in the order in which they come, as ShuffleNet's do not.

A choice in rising order drops beats; any other must hold a pixel. Which order channels have does not matter within a network:
whatever keeps them apart has its constants in the same order, and a dense convolution reads any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from headrace.ir.graph import Graph, Node
from headrace.ir.tensor import Tensor
from headrace.operators.channels import Concat, Interleave
from headrace.operators.conv import Conv
from headrace.operators.gather import Gather
from headrace.passes.selections import Indices, chosen, without


def rising_choices(graph: Graph) -> Graph:
    """The same function with choices of channels in rising order, where nothing behind them needs another one."""
    for name in [node.name for node in graph.nodes if isinstance(node.op, Gather)]:
        node = next(n for n in graph.nodes if n.name == name)
        assert isinstance(node.op, Gather)
        indices = np.array(node.op.indices)
        order = np.argsort(indices, kind="stable")
        if indices.min() < 0 or np.array_equal(order, np.arange(len(order))):
            continue
        change = _Change(graph=graph)
        if not change.spread(node.outputs[0], order):
            continue
        change.nodes[name] = replace(node, op=Gather(indices=tuple(indices[order].tolist())))
        graph = change.done()
        if len(order) == graph.tensors[node.inputs[0]].channels == indices[order[-1]] + 1 == len(set(node.op.indices)):
            graph = without(graph, node)
    return graph


@dataclass(slots=True, kw_only=True)
class _Change:
    """Nodes and tensors that differ once channels come in another order."""

    graph: Graph
    nodes: dict[str, Node] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def spread(self, tensor: str, order: Indices) -> bool:
        """Lets channel n of ``tensor`` be what was channel ``order[n]``; False if something behind it needs the old order."""
        if tensor in self.graph.outputs or tensor in self.tensors:
            return False
        self.tensors[tensor] = _reordered(self.graph.tensors[tensor], order)
        return all(self._read(node, tensor, order) for node in self.graph.consumers(tensor))

    def _read(self, node: Node, tensor: str, order: Indices) -> bool:
        """Adapts a reader, and what reads its result in its turn."""
        op = node.op
        if node.name in self.nodes or node.inputs.count(tensor) > 1 or len(node.outputs) > 1:
            return False
        if isinstance(op, Gather):
            place = np.argsort(order)
            self.nodes[node.name] = replace(node, op=Gather(indices=tuple(-1 if c < 0 else int(place[c]) for c in op.indices)))
            return True
        if isinstance(op, Conv) and op.groups == 1:
            self.nodes[node.name] = replace(node, op=replace(op, weight=op.weight[..., order]))
            return True
        if isinstance(op, Concat | Interleave):
            return self.spread(node.outputs[0], self._joined(node, tensor, order))
        if tensor != node.inputs[0] or (changed := chosen(op, order)) is None:
            return False
        self.nodes[node.name] = replace(node, op=changed)
        return self.spread(node.outputs[0], order)

    def _joined(self, node: Node, tensor: str, order: Indices) -> Indices:
        """The order of channels that are joined, those of ``tensor`` in ``order``."""
        counts = [t.channels for t in self.graph.input_tensors(node)]
        orders = [order if name == tensor else np.arange(count) for name, count in zip(node.inputs, counts, strict=True)]
        if isinstance(node.op, Concat):
            return np.concatenate([start + part for start, part in zip(np.cumsum([0, *counts[:-1]]), orders, strict=True)])
        return np.stack([len(orders) * part + k for k, part in enumerate(orders)], axis=1).ravel()

    def done(self) -> Graph:
        """The changed graph."""
        nodes = tuple(self.nodes.get(node.name, node) for node in self.graph.nodes)
        return replace(self.graph, nodes=nodes, tensors={**self.graph.tensors, **self.tensors})


def _reordered(tensor: Tensor, order: Indices) -> Tensor:
    scale, offset = (v if len(v) == 1 else tuple(v[i] for i in order.tolist()) for v in (tensor.scale, tensor.offset))
    return replace(tensor, scale=scale, offset=offset)
