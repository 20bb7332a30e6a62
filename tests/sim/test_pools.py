# SPDX-License-Identifier: Apache-2.0
"""Networks of pools, reductions, choices and rounding modes, Verilated: equal to golden in every bit, without bubbles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nets import NetBuilder, lowered
from network_check import check, folds_for, random_folds
from pool_nets import reduce_map, rounding, sum_pool, top_k

from headrace.ir.graph import Graph
from headrace.operators.topk import TopK


def pooled(seed: int) -> Graph:
    """Every form once; ragged beats, both signs, results of many frames in flight."""
    net = NetBuilder(rng=np.random.default_rng(seed))
    x = net.quantize(net.conv(net.input((7, 6, 3)), 5, (3, 3), pad=(1, 1, 1, 1)), -8, 7)
    y = rounding(net, sum_pool(net, x, (3, 2), (2, 1), (1, 0, 1, 1)), 0, 15, "FLOOR", 0)
    z = rounding(net, reduce_map(net, x, True, True, total=True), -30, 40, "DOWN", 3)
    heads = [
        reduce_map(net, y, False, True, total=False),
        reduce_map(net, x, True, False, total=True),
        reduce_map(net, x, True, True, total=False),
        top_k(net, y, TopK(k=3, largest=True, indices=False)),
        top_k(net, y, TopK(k=3, largest=True, indices=True)),
        top_k(net, net.conv(z, 7), TopK(k=1, largest=False, indices=True, last=True)),
        net.quantize(net.conv(x, 2), -3, 100),
    ]
    return lowered(net.graph(*heads))


@pytest.mark.deep
def test_folded_for_a_board(tmp_path: Path) -> None:
    graph = pooled(0)
    check(graph, folds_for(graph, 0.05), tmp_path, 0)


def test_folded_at_random(tmp_path: Path) -> None:
    graph = pooled(1)
    check(graph, random_folds(graph, 4), tmp_path, 1)
