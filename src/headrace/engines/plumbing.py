# SPDX-License-Identifier: Apache-2.0
"""Engines that move beats without changing values: FIFO, fork, repack, interleave, upsample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import gcd
from typing import ClassVar

from headrace.engines.base import Engine, Packed, Parameter
from headrace.engines.technology import Resources, Technology, ceil_div, index_bits
from headrace.ir.ops import Pair
from headrace.ir.tensor import Tensor

REGISTER_DEPTH = 2
"""FIFOs up to this depth are registers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fifo(Engine):
    """``depth`` beats of buffering on one edge of the network."""

    module: ClassVar[str] = "stream_fifo"
    index: int
    """Number of the FIFO in the design; names it in simulation."""
    width: int
    depth: int
    frame_beats: int

    @property
    def in_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.width,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.width,)

    @property
    def cycles(self) -> int:
        """One beat each cycle."""
        return self.frame_beats

    def parameters(self) -> Mapping[str, Parameter]:
        """See stream_fifo.sv."""
        return {"Width": self.width, "Depth": self.depth, "Id": self.index}

    def memories(self, technology: Technology) -> Resources:
        """Beats, unless they are in registers."""
        if self.depth <= REGISTER_DEPTH:
            return Resources()
        block = technology.fifo_in_block(self.depth, self.width)
        words = self.depth - 2 if block else self.depth  # two wait in registers behind block RAM
        return replace(technology.memory(words, self.width, block=block), ff=0)

    def logic(self, technology: Technology) -> Resources:
        """Pointers, or registers and what selects from them (fitted to yosys)."""
        if self.depth == 1:
            return Resources(lut=5, ff=self.width + 3)
        if self.depth <= REGISTER_DEPTH:
            return Resources(lut=self.width + 5, ff=self.depth * self.width + 4)
        pointer = index_bits(self.depth)
        if technology.fifo_in_block(self.depth, self.width):
            return Resources(lut=4 * pointer + 3, ff=3 * pointer + 4 + self.width)
        return Resources(lut=4 * pointer + 3, ff=4 * pointer + 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork(Engine):
    """Gives each beat to every one of ``outputs`` streams."""

    module: ClassVar[str] = "stream_fork"
    bundled_out: ClassVar[bool] = True
    width: int
    outputs: int
    frame_beats: int

    @property
    def in_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.width,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """One beat each."""
        return (self.width,) * self.outputs

    @property
    def cycles(self) -> int:
        """One beat each cycle."""
        return self.frame_beats

    def parameters(self) -> Mapping[str, Parameter]:
        """See stream_fork.sv."""
        return {"Width": self.width, "Outputs": self.outputs}

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """One flag per output."""
        return Resources(lut=3 * self.outputs, ff=self.outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast(Engine):
    """Gives every lane another width: extended by its signedness, or cut where the range is known to fit. Wires only."""

    module: ClassVar[str] = "stream_cast"
    lanes: int
    in_bits: int
    out_bits: int
    signed: bool
    frame_beats: int

    @property
    def in_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.lanes * self.in_bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.lanes * self.out_bits,)

    @property
    def cycles(self) -> int:
        """Wires take no time."""
        return 0

    def parameters(self) -> Mapping[str, Parameter]:
        """See stream_cast.sv."""
        return {"Lanes": self.lanes, "InW": self.in_bits, "OutW": self.out_bits, "Signed": self.signed}

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """None."""
        return Resources()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repack(Engine):
    """Cuts the channels of its inputs into other beats and segments: width converter, concat and split."""

    module: ClassVar[str] = "stream_repack"
    bundled_in: ClassVar[bool] = True
    bundled_out: ClassVar[bool] = True
    bits: int
    pixels: int
    lanes_in: int
    lanes_out: int
    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]

    @property
    def in_widths(self) -> tuple[int, ...]:
        """One beat of each input."""
        return (self.lanes_in * self.bits,) * len(self.in_channels)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """One beat of each output."""
        return (self.lanes_out * self.bits,) * len(self.out_channels)

    @property
    def in_bursts(self) -> bool:
        """One input after the other."""
        return len(self.in_channels) > 1

    @property
    def cycles(self) -> int:
        """Reading and writing overlap; the longer one counts."""
        beats_in = sum(ceil_div(c, self.lanes_in) for c in self.in_channels)
        beats_out = sum(ceil_div(c, self.lanes_out) for c in self.out_channels)
        return self.pixels * max(beats_in, beats_out)

    def parameters(self) -> Mapping[str, Parameter]:
        """See stream_repack.sv."""
        return {
            "LaneW": self.bits,
            "LanesIn": self.lanes_in,
            "LanesOut": self.lanes_out,
            "Ins": len(self.in_channels),
            "Outs": len(self.out_channels),
            "InC": packed_counts(self.in_channels),
            "OutC": packed_counts(self.out_channels),
        }

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """By form (fitted to yosys): a multiplexer, a register that widens, or a shift register of units of lanes."""
        single = len(self.in_channels) == len(self.out_channels) == 1
        whole = all(c % self.lanes_in == 0 for c in self.in_channels) and all(
            c % self.lanes_out == 0 for c in self.out_channels
        )
        out_bits = self.lanes_out * self.bits
        if self.lanes_in == self.lanes_out and (single or whole):
            return Resources(lut=out_bits * max(len(self.in_channels) - 1, 0) + 5, ff=2)
        if single and self.lanes_in % self.lanes_out == 0:
            parts = self.lanes_in // self.lanes_out
            return Resources(lut=out_bits * ceil_div(parts - 1, 3) + index_bits(parts) + 2, ff=index_bits(parts))
        if single and self.lanes_out % self.lanes_in == 0:
            return Resources(lut=8, ff=out_bits + 3)
        unit = gcd(self.lanes_in, self.lanes_out, *self.in_channels, *self.out_channels)
        held = (self.lanes_in + self.lanes_out - unit) * self.bits
        return Resources(lut=5 * held // 2, ff=held + 4)


def packed_counts(counts: tuple[int, ...]) -> Packed:
    """Counts as a packed array literal; element 0 in the low bits."""
    return Packed("{" + ", ".join(f"16'd{count % (1 << 16)}" for count in reversed(counts)) + "}", counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interleaver(Engine):
    """Channel n of input k becomes channel n * inputs + k."""

    module: ClassVar[str] = "stream_interleave"
    bundled_in: ClassVar[bool] = True
    bits: int
    lanes: int
    inputs: int
    frame_beats: int

    @property
    def in_widths(self) -> tuple[int, ...]:
        """One beat of each input."""
        return (self.lanes * self.bits,) * self.inputs

    @property
    def out_widths(self) -> tuple[int, ...]:
        """All inputs side by side."""
        return (self.inputs * self.lanes * self.bits,)

    @property
    def cycles(self) -> int:
        """One beat each cycle."""
        return self.frame_beats

    def parameters(self) -> Mapping[str, Parameter]:
        """See stream_interleave.sv."""
        return {"LaneW": self.bits, "Lanes": self.lanes, "Ins": self.inputs}

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """Wires and a join."""
        return Resources(lut=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsampler(Engine):
    """Nearest neighbour by whole factors; holds two input rows."""

    module: ClassVar[str] = "engine_upsample"
    source: Tensor
    factors: Pair
    lanes: int

    @property
    def beats(self) -> int:
        """Beats of a pixel."""
        return ceil_div(self.source.channels, self.lanes)

    @property
    def in_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.lanes * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.lanes * self.source.bits,)

    @property
    def cycles(self) -> int:
        """One output beat each cycle."""
        return self.source.pixels * self.factors[0] * self.factors[1] * self.beats

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_upsample.sv."""
        return {
            "LaneW": self.source.bits,
            "Lanes": self.lanes,
            "Beats": self.beats,
            "InW": self.source.shape[1],
            "FactorH": self.factors[0],
            "FactorW": self.factors[1],
        }

    def memories(self, technology: Technology) -> Resources:
        """Two rows."""
        return technology.memory(2 * self.source.shape[1] * self.beats, self.lanes * self.source.bits)

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """Counters."""
        return Resources(lut=45, ff=50)
