# SPDX-License-Identifier: Apache-2.0
"""The dataflow region cycle by cycle: depths that keep the pace, and what a deadlock says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from headrace_host.program import Program
from hls_check import specs
from nets import NetBuilder, lowered
from network_check import folds_for, random_folds
from random_nets import random_network

from headrace.backend.design import Design, build_design, layer_design
from headrace.build.csim import CsimError
from headrace.hls.cycles import CycleSimulator
from headrace.hls.network import network_view
from headrace.hls.stream_sizing import size_streams
from headrace.ir.graph import Graph, to_program
from headrace.operators import map_node
from headrace.operators.base import Fold

FRAMES = 6
PACE = 1.1


def simulator(graph: Graph, design: Design) -> CycleSimulator:
    return CycleSimulator(network_view(design, "test"), specs(graph, design.inputs), specs(graph, design.outputs))


def frames(graph: Graph, count: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    rng = np.random.default_rng(0)
    return {n: rng.integers(t.lo, t.hi + 1, (count, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}


def residual() -> Graph:
    """A skip connection around two convolutions."""
    net = NetBuilder(rng=np.random.default_rng(3))
    x = net.quantize(net.conv(net.input((12, 10, 3)), 6, (3, 3), pad=(1, 1, 1, 1)), 0, 15)
    y = net.quantize(net.conv(x, 6, (3, 3), pad=(1, 1, 1, 1), depthwise=True), 0, 15)
    y = net.quantize(net.conv(y, 6, (5, 5), pad=(2, 2, 2, 2), depthwise=True), 0, 15)
    return lowered(net.graph(net.quantize(net.add(x, y), 0, 15)))


def test_shallow_streams_deadlock_and_say_so() -> None:
    graph = residual()
    design = build_design(graph, folds_for(graph, 0.1))
    with pytest.raises(CsimError, match=r"the kernels deadlock in cycle [\d,]+: .*_fork waits to write .*; .* waits to read "):
        simulator(graph, design).run(frames(graph, 2))


def test_depths_serve_pipelines_of_any_depth() -> None:
    """What Vitis HLS chooses is not known: neither shorter nor somewhat longer pipelines than assumed may deadlock."""
    graph = residual()
    folds = folds_for(graph, 0.1)
    design = build_design(graph, folds, size_streams(graph, folds).depths)
    view, inputs, outputs = network_view(design, "test"), specs(graph, design.inputs), specs(graph, design.outputs)
    for pipeline in (1, 5, 12, 24):
        result = CycleSimulator(view, inputs, outputs, pipeline).run(frames(graph, FRAMES))
        pace = (result.frame_ends[-1] - result.frame_ends[2]) / (FRAMES - 3)
        assert pipeline > 16 or pace <= PACE * design.bottleneck.cycles, pipeline


@pytest.mark.parametrize("restarts", [False, True])
def test_a_reader_works_on_while_rows_are_read(restarts: bool) -> None:
    """With stride 2, a line buffer reads more than it gives: the products behind it go on from what collected before."""
    net = NetBuilder(rng=np.random.default_rng(5))
    graph = lowered(net.graph(net.conv(net.input((8, 64, 3)), 8, (3, 3), (2, 2), (1, 1, 1, 1))))
    (node,) = graph.nodes
    mapped = map_node(graph, node, Fold(lanes=3, taps=3, pe=2))
    design = layer_design(graph, node, mapped)
    view = network_view(design, "test", restarts=restarts)
    result = CycleSimulator(view, specs(graph, design.inputs), specs(graph, design.outputs)).run(frames(graph, FRAMES))
    assert max(np.diff(result.frame_ends)) <= 1.01 * mapped.cycles


@pytest.mark.parametrize("case", deep_but(["residual", "random 3"], ["residual", *(f"random {n}" for n in range(3, 12))]))
def test_depths_keep_the_pace(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path))
    graph = residual() if case == "residual" else lowered(random_network(int(case.split()[1]), steps=4))
    folds = folds_for(graph, 0.1) if case == "residual" else random_folds(graph, 1)
    sizing = size_streams(graph, folds)
    design = build_design(graph, folds, sizing.depths)
    feeds = frames(graph, FRAMES)
    result = simulator(graph, design).run(feeds)
    for name, expected in Program(*to_program(graph)).run(feeds).items():
        np.testing.assert_array_equal(result.outputs[name], expected, name)
    ends = result.frame_ends
    assert (ends[-1] - ends[2]) / (FRAMES - 3) <= PACE * design.bottleneck.cycles
