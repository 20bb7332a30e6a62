# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nets import NetBuilder, lowered
from network_check import check

from headrace.backend.design import build_design
from headrace.backend.fifo_parts import FRONT, WORTH, cut, in_parts, within
from headrace.engines.plumbing import Fifo
from headrace.engines.technology import ECP5, XC7, Resources, Technology
from headrace.ir.graph import Graph
from headrace.operators.base import Fold


def cost(technology: Technology, width: int, *depths: int) -> Resources:
    fifos = (Fifo(name="", index=0, width=width, depth=depth, frame_beats=0) for depth in depths)
    return sum((fifo.resources(technology) for fifo in fifos), Resources())


@pytest.mark.parametrize("worth", [WORTH, 1000])
@pytest.mark.parametrize("technology", [XC7, ECP5], ids=lambda t: t.family)
def test_a_cut_spares_block_ram_for_few_luts(technology: Technology, worth: int) -> None:
    rng, seen = np.random.default_rng(0), 0
    for _ in range(400):
        depth, width = int(rng.integers(1, 9000)), int(rng.integers(1, 130))
        front = cut(depth, width, technology, worth)
        if not front:
            continue
        seen += 1
        whole, parts = cost(technology, width, depth), cost(technology, width, front, depth - front)
        assert parts.lut - whole.lut < worth * (whole.bram36 - parts.bram36)
        assert not technology.fifo_in_block(front, width)
    assert seen > 10


@pytest.mark.parametrize(("depth", "width", "front"), [(2204, 8, 154), (2050, 8, 0), (2, 8, 0), (3000, 8, 0), (60, 400, 0)])
def test_what_is_over_goes_into_luts(depth: int, width: int, front: int) -> None:
    assert cut(depth, width, XC7) == front


def bypass() -> Graph:
    """Pixels that wait for a row of windows."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((5, 34, 60))
    y = net.quantize(net.conv(x, 60, (3, 3), pad=(1, 1, 1, 1), groups=60), 0, 255)
    return lowered(net.graph(net.quantize(net.add(x, y), 0, 255)))


def test_the_network_is_the_same(tmp_path: Path) -> None:
    graph = bypass()
    folds = {node.name: Fold(lanes=1, taps=9 if node.op.kind == "conv" else 1) for node in graph.nodes}
    pace = check(graph, folds, tmp_path, 1, ship=True, kernels=False)
    (front,) = (key for key in pace.fifos if key.endswith(FRONT))
    assert 2 < pace.fifos[front] < 1024
    assert (pace.fifos[front.removesuffix(FRONT)] - 2) % 2048 == 0  # two words wait in registers


def test_fifos_stay_in_the_order_of_their_numbers() -> None:
    graph = bypass()
    folds = {node.name: Fold(lanes=1) for node in graph.nodes}
    whole = build_design(graph, folds, default_depth=2204)
    parts = in_parts(whole)
    assert [edge.fifo.index for edge in parts.edges] == list(range(len(parts.edges))) != []
    assert len(parts.edges) == 2 * len(whole.edges)
    assert sum(edge.fifo.depth for edge in parts.edges) == sum(edge.fifo.depth for edge in whole.edges)
    assert in_parts(shallow := build_design(graph, folds)) is shallow


@pytest.mark.parametrize(
    ("depth", "bram36", "lut", "parts"),
    [
        (1161, 4.0, 10**5, 1),
        (1161, 3.0, 10**5, 2),
        (1161, 3.0, 1_500, 1),  # fits neither way
        (2204, 6.0, 10**5, 2),
        (2204, 6.0, 800, 1),
    ],
)
def test_what_is_short_is_spared(depth: int, bram36: float, lut: int, parts: int) -> None:
    """Of a network whose four FIFOs and window take 4 block RAMs (or 6), or 2 (or 4) and more LUTs."""
    graph = bypass()
    whole = build_design(graph, {node.name: Fold(lanes=1) for node in graph.nodes}, default_depth=depth)
    room = Resources(lut=lut, ff=10**6, dsp=10**6, bram36=bram36)
    assert len(within(whole, room).edges) == parts * len(whole.edges)
