# SPDX-License-Identifier: Apache-2.0
"""Choices of channels and crops that merge: with each other, and into convolutions; the network computes the same."""

from __future__ import annotations

import numpy as np
import pytest
from headrace_host.program import Program
from nets import NetBuilder
from random_nets import random_network

from headrace.ir.graph import Graph, to_program
from headrace.passes.requantize import requantize
from headrace.passes.selections import merge_selections
from headrace.passes.simplify import simplify


def net(seed: int = 0) -> NetBuilder:
    return NetBuilder(rng=np.random.default_rng(seed))


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def check(graph: Graph, *remains: str) -> Graph:
    """Merges; compares the operators that remain, and the outputs with those of the graph as it was."""
    merged = merge_selections(graph)
    assert kinds(merged) == list(remains)
    rng = np.random.default_rng(1)
    feeds = {n: rng.integers(t.lo, t.hi + 1, (2, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}
    plain, short = (Program(*to_program(requantize(simplify_only_shuffles(g))[0])).run(feeds) for g in (graph, merged))
    for name in graph.outputs:
        np.testing.assert_array_equal(plain[name], short[name])
        assert merged.tensors[name].shape == graph.tensors[name].shape
    return merged


def simplify_only_shuffles(graph: Graph) -> Graph:
    """The forms that the golden executes, without the pass under test."""
    from headrace.passes.simplify import shuffles_to_interleaves, slices_to_splits

    return shuffles_to_interleaves(slices_to_splits(graph))


def test_choices_in_a_row_are_one() -> None:
    n = net()
    y = n.gather(n.shuffle(n.gather(n.input((2, 3, 6)), (5, 4, 3, 2, 1, 0)), 2), (0, 0, 5))
    merged = check(n.graph(y), "gather")
    assert merged.nodes[0].op.indices == (5, 5, 0)  # type: ignore[attr-defined]


def test_choices_of_joined_tensors_join_fewer() -> None:
    n = net()
    x = n.input((2, 3, 5))
    a, b = n.max_pool(x, (2, 2), (1, 1)), n.quantize(n.conv(x, 3, (2, 2)), 0, 15)
    swapped = n.gather(n.concat(a, b), (5, 6, 7, 0, 1, 2, 3, 4))
    within = n.gather(n.concat(b, a), (7, 3, 3))
    merged = check(n.graph(swapped, within), "max_pool", "conv", "quantize", "concat", "gather")
    assert [merged.tensors[name].channels for name in merged.nodes[3].inputs] == [3, 5]
    assert merged.nodes[4].op.indices == (4, 0, 0)  # type: ignore[attr-defined]


def test_choices_that_cancel_vanish() -> None:
    n = net()
    x = n.input((2, 3, 6))
    y = n.max_pool(n.shuffle(n.shuffle(x, 2), 3), (2, 2), (1, 1))
    check(n.graph(y), "max_pool")


def test_a_convolution_reads_in_any_order() -> None:
    n = net()
    y = n.gather(n.input((3, 4, 5)), (4, 2, 0, 1, 3, 3))
    check(n.graph(n.conv(y, 3, (2, 2)), n.conv(y, 2)), "conv", "conv")


def test_a_narrow_choice_stays_before_a_convolution() -> None:
    n = net()
    check(n.graph(n.conv(n.gather(n.input((3, 4, 5)), (4, 2)), 3)), "gather", "conv")


def test_a_convolution_writes_in_any_order() -> None:
    n = net()
    x = n.quantize(n.conv(n.input((4, 5, 3)), 6), 0, 15)
    x = n.max_pool(x, (2, 2), (1, 1))
    x = n.quantize(n.conv(x, 0, (3, 3), pad=(1, 1, 1, 1), depthwise=True), -8, 7)
    x = n.shift(n.crop(x, (1, 0, 0, 2)), np.array([(1, 0), (0, 1), (0, 0), (-1, 0), (0, -1), (1, 1)]))
    y = n.gather(x, (5, 1, 0, 0, 2))
    merged = check(n.graph(y), "conv", "quantize", "max_pool", "conv", "quantize", "crop", "shift")
    assert all(merged.tensors[node.outputs[0]].channels == 5 for node in merged.nodes)


def test_what_others_read_keeps_its_order() -> None:
    n = net()
    x = n.quantize(n.conv(n.input((2, 3, 3)), 6), 0, 15)
    check(n.graph(x, n.gather(x, (5, 4, 3, 2, 1, 0))), "conv", "quantize", "gather")


def test_a_convolution_pads_and_crops() -> None:
    n = net()
    x = n.crop(n.input((5, 6, 3)), (1, -1, 0, -2))
    merged = check(n.graph(n.conv(x, 2, (3, 3), pad=(1, 0, 2, 0))), "conv")
    assert merged.nodes[0].op.pad == (2, -1, 2, -2)  # type: ignore[attr-defined]


def test_zeros_where_the_map_goes_on_stay() -> None:
    n = net()
    x = n.crop(n.input((5, 6, 3)), (-1, 0, 0, 0))
    check(n.graph(n.conv(x, 2, (3, 3), pad=(1, 0, 0, 0))), "crop", "conv")


def test_blocks_and_rows_that_return_cancel() -> None:
    n = net()
    x = n.raster(n.raster(n.input((4, 6, 3)), (24, 1)), (4, 6))
    y = n.depth_to_space(n.space_to_depth(x, (2, 3)), (2, 3))
    check(n.graph(n.max_pool(y, (2, 2), (2, 2))), "max_pool")


@pytest.mark.parametrize("seed", range(20))
def test_random_networks_compute_the_same(seed: int) -> None:
    graph = random_network(seed)
    short = simplify(graph)
    rng = np.random.default_rng(seed)
    feeds = {n: rng.integers(t.lo, t.hi + 1, (1, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}
    results = [Program(*to_program(requantize(g)[0])).run(feeds) for g in (simplify_only_shuffles(graph), short)]
    for name in graph.outputs:
        np.testing.assert_array_equal(results[0][name], results[1][name])
