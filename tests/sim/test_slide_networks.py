# SPDX-License-Identifier: Apache-2.0
"""A network whose windows slide, Verilated: joined branches of other lengths, equal to golden in every bit, at full pace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from nets import NetBuilder, lowered
from network_check import check
from pool_nets import reduce_map

from headrace.ir.graph import Graph
from headrace.operators import fold_options
from headrace.operators.base import Fold


def joined() -> Graph:
    """A branch that needs the whole frame behind a padded window, a stride, and a reader of several beats."""
    net = NetBuilder(rng=np.random.default_rng(3))
    x = net.input((8, 8, 6))
    z = net.quantize(net.conv(x, 0, (5, 3), pad=(2, 1, 2, 1), depthwise=True), 0, 15)
    total = net.quantize(reduce_map(net, z, True, True, total=True), 0, 15)
    y = net.quantize(net.add(x, net.upsample(total, (8, 8))), 0, 15)
    y = net.max_pool(y, (2, 2), (2, 2))
    return lowered(net.graph(net.quantize(net.conv(y, 4, (3, 3), pad=(1, 1, 1, 1)), 0, 15)))


def whole_windows(graph: Graph) -> dict[str, Fold]:
    """All taps of two channels a beat, four readings of a dense window."""
    folds = {}
    for node in graph.nodes:
        options = fold_options(graph, node)
        taps = max(option.taps for option in options)
        wanted = [o for o in options if o.taps == taps and o.lanes <= 2]
        folds[node.name] = replace(max(wanted, key=lambda o: o.lanes), pe=1) if wanted else options[0]
    return folds


def test_sliding_windows(tmp_path: Path) -> None:
    graph = joined()
    pace = check(graph, whole_windows(graph), tmp_path, 1)
    assert "engine_slide" in pace.engines
    assert "engine_window" not in pace.engines
