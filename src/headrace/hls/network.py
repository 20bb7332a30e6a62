# SPDX-License-Identifier: Apache-2.0
"""A design as a dataflow region of C++ kernels, cut into stages that a person can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from headrace.backend.design import Design, Instance, unread
from headrace.engines.base import Engine
from headrace.engines.moves import BlockTransposer, Gatherer, Wires
from headrace.engines.plumbing import Cast, Fifo, Fork, Interleaver, Repack, Upsampler
from headrace.engines.pools import Chooser, Pooler, Reducer
from headrace.engines.technology import ceil_div
from headrace.errors import BuildError
from headrace.hls.kernel import Beats, Pauses, values_of
from headrace.hls.kernels import KERNELS
from headrace.hls.render import KERNELS_NAMESPACE, KernelView, kernel_view

NETWORK = "headrace_network"
"""The dataflow function of the whole network."""
STAGE_LINES = 150
"""Lines of a stage's body, about."""
DISCARD = "headrace::discard"
WIRE_DEPTH = 2
"""Beats between two kernels without a FIFO."""
CXX_WORDS = frozenset(
    """
    alignas alignof and asm auto bitand bitor bool break case catch char class compl const constexpr continue decltype
    default delete do double else enum explicit export extern false float for friend frames goto if inline int long
    main mutable namespace new noexcept not nullptr operator or private protected public register return short signed
    sizeof static struct switch template this throw true try typedef typeid typename union unsigned using virtual void
    volatile while xor headrace hls std static_cast reinterpret_cast const_cast dynamic_cast thread_local wchar_t char16_t
    char32_t and_eq or_eq xor_eq not_eq static_assert stdin stdout stderr errno scheduler interval file depths argc argv
    alloca assert be16toh be32toh be64toh htobe16 htobe32 htobe64 htole16 htole32 htole64 le16toh le32toh le64toh issubnormal
    math_errhandling offsetof pthread_cleanup_pop pthread_cleanup_push strdupa strndupa kernels input output module wire reg
    logic
    """.split()  # noqa: SIM905  # one word a line would take a page
)
"""Names that a kernel or stream cannot have: keywords, macros, and what stands beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """A stream between kernels."""

    name: str
    beats: Beats
    depth: int

    @property
    def type(self) -> str:
        """Its C++ type."""
        return self.beats.type

    @property
    def width(self) -> int:
        """Bits of a beat."""
        return self.beats.bits * self.beats.lanes

    @property
    def words(self) -> int:
        """32-bit words that hold a beat."""
        return ceil_div(self.width, 32)

    @property
    def axis_bits(self) -> int:
        """Bits of an AXI4-Stream that carries it: whole bytes."""
        return ceil_div(self.width, 8) * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A call in a dataflow function."""

    function: str
    streams: tuple[str, ...]
    header: str = ""
    """Of `kernels/`, if it is there."""

    @property
    def name(self) -> str:
        """For messages."""
        return self.function.removeprefix(f"{KERNELS_NAMESPACE}::")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """A dataflow function: consecutive kernels, and the streams between them."""

    name: str
    ports: tuple[ChannelView, ...]
    channels: tuple[ChannelView, ...]
    calls: tuple[CallView, ...]

    @property
    def headers(self) -> tuple[str, ...]:
        """Of the kernels that it calls."""
        return tuple(call.header for call in self.calls if call.header)

    @property
    def discards(self) -> bool:
        """Whether it drops beats that nothing reads."""
        return any(call.function.startswith(DISCARD) for call in self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    """All of a network's C++."""

    title: str
    kernels: tuple[KernelView, ...]
    stages: tuple[StageView, ...]
    top: StageView
    """Calls the stages."""
    inputs: tuple[ChannelView, ...]
    outputs: tuple[ChannelView, ...]
    fifos: Mapping[int, str]
    """The stream that stands for each FIFO, by the FIFO's index."""


def frame_pixels(engine: Engine) -> int:
    """How often a frame repeats what `Kernel.pixel_beats` counts: its pixels, for most engines."""
    match engine:
        case Repack() | Gatherer():
            return engine.pixels
        case Fork() | Interleaver() | Wires() | Cast():
            return engine.frame_beats
        case BlockTransposer():
            return engine.blocks
        case Chooser():
            return engine.source.pixels
        case Pooler():
            return engine.result.pixels * ceil_div(engine.result.channels, engine.lanes)
        case Reducer():
            return engine.source.pixels * ceil_div(engine.source.channels, engine.lanes) // (engine.words * engine.group)
        case Upsampler():
            return engine.source.shape[0]
    return int(getattr(engine, "result").pixels)  # noqa: B009  # the base class promises no result


def symbol(name: str) -> str:
    """``name`` as a C++ name."""
    return f"{name}_" if name in CXX_WORDS else name


class _Builder:
    """Follows the wires of a design from kernel to kernel."""

    def __init__(self, design: Design, notes: Mapping[str, str], *, restarts: bool) -> None:
        self.design = design
        self.notes = notes
        self.restarts = restarts
        self.paused: dict[str, tuple[Engine, Pauses]] = {}
        """What gives a wire's beats, if it pauses."""
        self.beats: dict[str, Beats] = {s.wire: Beats(s.bits, s.lanes) for s in design.inputs}
        self.behind: dict[str, str] = {}
        """Wire behind a FIFO -> wire before it: both are one stream."""
        self.depths: dict[str, int] = {}
        self.fifos: dict[int, str] = {}
        self.kernels: list[KernelView] = []
        self.calls: list[CallView] = []

    def stream(self, wire: str) -> str:
        """The C++ stream that carries a wire."""
        return self.behind.get(wire, wire)

    def place(self, instance: Instance) -> None:
        engine = instance.engine
        if isinstance(engine, Fifo):
            before, after = self.stream(instance.inputs[0]), instance.outputs[0]
            self.behind[after] = before
            self.fifos[engine.index] = symbol(before)
            self.depths[before] = max(engine.depth, WIRE_DEPTH)
            return
        view = self.view(instance)
        wires = [symbol(self.stream(wire)) for wire in (*instance.inputs, *instance.outputs)]
        if view.outputs_first:
            wires = wires[len(instance.inputs) :] + wires[: len(instance.inputs)]
        self.kernels.append(view)
        self.calls.append(CallView(function=view.call, streams=tuple(wires), header=view.symbol))

    def view(self, instance: Instance) -> KernelView:
        engine = instance.engine
        if engine.module not in KERNELS:
            raise BuildError(f"{engine.name}: {engine.module} has no C++ kernel; compile with --backend rtl")
        kernel, parameters = KERNELS[engine.module], values_of(engine.parameters())
        came = tuple(self.beats[self.stream(wire)] for wire in instance.inputs)
        if kernel.any_beats:
            kernel = replace(kernel, inputs=lambda _: came, outputs=lambda _: came * len(instance.outputs))
        expected = kernel.inputs(parameters)
        if came != expected:
            raise BuildError(f"{engine.name}: its kernel takes {expected}, but {came} come")
        for wire in map(self.stream, instance.inputs[:1]):
            needed = WIRE_DEPTH + (kernel.burst(parameters) if kernel.burst else 0) + self.pause_beats(wire, engine)
            self.depths[wire] = max(self.depths.get(wire, 0), needed)
        if kernel.pauses:
            self.paused[instance.outputs[0]] = engine, kernel.pauses(parameters)
        self.beats.update(zip(instance.outputs, kernel.outputs(parameters), strict=True))
        return kernel_view(
            symbol(engine.name),
            kernel,
            parameters,
            {rom.file: rom.fields for rom in engine.roms()},
            pixels=frame_pixels(engine) if kernel.pixel_beats else None,
            note=self.notes.get(
                engine.name, f"Between layers: {' and '.join(instance.inputs)} to {' and '.join(instance.outputs)}."
            ),
        )

    def pause_beats(self, wire: str, reader: Engine) -> int:
        """Beats that a reader takes while what gives them pauses, if it is the slower one and they can collect before."""
        if wire not in self.paused or self.paused[wire][0].cycles >= reader.cycles:
            return 0
        pauses = self.paused[wire][1]
        longest = max(pauses.between_rows, pauses.at_start if self.restarts else 0)
        return ceil_div(longest * pauses.beats, reader.cycles)

    def channel(self, name: str, wire: str) -> ChannelView:
        return ChannelView(name=name, beats=self.beats[wire], depth=self.depths.get(wire, WIRE_DEPTH))


def network_view(
    design: Design, title: str, notes: Mapping[str, str] | None = None, *, name: str = NETWORK, restarts: bool = False
) -> NetworkView:
    """The C++ of a design.

    Args:
        notes: a sentence on what an engine does, by its name.
        name: of the function that calls all of it.
        restarts: it is called for a frame at a time, not for many.

    Raises:
        BuildError: an engine has no kernel.
    """
    builder = _Builder(design, notes or {}, restarts=restarts)
    for instance in design.instances:
        builder.place(instance)
    wires = {symbol(wire): wire for wire in builder.beats}
    channels = {name: builder.channel(name, wire) for name, wire in wires.items()}
    for wire in unread(design):
        beats = _beats_of_part(design, wire)
        builder.calls.append(CallView(function=f"{DISCARD}<{beats}>", streams=(symbol(wire),)))
    inputs = tuple(channels[symbol(s.wire)] for s in design.inputs)
    outputs = tuple(channels[symbol(builder.stream(s.wire))] for s in design.outputs)
    ports = {c.name for c in (*inputs, *outputs)}
    stages = tuple(_stages(builder.calls, channels, ports))
    inner = {c.name for stage in stages for c in stage.channels}
    top = StageView(
        name=name,
        ports=(*inputs, *outputs),
        channels=tuple(c for c in channels.values() if c.name not in inner | ports),
        calls=tuple(CallView(function=s.name, streams=tuple(p.name for p in s.ports)) for s in stages),
    )
    return NetworkView(
        title=title, kernels=tuple(builder.kernels), stages=stages, top=top, inputs=inputs, outputs=outputs, fifos=builder.fifos
    )


def _beats_of_part(design: Design, wire: str) -> int:
    """Beats of a frame of a split's output."""
    for instance in design.instances:
        engine = instance.engine
        if wire in instance.outputs and isinstance(engine, Repack):
            return engine.pixels * ceil_div(engine.out_channels[instance.outputs.index(wire)], engine.lanes_out)
    raise BuildError(f"nothing reads the stream {wire}")


def _stages(calls: list[CallView], channels: Mapping[str, ChannelView], ports: set[str]) -> Iterator[StageView]:
    """Consecutive calls, and the streams that only they use."""
    used = Counter(name for call in calls for name in call.streams)
    for number, part in enumerate(_parts(calls)):
        here = Counter(name for call in part for name in call.streams)
        inner = [name for name, count in here.items() if count == used[name] and name not in ports]
        yield StageView(
            name=f"stage_{number}",
            ports=tuple(channels[name] for name in here if name not in inner),
            channels=tuple(channels[name] for name in inner),
            calls=tuple(part),
        )


def _parts(calls: list[CallView]) -> Iterator[list[CallView]]:
    """Parts whose bodies have about `STAGE_LINES` lines: a header, a call, a stream and its two pragmas for each kernel."""
    count = -(-len(calls) * 5 // STAGE_LINES)
    size = -(-len(calls) // count)
    for start in range(0, len(calls), size):
        yield calls[start : start + size]
