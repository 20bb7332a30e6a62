# SPDX-License-Identifier: Apache-2.0
"""Engines that reorder channels and pixels without changing values: gather, block transpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np

from headrace.engines.base import Engine, LaneEngine, Packed, Parameter
from headrace.engines.plumbing import packed_counts
from headrace.engines.technology import XC7, Resources, Technology, ceil_div, index_bits
from headrace.ir.ops import IntArray, Pair

MUX_LUTS = 0.45
"""LUTs of a one-bit multiplexer, for each input but the first."""


@dataclass(frozen=True, kw_only=True)
class Gatherer(Engine):
    """Channel n of the output is channel ``indices[n]`` of the same pixel, or zero where that is -1."""

    module: ClassVar[str] = "engine_gather"
    bits: int
    pixels: int
    channels: int
    indices: tuple[int, ...]
    lanes_in: int
    lanes_out: int

    @property
    def beats_in(self) -> int:
        """Beats of an input pixel."""
        return ceil_div(self.channels, self.lanes_in)

    @property
    def beats_out(self) -> int:
        """Beats of an output pixel."""
        return ceil_div(len(self.indices), self.lanes_out)

    @property
    def in_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.lanes_in * self.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """One beat."""
        return (self.lanes_out * self.bits,)

    @property
    def cycles(self) -> int:
        """Reading and writing overlap; the longer one counts."""
        return self.pixels * max(self.beats_in, self.beats_out)

    @cached_property
    def filters(self) -> bool:
        """Whether whole beats are chosen, in their order; the others are dropped."""
        lanes, first = self.lanes_in, self.indices[:: self.lanes_in]
        if self.lanes_out != lanes or len(self.indices) % lanes or self.beats_in == 1 or any(c % lanes for c in first):
            return False
        rising = all(a < b for a, b in pairwise(first)) and min(first) >= 0
        return rising and self.indices == tuple(c + n for c in first for n in range(lanes))

    @property
    def in_memory(self) -> bool:
        """Whether memories hold the pixels rather than registers: whichever takes fewer LUTs and flip-flops."""
        if self.beats_in == 1 or self.filters:
            return False
        registers, memories = self._registers, self._selection + self._stores(XC7)
        return memories.lut + memories.ff / 2 < registers.lut + registers.ff / 2

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_gather.sv."""
        return {
            "LaneW": self.bits,
            "LanesIn": self.lanes_in,
            "LanesOut": self.lanes_out,
            "InC": self.channels,
            "OutC": len(self.indices),
            "Index": packed_counts(self.indices),
            "Memory": self.in_memory,
        }

    def memories(self, technology: Technology) -> Resources:
        """What holds two pixels."""
        return self._stores(technology) if self.in_memory else Resources()

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """What is kept; or multiplexers, or registers and multiplexers (fitted to yosys)."""
        if self.filters:
            bits = index_bits(self.beats_in)
            return Resources(lut=5 + 3 * bits // 2 + self.beats_in // 64, ff=bits + 1)
        return self._selection if self.in_memory else self._registers

    @cached_property
    def _registers(self) -> Resources:
        """A multiplexer of output beats per lane; registers of a pixel or two."""
        ways = [len(set(self.indices[p :: self.lanes_out])) for p in range(min(self.lanes_out, len(self.indices)))]
        lut = self.bits * sum(_mux(n) for n in ways)
        if self.beats_in == 1:
            return Resources(lut=lut + 3, ff=self.beats_out.bit_length())
        used = set(self.indices) - {-1}
        early = sum(1 for c in used if c < (self.beats_in - 1) * self.lanes_in)
        held = len(used) + early if self.beats_out > 1 else len(used)
        return Resources(lut=lut + 3 * self.beats_in // 2 + 6, ff=held * self.bits + 8)

    @cached_property
    def _sources(self) -> list[int]:
        """Of each output lane, how many input lanes it reads."""
        lanes = range(min(self.lanes_out, len(self.indices)))
        return [len({c % self.lanes_in for c in self.indices[p :: self.lanes_out] if c >= 0}) for p in lanes]

    def _stores(self, technology: Technology) -> Resources:
        """Per output lane, a memory of those input lanes that it reads."""
        depth = 2 << index_bits(self.beats_in)
        stores = (technology.memory(depth, max(1, sources) * self.bits) for sources in self._sources)
        return sum(stores, Resources())

    @cached_property
    def _selection(self) -> Resources:
        """Per output lane, a multiplexer of them."""
        lut = sum(self.bits * _mux(sources) + 3 for sources in self._sources)
        return Resources(lut=24 + lut, ff=14 + 3 * len(self._sources))


def _mux(ways: int) -> int:
    """LUTs of a one-bit multiplexer (fitted to yosys)."""
    return 0 if ways <= 1 else max(1, round(MUX_LUTS * (ways - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires(LaneEngine):
    """Beats as they are, for operators whose order of beats is that of their input."""

    module: ClassVar[str] = "stream_cast"
    frame_beats: int

    @property
    def cycles(self) -> int:
        """Beats pass one at a time."""
        return self.frame_beats

    def parameters(self) -> Mapping[str, Parameter]:
        """See stream_cast.sv."""
        return {"Lanes": self.lanes, "InW": self.bits, "OutW": self.bits, "Signed": False}

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """None."""
        return Resources()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTransposer(LaneEngine):
    """Blocks of ``outer`` x ``inner`` units of ``unit`` beats leave with ``outer`` running faster."""

    module: ClassVar[str] = "engine_transpose"
    outer: int
    inner: int
    unit: int
    blocks: int
    """Blocks of a frame."""

    @property
    def block(self) -> int:
        """Beats of a block."""
        return self.outer * self.inner * self.unit

    @property
    def cycles(self) -> int:
        """One beat each cycle."""
        return self.blocks * self.block

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_transpose.sv."""
        return {"LaneW": self.bits, "Lanes": self.lanes, "Outer": self.outer, "Inner": self.inner, "Unit": self.unit}

    def memories(self, technology: Technology) -> Resources:
        """One block."""
        return technology.memory(self.block, self.lanes * self.bits)

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """Two walks of addresses, and what is held (fitted to yosys)."""
        address = index_bits(self.block)
        return Resources(lut=max(20, 11 * address - 24), ff=max(16, 7 * address - 5))


@dataclass(frozen=True, kw_only=True, eq=False)
class Shifter(LaneEngine):
    """Moves every channel by an offset of its own."""

    module: ClassVar[str] = "engine_shift"
    size: Pair
    """Rows and columns of the map."""
    offsets: IntArray
    """(C, 2): rows, columns"""

    @property
    def beats(self) -> int:
        """Beats of a pixel."""
        return ceil_div(len(self.offsets), self.lanes)

    @property
    def cycles(self) -> int:
        """One beat each cycle."""
        return self.size[0] * self.size[1] * self.beats

    @cached_property
    def kinds(self) -> tuple[IntArray, IntArray]:
        """The different offsets (n, 2), and which of them each channel has (C,)."""
        different, members = np.unique(self.offsets, axis=0, return_inverse=True)
        return different, members.ravel()

    @property
    def depth(self) -> int:
        """Words of the ring: from the farthest one back to the farthest one ahead, the one written and one in flight."""
        words = (self.kinds[0] @ np.array([self.size[1], 1])) * self.beats
        return int(max(0, words.max()) - min(0, words.min())) + 2

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_shift.sv."""
        different, members = self.kinds
        return {
            "LaneW": self.bits,
            "Lanes": self.lanes,
            "Channels": len(self.offsets),
            "InH": self.size[0],
            "InW": self.size[1],
            "Kinds": len(different),
            "RowOffset": packed_bytes(different[:, 0]),
            "ColOffset": packed_bytes(different[:, 1]),
            "Kind": packed_bytes(members),
            "Depth": self.depth,
        }

    @cached_property
    def _padded(self) -> IntArray:
        """Kinds of offset (beats, lanes)."""
        _, members = self.kinds
        return np.concatenate([members, np.repeat(members[-1:], -len(members) % self.lanes)]).reshape(-1, self.lanes)

    @property
    def _alike(self) -> bool:
        """Whether the lanes of a beat move alike."""
        return bool(np.all(self._padded == self._padded[:, :1]))

    def memories(self, technology: Technology) -> Resources:
        """One for all lanes that move alike, else one per lane."""
        if self._alike:
            return technology.memory(self.depth, self.lanes * self.bits)
        return sum((technology.memory(self.depth, self.bits) for _ in range(self.lanes)), Resources())

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """A pointer and comparisons per offset."""
        different, _ = self.kinds
        padded, alike = self._padded, self._alike
        address = self.depth.bit_length()
        select = (1 if alike else self.lanes) * address * _mux(len(np.unique(padded)) if self.beats > 1 else 1)
        pointers = len(different) * (address + 4)
        return Resources(lut=pointers + select * 3 // 4 + 20, ff=len(different) * address + 6 * address)


def packed_bytes(values: IntArray) -> Packed:
    """Small integers as a packed array literal of bytes in two's complement, element 0 in the low bits."""
    listed = values.tolist()
    return Packed("{" + ", ".join(f"8'd{int(value) % 256}" for value in reversed(listed)) + "}", listed)
