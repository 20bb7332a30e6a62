# SPDX-License-Identifier: Apache-2.0
"""Networks whose windows repeat pixels, Verilated and as C++: equal to golden in every bit, at full pace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from nets import NetBuilder, lowered
from network_check import check, random_folds

from headrace.engines.window import Window
from headrace.ir.graph import Graph
from headrace.operators import fold_options, lean_folds, map_node
from headrace.operators.base import Fold


def heads() -> Graph:
    """An upsampled map that a depthwise, a strided dense and a deformable layer read."""
    net = NetBuilder(rng=np.random.default_rng(5))
    up = net.upsample(net.quantize(net.conv(net.input((5, 6, 3)), 6), 0, 255), (2, 2))
    y = net.quantize(net.conv(up, 5), 0, 255)
    a = net.quantize(net.conv(y, 5, (3, 3), pad=(1, 1, 1, 1), depthwise=True), 0, 15)
    b = net.quantize(net.conv(up, 4, (3, 2), (2, 2), pad=(1, 0, 1, 0)), 0, 15)
    d = net.quantize(net.conv(up, 1), -2, 3)
    c = net.quantize(net.deform(up, d, 3, -2, 3), 0, 15)
    return lowered(net.graph(a, b, c))


def tall() -> Graph:
    """Rows repeated four times under kernels of two and of one axis."""
    net = NetBuilder(rng=np.random.default_rng(6))
    up = net.upsample(net.quantize(net.conv(net.input((3, 5, 3)), 4), 0, 255), (4, 1))
    a = net.quantize(net.conv(up, 4, (5, 3), pad=(2, 1, 2, 1), depthwise=True), 0, 15)
    return lowered(net.graph(net.quantize(net.conv(a, 3, (3, 1), pad=(1, 0, 1, 0)), 0, 15)))


@pytest.mark.parametrize("seed", deep_but([0], range(6)))
@pytest.mark.parametrize("network", [heads, tall])
def test_any_foldings(network: object, seed: int, tmp_path: Path) -> None:
    graph = network()  # type: ignore[operator]
    assert any(getattr(node.op, "repeat", (1, 1)) != (1, 1) for node in graph.nodes)
    check(graph, random_folds(graph, seed), tmp_path, seed)


def slow(graph: Graph, kind: str) -> dict[str, Fold]:
    """The layer of a kind that repeats pixels with the fewest row slots, the others twice as fast."""
    node = next(n for n in graph.nodes if n.op.kind == kind and getattr(n.op, "repeat", (1, 1)) != (1, 1))
    lean = next(fold for fold in lean_folds(graph, node) if fold.rows and fold.lanes == fold.taps == 1)
    window = map_node(graph, node, lean).chain[0]
    assert isinstance(window, Window)
    assert window.rows < window.free_rows
    folds = {node.name: lean}
    for other in graph.nodes:
        options = [f for f in fold_options(graph, other) if 2 * map_node(graph, other, f).cycles <= window.cycles]
        folds.setdefault(other.name, min(options, key=lambda f: map_node(graph, other, f).resources().lut, default=Fold()))
    return folds


@pytest.mark.parametrize("kind", ["conv", "deform_depthwise"])
def test_few_rows(kind: str, tmp_path: Path) -> None:
    net = NetBuilder(rng=np.random.default_rng(5))
    up = net.upsample(net.quantize(net.conv(net.input((8, 16, 3)), 40), 0, 255), (2, 2))
    if kind == "conv":
        y = net.conv(up, 40, (3, 3), pad=(1, 1, 1, 1), depthwise=True)
    else:
        y = net.deform(up, net.quantize(net.conv(up, 1), -1, 2), 3, -1, 2)
    graph = lowered(net.graph(net.quantize(y, 0, 15)))
    check(graph, slow(graph, kind), tmp_path, 1, kernels=False)
