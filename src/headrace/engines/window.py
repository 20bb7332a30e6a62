# SPDX-License-Identifier: Apache-2.0
"""Line buffer: pixels in, kernel windows out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from headrace.engines.base import Engine, Parameter
from headrace.engines.technology import XC7, Resources, Technology, ceil_div, index_bits
from headrace.engines.waits import WindowReads
from headrace.ir.ops import Pads, Pair
from headrace.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Deform:
    """The declared dilation range and the type of the dilation stream."""

    lo: int
    hi: int
    bits: int
    signed: bool

    @property
    def reach(self) -> int:
        """Largest magnitude of a dilation."""
        return max(abs(self.lo), abs(self.hi))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReads:
    """When rows come into a line buffer and which of them each output row reads."""

    size: int
    """Rows that come in; ``skipped`` are dropped first, then ``used`` are kept, the rest is dropped."""
    skipped: int
    used: int
    tops: tuple[int, ...]
    """First kept row of each output row's windows (negative: padding)."""
    ends: tuple[int, ...]
    """Last one."""
    write_cycles: int
    """Of an input row, per channel beat; and of an output row."""
    read_cycles: int

    def interval(self, rows: int, frames: int = 4) -> int:
        """Cycles from the end of one frame to that of the next, once frames follow each other, with ``rows`` row slots."""
        written: list[int] = []
        freed: list[int] = []
        clock = [0, 0]  # of the writer, of the reader
        place, ends = 0, []  # place: input rows written so far, dropped ones included
        for frame in range(frames):
            for o, end in enumerate(self.ends):
                need = frame * self.used + min(max(end, 0), self.used - 1)
                while len(written) <= need:
                    if self.skipped <= place % self.size < self.skipped + self.used:
                        slot = len(written) - rows
                        clock[0] = max(clock[0], freed[slot] if slot >= 0 else 0) + self.write_cycles
                        written.append(clock[0])
                    else:
                        clock[0] += self.write_cycles
                    place += 1
                clock[1] = max(clock[1], written[need]) + self.read_cycles
                later = self.tops[o + 1] if o + 1 < len(self.tops) else self.used
                kept = frame * self.used + min(max(later, 0), self.used)
                freed += [clock[1]] * (kept - len(freed))
            ends.append(clock[1])
        return ends[-1] - ends[-2]


@lru_cache(maxsize=4096)
def steady_rows(reads: RowReads, least: int) -> int:
    """Row slots, at least ``least``, that keep dropped rows from delaying a frame beyond the busier side's cycles."""
    goal = max(reads.size * reads.write_cycles, len(reads.tops) * reads.read_cycles)
    most = max(least, 2 * reads.used)
    return next((rows for rows in range(least, most) if reads.interval(rows) <= goal), most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window(Engine):
    """``taps`` kernel taps of ``lanes`` channels in each beat; static or, with ``deform``, dilated per pixel."""

    module: ClassVar[str] = "engine_window"
    source: Tensor
    out_hw: Pair
    kernel: Pair
    stride: Pair
    pad: Pads
    dilation: Pair
    lanes: int
    taps: int
    taps_inner: bool
    """All taps of a channel beat before the next channel beat (depthwise, pooling)."""
    groups: int = 1
    """Channel groups, one after the other; in each, all channel beats of a tap beat before the next."""
    pad_value: int = 0
    deform: Deform | None = None
    repeat: Pair = (1, 1)
    """Rows and columns, powers of two, of the map of windows that a pixel stands for; 1 where padding is negative."""
    slots: int = 0
    """Row slots of the line buffer; 0: so many that writing never waits for reading, nor reading for writing."""
    reader_cycles: int = 0
    """In which what reads the windows takes a frame's; where slots are few, rows wait for it."""

    @property
    def in_ports(self) -> tuple[tuple[str, str, str], ...]:  # type: ignore[override]
        """The pixels, then the dilations."""
        pixels = ("valid_i", "ready_o", "data_i")
        return (pixels, ("dil_valid_i", "dil_ready_o", "dil_i")) if self.deform else (pixels,)

    @property
    def beats(self) -> int:
        """Channel beats of a pixel."""
        return ceil_div(self.source.channels, self.lanes)

    @property
    def steps(self) -> int:
        """Tap beats of a window; the last of a column may be ragged."""
        return tap_steps(self.kernel, self.taps)

    @property
    def group_beats(self) -> int:
        """Channel beats of a group; 1 brings all taps of a channel beat together."""
        return 1 if self.taps_inner else self.beats // self.groups

    @property
    def banks(self) -> int:
        """Memories of which a beat reads one word each: one for a tap, as many as taps for a part of a column."""
        if min(self.taps, self.kernel[0]) == 1:
            return 1
        return self.taps if self._folded else self.rows

    @property
    def _folded(self) -> bool:
        """Whether neighbouring rows, and fewer than the kernel's, are read at once."""
        return 1 < self.taps < self.kernel[0] and self.dilation[0] == 1 and self.deform is None

    @property
    def rows(self) -> int:
        """Row slots of the line buffer."""
        return self.slots or self.free_rows

    @property
    def least_rows(self) -> int:
        """Row slots without which a window does not find all its rows."""
        return min(self._spanned, self.source.shape[0] + min(0, self.pad[0]), max(1, self._ends[-1] + 1))

    @property
    def _span(self) -> Pair:
        """Rows of a window, and how many of them the first one has above the map."""
        if self.deform:
            reach = self.deform.reach * ((self.kernel[0] - 1) // 2)
            return 2 * reach + 1, reach
        return (self.kernel[0] - 1) * self.dilation[0] + 1, max(0, self.pad[0])

    @property
    def _spanned(self) -> int:
        """Rows that a window has of the map that comes in."""
        span, _ = self._span
        return 1 if span == 1 else (span - 2) // self.repeat[0] + 2

    @property
    def _tops(self) -> tuple[int, ...]:
        """First row of the windows of each output row, of the map that comes in (negative: padding)."""
        _, top = self._span
        return tuple((o * self.stride[0] - top) // self.repeat[0] for o in range(self.out_hw[0]))

    @property
    def _ends(self) -> tuple[int, ...]:
        """Last one."""
        span, top = self._span
        return tuple((o * self.stride[0] - top + span - 1) // self.repeat[0] for o in range(self.out_hw[0]))

    @property
    def free_rows(self) -> int:
        """Row slots that let writing and reading go on side by side.

        The window's span and one stride, so that writing overlaps reading; and room for the rows of a frame's last window
        beside those of the next frame's first, so that frames follow without a pause.
        """
        height = self.source.shape[0] + min(0, self.pad[0])
        tops, ends = self._tops, self._ends
        first_rows = min(height, ends[0] + 1)
        last_rows = min(height, ends[-1] + 1) - max(0, tops[-1])
        step = ceil_div(self.stride[0], self.repeat[0])
        rows = min(max(self._spanned + step, first_rows + last_rows), 2 * height)
        used = min(height, max(1, ends[-1] + 1))
        if not self.deform and (self.pad[0] < 0 or used < height):
            reads = RowReads(
                size=self.source.shape[0],
                skipped=max(0, -self.pad[0]),
                used=used,
                tops=tops,
                ends=ends,
                write_cycles=self.source.shape[1],
                read_cycles=self.out_hw[1] * self.steps,
            )
            rows = steady_rows(reads, rows)
        return ceil_div(rows, self.taps) * self.taps if self._folded else rows

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Pixels, and dilations if any."""
        pixels = self.lanes * self.source.bits
        return (pixels, self.deform.bits) if self.deform else (pixels,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Taps x lanes."""
        return (self.taps * self.lanes * self.source.bits,)

    @property
    def in_bursts(self) -> bool:
        """A row makes room when its last window was read."""
        return self.rows < self.free_rows

    @property
    def cycles(self) -> int:
        """Reading windows and writing pixels overlap; the longer one counts."""
        reads = self.out_hw[0] * self.out_hw[1] * self.beats * self.steps
        return max(reads, self.source.pixels * self.beats) if self.rows >= self.free_rows else self._paced_cycles

    @property
    def _paced_cycles(self) -> int:
        """The same where row slots are few: a row is read as it comes, and what comes while its last windows are read waits."""
        width, read = self.source.shape[1], self.out_hw[1] * self.beats * self.steps
        if self._one_map:
            return self._whole_map_cycles
        if not self.deform and self.repeat == (1, 1) and self.reads.fits:
            work = ceil_div(self.reader_cycles, self.out_hw[0] * self.out_hw[1])
            pixels, steps = self.rows * width, self.beats * self.steps
            return self.reads.interval(pixels, beats=self.beats, steps=steps, late=2, work=work, whole_rows=True)
        reach = 2 * self.deform.reach if self.deform else (self.kernel[1] - 1) * self.dilation[1]
        late = min(self.out_hw[1], ceil_div(reach + self.repeat[1], self.stride[1])) * self.beats * self.steps
        together = max(1, self.repeat[0] // self.stride[0])  # output rows for each row that comes
        waiting = max(read, ceil_div(self.stride[0], self.repeat[0]) * width * self.beats) + late
        return ceil_div(self.out_hw[0], together) * (waiting + (together - 1) * read)

    @property
    def _one_map(self) -> bool:
        """Whether windows can reach all of the map, and there is room for no more."""
        return bool(self.deform) and self.rows == self.least_rows == self.source.shape[0]

    @property
    def pause(self) -> int:
        """Cycles of a frame in which no pixels are taken, because the only map that there is room for is being read."""
        return self.cycles - self.source.pixels * self.beats if self._one_map else 0

    @property
    def _whole_map_cycles(self) -> int:
        """The same where the slots hold one map: the next frame waits for the rows of this one that later windows can reach."""
        reads = RowReads(
            size=self.source.shape[0],
            skipped=0,
            used=self.source.shape[0],
            tops=self._tops,
            ends=self._ends,
            write_cycles=self.source.shape[1] * self.beats,
            read_cycles=self.out_hw[1] * self.beats * self.steps,
        )
        return reads.interval(self.rows)

    @property
    def reads(self) -> WindowReads:
        """Which pixels static windows read."""
        return WindowReads(
            in_hw=self.source.shape[:2],
            out_hw=self.out_hw,
            kernel=self.kernel,
            stride=self.stride,
            pad=self.pad[:2],
            dilation=self.dilation,
        )

    @property
    def in_block_ram(self) -> bool:
        """Whether `free_rows` take block RAM, so that fewer are worth considering."""
        words = self.free_rows * self.source.shape[1] * self.beats
        return XC7.memory(words, self.lanes * self.source.bits).bram36 > 0

    def fewer_rows(self) -> Iterator[int]:
        """Row slots that are worth considering instead of `free_rows`."""
        if self.in_block_ram and self.least_rows < self.free_rows:
            yield self.least_rows

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_window.sv."""
        deform = self.deform or Deform(lo=0, hi=0, bits=1, signed=False)
        return {
            "LaneW": self.source.bits,
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
            "RepeatH": self.repeat[0],
            "RepeatW": self.repeat[1],
            "Taps": self.taps,
            "GroupBeats": self.group_beats,
            "Rows": self.rows,
            "PadValue": f"{self.source.bits}'d{self.pad_value % (1 << self.source.bits)}",
            "Deform": self.deform is not None,
            "DilationW": deform.bits,
            "DilationSigned": deform.signed,
            "DilationLo": deform.lo,
            "DilationHi": deform.hi,
        }

    def tied_ports(self) -> tuple[tuple[str, str], ...]:
        """A static window has no dilation stream."""
        if self.deform:
            return ()
        return (("dil_valid_i", "1'b0"), ("dil_ready_o", ""), ("dil_i", "1'b0"))

    @property
    def _copies(self) -> int:
        """Of the banks: one per column for all taps."""
        return self.kernel[1] if self.taps > self.kernel[0] else 1

    def memories(self, technology: Technology) -> Resources:
        """Banks of the line buffer."""
        width = self.lanes * self.source.bits
        bank = technology.memory(ceil_div(self.rows, self.banks) * self.source.shape[1] * self.beats, width)
        return bank.times(self.banks * self._copies)

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """The selection of taps from banks, and control (constants fitted to yosys)."""
        width, copies = self.lanes * self.source.bits, self._copies
        row_taps = min(self.taps, self.kernel[0])
        if self.banks == 1:
            select = 0.0
        elif self.deform or self.repeat[0] > 1:  # a multiplexer of all banks for each tap
            select = row_taps * max(1.0, self.banks * 0.33)
        else:  # stages of four to one
            select = self.banks * (ceil_div((self.banks - 1).bit_length(), 2) - 1) + row_taps
        control = (
            (145 if self.beats == 1 else 215)
            + 3 * (self.beats - 1).bit_length()
            + (self.banks * self._address_bits if self.banks > 1 else 0)
            + (40 if self.deform else 0)
            + int(copies * (select + row_taps * 0.5) * width)
        )
        return Resources(lut=control, ff=self._control_bits() + self.taps * (width + 1))

    def _control_bits(self) -> int:
        """Registers of the walk over the output pixels: where each begins, what it waits for, five times on its way."""
        height, width = (size * repeat for size, repeat in zip(self.source.shape[:2], self.repeat, strict=True))
        place = height.bit_length() + width.bit_length() + 4 + index_bits(self.rows) + index_bits(width * self.beats)
        count = (height + self.rows).bit_length() + 1
        return 5 * place + 4 * (count + 1) + 4 * index_bits(width) + 10 * count + 4 * self._address_bits + 20

    @property
    def _address_bits(self) -> int:
        return index_bits(ceil_div(self.rows, self.banks) * self.source.shape[1] * self.beats)


def tap_steps(kernel: Pair, taps: int) -> int:
    """Beats that carry ``taps`` taps of a kernel: all of them, or whole columns cut into beats."""
    return 1 if taps == kernel[0] * kernel[1] else ceil_div(kernel[0], taps) * kernel[1]
