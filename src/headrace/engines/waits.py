# SPDX-License-Identifier: Apache-2.0
"""How long pixels and windows wait for each other in a line buffer of few pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from headrace.ir.ops import Pair

FRAMES = 3
"""After which frames follow each other evenly."""
TURN = 2
"""Cycles from a pixel's being read to another one's coming into its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowReads:
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

    def windows(self) -> Iterator[Pair]:
        """Of each: the first pixel that it or a later one reads, and how many must have come."""
        (height, width), (rows, cols) = self.in_hw, ((k - 1) * d for k, d in zip(self.kernel, self.dilation, strict=True))
        for oy in range(self.out_hw[0]):
            top = oy * self.stride[0] - self.pad[0]
            bottom = min(top + rows, height - 1)
            for ox in range(self.out_hw[1]):
                left = ox * self.stride[1] - self.pad[1]
                right = min(max(left + cols, 0), width - 1)
                yield max(left, 0) + top * width if top >= 0 else 0, bottom * width + right + 1

    def interval(self, pixels: int, *, beats: int, steps: int, late: int, work: int = 0, whole_rows: bool = False) -> int:
        """Cycles from frame to frame with room for so many pixels.

        Args:
            beats: cycles in which a pixel comes.
            steps: those in which a window is read.
            late: those from a pixel's coming to its being read.
            work: those that its reader works on it, meanwhile taking the next one.
            whole_rows: a row's pixels make room together, after its last window.
        """
        return _interval(self, pixels, beats, steps, late, work, whole_rows)


@lru_cache(maxsize=4096)
def _interval(reads: WindowReads, pixels: int, beats: int, steps: int, late: int, work: int, whole_rows: bool) -> int:
    (height, width), windows = reads.in_hw, list(reads.windows())
    firsts = [first // width * width if whole_rows else first for first, _ in windows] + [height * width]
    windows_in_turn = [(need, kept + pixels) for (_, need), kept in zip(windows, firsts[1:], strict=True)]
    room, at = [(pixels, 0)], 0  # pixels there is room for, and since when
    came, arrived = 0, 0  # when the last pixel did, and how many
    read, begun, done, ends = 0, 0, 0, []
    for frame in range(FRAMES):
        before = frame * height * width
        for need, kept in windows_in_turn:  # a hundred thousand times: no calls
            while arrived < before + need:
                while room[at][0] <= arrived:
                    at += 1
                upto, since = room[at]
                upto = upto if upto < before + need else before + need
                came = (came if came > since else since) + beats * (upto - arrived)
                arrived = upto
            start = came + late if came + late > read else read
            start = start if start > begun else begun
            read = start + steps
            begun = start + 1 if start + 1 > done else done
            done = begun + work if begun + work > read else read
            room.append((before + kept, read + TURN))
        ends.append(done)
    return ends[-1] - ends[-2]
