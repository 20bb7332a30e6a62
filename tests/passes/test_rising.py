# SPDX-License-Identifier: Apache-2.0
"""Choices of channels in rising order; the network computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from headrace_host.program import Program
from nets import NetBuilder
from network_check import check as check_network
from random_nets import random_network

from headrace.ir.graph import Graph, to_program
from headrace.operators import map_node
from headrace.operators.base import Fold
from headrace.operators.gather import Gather
from headrace.passes.requantize import requantize
from headrace.passes.rising import rising_choices
from headrace.passes.simplify import simplify


def net(seed: int = 0) -> NetBuilder:
    return NetBuilder(rng=np.random.default_rng(seed))


def check(graph: Graph, falling: int = 0) -> Graph:
    """Orders choices; compares how many are left in another order, and the outputs with those of the graph as it was."""
    before = requantize(simplify(graph))[0]
    after = rising_choices(before)
    choices = [np.array(node.op.indices) for node in after.nodes if isinstance(node.op, Gather)]
    assert sum(bool(np.any(np.diff(indices) < 0)) for indices in choices) == falling
    rng = np.random.default_rng(1)
    feeds = {n: rng.integers(t.lo, t.hi + 1, (2, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}
    plain, risen = (Program(*to_program(g)).run(feeds) for g in (before, after))
    assert plain.keys() == risen.keys()
    for name, expected in plain.items():
        np.testing.assert_array_equal(expected, risen[name])
        assert after.tensors[name] == before.tensors[name]
    return after


def unit(n: NetBuilder, x: str, *, past_first: bool) -> str:
    """ShuffleNet's: of shuffled channels half pass by, the others go through three layers."""
    channels = n.tensors[x].channels
    shuffled = np.arange(channels).reshape(2, -1).T.ravel().tolist()
    past, y = n.gather(x, tuple(shuffled[: channels // 2])), n.gather(x, tuple(shuffled[channels // 2 :]))
    y = n.quantize(n.conv(y, channels // 2), 0, 15)
    y = n.quantize(n.conv(y, 0, (3, 3), pad=(1, 1, 1, 1), depthwise=True), 0, 15)
    y = n.quantize(n.conv(y, channels // 2), 0, 15)
    return n.concat(past, y) if past_first else n.concat(y, past)


def shuffled(units: int) -> tuple[NetBuilder, str]:
    """A stage of them."""
    n = net()
    x = n.quantize(n.conv(n.input((4, 5, 3)), 12), 0, 15)
    for k in range(units):
        x = unit(n, x, past_first=k != 1)
    return n, n.shuffle(x, 2)


def test_shuffled_units_drop_beats_instead_of_holding_pixels() -> None:
    n, x = shuffled(4)
    after = check(n.graph(n.quantize(n.conv(x, 5), 0, 15)))
    choices = [node for node in after.nodes if isinstance(node.op, Gather)]
    assert len(choices) >= 6
    for node in choices:
        (engine,) = map_node(after, node, Fold(lanes=1, pe=1)).chain
        assert engine.filters  # type: ignore[attr-defined]
        assert engine.resources().lut < 25


def test_the_network_is_the_same_in_hardware(tmp_path: Path) -> None:
    n, x = shuffled(3)
    graph = check(n.graph(n.quantize(n.conv(x, 5), 0, 15)))
    check_network(graph, {node.name: Fold() for node in graph.nodes}, tmp_path, 1)


def test_an_output_keeps_its_order() -> None:
    n, x = shuffled(2)
    check(n.graph(n.quantize(n.conv(x, 5), 0, 15), n.gather(x, (5, 2, 7, 0))), falling=1)


def test_layers_by_channel_take_their_constants_along() -> None:
    n = net()
    x = n.quantize(n.conv(n.input((6, 6, 3)), 8), 0, 15)
    kept = n.quantize(n.conv(x, 4), 0, 15)
    y = n.max_pool(n.gather(x, (6, 1, 4, 3)), (2, 2), (2, 2))
    d = n.quantize(n.conv(n.max_pool(x, (2, 2), (2, 2)), 1), -1, 2)
    y = n.quantize(n.deform(n.upsample(y, (1, 1)), d, 3, -1, 2), 0, 15)
    y = n.quantize(n.conv(y, 0, (3, 3), depthwise=True), 0, 15)
    check(n.graph(n.conv(y, 3), kept))


def test_a_permutation_vanishes_into_what_reads_it() -> None:
    n = net()
    x = n.input((3, 3, 6))
    y = n.quantize(n.conv(n.gather(x, (5, 3, 1, 0, 2, 4)), 0, (3, 3), depthwise=True), 0, 15)
    after = check(n.graph(n.conv(y, 4), n.quantize(n.conv(x, 2), 0, 15)))
    assert "gather" not in [node.op.kind for node in after.nodes]


def test_what_meets_the_old_order_keeps_it() -> None:
    n = net()
    x = n.quantize(n.conv(n.input((3, 3, 6)), 6), 0, 15)
    check(n.graph(n.quantize(n.add(n.gather(x, (5, 3, 1)), n.gather(x, (0, 2, 4))), 0, 15)), falling=1)


@pytest.mark.parametrize("seed", range(30))
def test_random_networks_compute_the_same(seed: int) -> None:
    before = requantize(simplify(random_network(seed)))[0]
    after = rising_choices(before)
    rng = np.random.default_rng(seed)
    feeds = {n: rng.integers(t.lo, t.hi + 1, (2, *t.shape)) for n in before.inputs for t in [before.tensors[n]]}
    plain, risen = (Program(*to_program(g)).run(feeds) for g in (before, after))
    for name, expected in plain.items():
        np.testing.assert_array_equal(expected, risen[name])
