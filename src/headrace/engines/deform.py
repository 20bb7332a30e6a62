# SPDX-License-Identifier: Apache-2.0
"""Sampler of deformable convolutions: pixels, offsets and masks in, taps out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from headrace.engines.base import Engine, Parameter
from headrace.engines.technology import Resources, Technology, ceil_div
from headrace.ir.ops import Pads, Pair
from headrace.ir.tensor import Tensor

READ_LAG = 7
"""Beats that a tap's address takes before the line buffer is read; its row stays occupied so much longer."""
DSP_PRODUCT_BITS = 11
"""Narrower products than this are made of LUTs; fitted to yosys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetRange:
    """What offsets can be: integers of [lo, hi] in units of ``2**-fraction_bits``, per tap or one dilation per pixel."""

    lo: int
    hi: int
    fraction_bits: int
    square: bool

    @property
    def scale(self) -> int:
        """What a sample is multiplied by, so that its interpolation is exact."""
        return 1 << (2 * self.fraction_bits)

    def reach(self, kernel: int, dilation: int) -> tuple[int, int]:
        """First and last place along one axis that a tap can read, counted from tap 0 without an offset."""
        if self.square:
            middle = (kernel - 1) // 2
            far = -(-max(abs(self.lo), abs(self.hi)) * middle >> self.fraction_bits)
            return middle - far, middle + far
        return self.lo >> self.fraction_bits, (kernel - 1) * dilation - (-self.hi >> self.fraction_bits)


def sampled(source: Tensor, offsets: OffsetRange, mask: Tensor | None) -> Tensor:
    """The type of the taps of ``source``: interpolated, scaled and masked; zero, from outside the map, included."""
    lo, hi = min(source.lo, 0) * offsets.scale, max(source.hi, 0) * offsets.scale
    if mask is not None:
        products = [a * b for a in (lo, hi) for b in (mask.lo, mask.hi)]
        lo, hi = min(0, *products), max(0, *products)
    return replace(source, lo=lo, hi=hi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deformer(Engine):
    """One tap of ``lanes`` channels in each beat, read where its offset says; see engine_deform.sv."""

    module: ClassVar[str] = "engine_deform"
    source: Tensor
    offset: Tensor
    mask: Tensor | None
    out_hw: Pair
    kernel: Pair
    stride: Pair
    pad: Pads
    dilation: Pair
    offsets: OffsetRange
    lanes: int
    groups: int
    """Parts of the channels whose taps come one part after the other: 1 for dense, all channels for depthwise."""

    @property
    def in_ports(self) -> tuple[tuple[str, str, str], ...]:  # type: ignore[override]
        """The pixels, the offsets, and the masks if any."""
        ports = (("valid_i", "ready_o", "data_i"), ("offset_valid_i", "offset_ready_o", "offset_i"))
        return (*ports, ("mask_valid_i", "mask_ready_o", "mask_i")) if self.mask else ports

    @property
    def result(self) -> Tensor:
        """The type of the taps."""
        return sampled(self.source, self.offsets, self.mask)

    @property
    def beats(self) -> int:
        """Channel beats of a pixel."""
        return ceil_div(self.source.channels, self.lanes)

    @property
    def group_beats(self) -> int:
        """Channel beats of a group; where a beat holds whole groups, each beat is one."""
        return ceil_div(self.source.channels // self.groups, self.lanes)

    @property
    def taps(self) -> int:
        """Taps of a window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def values(self) -> int:
        """Offsets of a beat."""
        return 1 if self.offsets.square else 2 * self.taps

    @property
    def split(self) -> int:
        """Banks along each axis; interpolation reads a tap's four neighbours at once."""
        return 2 if self.offsets.fraction_bits else 1

    @property
    def rows(self) -> int:
        """Row slots of the line buffer.

        What a window spans and one stride, so that writing overlaps reading, or what a frame's last windows span beside the
        next frame's first, so that frames follow without a pause; but no more than two frames. To that, what arrives while
        the last read of a row is under way, where that would keep a row waiting.
        """
        height = self.source.shape[0]
        top, end = self.offsets.reach(self.kernel[0], self.dilation[0])
        top = min(top, self.pad[0])
        last = (self.out_hw[0] - 1) * self.stride[0] - self.pad[0]
        used = max(1, min(height, last + end + 1))
        first_rows = max(1, min(used, end - self.pad[0] + 1))
        last_rows = used - max(0, last + top)
        rows = min(max(max(0, end - top) + 1 + self.stride[0], first_rows + last_rows), 2 * used)
        return ceil_div(rows + self._rows_under_way(), self.split) * self.split

    def _rows_under_way(self) -> int:
        """Rows that arrive in `READ_LAG` beats, unless reading is so slow, or so far ahead of a row's end, that none waits."""
        width, window_beats = self.source.shape[1], self.taps * self.beats
        arriving = self.stride[0] * width * self.beats
        _, end = self.offsets.reach(self.kernel[1], self.dilation[1])
        first = min(max(end - self.pad[1], 0), width - 1)
        behind = sum(x * self.stride[1] - self.pad[1] + end >= width - 1 for x in range(self.out_hw[1]))
        overlapping = (width - 1 - first) * self.beats >= READ_LAG and behind * window_beats + READ_LAG <= arriving
        slow = self.out_hw[1] * window_beats >= arriving + READ_LAG
        return 0 if overlapping or slow else ceil_div(READ_LAG, width * self.beats)

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Pixels, offsets, and masks if any."""
        widths = (self.lanes * self.source.bits, self.values * self.offset.bits)
        return (*widths, self.taps * self.mask.bits) if self.mask else widths

    @property
    def out_widths(self) -> tuple[int, ...]:
        """One tap."""
        return (self.lanes * self.result.bits,)

    @property
    def cycles(self) -> int:
        """Reading taps and writing pixels overlap; the longer one counts."""
        return self.beats * max(self.out_hw[0] * self.out_hw[1] * self.taps, self.source.pixels)

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_deform.sv."""
        return {
            "LaneW": self.source.bits,
            "LaneSigned": self.source.signed,
            "Lanes": self.lanes,
            "Channels": self.source.channels,
            "InH": self.source.shape[0],
            "InW": self.source.shape[1],
            "KH": self.kernel[0],
            "KW": self.kernel[1],
            "StrideH": self.stride[0],
            "StrideW": self.stride[1],
            "DilH": self.dilation[0],
            "DilW": self.dilation[1],
            "PadT": self.pad[0],
            "PadL": self.pad[1],
            "OutH": self.out_hw[0],
            "OutW": self.out_hw[1],
            "GroupBeats": self.group_beats,
            "Rows": self.rows,
            "Square": self.offsets.square,
            "FractionBits": self.offsets.fraction_bits,
            "OffsetW": self.offset.bits,
            "OffsetSigned": self.offset.signed,
            "OffsetLo": self.offsets.lo,
            "OffsetHi": self.offsets.hi,
            "MaskW": self.mask.bits if self.mask else 0,
            "MaskSigned": bool(self.mask and self.mask.signed),
            "DataW": self.result.bits,
        }

    def tied_ports(self) -> tuple[tuple[str, str], ...]:
        """Without masks their stream is idle."""
        return () if self.mask else (("mask_valid_i", "1'b0"), ("mask_ready_o", ""), ("mask_i", "'0"))

    def memories(self, technology: Technology) -> Resources:
        """Banks of the line buffer."""
        bank_words = ceil_div(self.rows, self.split) * ceil_div(self.source.shape[1], self.split) * self.beats
        return technology.memory(bank_words, self.lanes * self.source.bits).times(self.split**2)

    def logic(self, technology: Technology) -> Resources:
        """Addresses, offsets held, and the multipliers of each lane (fitted to yosys)."""
        held = sum(self.in_widths[1:])
        return self._lanes(technology) + Resources(lut=130 + 60 * self.split + held // 2, ff=220 + 60 * self.split + held)

    def _lanes(self, technology: Technology) -> Resources:
        """Interpolation and masks."""
        fraction = self.offsets.fraction_bits
        bits = self.source.bits + (0 if self.source.signed else 1)
        total = Resources(ff=self.lanes * bits * self.split**2)
        widths = [(bits + 1, fraction + 1)] * 2 + [(bits + fraction + 1, fraction + 1)] if fraction else []
        for a, b in widths:
            total += _multiplier(a, b, self.lanes, technology) + Resources(ff=2 * (a + b) * self.lanes)
        if self.mask is not None:
            total += _multiplier(bits + 2 * fraction, self.mask.bits, self.lanes, technology)
        return total


def _multiplier(a: int, b: int, count: int, technology: Technology) -> Resources:
    """Multipliers of ``a`` x ``b`` bits: one DSP each, or LUTs where the product is small."""
    if a + b < DSP_PRODUCT_BITS:
        return Resources(lut=count * (a * b + 2 * (a + b)), ff=2 * count * (a + b))
    return Resources(dsp=count * technology.dsps(a, b))
