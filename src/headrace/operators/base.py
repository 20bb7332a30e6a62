# SPDX-License-Identifier: Apache-2.0
"""What every operator of the integer graph tells the compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from headrace.engines.base import Engine
from headrace.engines.technology import XC7, Resources, Technology, ceil_div
from headrace.frontend.context import Handler
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op
from headrace.ir.ranges import Range
from headrace.ir.tensor import Tensor

BORDER_LUTS = 1
"""LUTs charged per bit of a stream at an operator's border, so that the optimiser does not take wide streams for free."""
PART_ROW = 0.25
"""Rows that an engine takes to work off what has come; fitted to simulations of cellnet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """How far one operator is unrolled; which fields matter depends on the operator."""

    lanes: int = 1
    """Channels of an input beat (SIMD per tap for a convolution)."""
    taps: int = 1
    """Kernel taps of a beat: a part of a column, or KH * KW."""
    pe: int = 1
    """Output channels in parallel (dense and grouped convolutions)."""
    lut_mul: bool = False
    """Multiply in LUTs instead of DSPs."""
    thresholds: bool = False
    """Search among thresholds instead of multiplying or looking up (requantizers, functions of one value)."""
    table: bool = False
    """Look up instead of multiplying or searching (the same)."""
    lut_rom: bool = False
    """Keep weights in LUTs that by their size belong in block RAM (dense and grouped convolutions)."""
    held: int = 0
    """Hold so many pixels while the weights stream in from outside the network; 0: keep the weights (dense convolutions).
    Pixels that come together from such a convolution (requantizers)."""
    blocked: bool = False
    """Leave it to the requantizer to bring held pixels into their order (dense convolutions)."""
    rows: int = 0
    """Row slots of the line buffer; 0: as many as let writing and reading go on side by side."""
    pixels: int = 0
    """Pixels in the ring of a line buffer that gives a tap a beat; 0: it holds whole rows (static windows)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """An operator as a chain of engines: each feeds the next; further inputs enter at the first."""

    chain: tuple[Engine, ...]
    in_lanes: tuple[int, ...]
    """Lanes at which each input stream must arrive."""
    out_lanes: tuple[int, ...]
    """Lanes at which each output stream leaves."""
    in_bits: tuple[int, ...]
    """Bits of one lane of each input stream, as the first engine wants it."""
    out_bits: int
    """Bits of one lane of every output stream."""

    @property
    def cycles(self) -> int:
        """Cycles per frame of the slowest engine."""
        return max(engine.cycles for engine in self.chain)

    def resources(self, technology: Technology = XC7) -> Resources:
        """Sum over the chain, and what its width is likely to cost in converters and FIFOs around it."""
        bits_in = sum(lanes * bits for lanes, bits in zip(self.in_lanes, self.in_bits, strict=True))
        bits_out = sum(self.out_lanes) * self.out_bits
        total = Resources(lut=BORDER_LUTS * (bits_in + bits_out), ff=BORDER_LUTS * (bits_in + bits_out))
        for engine in self.chain:
            total += engine.resources(technology)
        return total


def lane_choices(channels: int) -> Iterator[int]:
    """The smallest lane count for each possible number of beats; ragged last beats are welcome."""
    beats_seen = set()
    for lanes in range(1, channels + 1):
        beats = ceil_div(channels, lanes)
        if beats not in beats_seen:
            beats_seen.add(beats)
            yield lanes


def tap_choices(kernel: tuple[int, int]) -> list[int]:
    """Taps in parallel: one, a column of the kernel, or all."""
    return sorted({1, kernel[0], kernel[0] * kernel[1]})


def same_lanes(engine: Engine, lanes: int, in_bits: tuple[int, ...], out_bits: int) -> Mapped:
    """A single engine that takes and gives the same number of lanes on all its streams."""
    outputs = len(engine.out_widths)
    return Mapped(
        chain=(engine,),
        in_lanes=(lanes,) * len(in_bits),
        out_lanes=(lanes,) * outputs,
        in_bits=in_bits,
        out_bits=out_bits,
    )


def lane_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    """Foldings of an operator that knows lanes only."""
    for lanes in lane_choices(max(t.channels for t in graph.input_tensors(node))):
        yield Fold(lanes=lanes)


Mapper = Callable[[Graph, Node, Fold], Mapped]
Options = Callable[[Graph, Node], Iterator[Fold]]
Bounds = Callable[[Op, tuple[Tensor, ...]], Range]
Delay = Callable[[Op, tuple[Tensor, ...]], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One kind of node: how it is imported, bounded, folded and built; its golden is a kernel of `headrace_host`."""

    op: type[Op]
    map: Mapper
    """The chain of engines of a node at a folding."""
    folds: Options
    """The foldings worth considering."""
    lean: Options | None = None
    """Further foldings, which take less block RAM: fewer rows in line buffers, weights that stream in."""
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    """ONNX operator type -> its import."""
    bounds: Bounds | None = None
    """Range of each output channel, given the inputs' types; None: the output tensor's own range is all that is known."""
    delay: Delay | None = None
    """Frames by which the output lags behind the input, given the inputs' types; None: not at all."""
