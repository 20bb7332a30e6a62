# SPDX-License-Identifier: Apache-2.0
"""Whole random networks, Verilated: equal to the golden program in every bit, under any stalls, at the pace they promise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from headrace_host.program import Program
from nets import board, lowered, random_network
from torch_nets import exact_net, export_plain, float_net

from headrace.backend.design import build_design
from headrace.backend.rtl import write_rtl
from headrace.build.fifo_sizing import open_simulator, size_fifos
from headrace.build.verilate import build_simulator
from headrace.compile import lower
from headrace.errors import FoldingError
from headrace.ir.graph import Graph, to_program
from headrace.operators import fold_options, map_node
from headrace.operators.base import Fold
from headrace.passes.fold import fold

FRAMES = 7
SETTLED = 3
"""Frames after which the pipeline is full."""
PACE = 1.1
STALLS = ((0.0, 1), (0.3, 1), (0.3, 2), (0.3, 3))
MAX_MULTIPLIERS = 150


def folds_for(graph: Graph, size: float) -> Mapping[str, Fold]:
    """The optimiser's choice for a board ``size`` times a PYNQ-Z2, or the next larger one on which it fits."""
    while True:
        try:
            whole = {"lut": int(53_200 * size), "ff": int(106_400 * size), "dsp": max(1, int(220 * size))}
            return fold(graph, board(**whole, bram36=140 * max(size, 0.2)), fill=1.0).folds
        except FoldingError:
            size *= 2


def random_folds(graph: Graph, seed: int) -> Mapping[str, Fold]:
    """Any foldings, however unlike their neighbours', of at most `MAX_MULTIPLIERS` for each operator."""
    rng = np.random.default_rng(seed)
    folds = {}
    for node in graph.nodes:
        options = fold_options(graph, node)
        sizes = [map_node(graph, node, option).resources().dsp for option in options]
        small = [o for o, size in zip(options, sizes, strict=True) if size <= max(MAX_MULTIPLIERS, min(sizes))]
        folds[node.name] = small[int(rng.integers(len(small)))]
    return folds


def check(graph: Graph, folds: Mapping[str, Fold], folder: Path, seed: int) -> None:
    """Sizes, builds and simulates the network; compares values, and the steady state with the slowest engine."""
    sizing = size_fifos(graph, folds)
    design = build_design(graph, folds, sizing.depths)
    sources = [folder / name for name in write_rtl(design, folder, "random")]
    library = build_simulator(sources, design.inputs, design.outputs)
    rng = np.random.default_rng(seed)
    feeds = {n: rng.integers(t.lo, t.hi + 1, (FRAMES, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}
    golden = Program(*to_program(graph)).run(feeds)
    target = design.bottleneck.cycles
    with open_simulator(graph, design, library, folder / "rom") as simulator:
        for stall, stall_seed in STALLS:
            result = simulator.run(feeds, stall=stall, seed=stall_seed, idle_limit=10 * target + 20_000)
            for name, expected in golden.items():
                np.testing.assert_array_equal(result.outputs[name], expected, f"{name}, stall {stall}, seed {stall_seed}")
            if stall == 0:
                ends = result.frame_ends
                interval = (ends[-1] - ends[SETTLED - 1]) / (FRAMES - SETTLED)
                assert interval <= PACE * target, f"{interval} cycles per frame, slowest engine {target}"


@pytest.mark.parametrize(("seed", "size"), [(0, 0.03), (12, 0.3), (7, 100.0)])
def test_folded_for_a_board(seed: int, size: float, tmp_path: Path) -> None:
    graph = lowered(random_network(seed, steps=4))
    check(graph, folds_for(graph, size), tmp_path, seed)


@pytest.mark.parametrize("seed", [105, 552, 606])
def test_folded_at_random(seed: int, tmp_path: Path) -> None:
    graph = lowered(random_network(seed, steps=4))
    check(graph, random_folds(graph, seed), tmp_path, seed)


def test_from_brevitas_with_float_scales(tmp_path: Path) -> None:
    model = float_net(6, (9, 13))
    path = export_plain(model, tmp_path / "net.onnx", (1, model.stem.in_channels, 9, 13), dynamo=False)
    graph = lower(path).graph
    check(graph, folds_for(graph, 0.2), tmp_path / "rtl", 0)


def test_from_brevitas_with_exact_blocks(tmp_path: Path) -> None:
    from headrace_models.export import export_network

    path = tmp_path / "net.onnx"
    onnx.save(export_network(exact_net(1, (8, 12)), (1, 3, 8, 12), ("image",), ("head",)), path)
    graph = lower(path).graph
    check(graph, folds_for(graph, 0.1), tmp_path / "rtl", 0)
