# SPDX-License-Identifier: Apache-2.0
"""Compares a design's C++ kernels with the golden program."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from headrace_host.simulator import StreamSpec

from headrace.backend.design import Design, Stream, stream_spec
from headrace.build.csim import CXX_OPTIONS, FAST, ap_types
from headrace.hls.network import network_view
from headrace.hls.simulation import build_csim, simulate_network
from headrace.hls.sources import included_headers, network_csim, network_files
from headrace.ir.graph import Graph
from headrace.ir.ops import IntArray


def specs(graph: Graph, streams: Sequence[Stream]) -> list[StreamSpec]:
    """Streams with their tensors' shapes."""
    return [stream_spec(graph, s) for s in streams]


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


def compile_testbench(hls: Path, folder: Path) -> Path:
    """The testbench of a project, with the streams of the open headers, as Vitis HLS has them: unbounded, unchecked."""
    sources = sorted(str(path) for path in hls.glob("*.cpp"))
    open_headers = ap_types()[-1]
    command = ["g++", *CXX_OPTIONS, "-O1", "-I", str(hls), "-isystem", open_headers, *sources, "-o", str(folder / "testbench")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "testbench"
