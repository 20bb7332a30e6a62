# SPDX-License-Identifier: Apache-2.0
"""Interval analysis: the exact range of accumulators, per output channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headrace.ir.graph import Graph
from headrace.ir.ops import Conv, DeformDepthwise, IntArray

Range = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def mac_range(weights: IntArray, lo: int, hi: int) -> Range:
    """Bounds of ``sum(w * x)`` over x in [lo, hi], where zero (padding) is always possible.

    Args:
        weights: (M, taps): all weights of each output channel.

    Returns:
        lowest and highest accumulator per output channel, (M,) each.
    """
    lo, hi = min(lo, 0), max(hi, 0)
    w = weights.astype(np.int64)
    positive, negative = np.maximum(w, 0).sum(axis=1), np.minimum(w, 0).sum(axis=1)
    return positive * lo + negative * hi, positive * hi + negative * lo


def conv_range(op: Conv | DeformDepthwise, lo: int, hi: int) -> Range:
    """:func:`mac_range` of a convolution's accumulators for inputs in [lo, hi]."""
    if isinstance(op, DeformDepthwise):
        return mac_range(op.weight.reshape(-1, op.weight.shape[-1]).T, lo, hi)
    return mac_range(op.weight.reshape(op.weight.shape[0], -1), lo, hi)


def channel_range(graph: Graph, tensor: str) -> Range:
    """Bounds of each channel of ``tensor``, as tight as its producer tells; (C,) each."""
    kind = graph.tensors[tensor]
    node = graph.producer(tensor)
    if node is not None and isinstance(node.op, Conv | DeformDepthwise):
        source = graph.tensors[node.inputs[0]]
        return conv_range(node.op, source.lo, source.hi)
    full = np.ones(kind.channels, np.int64)
    return full * kind.lo, full * kind.hi
