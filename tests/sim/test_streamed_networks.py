# SPDX-License-Identifier: Apache-2.0
"""Networks whose weights stream in, Verilated: equal to golden in every bit, at full pace, whatever is withheld."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nets import NetBuilder, lowered
from network_check import check

from headrace.ir.graph import Graph
from headrace.operators import fold_options
from headrace.operators.base import Fold
from headrace.operators.conv import streamed
from headrace.operators.requant import block_folds, requantizer_of


def dense(seed: int) -> Graph:
    """Pointwise, windowed and strided convolutions, beside each other and in turn."""
    net = NetBuilder(rng=np.random.default_rng(seed))
    x = net.input((8, 6, 5))
    y = net.quantize(net.conv(x, 7, (1, 1)), 0, 15)
    z = net.quantize(net.conv(x, 7, (3, 3), pad=(1, 1, 1, 1)), 0, 15)
    y = net.quantize(net.add(y, z), 0, 15)
    y = net.quantize(net.conv(y, 11, (2, 2), stride=(2, 2)), 0, 15)
    return lowered(net.graph(net.quantize(net.conv(y, 3, (1, 1)), -8, 7)))


def any_streamed(graph: Graph, seed: int) -> Mapping[str, Fold]:
    """All dense convolutions with streamed weights, at any folding."""
    rng = np.random.default_rng(seed)
    folds = {}
    for node in graph.nodes:
        options = fold_options(graph, node)
        if node.op.kind == "conv":
            options = [each for fold in options for each in streamed(graph, node, fold, least_bits=0)]
        folds[node.name] = options[int(rng.integers(len(options)))]
    return folds


def requantized_early(graph: Graph, folds: Mapping[str, Fold]) -> Mapping[str, Fold]:
    """The same with requantizers before the order of pixels, where there is one to make."""
    early = dict(folds)
    for node in graph.nodes:
        if (reader := requantizer_of(graph, node)) is not None:
            for mine, theirs in block_folds(reader, graph.tensors[node.outputs[0]], folds[node.name]):
                early[node.name], early[reader.name] = mine, theirs
    return early


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.deep), pytest.param(3, marks=pytest.mark.deep)])
def test_any_folding(seed: int, tmp_path: Path) -> None:
    graph = dense(seed)
    folds = any_streamed(graph, seed)
    assert sum(fold.held > 0 for fold in folds.values()) == 4
    pace = check(graph, folds, tmp_path, seed, kernels=False)
    assert "engine_stationary" in pace.engines


@pytest.mark.parametrize("seed", [5, pytest.param(6, marks=pytest.mark.deep), pytest.param(7, marks=pytest.mark.deep)])
def test_requantizers_before_the_order_of_pixels(seed: int, tmp_path: Path) -> None:
    graph = dense(seed)
    folds = requantized_early(graph, any_streamed(graph, seed))
    assert sum(fold.blocked for fold in folds.values()) >= 2
    pace = check(graph, folds, tmp_path, seed, kernels=False)
    assert {"engine_stationary", "engine_transpose"} <= set(pace.engines)


def test_all_pixels_at_once(tmp_path: Path) -> None:
    graph = dense(4)
    folds = {name: replace(fold, held=0, pe=1, lanes=2) for name, fold in any_streamed(graph, 4).items()}
    last = graph.nodes[-2]
    folds[last.name] = Fold(lanes=4, pe=2, held=12)
    pace = check(graph, folds, tmp_path, 4, kernels=False)
    assert {"engine_stationary", "engine_matvec", "engine_transpose"} <= set(pace.engines)
