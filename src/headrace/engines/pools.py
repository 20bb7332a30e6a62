# SPDX-License-Identifier: Apache-2.0
"""Engines that make one value of several: pooling, reductions over a map, and the first among channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from headrace.engines.base import Engine, Parameter
from headrace.engines.mac import acc_bits
from headrace.engines.technology import Resources, Technology, ceil_div, index_bits
from headrace.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooler(Engine):
    """Maximum or sum of the taps of a window, ``lanes`` channels by ``taps`` taps in each clock cycle."""

    module: ClassVar[str] = "engine_pool"
    source: Tensor
    result: Tensor
    lanes: int
    taps: int
    steps: int
    total: bool = False
    """Sum instead of maximum."""

    @property
    def out_bits(self) -> int:
        """Sums are two's complement, maxima as their operands."""
        return acc_bits(self.result) if self.total else self.source.bits

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Taps x lanes."""
        return (self.taps * self.lanes * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Lanes."""
        return (self.lanes * self.out_bits,)

    @property
    def cycles(self) -> int:
        """One input beat each cycle."""
        return self.result.pixels * ceil_div(self.result.channels, self.lanes) * self.steps

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_pool.sv."""
        return {
            "Lanes": self.lanes,
            "Taps": self.taps,
            "Steps": self.steps,
            "LaneW": self.source.bits,
            "Signed": self.source.signed,
            "Sum": self.total,
            "OutW": self.out_bits,
        }

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """An adder, or a comparator and a multiplexer, per tap and lane; two results at the output, and one that is running."""
        bits = self.lanes * self.out_bits
        held, nodes, passes = 2 + (self.steps > 1), self.taps, 0
        for _ in range((self.taps - 1).bit_length() - (self.steps == 1)):
            held += nodes // 2
            passes = passes + 1 if nodes % 2 else 0
            held += 1 if 0 < passes < 3 else -2 if passes == 3 else 0  # what passes three registers becomes a shift register
            nodes = (nodes + 1) // 2
        return Resources(lut=self.taps * bits * (2 if self.total else 3) // 2 + bits + 20, ff=bits * held + 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reducer(Engine):
    """Maximum or sum over all rows, all columns or both of a map, ``lanes`` channels in each clock cycle."""

    module: ClassVar[str] = "engine_reduce"
    source: Tensor
    result: Tensor
    rows: bool
    cols: bool
    total: bool
    lanes: int

    @property
    def out_bits(self) -> int:
        """Sums are two's complement, maxima as their operands."""
        return acc_bits(self.result) if self.total else self.source.bits

    @property
    def words(self) -> int:
        """Partial results held: a pixel's beats, or a row's where the rows alone are reduced."""
        return ceil_div(self.source.channels, self.lanes) * (1 if self.cols else self.source.shape[1])

    @property
    def group(self) -> int:
        """How many values one result is made of."""
        return (self.source.shape[0] if self.rows else 1) * (self.source.shape[1] if self.cols else 1)

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Lanes."""
        return (self.lanes * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Lanes."""
        return (self.lanes * self.out_bits,)

    @property
    def cycles(self) -> int:
        """One input beat each cycle."""
        return self.source.pixels * ceil_div(self.source.channels, self.lanes)

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_reduce.sv."""
        return {
            "Lanes": self.lanes,
            "LaneW": self.source.bits,
            "Signed": self.source.signed,
            "Beats": self.words,
            "Pixels": self.group,
            "Sum": self.total,
            "OutW": self.out_bits,
        }

    def memories(self, technology: Technology) -> Resources:
        """Partial results."""
        bits = self.lanes * self.out_bits
        return technology.memory(self.words, bits) if self.words > 1 else Resources(ff=bits)

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """An adder, or a comparator and a multiplexer, per lane (fitted to yosys)."""
        bits = self.lanes * self.out_bits
        work = bits * 3 // 2 if self.total else bits * 5 // 2
        return Resources(lut=work + 30, ff=bits + self.lanes * self.source.bits + 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser(Engine):
    """The ``k`` largest or smallest channels of a pixel, or where they are; ``lanes`` channels in each clock cycle."""

    module: ClassVar[str] = "engine_topk"
    source: Tensor
    k: int
    largest: bool
    last: bool
    indices: bool
    lanes: int

    @property
    def index_bits(self) -> int:
        """Bits of a channel's number."""
        return index_bits(self.source.channels)

    @property
    def out_bits(self) -> int:
        """Bits of a result."""
        return self.index_bits if self.indices else self.source.bits

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Lanes."""
        return (self.lanes * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """All results of a pixel."""
        return (self.k * self.out_bits,)

    @property
    def cycles(self) -> int:
        """One input beat each cycle."""
        return self.source.pixels * ceil_div(self.source.channels, self.lanes)

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_topk.sv."""
        return {
            "Lanes": self.lanes,
            "LaneW": self.source.bits,
            "Signed": self.source.signed,
            "Channels": self.source.channels,
            "K": self.k,
            "Smallest": not self.largest,
            "Last": self.last,
            "Indices": self.indices,
        }

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """A merger of two sorted lists for each pair of a tree of lanes, and one for the pixel (fitted to yosys)."""
        entry = self.source.bits + 1 + (self.index_bits if self.indices else 0)
        size, lists, compared, held = 1, self.lanes, self.k * self.k, 2 * self.k
        while lists > 1:
            lists = ceil_div(lists, 2)
            compared += lists * size * size
            size = min(2 * size, self.k)
            held += lists * size
        lut = compared * (self.source.bits + 1) // 2 + held * entry * (self.k + 1) // 4
        return Resources(lut=lut + 20, ff=held * entry * 2 // 3 + 20)
