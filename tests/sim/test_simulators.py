# SPDX-License-Identifier: Apache-2.0
"""Simulators of one library: side by side in threads, freed in any order; runs that end where a frame is late."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from headrace_host.simulator import NetworkSimulator, SimulationResult
from nets import NetBuilder, lowered

from headrace.backend.design import build_design
from headrace.backend.rtl import write_rtl
from headrace.build.fifo_sizing import open_simulator
from headrace.build.verilate import build_simulator, harness_of
from headrace.ir.ops import IntArray
from headrace.operators.base import Fold


@pytest.fixture
def simulators(tmp_path: Path) -> tuple[list[NetworkSimulator], dict[str, IntArray]]:
    """Two of a small network, and three frames for it."""
    rng = np.random.default_rng(0)
    net = NetBuilder(rng=rng)
    graph = lowered(net.graph(net.quantize(net.conv(net.input((8, 8, 3)), 4, kernel=(3, 3)), 0, 255)))
    design = build_design(graph, {node.name: Fold() for node in graph.nodes})
    library = build_simulator([tmp_path / name for name in write_rtl(design, tmp_path, "small")], harness_of(design))
    (tensor,) = (graph.tensors[name] for name in graph.inputs)
    frames: dict[str, IntArray] = {tensor.name: rng.integers(tensor.lo, tensor.hi + 1, (3, *tensor.shape))}
    return [open_simulator(graph, design, library, tmp_path / "rom") for _ in range(2)], frames


@pytest.mark.parametrize("order", [1, -1])
def test_two_run_in_threads_and_are_freed_in_any_order(
    order: int, simulators: tuple[list[NetworkSimulator], dict[str, IntArray]]
) -> None:
    both, frames = simulators
    alone = both[0].run(frames)

    def run(simulator: NetworkSimulator, stall: float) -> SimulationResult:
        return simulator.run(frames, stall=stall)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, both, (0.0, 0.3)))
    for simulator in both[::order]:
        simulator.close()
    assert results[0].cycles == alone.cycles < results[1].cycles
    for result in results:
        for name, output in alone.outputs.items():
            np.testing.assert_array_equal(result.outputs[name], output)


def test_a_run_ends_where_a_frame_is_late(
    simulators: tuple[list[NetworkSimulator], dict[str, IntArray]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace_host.simulator.SLICE_CYCLES", 100)
    both, frames = simulators
    with both[1], both[0] as simulator:
        ends = simulator.run(frames).frame_ends
        assert simulator.run(frames, due=ends).frame_ends == ends
        late = simulator.run(frames, due=(ends[0], ends[1] - 200, ends[2]))
        assert late.frame_ends == ends[:1]
        assert late.cycles <= ends[1] - 200 + 100
