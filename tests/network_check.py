# SPDX-License-Identifier: Apache-2.0
"""Sizes, builds and simulates a network and compares it with its golden program, under any stalls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from headrace_host.program import Program
from hls_check import check_kernels
from nets import board

from headrace.backend.design import build_design
from headrace.backend.fifo_parts import in_parts
from headrace.backend.rtl import NETWORK, write_rtl
from headrace.build.csim import FAST, SANITIZERS
from headrace.build.fifo_sizing import open_simulator, roomy_depths, size_fifos
from headrace.build.verilate import build_simulator, harness_of
from headrace.errors import FoldingError
from headrace.hls.layer import hls_layers, mixed_design
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
LUTS_OF_A_MULTIPLIER = 60


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
        uses = [map_node(graph, node, option).resources() for option in options]
        sizes = [max(use.dsp, use.lut // LUTS_OF_A_MULTIPLIER) for use in uses]
        small = [o for o, size in zip(options, sizes, strict=True) if size <= max(MAX_MULTIPLIERS, min(sizes))]
        folds[node.name] = small[int(rng.integers(len(small)))]
    return folds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a simulation without stalls measured."""

    interval: float
    """Cycles between the ends of two frames, once the pipeline is full."""
    slowest: int
    """Cycles of the slowest engine."""
    engines: tuple[str, ...]
    """Modules that the network instantiates."""
    fifos: Mapping[str, int]
    """Depths by edge."""


def check(
    graph: Graph,
    folds: Mapping[str, Fold],
    folder: Path,
    seed: int,
    *,
    stalls: tuple[tuple[float, int], ...] = STALLS,
    ship: bool = False,
    sanitize: bool = False,
    layers: Sequence[str] = (),
    kernels: bool = True,
) -> Pace:
    """Sizes, builds and simulates the network, in Verilator and in C++; compares values, and the steady state with the slowest
    engine.

    Args:
        ship: build the network with the depths found, as a compiled model has them; otherwise take the model that sized them
            once more, its FIFOs limited to these depths, which spares a build.
        sanitize: compile the C++ with sanitizers.
        layers: those that are C++ kernels among the RTL; then the network is not simulated in C++ as a whole.
        kernels: simulate it in C++ as well.
    """
    depths = size_fifos(graph, folds, layers=layers).depths
    design = mixed_design(graph, folds, depths if ship else roomy_depths(build_design(graph, folds)), layers)
    design = in_parts(design) if ship else design
    sources = [folder / name for name in write_rtl(design, folder, NETWORK)]
    among = {layer.name: layer.files() for layer in hls_layers(design)}
    assert set(among) == set(layers)
    library = build_simulator(sources, harness_of(design), among)
    rng = np.random.default_rng(seed)
    feeds = {n: rng.integers(t.lo, t.hi + 1, (FRAMES, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]}
    golden = Program(*to_program(graph)).run(feeds)
    target = design.bottleneck.cycles
    interval = 0.0
    with open_simulator(graph, design, library, folder / "rom") as simulator:
        for edge in () if ship else design.edges:
            simulator.limit_fifo(edge.fifo.index, depths[edge.key])
        for stall, stall_seed in stalls:
            result = simulator.run(feeds, stall=stall, seed=stall_seed, idle_limit=10 * target + 20_000)
            for name, expected in golden.items():
                np.testing.assert_array_equal(result.outputs[name], expected, f"{name}, stall {stall}, seed {stall_seed}")
            if stall == 0:
                ends = result.frame_ends
                interval = (ends[-1] - ends[SETTLED - 1]) / (FRAMES - SETTLED)
                assert interval <= PACE * target, f"{interval} cycles per frame, slowest engine {target}"
    if kernels and not layers:
        check_kernels(graph, design, feeds, golden, SANITIZERS if sanitize else FAST)
    modules = tuple(sorted({i.engine.module for i in design.instances}))
    return Pace(interval=interval, slowest=target, engines=modules, fifos={e.key: e.fifo.depth for e in design.edges})
