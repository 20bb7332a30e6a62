# SPDX-License-Identifier: Apache-2.0
"""The files of a Vitis HLS project: a network between memories, its testbench and vectors, and the scripts that run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from headrace_host.packing import pack_words, to_beats

from headrace.backend.design import Design, Stream
from headrace.boards import Board
from headrace.engines.base import ceil_div
from headrace.files import write_files
from headrace.hls.network import NETWORK, NetworkView, network_view
from headrace.hls.render import environment
from headrace.hls.sources import included_headers, network_csim, network_files, network_sources
from headrace.ir.graph import Graph
from headrace.ir.ops import IntArray
from headrace.operators import map_node
from headrace.operators.base import Fold
from headrace.resources import data_dir

TOP = "headrace_top"
MAX_WORD_BITS = 512
"""Widest data bus of an AXI4 master that Vitis HLS makes by default (UG1399)."""
BURST_BEATS = 64
"""Depth of the streams beside the memories: a burst waits there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPort:
    """A tensor in memory."""

    name: str
    reads: bool
    type: str
    word_bits: int
    frame_beats: int
    depth: int
    """Words of all vectors, for co-simulation."""
    fifo: int = BURST_BEATS


@dataclass(frozen=True, slots=True, kw_only=True)
class TopView:
    """All that the project's templates write."""

    name: str
    network: str
    title: str
    ports: tuple[MemoryPort, ...]
    sources: tuple[str, ...]
    vectors: str
    """What the vectors are made of."""
    frames: int
    board: str
    part: str
    period_ns: str


def word_bits(beat_bits: int) -> int:
    """The width of a memory word that holds a beat: a power of two from 32 to `MAX_WORD_BITS`."""
    return min(MAX_WORD_BITS, max(32, 1 << (beat_bits - 1).bit_length()))


def memory_words(values: IntArray, stream: Stream) -> bytes:
    """A tensor (N, H, W, C) as its beats lie in memory."""
    packed = pack_words(to_beats(values, stream.lanes), stream.bits)
    wide = word_bits(stream.width)
    words = ceil_div(stream.width, wide) * wide // 32
    padded = np.zeros((len(packed), words), "<u4")
    padded[:, : packed.shape[1]] = packed
    return padded.tobytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What the testbench feeds and expects, by tensor: (N, H, W, C)."""

    what: str
    inputs: Mapping[str, IntArray]
    outputs: Mapping[str, IntArray]

    @property
    def frames(self) -> int:
        """N."""
        return len(next(iter(self.inputs.values())))


def layer_notes(graph: Graph, folds: Mapping[str, Fold]) -> dict[str, str]:
    """What each engine does: its layer's name, operator and shapes."""
    notes = {}
    for node in graph.nodes:
        ins, outs = ([" x ".join(map(str, graph.tensors[t].shape)) for t in side] for side in (node.inputs, node.outputs))
        chain = map_node(graph, node, folds[node.name]).chain
        for n, engine in enumerate(chain):
            part = f", part {n + 1} of {len(chain)}" if len(chain) > 1 else ""
            notes[engine.name] = f"Layer {node.name} ({node.op.kind}{part}): {' and '.join(ins)} to {' and '.join(outs)}."
    return notes


def write_project(
    design: Design, graph: Graph, folds: Mapping[str, Fold], folder: Path, *, title: str, board: Board, vectors: Vectors
) -> list[str]:
    """Writes the project of a design below ``folder``; returns the sources to synthesise.

    Raises:
        BuildError: an engine has no kernel.
    """
    net = network_view(design, title, layer_notes(graph, folds))
    sources = [*network_sources(net), "top.cpp"]
    view = _top_view(design, net, graph, title, board, vectors, tuple(sources))
    templates = environment()
    files = network_files(net)
    for name in ("top.hpp", "top.cpp", "testbench.cpp", "run_hls.tcl", "hls_config.cfg"):
        files[name] = templates.get_template(f"{name}.j2").render(top=view)
    files["sim/csim.cpp"] = network_csim(net)
    files["sim/words.hpp"] = (data_dir("hls_templates") / "sim" / "words.hpp").read_text()
    files["README.md"] = templates.get_template("project.md.j2").render(top=view)
    write_files({**files, **included_headers(files)}, folder)
    (folder / "data").mkdir()
    for port, stream in zip(view.ports, (*design.inputs, *design.outputs), strict=True):
        values = (vectors.inputs if port.reads else vectors.outputs)[stream.tensor]
        (folder / "data" / f"{port.name}.bin").write_bytes(memory_words(values, stream))
    return sources


def _top_view(
    design: Design, net: NetworkView, graph: Graph, title: str, board: Board, vectors: Vectors, sources: tuple[str, ...]
) -> TopView:
    ports = []
    channels = (*net.inputs, *net.outputs)
    for n, (channel, stream) in enumerate(zip(channels, (*design.inputs, *design.outputs), strict=True)):
        kind = graph.tensors[stream.tensor]
        beats = kind.pixels * ceil_div(kind.channels, stream.lanes)
        wide = word_bits(stream.width)
        ports.append(
            MemoryPort(
                name=channel.name,
                reads=n < len(net.inputs),
                type=channel.type,
                word_bits=wide,
                frame_beats=beats,
                depth=beats * ceil_div(stream.width, wide) * vectors.frames,
                fifo=max(BURST_BEATS, channel.depth),
            )
        )
    return TopView(
        name=TOP,
        network=NETWORK,
        title=title,
        ports=tuple(ports),
        sources=sources,
        vectors=vectors.what,
        frames=vectors.frames,
        board=board.name.replace("-", "_"),
        part=board.part,
        period_ns=f"{1000 / board.clock_mhz:g}",
    )
