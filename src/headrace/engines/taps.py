# SPDX-License-Identifier: Apache-2.0
"""Line buffer of a ring of pixels: pixels in, kernel windows out, tap by tap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from headrace.engines.base import Engine, Parameter
from headrace.engines.technology import Resources, Technology, ceil_div, index_bits
from headrace.engines.waits import WindowReads
from headrace.engines.window import Window
from headrace.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Taps(Engine):
    """One kernel tap of ``lanes`` channels in each beat; static windows."""

    module: ClassVar[str] = "engine_taps"
    source: Tensor
    reads: WindowReads
    lanes: int
    group_beats: int
    """Channel beats of a group; in each group, all taps."""
    pixels: int
    """In the ring."""
    pad_value: int = 0
    reader_cycles: int = 0
    """In which what reads the windows takes a frame's: a pixel's place is free only when its last window was taken."""

    @property
    def beats(self) -> int:
        """Channel beats of a pixel."""
        return ceil_div(self.source.channels, self.lanes)

    @property
    def steps(self) -> int:
        """Tap beats of a window."""
        return self.reads.kernel[0] * self.reads.kernel[1]

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Pixels."""
        return (self.lanes * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Lanes of a tap."""
        return (self.lanes * self.source.bits,)

    @property
    def in_bursts(self) -> bool:
        """A row that no window reads any more makes room at once."""
        return True

    @property
    def cycles(self) -> int:
        """Reading windows and writing pixels overlap as far as there is room."""
        work = ceil_div(self.reader_cycles, self.reads.out_hw[0] * self.reads.out_hw[1])
        return self.reads.interval(self.pixels, beats=self.beats, steps=self.steps * self.beats, late=1, work=work)

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_taps.sv."""
        reads = self.reads
        return {
            "LaneW": self.source.bits,
            "Lanes": self.lanes,
            "Channels": self.source.channels,
            "InH": reads.in_hw[0],
            "InW": reads.in_hw[1],
            "KH": reads.kernel[0],
            "KW": reads.kernel[1],
            "StrideH": reads.stride[0],
            "StrideW": reads.stride[1],
            "DilH": reads.dilation[0],
            "DilW": reads.dilation[1],
            "PadT": reads.pad[0],
            "PadL": reads.pad[1],
            "OutH": reads.out_hw[0],
            "OutW": reads.out_hw[1],
            "GroupBeats": self.group_beats,
            "Pixels": self.pixels,
            "PadValue": f"{self.source.bits}'d{self.pad_value % (1 << self.source.bits)}",
        }

    def memories(self, technology: Technology) -> Resources:
        """The ring."""
        return technology.memory(self.pixels * self.beats, self.lanes * self.source.bits)

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """Where windows lie, what is still to come, and one address (constants fitted to yosys)."""
        width = self.lanes * self.source.bits
        address = index_bits(self.pixels * self.beats)
        places = sum(size.bit_length() for size in self.reads.in_hw)
        strides = 3 * (sum(self.reads.stride) - 2)
        return Resources(lut=68 + 3 * address + 6 * places + strides, ff=55 + 3 * address + 6 * places + width)


def tap_rings(window: Window) -> list[int]:
    """Pixels of rings that are worth considering instead of a line buffer of whole rows; none where there can be no ring."""
    one = window.taps == 1 and not window.deform and window.repeat == (1, 1)
    if not one or not window.in_block_ram or not (reads := window.reads).fits:
        return []
    least, line = reads.span, window.stride[0] * reads.in_hw[1]
    return sorted({least, least + window.stride[1], *((least + line,) if window.stride[0] > 1 else ())})


def as_ring(window: Window, pixels: int, reader_cycles: int = 0) -> Taps:
    """``window`` with so many pixels, read in so many cycles."""
    return Taps(
        name=window.name,
        source=window.source,
        reads=window.reads,
        lanes=window.lanes,
        group_beats=window.group_beats,
        pixels=pixels,
        pad_value=window.pad_value,
        reader_cycles=reader_cycles,
    )
