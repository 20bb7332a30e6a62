# SPDX-License-Identifier: Apache-2.0
"""Depths of the streams between C++ kernels, by the analysis that finds those of the RTL's FIFOs.

They differ: a kernel waits as a whole, where a module's sides wait apart. A line buffer in C++ that cannot take its next
pixel gives no window either, so what lies beside it must hold more.
"""

from __future__ import annotations

from collections.abc import Mapping

from headrace.backend.design import build_design, stream_spec
from headrace.build.csim import CYCLE_STREAMS
from headrace.build.fifo_sizing import FifoSizing, Note, Sizer, remembered, roomy_depths
from headrace.build.toolenv import content_key
from headrace.hls.cycles import CycleSimulator, instrumented
from headrace.hls.network import network_view
from headrace.hls.sources import cycle_channels
from headrace.ir.graph import Graph
from headrace.operators.base import Fold
from headrace.resources import data_dir


def size_streams(graph: Graph, folds: Mapping[str, Fold], note: Note = lambda _: None) -> FifoSizing:
    """Depths of all FIFOs of the network at these foldings, for its kernels.

    Raises:
        BuildError: the kernels deadlock, or one is missing.
        ToolError: the compiler or the headers are absent, or it refused.
    """
    design = build_design(graph, folds, roomy_depths(build_design(graph, folds)))
    net = network_view(design, "sizing")

    def size() -> FifoSizing:
        note("compiling the kernels with roomy streams")
        inputs, outputs = ([stream_spec(graph, s) for s in side] for side in (design.inputs, design.outputs))
        return Sizer(graph, design, [CycleSimulator(net, inputs, outputs)], note).run()

    files = {name: text for name, text in instrumented(net).items() if not name.startswith("tables/")}
    files.update((path.name, path.read_text()) for path in (data_dir("hls_templates") / CYCLE_STREAMS).iterdir())
    depths = repr([(c.name, c.depth) for c in cycle_channels(net)])
    key = content_key([*(f"{name}\0{text}" for name, text in sorted(files.items())), depths])
    return remembered(f"hls-{key}", design, note, size)
