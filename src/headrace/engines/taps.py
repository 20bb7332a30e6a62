# SPDX-License-Identifier: Apache-2.0
"""Line buffer of a ring of pixels: pixels in, kernel windows out, tap by tap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from headrace.engines.base import Engine, Parameter
from headrace.engines.technology import Resources, Technology, ceil_div, index_bits
from headrace.engines.window import Window
from headrace.ir.ops import Pair
from headrace.ir.tensor import Tensor

FRAMES = 4
"""After which frames follow each other evenly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapReads:
    """Which pixels the windows of a map read, and in what order."""

    in_hw: Pair
    out_hw: Pair
    kernel: Pair
    stride: Pair
    pad: Pair
    """Above, to the left."""
    dilation: Pair

    @property
    def span(self) -> int:
        """Pixels from the first to the last of a window, at most."""
        rows, cols = ((k - 1) * d for k, d in zip(self.kernel, self.dilation, strict=True))
        return min(rows * self.in_hw[1] + cols + 1, self.in_hw[0] * self.in_hw[1])

    @property
    def fits(self) -> bool:
        """Whether the first window ends in the map and the last one begins in it."""
        starts = ((o - 1) * s - p < i for o, s, p, i in zip(self.out_hw, self.stride, self.pad, self.in_hw, strict=True))
        return min(self.pad) >= 0 and self.pad[0] <= (self.kernel[0] - 1) * self.dilation[0] and all(starts)

    def _windows(self) -> Iterator[Pair]:
        """Of each: the first pixel that it or a later one reads, and how many must have come."""
        (height, width), (rows, cols) = self.in_hw, ((k - 1) * d for k, d in zip(self.kernel, self.dilation, strict=True))
        for oy in range(self.out_hw[0]):
            top = oy * self.stride[0] - self.pad[0]
            bottom = min(top + rows, height - 1)
            for ox in range(self.out_hw[1]):
                left = ox * self.stride[1] - self.pad[1]
                right = min(max(left + cols, 0), width - 1)
                yield max(left, 0) + top * width if top >= 0 else 0, bottom * width + right + 1

    def interval(self, pixels: int, steps: int) -> int:
        """Cycles from frame to frame with so many pixels in the ring, if a pixel comes in one and a window takes ``steps``."""
        return _interval(self, pixels, steps)


@lru_cache(maxsize=4096)
def _interval(reads: TapReads, pixels: int, steps: int) -> int:
    windows, size = list(reads._windows()), reads.in_hw[0] * reads.in_hw[1]
    came: list[int] = []  # when each pixel has
    gone: list[int] = []  # when each place is free
    clock, ends = 0, []
    for frame in range(FRAMES):
        for at, (_, need) in enumerate(windows):
            while len(came) < frame * size + need:
                place = len(came) - pixels
                came.append(max(came[-1] if came else 0, gone[place] if place >= 0 else 0) + 1)
            clock = max(clock, came[frame * size + need - 1]) + steps
            first = windows[at + 1][0] if at + 1 < len(windows) else size
            gone += [clock] * (frame * size + first - len(gone))
        ends.append(clock)
    return ends[-1] - ends[-2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taps(Engine):
    """One kernel tap of ``lanes`` channels in each beat; static windows."""

    module: ClassVar[str] = "engine_taps"
    source: Tensor
    reads: TapReads
    lanes: int
    group_beats: int
    """Channel beats of a group; in each group, all taps."""
    pixels: int
    """In the ring."""
    pad_value: int = 0

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
    def cycles(self) -> int:
        """Reading windows and writing pixels overlap as far as there is room."""
        return self.reads.interval(self.pixels, self.steps) * self.beats

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
        """Where windows lie, what has come, and one address (constants fitted to yosys)."""
        width = self.lanes * self.source.bits
        address = index_bits(self.pixels * self.beats)
        places = sum(size.bit_length() for size in self.reads.in_hw)
        return Resources(lut=95 + 3 * address + 9 * places + width, ff=75 + 3 * address + 12 * places + 2 * width)


def tap_rings(window: Window) -> list[int]:
    """Pixels of rings that are worth considering instead of a line buffer of whole rows; none where there can be no ring."""
    one = window.taps == 1 and not window.deform and window.repeat == (1, 1)
    if not one or not window.in_block_ram or not (reads := reads_of(window)).fits:
        return []
    least, line = reads.span, window.stride[0] * reads.in_hw[1]
    return sorted({least, least + window.stride[1], *((least + line,) if window.stride[0] > 1 else ())})


def reads_of(window: Window) -> TapReads:
    """The same windows."""
    return TapReads(
        in_hw=window.source.shape[:2],
        out_hw=window.out_hw,
        kernel=window.kernel,
        stride=window.stride,
        pad=window.pad[:2],
        dilation=window.dilation,
    )


def as_ring(window: Window, pixels: int) -> Taps:
    """``window`` with so many pixels."""
    return Taps(
        name=window.name,
        source=window.source,
        reads=reads_of(window),
        lanes=window.lanes,
        group_beats=window.group_beats,
        pixels=pixels,
        pad_value=window.pad_value,
    )
