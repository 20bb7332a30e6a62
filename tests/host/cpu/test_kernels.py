# SPDX-License-Identifier: Apache-2.0
"""Pools, moves, tables, expressions and deformable convolutions on the CPU path beside the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cpu_check import check_graph, windows
from headrace_host.cpu import finish, moves, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import NetBuilder
from pool_nets import reduce_map, sum_pool, top_k
from random_nets import random_expression

from headrace.operators.channels import Interleave
from headrace.operators.elementwise import Pointwise
from headrace.operators.topk import TopK

SPANS = st.sampled_from([(0, 255), (-128, 127), (-9, -3), (4, 30)])


def net_of(seed: int) -> NetBuilder:
    return NetBuilder(rng=np.random.default_rng(seed))


@settings(max_examples=60)
@given(w=windows(), span=SPANS, channels=st.integers(1, 4), total=st.booleans(), seed=st.integers(0, 99))
def test_pools(w: Any, span: tuple[int, int], channels: int, total: bool, seed: int) -> None:
    (hw, kernel, stride, pad, dilation), net = w, net_of(seed)
    if total:
        pad = tuple(max(0, p) for p in pad)
        x = net.input((*hw, channels), *span)
        y = sum_pool(net, x, kernel, stride, pad, dilation)
        kinds = check_graph(net.graph(net.quantize(y, -8, 7) if seed % 2 else y))
    else:
        pad = tuple(min(max(0, p), k // 2) for p, k in zip(pad, (*kernel, *kernel), strict=True))
        hw = tuple(max(size, k) for size, k in zip(hw, kernel, strict=True))
        x = net.input((*hw, channels), *span)
        kinds = check_graph(net.graph(net.max_pool(x, kernel, stride, pad)))
    assert kinds == ["Pool"]


@pytest.mark.parametrize("axes", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_reductions(axes: tuple[bool, bool], total: bool, padded: bool) -> None:
    net = net_of(1)
    x = net.quantize(net.conv(net.input((5, 7, 2)), 3), -128, 127)
    y = reduce_map(net, x, *axes, total)
    outputs = [net.quantize(y, -8, 7) if total else y]
    if padded:  # another reader wants a margin around the map
        outputs.append(net.conv(x, 2, (3, 3), pad=(1, 1, 1, 1)))
    assert check_graph(net.graph(*outputs))[:2] == ["Dense", "Reduce"]


def test_sums_beyond_24_bits_are_left_to_the_reference() -> None:
    net = net_of(1)
    x = net.input((4, 4, 2), 0, 1 << 22)
    assert check_graph(net.graph(reduce_map(net, x, True, True, True), sum_pool(net, x, (3, 3), (1, 1)))) == ["Reference"] * 2


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("wide", [False, True])
def test_moves(padded: bool, wide: bool) -> None:
    """Every move, of maps with and without margins and with one channel, of float32 and float64."""
    net = net_of(2)
    hi = (1 << 30) if wide else 250
    x, halved = net.input((4, 6, 8), -5, hi), net.input((4, 6, 8), -5, hi)
    _, single, _ = net.split(x, (3, 1, 4))
    parts = net.split(x, (1, 3, 4))
    outputs = [
        *parts,
        net.concat(x, single, parts[1]),
        net.emit(Interleave(), (x, halved), (4, 6, 16), -5, hi),
        net.gather(x, (7, 6, 5, 4, 3, 2, 1, 0, -1, 2, 3)),
        net.gather(x, (0, 4, 1, 5, 2, 6, -1, -1)),
        net.depth_to_space(x, (2, 2)),
        net.depth_to_space(x, (4, 2)),
        net.space_to_depth(x, (2, 3)),
        net.space_to_depth(single, (1, 2)),
        net.raster(x, (3, 8)),
        net.crop(x, (-1, 2, 1, -3)),
        net.crop(x, (1, 0, 0, 2), (2, 3)),
        net.crop(x, (-1, -1, -1, -1), (3, 1)),
        net.shift(x, np.array([[0, 1], [0, 1], [-2, 0], [9, 9], [1, -1], [1, -1], [0, 0], [3, 5]])),
        net.upsample(x, (2, 3)),
        net.upsample(single, (1, 2)),
    ]
    if padded and not wide:
        outputs = [net.conv(y, 2, (3, 3), pad=(1, 1, 1, 1)) for y in outputs]
        outputs.append(net.conv(x, 2, (5, 5), pad=(2, 2, 2, 2)))
    kinds = check_graph(net.graph(*outputs))
    assert {"Move", "Raster", "Choose"} <= set(kinds)
    assert "Reference" not in kinds


@given(indices=st.lists(st.integers(-1, 9), min_size=1, max_size=30))
def test_runs_are_the_indices(indices: list[int]) -> None:
    rebuilt: dict[int, int] = {}
    for at, step, chosen, count in moves.runs(indices):
        for k in range(count):
            assert at + k * step not in rebuilt
            rebuilt[at + k * step] = -1 if chosen < 0 else chosen + k
    assert [rebuilt[k] for k in range(len(indices))] == indices


def test_few_runs_are_found_in_shuffles() -> None:
    halves = [k for pair in zip(range(16, 32), range(48, 64), strict=True) for k in pair]
    assert list(moves.runs(halves)) == [(0, 2, 16, 16), (1, 2, 48, 16)]


@pytest.mark.parametrize("seed", range(12))
def test_tables(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "TILE", (1 << 16, 60)[seed % 2])
    net = net_of(seed)
    x = net.quantize(net.conv(net.input((5, 4, 3)), 6), -100, 90)
    outputs = [net.lookup(x, -128, 127), net.steps(x, 0, 15), net.steps(net.conv(x, 4), -8, 7)]
    if seed % 3 == 0:
        outputs = [net.conv(y, 2, (3, 3), pad=(1, 1, 1, 1)) for y in outputs]
    kinds = check_graph(net.graph(*outputs))
    assert kinds.count("Table") == 3


def test_thresholds_of_many_values_are_left_to_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ENTRIES", 100)
    monkeypatch.setattr("headrace_host.cpu.planner.MAX_ENTRIES", 100)
    net = net_of(0)
    assert check_graph(net.graph(net.steps(net.conv(net.input((3, 3, 2)), 4), 0, 15))) == ["Dense", "Reference"]


@pytest.mark.parametrize("seed", range(40))
def test_expressions(seed: int) -> None:
    """Random ones, of operands of one channel or all, whose values may need float64 or 64 bits."""
    rng, net = np.random.default_rng(seed), net_of(seed)
    top = int(rng.choice([9, 255, 1 << 12, 1 << 20]))
    shapes = [(4, 3, 5), *[(4, 3, int(rng.choice([1, 5]))) for _ in range(int(rng.integers(0, 3)))]]
    names = [net.input(shape, -top, top) for shape in shapes]
    expression = random_expression(rng, len(names), depth=2)
    reach = top**4 * 400
    if reach >= 1 << 63:
        expression, reach = ("sub", ("mul", ("in", 0), ("const", 7)), ("in", len(names) - 1)), top * 8
    y = net.emit(Pointwise(expression=expression), tuple(names), shapes[0], -reach, reach)
    assert check_graph(net.graph(y))[0] in ("Pointwise", "Reference")


@pytest.mark.parametrize("top", [255, 1 << 22, 1 << 50, 1 << 53])
def test_sums_of_expressions_take_the_type_that_is_exact(top: int) -> None:
    net = net_of(0)
    y = net.add(net.input((2, 3, 4), -top, top), net.input((2, 3, 4), 0, top), 3, 1)
    assert check_graph(net.graph(y)) == ["Pointwise" if top < 1 << 51 else "Reference"]


def test_a_residual_sum_is_requantized_at_once() -> None:
    net = NetBuilder(rng=np.random.default_rng(0), exact=False)
    a, b = net.input((5, 4, 3)), net.input((5, 4, 3), -128, 127)
    assert check_graph(net.graph(net.quantize(net.add(a, b, 2731, 1999), 0, 255))) == ["Pointwise"]


@settings(max_examples=40)
@given(
    w=windows(),
    kind=st.sampled_from(["taps", "masked", "square"]),
    bits=st.integers(0, 3),
    bounds=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    depthwise=st.booleans(),
    seed=st.integers(0, 99),
)
def test_deformable(w: Any, kind: str, bits: int, bounds: tuple[int, int], depthwise: bool, seed: int) -> None:
    (hw, kernel, stride, pad, dilation), net = w, net_of(seed)
    lo, hi = sorted(bounds)
    if kind == "square":
        kernel, dilation = tuple(2 * (k // 2) + 1 for k in kernel), (1, 1)
        hw = tuple(
            max(size, k + max(0, -pad[a]) + max(0, -pad[a + 2])) for a, (size, k) in enumerate(zip(hw, kernel, strict=True))
        )
    channels = 3
    rows, cols = ((hw[a] + pad[a] + pad[a + 2] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in (0, 1))
    taps = kernel[0] * kernel[1]
    x = net.input((*hw, channels), -128, 127)
    offset = net.input((rows, cols, 1 if kind == "square" else 2 * taps), -12, 12)
    mask = net.input((rows, cols, taps), 0, 15) if kind == "masked" else None
    layer = {"stride": stride, "pad": pad, "dilation": dilation, "fraction_bits": bits, "lo": lo, "hi": hi}
    m, groups = (channels, channels) if depthwise else (4, 1)
    y = net.deform_conv(x, offset, mask, m, kernel, groups=groups, square=kind == "square", **layer)
    assert check_graph(net.graph(net.quantize(y, 0, 255) if seed % 2 else y)) == ["Deform"]


@pytest.mark.parametrize("tile", [1, 1 << 16])
@pytest.mark.parametrize(("k", "lo", "hi"), [(3, 1, 3), (3, -2, 2), (5, 0, 2), (1, 0, 1)])
def test_deformable_depthwise(k: int, lo: int, hi: int, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "TILE", tile)
    net = net_of(3)
    x = net.quantize(net.conv(net.input((7, 9, 3)), 6), 0, 255)
    d = net.quantize(net.conv(x, 1), -4, 4)
    y = net.quantize(net.deform(x, d, k, lo, hi), -128, 127)
    assert check_graph(net.graph(y), frames=3) == ["Dense", "Dense", "Deform"]


def test_operators_without_a_kernel_run_by_the_reference() -> None:
    net = net_of(4)
    x = net.quantize(net.conv(net.input((4, 4, 3)), 6, (3, 3), pad=(1, 1, 1, 1)), 0, 255)
    y = top_k(net, x, TopK(k=3, largest=True, indices=True, last=False))
    assert check_graph(net.graph(net.conv(y, 2))) == ["Dense", "Reference", "Dense"]
