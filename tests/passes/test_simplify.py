# SPDX-License-Identifier: Apache-2.0
"""Data movement brought to hardware's forms: the text of the graph, and that it computes the same."""

from __future__ import annotations

from textwrap import dedent

import numpy as np
import pytest
from headrace_host import golden
from headrace_host.program import Program
from nets import NetBuilder, lowered
from random_nets import random_network

from headrace.ir.graph import Graph, to_program
from headrace.operators.channels import Shuffle, Slice
from headrace.passes.dead import drop_dead
from headrace.passes.requantize import requantize
from headrace.passes.simplify import merge_duplicates, shuffles_to_interleaves, simplify, slices_to_splits


def net() -> NetBuilder:
    return NetBuilder(rng=np.random.default_rng(0))


def text(graph: Graph) -> str:
    """The graph's text, without names of quantizers' arrays, behind a newline as in a dedented literal."""
    return "\n" + graph.to_text()


def test_slices_of_one_tensor_become_one_split() -> None:
    n = net()
    x = n.input((2, 3, 8))
    y = n.concat(n.cut(x, 4, 8), n.cut(x, 0, 4))
    assert text(slices_to_splits(n.graph(y))) == dedent("""
        input %image0: u8[2x3x8]
        %image0_part0: u8[2x3x4], %image0_part1: u8[2x3x4] = split(%image0) {sizes=(4, 4)}
        %n2_concat_out: u8[2x3x8] = concat(%image0_part1, %image0_part0)
        output %n2_concat_out: u8[2x3x8]
        """)


def test_overlapping_slices_share_their_parts() -> None:
    n = net()
    x = n.input((2, 2, 9))
    a, b = n.cut(x, 0, 6), n.cut(x, 3, 8)
    graph = simplify(n.graph(n.max_pool(a, (2, 2), (1, 1)), n.max_pool(b, (2, 2), (1, 1))))
    assert text(graph) == dedent("""
        input %image0: u8[2x2x9]
        %image0_part0: u8[2x2x3], %image0_part1: u8[2x2x3], %image0_part2: u8[2x2x2], %image0_part3: u8[2x2x1] = \
split(%image0) {sizes=(3, 3, 2, 1)}
        %n0_slice_out: u8[2x2x6] = concat(%image0_part0, %image0_part1)
        %n1_slice_out: u8[2x2x5] = concat(%image0_part1, %image0_part2)
        %n2_max_pool_out: u8[1x1x6] = max_pool(%n0_slice_out) {kernel=(2, 2), stride=(1, 1), pad=(0, 0, 0, 0), dilation=(1, 1)}
        %n3_max_pool_out: u8[1x1x5] = max_pool(%n1_slice_out) {kernel=(2, 2), stride=(1, 1), pad=(0, 0, 0, 0), dilation=(1, 1)}
        output %n2_max_pool_out: u8[1x1x6]
        output %n3_max_pool_out: u8[1x1x5]
        """)


def test_a_slice_that_is_an_output_keeps_its_name() -> None:
    n = net()
    y = n.cut(n.input((1, 1, 3)), 1, 2)
    assert text(simplify(n.graph(y))) == dedent("""
        input %image0: u8[1x1x3]
        %image0_part0: u8[1x1x1], %image0_part1: u8[1x1x1], %image0_part2: u8[1x1x1] = split(%image0) {sizes=(1, 1, 1)}
        %n0_slice_out: u8[1x1x1] = concat(%image0_part1)
        output %n0_slice_out: u8[1x1x1]
        """)


def test_a_shuffle_is_a_split_and_an_interleave() -> None:
    n = net()
    y = n.shuffle(n.input((2, 2, 6)), 3)
    assert text(shuffles_to_interleaves(n.graph(y))) == dedent("""
        input %image0: u8[2x2x6]
        %n0_shuffle_group0: u8[2x2x2], %n0_shuffle_group1: u8[2x2x2], %n0_shuffle_group2: u8[2x2x2] = \
split(%image0) {sizes=(2, 2, 2)}
        %n0_shuffle_out: u8[2x2x6] = interleave(%n0_shuffle_group0, %n0_shuffle_group1, %n0_shuffle_group2)
        output %n0_shuffle_out: u8[2x2x6]
        """)


def test_a_shuffle_unit_leaves_neither_concat_nor_second_split() -> None:
    n = net()
    kept, worked = n.split(n.input((2, 2, 4)), (2, 2))
    y = n.shuffle(n.concat(kept, n.max_pool(worked, (1, 1), (1, 1))), 2)
    assert text(simplify(n.graph(y))) == dedent("""
        input %image0: u8[2x2x4]
        %n0_split_out0: u8[2x2x2], %n0_split_out1: u8[2x2x2] = split(%image0) {sizes=(2, 2)}
        %n1_max_pool_out: u8[2x2x2] = max_pool(%n0_split_out1) {kernel=(1, 1), stride=(1, 1), pad=(0, 0, 0, 0), dilation=(1, 1)}
        %n3_shuffle_out: u8[2x2x4] = interleave(%n0_split_out0, %n1_max_pool_out)
        output %n3_shuffle_out: u8[2x2x4]
        """)


def test_a_concat_cut_elsewhere_stays() -> None:
    n = net()
    x = n.input((1, 1, 3))
    parts = n.split(n.concat(x, x), (2, 4))
    kinds = [node.op.kind for node in simplify(n.graph(*parts)).nodes]
    assert kinds == ["concat", "split"]


def test_twins_are_merged_and_their_readers_follow() -> None:
    n = net()
    x = n.input((2, 2, 2))
    a = n.max_pool(x, (2, 2), (1, 1))
    b = n.max_pool(x, (2, 2), (1, 1))
    other = n.max_pool(x, (2, 2), (2, 2))
    graph = merge_duplicates(n.graph(n.concat(a, b, other)))
    assert [node.name for node in graph.nodes] == ["n0_max_pool", "n2_max_pool", "n3_concat"]
    assert graph.nodes[-1].inputs == (a, a, other)


def test_convolutions_of_unlike_weights_are_no_twins() -> None:
    n = net()
    x = n.input((1, 1, 2))
    assert len(merge_duplicates(n.graph(n.concat(n.conv(x, 2), n.conv(x, 2)))).nodes) == 3


def test_twin_outputs_both_survive() -> None:
    n = net()
    x = n.input((2, 2, 2))
    a, b = n.max_pool(x, (2, 2), (1, 1)), n.max_pool(x, (2, 2), (1, 1))
    assert merge_duplicates(n.graph(a, b)).outputs == (a, b)


def test_what_nothing_reads_is_dropped_with_its_tensors() -> None:
    n = net()
    x = n.input((2, 2, 2))
    y = n.conv(x, 2)
    n.quantize(n.conv(x, 5), 0, 3)
    graph = drop_dead(n.graph(y))
    assert [node.name for node in graph.nodes] == ["n0_conv"]
    assert set(graph.tensors) == {x, y}


@pytest.mark.parametrize("seed", range(40))
def test_computes_what_the_plain_operators_do(seed: int) -> None:
    """Slices, shuffles and quantizers are executed here as they stand; everything else by the program."""
    original = random_network(seed, steps=8)
    graph = lowered(original)
    assert {n.op.kind for n in graph.nodes}.isdisjoint({"slice", "shuffle", "quantize"})
    rng = np.random.default_rng(seed)
    kinds = [graph.tensors[name] for name in graph.inputs]
    feeds: dict[str, golden.IntArray] = {t.name: rng.integers(t.lo, t.hi + 1, (2, *t.shape)) for t in kinds}
    computed = Program(*to_program(graph)).run(feeds)
    for name, value in plain_run(original, feeds).items():
        if name in original.outputs:
            np.testing.assert_array_equal(computed[name], value)


def plain_run(graph: Graph, feeds: dict[str, golden.IntArray]) -> dict[str, golden.IntArray]:
    """Every tensor of ``graph``: slices and shuffles by numpy, the rest by programs of one node each."""
    graph, _ = requantize(graph)
    values = dict(feeds)
    for node in graph.nodes:
        op, x = node.op, values[node.inputs[0]]
        if isinstance(op, Slice):
            values[node.outputs[0]] = x.take(range(op.start, op.stop), axis=-1)
        elif isinstance(op, Shuffle):
            each = x.shape[-1] // op.groups
            values[node.outputs[0]] = x.take([g * each + i for i in range(each) for g in range(op.groups)], axis=-1)
        else:
            sources = tuple(dict.fromkeys(node.inputs))
            only = Graph(inputs=sources, outputs=node.outputs, tensors=graph.tensors, nodes=(node,))
            values |= Program(*to_program(only)).run({name: values[name] for name in sources})
    return values
