# SPDX-License-Identifier: Apache-2.0
"""Small networks of data movement alone: compiled, simulated under stalls, equal to golden, at the pace they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nets import NetBuilder, lowered
from network_check import check, folds_for, random_folds

from headrace.ir.graph import Graph


def rearranged() -> Graph:
    """Every rearrangement once, of which none can be merged into a convolution."""
    net = NetBuilder(rng=np.random.default_rng(5))
    x = net.input((6, 4, 12), -8, 7)
    y = net.gather(x, tuple(np.arange(12)[::-1].tolist()))
    y = net.depth_to_space(net.crop(net.raster(y, (3, 8)), (1, -3, 2, -1)), (2, 3))
    z = net.crop(net.space_to_depth(y, (3, 4)), (0, 0, 1, -1), (3, 2))
    wide = net.depth_to_space(net.gather(x, (3, 1, 1, 11, 0, -1, 2, 2, 7, 9)), (1, 5))
    tall = net.space_to_depth(net.gather(wide, (1, 0)), (1, 4))
    tall = net.shift(tall, np.array([(i % 3 - 1, i // 3 - 1) for i in range(net.tensors[tall].channels)]))
    return lowered(net.graph(z, tall, y))


@pytest.mark.deep
def test_small_folding(tmp_path: Path) -> None:
    graph = rearranged()
    check(graph, folds_for(graph, 0.03), tmp_path, 1)


def test_random_folding(tmp_path: Path) -> None:
    graph = rearranged()
    check(graph, random_folds(graph, 3), tmp_path, 2)
