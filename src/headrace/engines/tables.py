# SPDX-License-Identifier: Apache-2.0
"""Engines of functions of one value: a search among thresholds, or a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np

from headrace.engines.base import Parameter, ResultEngine, Rom, fields_of
from headrace.engines.mac import acc_bits
from headrace.engines.technology import Resources, Technology, ceil_div
from headrace.ir.ops import IntArray
from headrace.ir.tensor import Tensor

LATE_WORDS = 64
"""A larger memory takes two cycles."""


def shared(rows: IntArray) -> IntArray:
    """One row of ``rows`` if all are equal, else all of them."""
    return rows[:1] if np.all(rows == rows[:1]) else rows


def beats_of(rows: IntArray, lanes: int) -> IntArray:
    """Rows (R, words) of channels as memory words: (words, 1) for one row, else (beats * words, lanes)."""
    if len(rows) == 1:
        return rows.T
    beats = ceil_div(len(rows), lanes)
    padded = np.zeros((beats * lanes, rows.shape[1]), np.int64)
    padded[: len(rows)] = rows
    return padded.reshape(beats, lanes, -1).swapaxes(1, 2).reshape(-1, lanes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What depends on the thresholds alone, whatever the lanes."""

    stages: int
    steps: IntArray
    """(R, 2**stages - 1)"""
    values: IntArray | None
    """(S, 2**stages); None: Base + Step * count."""
    base: int
    step: int
    bits: int
    """Signed width of a threshold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepFunction:
    """``values[n]`` where n thresholds of the channel are not above x.

    ``steps`` (C or 1, N) rise along each row and end in what the input never reaches; ``values`` are (C or 1, N + 1).
    """

    steps: IntArray
    values: IntArray


@lru_cache(maxsize=64)
def _search(function: StepFunction, never: int) -> _Search:
    """The search tree of ``function``; ``never`` is above every input."""
    steps, values = shared(function.steps), shared(function.values)
    count = max(1, steps.shape[1])
    stages = count.bit_length()
    full = np.full((len(steps), (1 << stages) - 1), never, np.int64)
    full[:, : steps.shape[1]] = np.minimum(steps, never)
    strides = np.unique(np.diff(values, axis=1))
    affine = len(values) == 1 and strides.size <= 1
    whole = np.concatenate([values, np.repeat(values[:, -1:], (1 << stages) - values.shape[1], axis=1)], axis=1)
    return _Search(
        stages=stages,
        steps=full,
        values=None if affine else whole,
        base=int(values[0, 0]) if affine else 0,
        step=int(strides[0]) if affine and strides.size else 0,
        bits=fields_of(full, 1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholder(ResultEngine):
    """A pipelined binary search, ``lanes`` values in each clock cycle."""

    module: ClassVar[str] = "engine_thresholds"
    function: StepFunction
    source: Tensor

    @property
    def _tree(self) -> _Search:
        return _search(self.function, self.source.hi + 1)

    @property
    def in_bits(self) -> int:
        """The input arrives as two's complement."""
        return acc_bits(self.source)

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Accumulators or activations."""
        return (self.lanes * self.in_bits,)

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_thresholds.sv."""
        tree = self._tree
        return {
            "Lanes": self.lanes,
            "InW": self.in_bits,
            "ThrW": tree.bits,
            "Thresholds": max(1, self.function.steps.shape[1]),
            "OutW": self.result.bits,
            "Base": tree.base,
            "Step": tree.step,
            "Beats": self.beats,
            "SharedThr": len(tree.steps) == 1,
            "Table": tree.values is not None,
            "SharedValues": tree.values is not None and len(tree.values) == 1,
            "RomFile": f'"{self.name}"',
        }

    def roms(self) -> tuple[Rom, ...]:
        """The thresholds of each stage, the middles of what the stages before it leave; then the values."""
        tree = self._tree
        out = []
        for stage in range(tree.stages):
            half = 1 << (tree.stages - 1 - stage)
            fields = beats_of(tree.steps[:, half - 1 :: 2 * half], self.lanes)
            out.append(Rom(file=f"{self.name}_t{stage:02d}.hex", fields=fields, widths=(tree.bits,)))
        if tree.values is not None:
            fields = beats_of(tree.values, self.lanes)
            out.append(Rom(file=f"{self.name}_v.hex", fields=fields, widths=(self.result.bits,)))
        return tuple(out)

    def memories(self, technology: Technology) -> Resources:
        """Of each stage and lane its thresholds, and the values."""
        tree = self._tree
        lane = Resources()
        for stage in range(tree.stages):
            words = self._words(tree.steps, stage)
            lane += technology.read_only(words, tree.bits, late=stage > 0 and words > LATE_WORDS)
        if tree.values is not None:
            words = self._words(tree.values, tree.stages)
            values = technology.read_only(words, self.result.bits, late=words > LATE_WORDS)
            lane += values.less(Resources(ff=self.result.bits))
        return lane.times(self.lanes)

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """Of each stage and lane half a LUT per compared bit and registers, as yosys synth_xilinx maps it.

        Fitted to 1 and 4 lanes of 12 to 24 bits with 1, 3, 15 and 255 thresholds in 1 to 64 beats: within a fifth.
        """
        tree = self._tree
        width = max(self.in_bits, tree.bits)
        lane, cycles = Resources(ff=self.result.bits), tree.stages + 1
        for stage in range(tree.stages):
            late = stage > 0 and self._words(tree.steps, stage) > LATE_WORDS
            lane += Resources(lut=ceil_div(width, 2) + 1, ff=(self.in_bits + stage) * (1 + late))
            cycles += late
        beat_bits = (self.beats - 1).bit_length()
        return lane.times(self.lanes) + Resources(lut=8 + 2 * beat_bits, ff=cycles * (beat_bits + 1))

    def _words(self, table: IntArray, stage: int) -> int:
        return (1 if len(table) == 1 else self.beats) << stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(ResultEngine):
    """A table per channel or for all, ``lanes`` values in each clock cycle."""

    module: ClassVar[str] = "engine_lookup"
    table: IntArray
    """(C or 1, source.hi - source.lo + 1)"""
    source: Tensor

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Activations."""
        return (self.lanes * self.source.bits,)

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_lookup.sv."""
        return {
            "Lanes": self.lanes,
            "InW": self.source.bits,
            "OutW": self.result.bits,
            "Beats": self.beats,
            "Shared": len(self.table) == 1,
            "RomFile": f'"{self.name}.hex"',
        }

    def roms(self) -> tuple[Rom, ...]:
        """One word for each pattern of input bits, of each channel beat; zero for those that do not occur."""
        words = np.zeros((len(self.table), 1 << self.source.bits), np.int64)
        words[:, np.arange(self.source.lo, self.source.hi + 1) % (1 << self.source.bits)] = self.table
        return (Rom(file=f"{self.name}.hex", fields=beats_of(words, self.lanes), widths=(self.result.bits,)),)

    def memories(self, technology: Technology) -> Resources:
        """One for each lane (fitted to yosys)."""
        words = (1 if len(self.table) == 1 else self.beats) << self.source.bits
        lane = technology.read_only(words, self.result.bits)
        return replace(lane, ff=0).times(self.lanes)

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """The result, and the count of beats."""
        beat_bits = (self.beats - 1).bit_length()
        return Resources(lut=4 + 2 * beat_bits, ff=self.lanes * self.result.bits + 1 + beat_bits)
