# SPDX-License-Identifier: Apache-2.0
"""Upsampling that moves behind what treats pixels by themselves, and into windows; the network computes the same."""

from __future__ import annotations

import numpy as np
import pytest
from headrace_host.program import Program
from nets import NetBuilder
from random_nets import random_network

from headrace.ir.graph import Graph, multiply_accumulates, to_program
from headrace.passes.requantize import requantize
from headrace.passes.simplify import simplify
from headrace.passes.upsample_late import upsample_late


def net(seed: int = 0) -> NetBuilder:
    return NetBuilder(rng=np.random.default_rng(seed))


def check(graph: Graph, *remains: str) -> Graph:
    """Moves; compares the operators that remain if they are given, and the outputs with those of the graph as it was."""
    before = requantize(simplify(graph))[0]
    after = upsample_late(before)
    if remains:
        assert [node.op.kind for node in after.nodes] == list(remains)
    rng = np.random.default_rng(1)
    feeds = {n: rng.integers(t.lo, t.hi + 1, (2, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}
    plain, late = (Program(*to_program(g)).run(feeds) for g in (before, after))
    assert plain.keys() == late.keys()
    for name, expected in plain.items():
        np.testing.assert_array_equal(expected, late[name])
        assert after.tensors[name] == before.tensors[name]
    assert multiply_accumulates(after) <= multiply_accumulates(before)
    return after


def test_pointwise_layers_come_before_upsampling() -> None:
    n = net()
    y = n.quantize(n.conv(n.upsample(n.input((3, 4, 5)), (3, 2)), 6), 0, 15)
    after = check(n.graph(n.gather(y, (5, 0, 3))), "conv", "requant", "upsample")
    assert after.tensors[after.nodes[0].outputs[0]].shape == (3, 4, 3)  # the choice of filters was made before


def test_each_reader_has_its_own_upsampling() -> None:
    n = net()
    up = n.upsample(n.quantize(n.conv(n.input((4, 4, 3)), 4), 0, 15), (2, 2))
    a = n.quantize(n.conv(n.quantize(n.conv(up, 5), 0, 15), 5, (3, 3), pad=(1, 1, 1, 1), depthwise=True), 0, 15)
    d = n.quantize(n.conv(up, 1), -2, 1)
    b = n.quantize(n.deform(up, d, 3, -2, 1), 0, 15)
    after = check(n.graph(a, b))
    kinds = [node.op.kind for node in after.nodes]
    assert kinds.count("upsample") == 1  # of the dilations
    assert [node.op.repeat for node in after.nodes if node.op.kind == "deform_depthwise"] == [(2, 2)]  # type: ignore[attr-defined]
    assert sorted(node.op.repeat for node in after.nodes if node.op.kind == "conv")[-1] == (2, 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("factors", [(3, 2), (16, 1)])
def test_windows_repeat_pixels_by_small_powers_of_two(factors: tuple[int, int]) -> None:
    n = net()
    up = n.upsample(n.input((3, 3, 2)), factors)
    check(n.graph(n.conv(up, 2, (3, 3), pad=(1, 1, 1, 1))), "upsample", "conv")


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad", "repeats"),
    [
        (4, (3, 3), (3, 3), (0, 0, 0, 0), False),  # rows 6 and 7 reach no output
        (5, (2, 2), (4, 4), (0, 0, 0, 0), True),  # the last window ends with row 9
        (4, (2, 2), (3, 3), (-1, 0, 0, 0), False),
    ],
)
def test_windows_that_leave_rows_out_do_not_repeat_pixels(
    size: int, kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int, int, int], *, repeats: bool
) -> None:
    n = net()
    y = n.conv(n.upsample(n.input((size, size, 2)), (2, 2)), 2, kernel, stride, pad)
    check(n.graph(y), *(("conv",) if repeats else ("upsample", "conv")))


def test_joins_read_upsampled_maps() -> None:
    n = net()
    x = n.input((4, 4, 3))
    y = n.quantize(n.conv(n.input((8, 8, 3)), 3), 0, 255)
    check(n.graph(n.add(n.upsample(x, (2, 2)), y)), "conv", "requant", "upsample", "pointwise")


def test_what_is_an_output_stays_upsampled() -> None:
    n = net()
    up = n.upsample(n.quantize(n.conv(n.input((4, 4, 3)), 4), 0, 15), (2, 2))
    check(n.graph(up, n.conv(up, 2)), "conv", "requant", "upsample", "conv", "upsample")


@pytest.mark.parametrize("seed", range(40))
def test_random_networks_compute_the_same(seed: int) -> None:
    check(random_network(seed, steps=10))
