# SPDX-License-Identifier: Apache-2.0
"""The files of Vitis HLS projects: kernels, interfaces, testbench and vectors, and the scripts that run them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from headrace_host.packing import pack_words, to_beats

from headrace.backend.design import Design, Stream
from headrace.boards import Board
from headrace.engines.technology import ceil_div
from headrace.files import write_files
from headrace.hls.layer import HlsLayer
from headrace.hls.network import ChannelView, NetworkView
from headrace.hls.render import environment
from headrace.hls.sources import included_headers, network_csim, network_files, network_sources
from headrace.ir.ops import IntArray
from headrace.resources import data_dir

TOP = "headrace_top"
MAX_WORD_BITS = 512
"""Widest data bus of an AXI4 master that Vitis HLS makes by default (UG1399)."""
BURST_BEATS = 64
"""Depth of the streams beside the memories: a burst waits there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A tensor at the border of the IP: in memory, or on an AXI4-Stream."""

    name: str
    reads: bool
    type: str
    word_bits: int
    frame_beats: int
    depth: int
    """Words of all vectors, for co-simulation."""
    fifo: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopView:
    """All that the project's templates write."""

    name: str
    network: str
    title: str
    """What it is, at the beginning of a sentence."""
    module: str
    """Of SystemVerilog in which a layer stands."""
    axis: bool
    """AXI4-Streams and a frame in each call, not memories and as many as one asks for."""
    ports: tuple[Port, ...]
    sources: tuple[str, ...]
    vectors: str
    """What the vectors are made of."""
    frames: int
    board: str
    part: str
    period_ns: str
    folder: str
    """Of the project, in a build."""


def word_bits(beat_bits: int) -> int:
    """The width of a memory word that holds a beat: a power of two from 32 to `MAX_WORD_BITS`."""
    return min(MAX_WORD_BITS, max(32, 1 << (beat_bits - 1).bit_length()))


def vector_bytes(values: IntArray, stream: Stream, wide: int) -> bytes:
    """A tensor (N, H, W, C) as its beats, each in whole words of ``wide`` bits, little-endian."""
    packed = np.ascontiguousarray(pack_words(to_beats(values, stream.lanes), stream.bits), "<u4").view(np.uint8)
    padded = np.zeros((len(packed), ceil_div(stream.width, wide) * wide // 8), np.uint8)
    used = min(padded.shape[1], packed.shape[1])
    padded[:, :used] = packed[:, :used]
    return padded.tobytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What testbenches feed and expect: tensors (N, H, W, C) by name."""

    what: str
    tensors: Mapping[str, IntArray] = field(repr=False)

    @property
    def frames(self) -> int:
        """N."""
        return len(next(iter(self.tensors.values())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What all projects of a build have in common."""

    model: str
    board: Board
    vectors: Vectors

    @property
    def title(self) -> str:
        """The model's name without what scripts and comments would read as their own."""
        return re.sub(r"[^\w .-]", "_", self.model)

    def write_network(self, design: Design, net: NetworkView, folder: Path) -> list[str]:
        """Writes the project of a whole network, between memories, to ``folder``; returns the sources to synthesise."""
        streams = (*design.inputs, *design.outputs)
        widths = [word_bits(s.width) for s in streams]
        fifos = [max(BURST_BEATS, c.depth) for c in (*net.inputs, *net.outputs)]
        ports = self._ports(net, streams, widths, fifos)
        view = self._view(net, ports, TOP, self.title, folder="hls", module="")
        return self._write(net, view, streams, folder, network_files(net))

    def write_layer(self, layer: HlsLayer, folder: Path) -> list[str]:
        """Writes the project of a layer, between AXI4-Streams, to ``folder``; returns the sources to synthesise."""
        streams = (*layer.inputs, *layer.outputs)
        channels = (*layer.net.inputs, *layer.net.outputs)
        ports = self._ports(layer.net, streams, [c.axis_bits for c in channels], [c.depth for c in channels])
        title = f"{layer.name} of {self.title}"
        view = self._view(layer.net, ports, layer.ip, title, folder=f"hls/{layer.name}", module=layer.module)
        return self._write(layer.net, view, streams, folder, layer.files())

    def _ports(
        self, net: NetworkView, streams: Sequence[Stream], widths: Sequence[int], fifos: Sequence[int]
    ) -> tuple[Port, ...]:
        ports = []
        channels: tuple[ChannelView, ...] = (*net.inputs, *net.outputs)
        for channel, stream, wide, fifo in zip(channels, streams, widths, fifos, strict=True):
            beats = len(to_beats(self.vectors.tensors[stream.tensor][:1], stream.lanes))
            ports.append(
                Port(
                    name=channel.name,
                    reads=channel in net.inputs,
                    type=channel.type,
                    word_bits=wide,
                    frame_beats=beats,
                    depth=beats * ceil_div(stream.width, wide) * self.vectors.frames,
                    fifo=fifo,
                )
            )
        return tuple(ports)

    def _view(self, net: NetworkView, ports: tuple[Port, ...], name: str, title: str, *, folder: str, module: str) -> TopView:
        return TopView(
            name=name,
            network=net.top.name,
            title=title,
            module=module,
            axis=bool(module),
            ports=ports,
            sources=(*network_sources(net), "top.cpp"),
            vectors=self.vectors.what,
            frames=self.vectors.frames,
            board=self.board.name.replace("-", "_"),
            part=self.board.part,
            period_ns=f"{1000 / self.board.clock_mhz:g}",
            folder=folder,
        )

    def _write(
        self, net: NetworkView, view: TopView, streams: Sequence[Stream], folder: Path, files: dict[str, str]
    ) -> list[str]:
        templates = environment()
        interface = "axis" if view.axis else "memory"
        for name in ("top.hpp", "top.cpp"):
            files[name] = templates.get_template(f"{interface}_{name}.j2").render(top=view)
        for name in ("testbench.cpp", "run_hls.tcl", "hls_config.cfg"):
            files[name] = templates.get_template(f"{name}.j2").render(top=view)
        files["sim/csim.cpp"] = network_csim(net)
        files["sim/words.hpp"] = (data_dir("hls_templates") / "sim" / "words.hpp").read_text()
        files["README.md"] = templates.get_template("project.md.j2").render(top=view)
        write_files({**files, **included_headers(files)}, folder)
        (folder / "data").mkdir()
        for port, stream in zip(view.ports, streams, strict=True):
            content = vector_bytes(self.vectors.tensors[stream.tensor], stream, port.word_bits)
            (folder / "data" / f"{port.name}.bin").write_bytes(content)
        return list(view.sources)
