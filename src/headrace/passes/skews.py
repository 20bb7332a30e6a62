# SPDX-License-Identifier: Apache-2.0
"""Where sums of operands in no whole ratio lie in front of a quantizer."""

from __future__ import annotations

from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Compare, Quantize, Tabulate
from headrace.operators.constant import Constant
from headrace.operators.elementwise import Pointwise
from headrace.operators.pool import MaxPool
from headrace.operators.upsample import Upsample

ROUNDED = (Quantize, Tabulate, Compare)
"""Behind these a value is what the model says, by a certificate of its own."""
CHOSEN = (MaxPool, Upsample)
"""Operators each of whose results is one of their inputs."""


def skewed_sums(graph: Graph, tensor: str) -> list[Node]:
    """The nodes whose results are near the model's and reach ``tensor`` without being quantized.

    They add operands in no whole ratio, or bring a constant map whose numbers lie between its integers.
    """
    found: list[Node] = []
    waiting, seen = [tensor], {tensor}
    while waiting:
        producer = graph.producer(waiting.pop())
        if producer is None or isinstance(producer.op, ROUNDED):
            continue
        if isinstance(producer.op, Pointwise) and (producer.op.skews or producer.op.slack is not None):
            found.append(producer)
        if isinstance(producer.op, Constant) and producer.op.residue is not None:
            found.append(producer)
        waiting += [name for name in producer.inputs if name not in seen]
        seen.update(producer.inputs)
    return found


def chosen(graph: Graph, tensor: str) -> Node | None:
    """The node whose results are those of ``tensor``, but for how often and where they stand."""
    producer = graph.producer(tensor)
    while producer is not None and isinstance(producer.op, CHOSEN):
        producer = graph.producer(producer.inputs[0])
    return producer
