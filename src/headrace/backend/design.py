# SPDX-License-Identifier: Apache-2.0
"""The network as instances of engines joined by wires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from headrace_host.simulator import StreamSpec

from headrace.engines.base import Engine
from headrace.engines.mac import Stationary
from headrace.engines.plumbing import Cast, Fifo, Fork, Repack
from headrace.engines.technology import XC7, Resources, Technology, ceil_div
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Requant
from headrace.ir.tensor import Tensor
from headrace.operators import map_node
from headrace.operators.base import Fold, Mapped
from headrace.operators.constant import Constant, at_readers
from headrace.operators.conv import Conv
from headrace.operators.deform import DeformDepthwise
from headrace.operators.deform_conv import DeformConv
from headrace.operators.elementwise import Pointwise
from headrace.operators.tables import Thresholds

UNSIZED_DEPTH = 2
"""Depth of a FIFO before sizing: the least that lets a beat pass in every cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An engine and the streams at its ports."""

    engine: Engine
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream that carries one tensor."""

    wire: str
    tensor: str
    lanes: int
    bits: int
    signed: bool

    @property
    def width(self) -> int:
        """Bits of a beat."""
        return self.lanes * self.bits


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightStream:
    """Words that come into the network again and again, in the same order."""

    wire: str
    file: str
    """Of the words, among the memory contents."""
    width: int
    """Bits of a word."""
    words: int
    passes: int
    """How often they all come in a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One buffered edge: a FIFO and the tensor that passes it."""

    fifo: Fifo
    stream: Stream
    reader: str
    """Node (or ``output``) that reads it."""
    key: str
    """Name under which its depth is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Everything that the network's top module instantiates."""

    instances: tuple[Instance, ...]
    wires: Mapping[str, int]
    """Bits of each stream's data."""
    edges: tuple[Edge, ...]
    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]
    weights: tuple[WeightStream, ...] = ()
    technology: Technology = XC7
    """Of the device that it is for."""

    def resources(self) -> Resources:
        """Sum of all estimates."""
        total = Resources()
        for instance in self.instances:
            total += instance.engine.resources(self.technology)
        return total

    @property
    def bottleneck(self) -> Engine:
        """The engine with the most cycles per frame; of equals, one that computes rather than moves."""
        return max((i.engine for i in self.instances), key=lambda e: (e.cycles, not e.module.startswith("stream_")))


def edge_key(tensor: str, reader: str, port: int) -> str:
    """Name under which a FIFO's depth is kept."""
    return f"{tensor}->{reader}.{port}"


@dataclass(slots=True)
class _Builder:
    graph: Graph
    mapped: Mapping[str, Mapped]
    depths: Mapping[str, int]
    default_depth: int
    instances: list[Instance] = field(default_factory=list)
    wires: dict[str, int] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    weights: list[WeightStream] = field(default_factory=list)

    def place(self, engine: Engine, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        self.instances.append(Instance(engine=engine, inputs=inputs, outputs=outputs))
        self.wires.update(zip(outputs, engine.out_widths, strict=True))

    def readers(self, tensor: str) -> list[tuple[str, int]]:
        """(node, port) of everything that reads ``tensor``; the network's own output last."""
        found = [(n.name, i) for n in self.graph.nodes for i, name in enumerate(n.inputs) if name == tensor]
        return found + [("output", i) for i, name in enumerate(self.graph.outputs) if name == tensor]

    def needs_fifo(self, stream: Stream) -> bool:
        """Accumulators that their one requantizer takes beat by beat need no FIFO, nor do constant maps, which never wait.

        Where it takes fewer lanes, it needs several cycles for a beat, and without a FIFO the multipliers would wait.
        """
        producer = self.graph.producer(stream.tensor)
        readers = self.readers(stream.tensor)
        if producer is not None and isinstance(producer.op, Constant):
            return False
        if producer is None or not isinstance(producer.op, Conv | DeformDepthwise | DeformConv | Pointwise) or len(readers) > 1:
            return True
        reader = next((n for n in self.graph.nodes if n.name == readers[0][0]), None)
        return (
            reader is None
            or not isinstance(reader.op, Requant | Thresholds)
            or self.mapped[reader.name].in_lanes != (stream.lanes,)
        )

    def branches(self, stream: Stream) -> dict[tuple[str, int], Stream]:
        """Forks ``stream`` to its readers, each behind a FIFO of its own."""
        readers = self.readers(stream.tensor)
        kind = self.graph.tensors[stream.tensor]
        beats = kind.pixels * ceil_div(kind.channels, stream.lanes)
        wires = [stream.wire]
        if not readers:  # an unused part of a split: always taken, never looked at
            return {}
        if len(readers) > 1:
            wires = [f"{stream.wire}__f{i}" for i in range(len(readers))]
            fork = Fork(name=f"{stream.wire}_fork", width=stream.width, outputs=len(readers), frame_beats=beats)
            self.place(fork, (stream.wire,), tuple(wires))
        out = {}
        for (reader, port), wire in zip(readers, wires, strict=True):
            branch = Stream(wire=wire, tensor=stream.tensor, lanes=stream.lanes, bits=stream.bits, signed=stream.signed)
            branch = self.widened(branch, reader, port)
            out[reader, port] = self.buffered(branch, reader, port) if self.needs_fifo(branch) else branch
        return out

    def widened(self, stream: Stream, reader: str, port: int) -> Stream:
        """``stream`` at the lanes of what reads it, if those are more and it reads in bursts.

        Behind the FIFO a converter would hold one beat at most, and the reader would wait for it to collect the next one;
        before the FIFO it never pauses.
        """
        mapped = self.mapped.get(reader)
        if mapped is None or not mapped.chain[0].in_bursts or mapped.in_lanes[port] <= stream.lanes:
            return stream
        lanes = mapped.in_lanes[port]
        wire = self.fitted(stream, lanes, stream.bits)
        return Stream(wire=wire, tensor=stream.tensor, lanes=lanes, bits=stream.bits, signed=stream.signed)

    def buffered(self, stream: Stream, reader: str, port: int) -> Stream:
        kind = self.graph.tensors[stream.tensor]
        beats = kind.pixels * ceil_div(kind.channels, stream.lanes)
        key = edge_key(stream.tensor, reader, port)
        depth = self.depths.get(key, self.default_depth)
        name = f"{stream.wire}__q"
        fifo = Fifo(name=f"{name}_fifo", index=len(self.edges), width=stream.width, depth=depth, frame_beats=beats)
        self.place(fifo, (stream.wire,), (name,))
        out = Stream(wire=name, tensor=stream.tensor, lanes=stream.lanes, bits=stream.bits, signed=stream.signed)
        self.edges.append(Edge(fifo=fifo, stream=out, reader=reader, key=key))
        return out

    def fitted(self, stream: Stream, lanes: int, bits: int) -> str:
        """``stream`` with other lanes and lane width; the wire to connect."""
        wire, kind = stream.wire, self.graph.tensors[stream.tensor]
        if bits < stream.bits:
            wire = self.cast(stream, wire, stream.lanes, bits)
        if lanes != stream.lanes:
            repacked = f"{wire}__r{lanes}"
            channels = (kind.channels,)
            engine = Repack(
                name=f"{repacked}_repack",
                bits=min(bits, stream.bits),
                pixels=kind.pixels,
                lanes_in=stream.lanes,
                lanes_out=lanes,
                in_channels=channels,
                out_channels=channels,
            )
            self.place(engine, (wire,), (repacked,))
            wire = repacked
        if bits > stream.bits:
            wire = self.cast(stream, wire, lanes, bits)
        return wire

    def cast(self, stream: Stream, wire: str, lanes: int, bits: int) -> str:
        out = f"{wire}__b{bits}"
        kind = self.graph.tensors[stream.tensor]
        engine = Cast(
            name=f"{out}_cast",
            lanes=lanes,
            in_bits=stream.bits,
            out_bits=bits,
            signed=stream.signed,
            frame_beats=kind.pixels * ceil_div(kind.channels, lanes),
        )
        self.place(engine, (wire,), (out,))
        return out

    def streamed(self, engine: Engine) -> tuple[str, ...]:
        """The wire on which an engine's weights come, if it has none of its own."""
        if not isinstance(engine, Stationary):
            return ()
        rom = engine.streamed()
        stream = WeightStream(
            wire=f"w_{engine.name}", file=rom.file, width=rom.bits, words=len(rom.fields), passes=engine.passes
        )
        self.weights.append(stream)
        self.wires[stream.wire] = stream.width
        return (stream.wire,)

    def chain(self, mapped: Mapped, node: Node, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> list[Stream]:
        """Places a node's engines; returns its output streams, on the wires ``outputs``."""
        for i, engine in enumerate(mapped.chain):
            last = i == len(mapped.chain) - 1
            results = outputs if last else (f"{engine.name}_out",)
            self.place(engine, (*inputs, *self.streamed(engine)), results)
            inputs = results
        return [
            Stream(
                wire=wire,
                tensor=name,
                lanes=lanes,
                bits=mapped.out_bits,
                signed=self.graph.tensors[name].signed or mapped.out_bits > self.graph.tensors[name].bits,
            )
            for wire, name, lanes in zip(outputs, node.outputs, mapped.out_lanes, strict=True)
        ]


def _input_stream(graph: Graph, kind: Tensor, folds: Mapping[str, Mapped]) -> Stream:
    """The network's input, at the lanes that its first reader wants."""
    reader = graph.consumers(kind.name)[0]
    lanes = folds[reader.name].in_lanes[reader.inputs.index(kind.name)]
    return Stream(wire=f"in_{kind.name}", tensor=kind.name, lanes=lanes, bits=kind.bits, signed=kind.signed)


def build_design(
    graph: Graph,
    folds: Mapping[str, Fold],
    depths: Mapping[str, int] | None = None,
    default_depth: int = UNSIZED_DEPTH,
    technology: Technology = XC7,
) -> Design:
    """Joins the engines of all nodes.

    Args:
        folds: folding of each node.
        depths: FIFO depths by :func:`edge_key`.
        default_depth: depth of the FIFOs that ``depths`` does not name.
    """
    folds = at_readers(graph, folds)
    mapped = {node.name: map_node(graph, node, folds[node.name]) for node in graph.nodes}
    builder = _Builder(graph=graph, mapped=mapped, depths=depths or {}, default_depth=default_depth)
    inputs = tuple(_input_stream(graph, graph.tensors[name], mapped) for name in graph.inputs)
    ready: dict[tuple[str, int], Stream] = {}
    for stream in inputs:
        builder.wires[stream.wire] = stream.width
        ready.update(builder.branches(stream))
    for node in graph.nodes:
        m = mapped[node.name]
        wires = tuple(
            builder.fitted(ready[node.name, port], m.in_lanes[port], m.in_bits[port]) for port in range(len(node.inputs))
        )
        for stream in builder.chain(m, node, wires, tuple(f"t_{name}" for name in node.outputs)):
            ready.update(builder.branches(stream))
    outputs = tuple(ready["output", i] for i in range(len(graph.outputs)))
    return Design(
        instances=tuple(builder.instances),
        wires=builder.wires,
        edges=tuple(builder.edges),
        inputs=inputs,
        outputs=outputs,
        weights=tuple(builder.weights),
        technology=technology,
    )


def layer_design(graph: Graph, node: Node, mapped: Mapped) -> Design:
    """A node's engines alone: its tensors arrive at ``in0`` and so on, and leave at ``out0`` and so on."""
    builder = _Builder(graph=graph, mapped={node.name: mapped}, depths={}, default_depth=UNSIZED_DEPTH)
    inputs = tuple(
        Stream(wire=f"in{k}", tensor=name, lanes=lanes, bits=bits, signed=graph.tensors[name].signed)
        for k, (name, lanes, bits) in enumerate(zip(node.inputs, mapped.in_lanes, mapped.in_bits, strict=True))
    )
    builder.wires.update((s.wire, s.width) for s in inputs)
    wires = tuple(s.wire for s in inputs)
    outputs = builder.chain(mapped, node, wires, tuple(f"out{k}" for k in range(len(node.outputs))))
    return Design(
        instances=tuple(builder.instances),
        wires=builder.wires,
        edges=(),
        inputs=inputs,
        outputs=tuple(outputs),
        weights=tuple(builder.weights),
    )


def stream_spec(graph: Graph, stream: Stream) -> StreamSpec:
    """What simulators must know of a stream."""
    return StreamSpec(stream.tensor, graph.tensors[stream.tensor].shape, stream.lanes, stream.bits, stream.signed)


def unread(design: Design) -> Iterator[str]:
    """Streams that no instance and no output reads; the top module takes and drops their beats."""
    read = {wire for i in design.instances for wire in i.inputs} | {s.wire for s in design.outputs}
    yield from (wire for wire in design.wires if wire not in read)
