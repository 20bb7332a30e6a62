# SPDX-License-Identifier: Apache-2.0
"""Sliding window: pixels in, whole kernel windows out, whose neighbours share what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from headrace.engines.base import Engine, Parameter
from headrace.engines.technology import Resources, Technology, ceil_div
from headrace.engines.window import Window
from headrace.ir.ops import Pads, Pair
from headrace.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide(Engine):
    """All kernel taps of ``lanes`` channels in each beat; static windows only."""

    module: ClassVar[str] = "engine_slide"
    source: Tensor
    out_hw: Pair
    kernel: Pair
    stride: Pair
    pad: Pads
    dilation: Pair
    lanes: int
    pad_value: int = 0

    @property
    def beats(self) -> int:
        """Channel beats of a pixel."""
        return ceil_div(self.source.channels, self.lanes)

    @property
    def first(self) -> Pair:
        """Row and column of the pixel with which the first window is read."""
        rows, cols = ((k - 1) * d - p for k, d, p in zip(self.kernel, self.dilation, self.pad[:2], strict=True))
        return rows, cols

    @property
    def last(self) -> Pair:
        """The same of the last window, counted from there."""
        rows, cols = ((size - 1) * stride for size, stride in zip(self.out_hw, self.stride, strict=True))
        return rows, cols

    @property
    def fits(self) -> bool:
        """Whether the engine has this shape: the last tap of its first window in the map, outputs no more than pixels."""
        height, width, _ = self.source.shape
        inside = 0 <= self.first[0] < height and 0 <= self.first[1] < width
        delayed = self.kernel[0] == 1 or self.dilation[0] * width * self.beats > 1
        return inside and self.last[0] < height and self.last[1] < width and delayed

    @property
    def queue(self) -> int:
        """Beats of the next frame that wait until there are enough of them to end a frame."""
        height, width, _ = self.source.shape
        rows = self.first[0] + self.last[0] - height
        return max(0, rows * width + self.first[1] + self.last[1] + 1) * self.beats + 2

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Pixels."""
        return (self.lanes * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Taps x lanes."""
        return (self.kernel[0] * self.kernel[1] * self.lanes * self.source.bits,)

    @property
    def cycles(self) -> int:
        """A step for each pixel's beat; windows leave on the way."""
        return self.source.pixels * self.beats

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_slide.sv."""
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
            "PadValue": f"{self.source.bits}'d{self.pad_value % (1 << self.source.bits)}",
        }

    def memories(self, technology: Technology) -> Resources:
        """Beats that wait, whole rows, and columns where they are not registers."""
        width = self.lanes * self.source.bits
        rows, cols = self.kernel
        delay = self.dilation[1] * self.beats
        total = technology.memory(self.queue, width)
        if rows > 1:
            total += technology.memory(self.dilation[0] * self.source.shape[1] * self.beats, (rows - 1) * width)
        if cols > 1 and delay > 1:
            total += technology.memory(delay, (cols - 1) * rows * width)
        return total

    def logic(self, technology: Technology) -> Resources:  # noqa: ARG002
        """The window, which is made of registers, and control."""
        width = self.lanes * self.source.bits
        rows, cols = self.kernel
        delay = self.dilation[1] * self.beats
        columns = (cols - 1) * rows * width if delay == 1 else 0
        beat_bits = (self.beats - 1).bit_length()
        return Resources(lut=50 + 10 * beat_bits, ff=60 + 5 * beat_bits + rows * cols * width + columns)


def line_buffer(window: Window, sink_cycles: int) -> Window | Slide:
    """``window``, or what slides over the same map at the same pace for less.

    A window engine goes on taking pixels while its output waits. One that slides does not, so it needs a reader that takes each
    beat at once, or windows that come as evenly as pixels.

    Args:
        sink_cycles: cycles in which the reader takes a frame's windows.
    """
    if window.deform or window.repeat != (1, 1) or window.taps != window.kernel[0] * window.kernel[1]:
        return window
    slide = Slide(
        name=window.name,
        source=window.source,
        out_hw=window.out_hw,
        kernel=window.kernel,
        stride=window.stride,
        pad=window.pad,
        dilation=window.dilation,
        lanes=window.lanes,
        pad_value=window.pad_value,
    )
    at_once = sink_cycles == window.out_hw[0] * window.out_hw[1] * window.beats
    even = window.out_hw == window.source.shape[:2] and window.stride == (1, 1)
    return slide if slide.fits and (at_once or even) else window
