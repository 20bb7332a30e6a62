# SPDX-License-Identifier: Apache-2.0
"""Quantizers go before what only moves numbers; the network computes the same on fewer bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from headrace_host.program import Program
from nets import NetBuilder
from random_nets import random_network

from headrace.ir.graph import Graph, to_program
from headrace.ir.ops import Quantize
from headrace.passes.quantize_first import quantize_first
from headrace.passes.requantize import requantize
from headrace.passes.simplify import shuffles_to_interleaves, simplify, slices_to_splits

Build = Callable[[NetBuilder, str], str]


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def run(graph: Graph) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    feeds = {n: rng.integers(t.lo, t.hi + 1, (3, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}
    return Program(*to_program(requantize(shuffles_to_interleaves(slices_to_splits(graph)))[0])).run(feeds)


def check(graph: Graph, *remains: str) -> Graph:
    """Compares the operators that remain, and the outputs with those of the graph as it was."""
    moved = quantize_first(graph)
    assert kinds(moved) == list(remains)
    before, after = run(graph), run(moved)
    for name in graph.outputs:
        np.testing.assert_array_equal(before[name], after[name])
        assert graph.tensors[name] == moved.tensors[name]
    return moved


def sums(channels: int = 12, seed: int = 0) -> tuple[NetBuilder, str]:
    """Accumulators."""
    net = NetBuilder(rng=np.random.default_rng(seed))
    return net, net.conv(net.input((4, 6, 3)), channels, (3, 3), pad=(1, 1, 1, 1))


def uniform(net: NetBuilder, x: str, lo: int = -8, hi: int = 7, offset: Fraction = Fraction(1, 4)) -> str:
    """A quantizer of one scale for all channels."""
    y = net.quantize(x, lo, hi)
    op = net.nodes[-1].op
    assert isinstance(op, Quantize)
    slope = np.full(len(op.slope), abs(op.slope[0]), object)
    net.nodes[-1] = replace(net.nodes[-1], op=replace(op, slope=slope, offset=np.full(len(slope), offset, object)))
    return y


MOVES: dict[str, Build] = {
    "depth_to_space": lambda n, x: n.depth_to_space(x, (2, 2)),
    "space_to_depth": lambda n, x: uniform(n, n.space_to_depth(x, (2, 3))),
    "gather": lambda n, x: n.gather(x, tuple(np.random.default_rng(3).permutation(12).tolist())),
    "shuffle": lambda n, x: n.shuffle(x, 3),
    "upsample": lambda n, x: n.upsample(x, (2, 3)),
    "crop": lambda n, x: n.crop(x, (-1, 0, 0, -2)),
    "raster": lambda n, x: n.raster(x, (6, 4)),
}


@pytest.mark.parametrize("name", MOVES)
def test_moves_of_one_map(name: str) -> None:
    net, x = sums()
    y = MOVES[name](net, x)
    y = y if "quantize" in y else net.quantize(y, -8, 7)
    moved = check(net.graph(y), "conv", "quantize", name)
    assert moved.tensors[moved.nodes[-1].inputs[0]].bits == 4


def test_zeros_stay_zeros() -> None:
    net, x = sums()
    moved = [net.crop(x, (1, 0, 2, 1)), net.shift(x, np.arange(24).reshape(12, 2) % 3 - 1), net.gather(x, (0, -1, 3))]
    heads = [uniform(net, y, offset=Fraction(0)) for y in moved]
    check(net.graph(*heads), "conv", "quantize", "crop", "quantize", "shift", "quantize", "gather")
    net, x = sums()
    check(net.graph(uniform(net, net.crop(x, (1, 0, 2, 1)), offset=Fraction(3, 4))), "conv", "crop", "quantize")


def test_maxima_pass_rising_quantizers() -> None:
    net, x = sums()
    check(net.graph(uniform(net, net.max_pool(x, (2, 2), (2, 2), (1, 0, 0, 0)))), "conv", "quantize", "max_pool")
    net, x = sums()
    y = uniform(net, net.max_pool(x, (2, 2), (2, 2)))
    op = net.nodes[-1].op
    assert isinstance(op, Quantize)
    net.nodes[-1] = replace(net.nodes[-1], op=replace(op, slope=-op.slope))
    check(net.graph(y), "conv", "max_pool", "quantize")


def test_joins_and_cuts() -> None:
    net, x = sums(5)
    other = net.conv(net.inputs[0], 2, (1, 1))
    check(net.graph(net.quantize(net.concat(x, other), 0, 15)), "conv", "conv", "quantize", "quantize", "concat")
    net, x = sums(6)
    a, b, _ = net.split(x, (2, 3, 1))
    heads = [uniform(net, a), net.quantize(b, -8, 7)]
    check(net.graph(*heads), "conv", "quantize", "split")


def test_what_must_stay_stays() -> None:
    net, x = sums()
    twice = net.upsample(x, (2, 2))
    unlike = net.depth_to_space(net.gather(x, (0, 0, 1, 1)), (2, 1))
    wide = net.quantize(net.gather(net.input((2, 2, 3), 0, 15), (2, 1)), -128, 127)
    heads = [net.quantize(twice, 0, 3), net.quantize(twice, 0, 7), net.quantize(net.space_to_depth(x, (2, 2)), 0, 7), wide]
    graph = net.graph(*heads, unlike)
    assert kinds(quantize_first(graph)) == kinds(graph)


def test_the_compiler_does_so() -> None:
    net, x = sums()
    graph = simplify(net.graph(net.quantize(net.depth_to_space(net.gather(x, tuple(range(11, -1, -1))), (2, 2)), 0, 15)))
    assert kinds(graph) == ["conv", "quantize", "depth_to_space"]


@pytest.mark.parametrize("seed", range(40))
def test_random_networks_compute_the_same(seed: int) -> None:
    graph = random_network(seed, steps=8)
    before, after = run(graph), run(quantize_first(graph))
    for name in graph.outputs:
        np.testing.assert_array_equal(before[name], after[name])
