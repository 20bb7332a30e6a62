# SPDX-License-Identifier: Apache-2.0
"""The operators of the integer graph: one module each, one line here."""

from __future__ import annotations

import numpy as np

from headrace.frontend.context import Handler
from headrace.ir.graph import Graph, Node
from headrace.ir.ranges import Range
from headrace.operators import (
    bilinear,
    blocks,
    channels,
    constant,
    conv,
    deform,
    deform_conv,
    elementwise,
    gather,
    linear,
    pool,
    raster,
    reduce,
    requant,
    shift,
    tables,
    topk,
    transposed,
    upsample,
)
from headrace.operators.base import Fold, Mapped, Operator

OPERATORS: tuple[Operator, ...] = (
    *conv.OPERATORS,
    *linear.OPERATORS,
    *transposed.OPERATORS,
    *deform.OPERATORS,
    *deform_conv.OPERATORS,
    *requant.OPERATORS,
    *tables.OPERATORS,
    *pool.OPERATORS,
    *reduce.OPERATORS,
    *topk.OPERATORS,
    *elementwise.OPERATORS,
    *channels.OPERATORS,
    *upsample.OPERATORS,
    *bilinear.OPERATORS,
    *gather.OPERATORS,
    *blocks.OPERATORS,
    *raster.OPERATORS,
    *shift.OPERATORS,
    *constant.OPERATORS,
)

BY_KIND: dict[str, Operator] = {operator.op.kind: operator for operator in OPERATORS}
HANDLERS: dict[str, Handler] = {name: handler for operator in OPERATORS for name, handler in operator.handlers.items()}


def map_node(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """The engines of ``node`` at ``fold``."""
    return BY_KIND[node.op.kind].map(graph, node, fold)


def fold_options(graph: Graph, node: Node) -> list[Fold]:
    """Every folding worth considering of ``node``."""
    return list(BY_KIND[node.op.kind].folds(graph, node))


def lean_folds(graph: Graph, node: Node) -> list[Fold]:
    """Foldings of ``node`` besides those, which take less block RAM."""
    lean = BY_KIND[node.op.kind].lean
    return list(lean(graph, node)) if lean else []


def channel_range(graph: Graph, tensor: str) -> Range:
    """Bounds of each channel of ``tensor``, as tight as its producer tells; (C,) each."""
    kind, node = graph.tensors[tensor], graph.producer(tensor)
    operator = BY_KIND.get(node.op.kind) if node is not None else None
    if node is not None and operator is not None and operator.bounds is not None:
        return operator.bounds(node.op, graph.input_tensors(node))
    full = np.ones(kind.channels, np.int64)
    return full * kind.lo, full * kind.hi


def delay(graph: Graph, node: Node) -> float:
    """Frames by which a node's output lags behind its input."""
    operator = BY_KIND[node.op.kind]
    return operator.delay(node.op, graph.input_tensors(node)) if operator.delay else 0.0
