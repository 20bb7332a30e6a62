# SPDX-License-Identifier: Apache-2.0
"""FIFO depths: enough for the promised pace, hardly more, remembered, and the same every time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headrace_host.simulator import SimulationResult
from nets import NetBuilder, lowered
from network_check import random_folds
from random_nets import random_network

from headrace.backend.design import Design, build_design
from headrace.backend.rtl import write_rtl
from headrace.build.fifo_sizing import MIN_DEPTH, TOLERANCE, Sizer, measure_design, open_simulator, size_fifos
from headrace.build.fifo_sparing import SHALLOW
from headrace.build.verilate import build_simulator, harness_of
from headrace.engines.technology import Resources
from headrace.ir.graph import Graph
from headrace.ir.ops import IntArray
from headrace.operators import map_node
from headrace.operators.base import Fold
from headrace.operators.conv import streamed


def residual() -> tuple[Graph, Mapping[str, Fold], str]:
    """A skip connection around a 5x5 depthwise convolution, its folds, and the key of the skip's FIFO."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((10, 9, 3))
    y = net.quantize(net.conv(x, 0, (5, 5), pad=(2, 2, 2, 2), depthwise=True), 0, 255)
    graph = lowered(net.graph(net.quantize(net.add(x, y), 0, 255)))
    folds = {node.name: Fold(lanes=2, taps=5 if node.op.kind == "conv" else 1) for node in graph.nodes}
    return graph, folds, f"{x}->{graph.nodes[2].name}.0"


def interval(graph: Graph, folds: Mapping[str, Fold], depths: Mapping[str, int], folder: Path) -> float | None:
    """Cycles per frame with these depths at full speed; None where the network locks up."""
    design = build_design(graph, folds, depths)
    sources = [folder / name for name in write_rtl(design, folder, "sized")]
    library = build_simulator(sources, harness_of(design))
    rng = np.random.default_rng(1)
    frames = {n: rng.integers(t.lo, t.hi + 1, (5, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}
    with open_simulator(graph, design, library, folder / "rom") as simulator:
        ends = simulator.run(frames, idle_limit=20_000, partial=True).frame_ends
    return float(ends[-1] - ends[-2]) if len(ends) == 5 else None


def test_depths_keep_the_pace_and_a_skip_cut_short_does_not(tmp_path: Path) -> None:
    graph, folds, skip = residual()
    sizing = size_fifos(graph, folds)
    design = build_design(graph, folds, sizing.depths)
    target = design.bottleneck.cycles
    assert sizing.depths.keys() == {edge.key for edge in design.edges}
    assert min(sizing.depths.values()) >= MIN_DEPTH
    assert sizing.interval <= TOLERANCE * target
    assert sizing.latency_cycles > 0
    assert interval(graph, folds, sizing.depths, tmp_path / "sized") == pytest.approx(target, rel=TOLERANCE - 1)
    # The window needs two rows and a half of 9 pixels in 2 beats before its first output; the skip must hold them.
    assert 36 <= sizing.depths[skip] <= 72
    cut = interval(graph, folds, {**sizing.depths, skip: sizing.depths[skip] // 2}, tmp_path / "cut")
    assert cut is None or cut > 1.02 * target


def test_depths_do_not_depend_on_weights_and_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path))
    net = NetBuilder(rng=np.random.default_rng(0))
    y = net.quantize(net.conv(net.input((4, 4, 2)), 3), 0, 15)
    graph = lowered(net.graph(y))
    folds = {node.name: Fold(lanes=1) for node in graph.nodes}
    notes: list[str] = []
    first = size_fifos(graph, folds, notes.append)
    assert "compiling the network with roomy FIFOs" in notes
    notes.clear()
    assert size_fifos(graph, folds, notes.append) == first
    assert notes == ["FIFO depths and timing are known from an earlier run"]
    for stored in (tmp_path / "fifos").iterdir():
        stored.write_text("{")  # damaged: measured again
    notes.clear()
    assert size_fifos(graph, folds, notes.append) == first
    assert "measuring FIFO levels" in notes


def any_network(seed: int) -> tuple[Graph, Mapping[str, Fold]]:
    """A random network at any foldings, some of its weights streamed where it has dense convolutions."""
    graph = lowered(random_network(seed))
    folds = dict(random_folds(graph, seed))
    for node in graph.nodes:
        options = list(streamed(graph, node, folds[node.name], least_bits=0)) if node.op.kind == "conv" else []
        folds[node.name] = options[seed % len(options)] if options and seed % 2 else folds[node.name]
    return graph, folds


def deforming() -> tuple[Graph, Mapping[str, Fold]]:
    """Windows at places that depend on data."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((9, 8, 3))
    d = net.quantize(net.conv(x, 1), -2, 3)
    graph = lowered(net.graph(net.quantize(net.deform(x, d, 3, -2, 3), 0, 15)))
    return graph, {node.name: Fold() for node in graph.nodes}


SEEDS = (1, 4, *(pytest.param(seed, marks=pytest.mark.deep) for seed in (*range(2, 4), *range(5, 16))))


@pytest.mark.parametrize("seed", [None, *SEEDS])
def test_timing_depends_on_no_data(seed: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without data is sized like the whole network."""
    graph, folds = deforming() if seed is None else any_network(seed)
    whole = size_fifos(graph, folds)
    monkeypatch.setattr("headrace.build.verilate.LONG", 0)
    assert size_fifos(graph, folds) == whole


def before_a_slow_layer() -> tuple[Graph, dict[str, Fold], str, str]:
    """A deformable layer before a slow dense one, foldings of the others, the slow one, and the key of the FIFO before it."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.quantize(net.conv(net.input((8, 8, 4)), 32), 0, 255)
    y = net.quantize(net.deform(x, net.quantize(net.conv(x, 1), -8, 7), 3, -8, 7), 0, 255)
    graph = lowered(net.graph(net.quantize(net.conv(y, 64), 0, 255)))
    slow = graph.nodes[-2].name
    quick = {node.name: Fold(lanes=4, pe=4 if node.op.kind == "conv" else 1) for node in graph.nodes}
    return graph, quick, slow, f"{y}->{slow}.0"


def test_what_no_branch_waits_for_waits_in_no_fifo_where_weights_stream() -> None:
    graph, quick, slow, key = before_a_slow_layer()
    kept, streamed = (size_fifos(graph, {**quick, slow: Fold(lanes=4, pe=1, held=held)}) for held in (0, 8))
    assert kept.depths[key] > 256  # most of a frame leaves the window of the whole map at once
    assert streamed.depths[key] <= SHALLOW + 1
    assert streamed.interval <= TOLERANCE * map_node(graph, graph.nodes[-2], Fold(lanes=4, pe=1, held=8)).cycles


@pytest.mark.parametrize("fold", [Fold(pixels=51), Fold(pixels=55), Fold(rows=3, taps=3), Fold(rows=3)])
def test_pixels_that_wait_for_a_slow_reader_are_expected(fold: Fold) -> None:
    """Windows far apart over few pixels: while the reader works on a row's last ones, hardly any of the next row's come."""
    net = NetBuilder(rng=np.random.default_rng(0))
    graph = lowered(net.graph(net.conv(net.input((24, 24, 3)), 8, kernel=(3, 3), stride=(4, 4), pad=(1, 1, 1, 1))))
    (conv,) = (node for node in graph.nodes if node.op.kind == "conv")
    fold = replace(fold, lanes=1, pe=2)
    mapped = map_node(graph, conv, fold)
    assert mapped.cycles > 1.01 * max(engine.cycles for engine in mapped.chain[1:])
    sizing = size_fifos(graph, {node.name: fold if node is conv else Fold() for node in graph.nodes})
    assert sizing.interval == pytest.approx(mapped.cycles, rel=0.05)


@pytest.mark.parametrize("fold", [Fold(pixels=35), Fold(rows=3)])
def test_narrow_beats_collect_while_windows_over_few_pixels_take_none(fold: Fold) -> None:
    """Such windows are read at the pace that their engine has alone, though their pixels come one channel at a time."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.quantize(net.conv(net.input((16, 16, 3)), 8), 0, 255)
    y = net.conv(x, 8, kernel=(3, 3), stride=(2, 2), pad=(1, 1, 1, 1), groups=8)
    graph = lowered(net.graph(y))
    window = next(node for node in graph.nodes if node.outputs == (y,))
    folds = {node.name: Fold(lanes=4, pe=8) if node.op.kind == "conv" else Fold() for node in graph.nodes}
    folds[window.name] = replace(fold, lanes=2)
    mapped = {node.name: map_node(graph, node, folds[node.name]) for node in graph.nodes}
    assert mapped[window.name].cycles == max(m.cycles for m in mapped.values())
    assert size_fifos(graph, folds).interval <= TOLERANCE * mapped[window.name].cycles


def test_no_more_is_spared_than_there_is_need_for() -> None:
    graph, quick, slow, key = before_a_slow_layer()
    depths = {}
    for luts in (1_000, 10_000):  # it takes about 2,500
        room = Resources(lut=luts, ff=10**6, dsp=10**6, bram36=10**4)
        depths[luts] = size_fifos(graph, {**quick, slow: Fold(lanes=4, pe=1, held=8)}, room=room).depths[key]
    assert depths[1_000] <= SHALLOW + 1
    assert depths[10_000] > 256


class SharedWait:
    """A network in which ``beats`` wait in two FIFOs together, wherever there is room; all others hold none."""

    def __init__(self, design: Design, keys: Collection[str], beats: int) -> None:
        self.beats, self.indices = beats, [edge.fifo.index for edge in design.edges if edge.key in keys]
        self.limits: dict[int, int | None] = {}
        self.pace = design.bottleneck.cycles

    def limit_fifo(self, index: int, depth: int | None = None) -> None:
        self.limits[index] = depth

    def fifo_peak(self, index: int) -> int:
        limit = self.limits.get(index)
        return (self.beats if limit is None else min(limit, self.beats)) if index in self.indices else 1

    def run(self, frames: Mapping[str, IntArray], **how: Any) -> SimulationResult:
        kept = sum(self.fifo_peak(index) for index in self.indices) >= self.beats
        count, pace = len(next(iter(frames.values()))), max(how["interval"], self.pace) * (1 if kept else 2)
        return SimulationResult({}, count * pace, 0, tuple(pace * (i + 1) for i in range(count)))


@pytest.mark.parametrize("at_once", [1, 2])
def test_what_waits_as_sums_waits_behind_their_requantizer(at_once: int) -> None:
    """Though the FIFO of sums has fewer bits: of the two, the first one tried is spared."""
    graph, quick, slow, _ = before_a_slow_layer()
    design = build_design(graph, {**quick, slow: Fold(lanes=4, pe=1, held=8)})
    sums, behind = (e.key for e in design.edges[-2:])
    simulators = [SharedWait(design, {sums, behind}, 400) for _ in range(at_once)]
    sizing = Sizer(graph, design, simulators, lambda _: None).run()
    assert sizing.depths[sums] <= SHALLOW + 1
    assert sizing.depths[behind] == 400 + 1


def test_where_beats_are_rare_a_register_does() -> None:
    graph, quick, slow, _ = before_a_slow_layer()
    folds = {**quick, slow: Fold(lanes=4, pe=1, held=8)}
    sizing = size_fifos(graph, folds)
    design = build_design(graph, folds, sizing.depths)
    rare = {e.key for e in design.edges if 4 * e.fifo.frame_beats <= design.bottleneck.cycles}
    single = {key for key, depth in sizing.depths.items() if depth == 1}
    assert single
    assert single <= rare
    assert measure_design(graph, design).interval <= TOLERANCE * design.bottleneck.cycles
