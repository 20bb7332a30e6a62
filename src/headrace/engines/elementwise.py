# SPDX-License-Identifier: Apache-2.0
"""The requantizer, which works pixel by pixel on whole beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np

from headrace.engines.base import Parameter, ResultEngine, Rom, fields_of
from headrace.engines.mac import acc_bits, cost_name, product_luts
from headrace.engines.technology import Resources, Technology
from headrace.ir.ops import Requant
from headrace.ir.tensor import Tensor


@lru_cache(maxsize=4096)
def multiplier_bits(op: Requant) -> int:
    """Two's complement width of the multipliers."""
    return fields_of(op.mul, 2)


@lru_cache(maxsize=4096)
def addend_bits(op: Requant) -> int:
    """Two's complement width of the addends."""
    return fields_of(op.add, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantizer(ResultEngine):
    """Multiply, add, shift, round half to even and clip, ``lanes`` values in each clock cycle."""

    module: ClassVar[str] = "engine_requant"
    op: Requant
    source: Tensor
    lut_mul: bool = False
    hold: int = 1
    """Pixels that come together, beat by beat."""

    @property
    def in_bits(self) -> int:
        """The input arrives as two's complement."""
        return acc_bits(self.source)

    @property
    def mul_bits(self) -> int:
        """Two's complement width of the multipliers."""
        return multiplier_bits(self.op)

    @property
    def add_bits(self) -> int:
        """Two's complement width of the addends."""
        return addend_bits(self.op)

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Accumulators."""
        return (self.lanes * self.in_bits,)

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_requant.sv."""
        return {
            "Lanes": self.lanes,
            "AccW": self.in_bits,
            "MulW": self.mul_bits,
            "AddW": self.add_bits,
            "Shift": self.op.shift,
            "OutW": self.result.bits,
            "Lo": self.op.lo,
            "Hi": self.op.hi,
            "Beats": self.beats,
            "Hold": self.hold,
            "LutMul": self.lut_mul,
            "Odd": self.op.odd,
            "RomFile": f'"{self.name}.hex"',
        }

    def rom(self) -> Rom:
        """One word per beat: multiplier in the low bits, addend above, lane by lane; zero beyond the last channel."""
        pairs = np.zeros((self.beats * self.lanes, 2), np.int64)
        pairs[: self.result.channels, 0] = self.op.mul
        pairs[: self.result.channels, 1] = self.op.add
        return Rom(file=f"{self.name}.hex", fields=pairs.reshape(self.beats, -1), widths=(self.mul_bits, self.add_bits))

    @property
    def cost_name(self) -> str:
        """Products in LUTs cost otherwise."""
        return cost_name(self.module, self.lut_mul)

    def memories(self, technology: Technology) -> Resources:
        """Factors; parts of a word that are the same in all are no memory."""
        rom = technology.read_in_turn(self.beats, self.lanes * (self.mul_bits + self.add_bits))
        return replace(rom, lut=rom.lut * 3 // 4, ff=rom.ff * 3 // 5)

    def logic(self, technology: Technology) -> Resources:
        """A multiplier, an adder, a rounder and clip per lane (fitted to yosys).

        A single DSP of AMD's takes up the adder as well, and the registers before and behind it. The output is held twice, and
        chosen from the two.
        """
        ends = 2 * self.result.bits + self.in_bits // 3
        wide = self.in_bits + self.mul_bits
        slices = technology.dsps(self.in_bits, self.mul_bits)
        if self.lut_mul:
            lane = Resources(lut=product_luts(self.in_bits, self.mul_bits) + wide + ends, ff=3 * wide + 2 * ends)
        elif slices > 1 or not technology.dsp_registers:
            lane = Resources(lut=2 * self.result.bits + wide, ff=self.result.bits + ends + 2 * wide, dsp=slices)
        else:
            lane = Resources(lut=2 * self.result.bits, ff=self.result.bits + ends, dsp=1)
        beat_bits = (self.beats - 1).bit_length()
        return lane.times(self.lanes) + Resources(lut=10 + 2 * beat_bits, ff=20 + beat_bits)
