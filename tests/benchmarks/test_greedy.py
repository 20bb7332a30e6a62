# SPDX-License-Identifier: Apache-2.0
"""The optimiser is never worse than a greedy rule over divisors, and better where divisors are few."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from nets import NetBuilder, board, lowered
from random_nets import random_network

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from greedy import Greedy, Ladders, budget_for, dividing, greedy_fold, path, relaxed, shape_of

from headrace.boards import Board
from headrace.compile import lower
from headrace.errors import FoldingError
from headrace.ir.graph import Graph
from headrace.operators import fold_options, map_node
from headrace.operators.base import Fold
from headrace.passes.fold import fold

ZOO = Path(__file__).resolve().parents[2] / "quant_models" / "headrace_models" / "zoo"
FILL = 0.7
SIZES = (1 / 16, 1 / 4, 1)
"""Of a PYNQ-Z2."""


def sized(size: float) -> Board:
    return board(lut=int(53_200 * size), ff=int(106_400 * size), dsp=int(220 * size), bram36=140 * size)


def both(graph: Graph, bench: Board, *, lean: bool = False) -> tuple[float, Greedy | None]:
    """The optimiser's cycles, and what the rule chooses."""
    found = greedy_fold(Ladders(graph, bench, lean=lean), budget_for(graph, bench, FILL, lean=lean))
    try:
        return fold(graph, bench, fill=FILL, lean=lean).interval, found
    except FoldingError:
        return float("inf"), found


def never_worse(ours: float, found: Greedy | None) -> bool:
    return found is None or ours <= found.cycles


def convolution(channels: int, rows: int, *, depthwise: bool = False) -> Graph:
    net = NetBuilder(rng=np.random.default_rng(0))
    image = net.input((12, 12, channels))
    return lowered(net.graph(net.conv(image, rows, (3, 3), (1, 1), (1, 1, 1, 1), bits=4, depthwise=depthwise)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lean", [False, True])
def test_random_networks_are_never_folded_worse(seed: int, lean: bool) -> None:
    graph = lowered(random_network(seed))
    assert never_worse(*both(graph, sized(SIZES[seed % len(SIZES)]), lean=lean))


@pytest.mark.parametrize("size", SIZES)
def test_the_zoo_is_never_folded_worse(size: float) -> None:
    assert never_worse(*both(lower(ZOO / "tiny.onnx").graph, sized(size)))


def test_few_divisors_make_the_rule_slower() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((16, 16, 58))
    for _ in range(3):
        x = net.quantize(net.conv(x, 58), 0, 255)
    graph = lowered(net.graph(x))
    ours, found = both(graph, sized(1 / 4))
    assert found is not None
    assert ours < found.cycles
    assert all(58 % fold.lanes == 58 % fold.pe == 0 for fold in found.folds.values())


def test_what_the_rule_chooses_fits() -> None:
    graph, bench = lowered(random_network(3)), sized(1 / 4)
    found = both(graph, bench)[1]
    assert found is not None
    budget = budget_for(graph, bench, FILL)
    mapped = [map_node(graph, node, found.folds[node.name]) for node in graph.nodes]
    assert found.resources.share_of(budget) <= 1
    assert found.resources.lut == sum(m.resources().lut for m in mapped)
    assert found.cycles >= max(m.cycles for m in mapped)


def test_dense_convolutions_unfold_inputs_first() -> None:
    graph = convolution(6, 4)
    node = graph.nodes[0]
    shapes = {shape_of(fold) for fold in dividing(fold_options(graph, node))}
    inputs = [(1, 1, 1), (2, 1, 1), (3, 1, 1), (6, 1, 1), (6, 3, 1), (6, 9, 1)]
    assert path(node, shapes, 1 << 16) == [*inputs, (6, 9, 2), (6, 9, 4)]
    assert path(node, shapes, 36) == [*inputs[:4], (6, 1, 2), (6, 1, 4)]  # 18 weights of 4 bits are 72


def test_depthwise_convolutions_unfold_channels_first() -> None:
    graph = convolution(6, 0, depthwise=True)
    node = graph.nodes[0]
    shapes = {shape_of(fold) for fold in dividing(fold_options(graph, node))}
    assert path(node, shapes, 36) == [(1, 1, 1), (2, 1, 1), (3, 1, 1), (6, 1, 1), (6, 3, 1), (6, 9, 1)]


def test_only_divisors_are_left() -> None:
    folds = [Fold(lanes=lanes, pe=pe) for lanes in range(1, 7) for pe in (1, 2, 3)]
    assert {shape_of(fold) for fold in dividing(folds)} == {(lanes, 1, pe) for lanes in (1, 2, 3, 6) for pe in (1, 3)}


def test_a_target_out_of_reach_is_relaxed_to_that_of_the_slowest() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    wide = net.quantize(net.conv(net.input((8, 8, 4)), 8, bits=4), 0, 255)
    graph = lowered(net.graph(net.conv(wide, 2, (3, 3), (2, 2), (1, 1, 1, 1), bits=4)))
    ladders = Ladders(graph, sized(1)).steps(1 << 16)
    slowest = max(ladder[-1].pace for ladder in ladders.values())
    steps, cycles = relaxed(ladders, 1)
    assert cycles == slowest
    assert all(step == next(s for s in ladders[name] if s.pace <= slowest) for name, step in steps.items())
