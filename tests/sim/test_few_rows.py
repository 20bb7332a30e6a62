# SPDX-License-Identifier: Apache-2.0
"""Line buffers with few row slots, in networks: bit-exact, at the pace that the compiler expects of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from nets import NetBuilder, lowered
from network_check import check

from headrace.engines.window import Window
from headrace.ir.graph import Graph, Node
from headrace.operators import fold_options, lean_folds, map_node
from headrace.operators.base import Fold


def depthwise(stride: int) -> Graph:
    """Pointwise, depthwise, pointwise, beside a way around them where the maps are of one size."""
    net = NetBuilder(rng=np.random.default_rng(stride))
    x = net.quantize(net.conv(net.input((12, 16, 5)), 24), 0, 255)
    y = net.quantize(net.conv(x, 24, (3, 3), (stride, stride), (1, 1, 1, 1), depthwise=True), 0, 255)
    y = net.quantize(net.conv(y, 24), 0, 255)
    return lowered(net.graph(net.quantize(net.add(x, y), 0, 255) if stride == 1 else y))


def deformable(lo: int, hi: int) -> Graph:
    """A deformable layer on maps of 8 rows, whose dilations come from the same pixels."""
    net = NetBuilder(rng=np.random.default_rng(hi - lo))
    x = net.quantize(net.conv(net.input((8, 8, 3)), 36), 0, 255)
    d = net.quantize(net.conv(x, 1), lo, hi)
    y = net.quantize(net.deform(x, d, 3, lo, hi), 0, 255)
    return lowered(net.graph(net.quantize(net.conv(y, 6), 0, 255)))


def windowed(graph: Graph) -> Iterator[tuple[Node, Fold]]:
    """Foldings with fewer rows than keep writing and reading apart, or with rings of pixels."""
    for node in graph.nodes:
        yield from ((node, fold) for fold in lean_folds(graph, node) if (fold.rows or fold.pixels) and not fold.held)


def check_pace(graph: Graph, node: Node, fold: Fold, folder: Path) -> None:
    """The network around the layer is twice as fast as the layer."""
    folds = {}
    limit = map_node(graph, node, fold).cycles // 2
    for other in graph.nodes:
        options = [f for f in fold_options(graph, other) if map_node(graph, other, f).cycles <= limit]
        folds[other.name] = min(options, key=lambda f: map_node(graph, other, f).resources().lut)
    pace = check(graph, {**folds, node.name: fold}, folder, 1, kernels=False)
    assert pace.slowest == map_node(graph, node, fold).cycles


@pytest.mark.parametrize("case", deep_but([(1, 1), (2, 1)], [(1, 1), (2, 1), (1, 2)]))
def test_rings_of_pixels(case: tuple[int, int], tmp_path: Path) -> None:
    stride, lanes = case
    graph = depthwise(stride)
    folds = [(n, f) for n, f in windowed(graph) if f.lanes == lanes and f.taps == 1 and not f.lut_mul]
    assert [f.pixels for _, f in folds] == ([35, 36] if stride == 1 else [35, 37, 67])
    for index, (node, fold) in enumerate(folds):
        check_pace(graph, node, fold, tmp_path / str(index))


@pytest.mark.parametrize("stride", deep_but([1], [1, 2]))
def test_windows(stride: int, tmp_path: Path) -> None:
    graph = depthwise(stride)
    node, fold = next((n, f) for n, f in windowed(graph) if f.lanes == 1 and f.taps == 3)
    window = map_node(graph, node, fold).chain[0]
    assert isinstance(window, Window)
    assert window.rows == window.least_rows == 3
    check_pace(graph, node, fold, tmp_path)


@pytest.mark.parametrize("case", deep_but([(0, 2), (-8, 7)], [(0, 2), (-1, 1), (-4, 3), (-8, 7)]))
def test_deformable_windows(case: tuple[int, int], tmp_path: Path) -> None:
    graph = deformable(*case)
    node, fold = next((n, f) for n, f in windowed(graph) if f.lanes == 1 and f.taps == 1 and n.op.kind == "deform_depthwise")
    check_pace(graph, node, fold, tmp_path)


def test_small_buffers_stay_as_they_are() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    graph = lowered(net.graph(net.conv(net.input((8, 8, 4)), 4, (3, 3), (1, 1), (1, 1, 1, 1), depthwise=True)))
    assert not list(windowed(graph))
