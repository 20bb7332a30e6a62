# SPDX-License-Identifier: Apache-2.0
"""Compares a design's C++ kernels with the golden program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from headrace_host.simulator import StreamSpec

from headrace.backend.design import Design, Stream
from headrace.build.csim import FAST
from headrace.hls.network import network_view
from headrace.hls.simulation import build_csim, simulate_network
from headrace.hls.sources import included_headers, network_csim, network_files
from headrace.ir.graph import Graph
from headrace.ir.ops import IntArray


def specs(graph: Graph, streams: Sequence[Stream]) -> list[StreamSpec]:
    """Streams with their tensors' shapes."""
    return [StreamSpec(s.tensor, graph.tensors[s.tensor].shape, s.lanes, s.bits, s.signed) for s in streams]


def check_kernels(
    graph: Graph,
    design: Design,
    feeds: Mapping[str, IntArray],
    golden: Mapping[str, IntArray],
    options: Sequence[str] = FAST,
) -> None:
    """Runs the network's C simulation and compares every output value."""
    net = network_view(design, "test")
    files = network_files(net)
    files = {**files, **included_headers(files), "sim/csim.cpp": network_csim(net)}
    executable = build_csim(files, options=options, jobs=1)
    results = simulate_network(executable, feeds, specs(graph, design.inputs), specs(graph, design.outputs))
    for name, expected in golden.items():
        np.testing.assert_array_equal(results[name], expected, name)
