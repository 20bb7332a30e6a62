# SPDX-License-Identifier: Apache-2.0
"""Sums over windows, reductions, choices among channels and rounding modes, for `random_nets`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nets import NetBuilder, conv_shape

from headrace.ir.ops import Pads, Pair, Quantize
from headrace.ir.rounding import MODES
from headrace.operators.pool import SumPool
from headrace.operators.reduce import Reduce
from headrace.operators.topk import TopK

if TYPE_CHECKING:
    from random_nets import _Walk

NO_PAD: Pads = (0, 0, 0, 0)


def sum_pool(net: NetBuilder, x: str, kernel: Pair, stride: Pair, pad: Pads = NO_PAD, dilation: Pair = (1, 1)) -> str:
    """A sum over windows, as accumulators."""
    source, size = net.tensors[x], kernel[0] * kernel[1]
    op = SumPool(kernel=kernel, stride=stride, pad=pad, dilation=dilation)
    shape = conv_shape(source.shape, source.channels, kernel, stride, pad, dilation)
    return net.emit(op, (x,), shape, min(source.lo * size, 0), max(source.hi * size, 0))


def reduce_map(net: NetBuilder, x: str, rows: bool, cols: bool, total: bool) -> str:
    """A sum or maximum over a map."""
    source = net.tensors[x]
    h, w, c = source.shape
    size = (h if rows else 1) * (w if cols else 1) if total else 1
    op = Reduce(rows=rows, cols=cols, total=total)
    return net.emit(op, (x,), (1 if rows else h, 1 if cols else w, c), source.lo * size, source.hi * size)


def top_k(net: NetBuilder, x: str, op: TopK) -> str:
    """The first channels, or where they are."""
    source = net.tensors[x]
    lo, hi = (0, source.channels - 1) if op.indices else (source.lo, source.hi)
    return net.emit(op, (x,), (*source.shape[:2], op.k), lo, hi)


def rounding(net: NetBuilder, x: str, lo: int, hi: int, mode: str, zero: int) -> str:
    """A quantizer of any rounding mode."""
    y = net.quantize(x, lo, hi)
    node = net.nodes[-1]
    assert isinstance(node.op, Quantize)
    net.nodes[-1] = replace(node, op=replace(node.op, rounding=mode, zero=zero))
    return y


def pool_sum(walk: _Walk) -> None:
    x = walk.pick()
    assert x is not None
    walk.settle(sum_pool(walk.net, x, *walk.window(x, 4)))


def reduced(walk: _Walk) -> None:
    x = walk.pick(lambda t: t.pixels > 1)
    if x is None:
        return
    rows, cols = ((True, True), (True, False), (False, True))[int(walk.net.rng.integers(3))]
    total = walk.chance(0.6)
    y = reduce_map(walk.net, x, rows, cols, total)
    if total:
        walk.settle(y)
    else:
        walk.pool.append(y)


def chosen(walk: _Walk) -> None:
    x = walk.pick(lambda t: t.channels > 1)
    if x is None:
        return
    rng = walk.net.rng
    k = int(rng.integers(1, min(5, walk.net.tensors[x].channels) + 1))
    op = TopK(k=k, largest=walk.chance(0.7), indices=walk.chance(0.6), last=walk.chance(0.3))
    walk.pool.append(top_k(walk.net, x, op))


def any_rounding(walk: _Walk) -> None:
    x = walk.pick()
    assert x is not None
    mode, zero = MODES[int(walk.net.rng.integers(len(MODES)))], int(walk.net.rng.integers(-3, 4))
    walk.pool.append(rounding(walk.net, walk.net.conv(x, walk.channels()), *walk.grid(), mode, zero))


STEPS = ((pool_sum, 2), (reduced, 1), (chosen, 1), (any_rounding, 1))
