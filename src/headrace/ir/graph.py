# SPDX-License-Identifier: Apache-2.0
"""The integer graph and its serialised program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from headrace.errors import ModelError
from headrace.ir.ops import IntArray, Op
from headrace.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator applied to named tensors."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes in topological order over named tensors.

    Raises:
        ModelError: a node reads a tensor that no earlier node (or graph input) writes, or a tensor has two writers.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        written = set(self.inputs)
        for node in self.nodes:
            if missing := [name for name in node.inputs if name not in written]:
                raise ModelError(f"node '{node.name}' reads {missing[0]!r} before anything writes it")
            if twice := [name for name in node.outputs if name in written]:
                raise ModelError(f"node '{node.name}' writes {twice[0]!r} a second time")
            written.update(node.outputs)
        if unknown := (written | set(self.outputs)) - set(self.tensors):
            raise ModelError(f"tensors without a type: {sorted(unknown)}")
        if unwritten := set(self.outputs) - written:
            raise ModelError(f"graph outputs that nothing writes: {sorted(unwritten)}")

    def producer(self, tensor: str) -> Node | None:
        """The node that writes ``tensor``; None for a graph input."""
        return next((node for node in self.nodes if tensor in node.outputs), None)

    def consumers(self, tensor: str) -> tuple[Node, ...]:
        """The nodes that read ``tensor``, once per node."""
        return tuple(node for node in self.nodes if tensor in node.inputs)

    def input_tensors(self, node: Node) -> tuple[Tensor, ...]:
        """Types of a node's inputs."""
        return tuple(self.tensors[name] for name in node.inputs)

    def output_tensors(self, node: Node) -> tuple[Tensor, ...]:
        """Types of a node's outputs."""
        return tuple(self.tensors[name] for name in node.outputs)

    def with_nodes(self, nodes: tuple[Node, ...]) -> Graph:
        """The same graph with other nodes; tensors that nothing mentions any more are dropped."""
        live = {*self.inputs, *self.outputs}
        for node in nodes:
            live.update(node.inputs, node.outputs)
        kept = {name: tensor for name, tensor in self.tensors.items() if name in live}
        return replace(self, nodes=nodes, tensors=kept)

    def to_text(self) -> str:
        """A readable listing, one node a line."""
        lines = [f"input {self.tensors[name]}" for name in self.inputs]
        for node in self.nodes:
            outs = ", ".join(str(self.tensors[name]) for name in node.outputs)
            args = ", ".join(f"%{name}" for name in node.inputs)
            lines.append(f"{outs} = {node.op.kind}({args}){_attribute_text(node.op)}")
        lines += [f"output {self.tensors[name]}" for name in self.outputs]
        return "\n".join(lines) + "\n"


def attributes(op: Op) -> Iterator[tuple[str, Any]]:
    """(name, value) of an operator's fields, arrays included, in declaration order."""
    for field in fields(op):
        yield field.name, getattr(op, field.name)


def _attribute_text(op: Op) -> str:
    parts = []
    for name, value in attributes(op):
        shown = f"{'x'.join(map(str, value.shape))}" if isinstance(value, np.ndarray) else value
        parts.append(f"{name}={shown}")
    return f" {{{', '.join(parts)}}}" if parts else ""


def to_program(graph: Graph) -> tuple[dict[str, Any], dict[str, IntArray]]:
    """The graph as the program of `headrace_host.program`: a JSON-able dict and the arrays that it names."""
    arrays: dict[str, IntArray] = {}
    nodes: list[dict[str, Any]] = []
    tensors = {
        t.name: {"shape": list(t.shape), "lo": t.lo, "hi": t.hi, "scale": list(t.scale), "offset": list(t.offset)}
        for t in graph.tensors.values()
    }
    for original in graph.nodes:
        node, repeat = original, getattr(original.op, "repeat", (1, 1))
        if repeat != (1, 1):  # only hardware does this in one
            source, repeated = original.inputs[0], f"{original.name}_repeated"
            node = replace(original, inputs=(repeated, *original.inputs[1:]))
            height, width, channels = graph.tensors[source].shape
            tensors[repeated] = {**tensors[source], "shape": [height * repeat[0], width * repeat[1], channels]}
            step = {"name": repeated, "op": "upsample", "inputs": [source], "outputs": [repeated]}
            nodes.append({**step, "attrs": {"factors": repeat}, "arrays": {}})
        attrs: dict[str, Any] = {}
        stored: dict[str, str] = {}
        for name, value in attributes(node.op):
            if name == "repeat":
                continue
            if isinstance(value, np.ndarray):
                stored[name] = f"{node.name}.{name}"
                arrays[stored[name]] = value
            else:
                attrs[name] = value
        nodes.append(
            {
                "name": node.name,
                "op": node.op.kind,
                "inputs": list(node.inputs),
                "outputs": list(node.outputs),
                "attrs": attrs,
                "arrays": stored,
            }
        )
    program = {"inputs": list(graph.inputs), "outputs": list(graph.outputs), "tensors": tensors, "nodes": nodes}
    return program, arrays


def multiply_accumulates(graph: Graph, nodes: Iterable[Node] | None = None) -> int:
    """Multiply-accumulates of one frame: every weight of a convolution once for each pixel of its result.

    Args:
        nodes: those that count; None: all.
    """
    counted = graph.nodes if nodes is None else nodes
    weights = ((getattr(node.op, "weight", None), graph.tensors[node.outputs[0]].pixels) for node in counted)
    return sum(int(weight.size) * pixels for weight, pixels in weights if weight is not None)
