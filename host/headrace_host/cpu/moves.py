# SPDX-License-Identifier: Apache-2.0
"""Operators that only move numbers about: copies between views of maps, in blocks of whole pixels where they can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from headrace_host.cpu.memory import Array, Binder, Map, Margin

Copy = tuple[Array, Array]
"""To, from"""
Copies = Callable[[list[Map], list[Map]], Iterator[Copy]]
"""The copies from the maps of a node's inputs to those of its outputs."""
MAX_RUNS = 8
"""Copies of runs of channels beyond which each number is moved by itself."""


@dataclass(frozen=True, slots=True)
class Move:
    """Copies."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    copies: Copies

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        sources, targets = ([binder.maps[name] for name in names] for names in (self.sources, self.targets))
        for target, source in self.copies(sources, targets):
            binder.do(np.copyto, target, source)


@dataclass(frozen=True, slots=True)
class Raster:
    """The same pixels in rows of another length."""

    source: str
    target: str

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        pixels = source.pixels
        if not source.compact:
            pixels = binder.scratch(pixels.shape, pixels.dtype)
            binder.do(np.copyto, pixels, source.pixels)
        binder.do(np.copyto, target.pixels, pixels.reshape(target.pixels.shape))
        binder.release()


@dataclass(frozen=True, slots=True)
class Choose:
    """Any channels in any order, number by number; -1 for zero."""

    source: str
    target: str
    indices: tuple[int, ...]

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        cells, chosen = source.cells, np.array(self.indices, np.intp)
        out = binder.scratch((len(cells), len(chosen)), cells.dtype)
        binder.do(cells.take, np.maximum(chosen, 0), 1, out, "clip")
        if chosen.min() < 0:
            binder.do(np.multiply, out, (chosen >= 0).astype(cells.dtype), out)
        frame, row, pixel = source.strides
        strides = tuple(stride // pixel * out.strides[0] for stride in (frame, row, pixel))
        view: Array = np.ndarray(target.pixels.shape, out.dtype, out.data, 0, (*strides, out.itemsize))
        binder.do(np.copyto, target.pixels, view)
        binder.release()


def part(x: Map, start: int, channels: int, step: int = 1) -> Array:
    """Every ``step``-th of the channels from ``start`` on, (N, H, W, channels) or as blocks (N, H, W)."""
    if step == 1 and channels > 1:
        return x.blocks(start, channels)
    return x.strided(start, (*x.pixels.shape[:3], channels), (*x.strides, step))


def concat(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
    """Channels side by side."""
    start = 0
    for source in sources:
        yield part(targets[0], start, source.channels), part(source, 0, source.channels)
        start += source.channels


def split(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
    """Consecutive channels."""
    start = 0
    for target in targets:
        yield part(target, 0, target.channels), part(sources[0], start, target.channels)
        start += target.channels


def interleave(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
    """The channels of each input in turn."""
    for k, source in enumerate(sources):
        yield part(targets[0], k, source.channels, len(sources)), source.pixels


def gather(indices: Sequence[int]) -> Copies:
    """Any channels, -1 for zero."""

    def copies(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
        source, target = sources[0], targets[0]
        for at, step, chosen, count in runs(indices):
            if chosen < 0:
                yield part(target, at, 1), np.zeros((), target.data.dtype)
            elif step == 1:
                yield part(target, at, count), part(source, chosen, count)
            else:
                yield (
                    part(target, at, count, step),
                    source.strided(chosen, (*source.pixels.shape[:3], count), (*source.strides, 1)),
                )

    return copies


def runs(indices: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Consecutive channels, at places one or a few steps apart: (first place, step, first channel, channels)."""
    left = dict(enumerate(indices))
    while left:
        at = next(iter(left))
        chosen = left[at]
        lengths = {step: _length(left, at, step) if chosen >= 0 else 1 for step in range(1, 9)}
        step = max(lengths, key=lambda s: (lengths[s], -s))
        for k in range(lengths[step]):
            del left[at + k * step]
        yield at, step, chosen, lengths[step]


def _length(left: Mapping[int, int], at: int, step: int) -> int:
    count = 1
    while left.get(at + count * step) == left[at] + count:
        count += 1
    return count


def depth_to_space(block: tuple[int, int]) -> Copies:
    """Channels, in the order (row, column, channel), to blocks of pixels."""

    def copies(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
        yield _blocks(targets[0], block), _parts(sources[0], block)

    return copies


def space_to_depth(block: tuple[int, int]) -> Copies:
    """The inverse."""

    def copies(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
        yield _parts(targets[0], block), _blocks(sources[0], block)

    return copies


def _blocks(x: Map, block: tuple[int, int]) -> Array:
    """Blocks of pixels: (N, rows, columns, rows of the block, its columns)."""
    (n, h, w, c), (rows, cols) = x.pixels.shape, block
    frame, row, pixel = x.strides
    return x.strided(0, (n, h // rows, w // cols, rows, cols), (frame, rows * row, cols * pixel, row, pixel), c)


def _parts(x: Map, block: tuple[int, int]) -> Array:
    """Pixels cut along their channels into what will be, or was, a block."""
    (n, h, w, c), (rows, cols) = x.pixels.shape, block
    each = c // (rows * cols)
    return x.strided(0, (n, h, w, rows, cols), (*x.strides, cols * each, each), each)


def upsample(factors: tuple[int, int]) -> Copies:
    """Every pixel several times."""

    def copies(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
        source = sources[0].blocks()
        repeated: Array = np.broadcast_to(source[:, :, :, None, None], (*source.shape, *factors))
        yield _blocks(targets[0], factors), repeated

    return copies


def crop(pad: tuple[int, int, int, int], stride: tuple[int, int]) -> Copies:
    """Rows and columns of zeros around the map, or fewer of its own; then every ``stride``-th pixel."""

    def copies(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
        source, target = sources[0].blocks(), targets[0].blocks()
        if max(pad) > 0:
            yield targets[0].rows, np.zeros((), targets[0].data.dtype)
        spans = [_span(source.shape[a + 1], target.shape[a + 1], pad[a], stride[a]) for a in (0, 1)]
        if all(count > 0 for _, _, count in spans):
            to, start = (tuple(slice(s[k], None) for s in spans) for k in (0, 1))
            rows, cols = (count for _, _, count in spans)
            kept = source[:, start[0], start[1]][:, :: stride[0], :: stride[1]][:, :rows, :cols]
            yield target[:, to[0], to[1]][:, :rows, :cols], kept

    return copies


def _span(size: int, out: int, pad: int, stride: int) -> tuple[int, int, int]:
    """Along one axis: the first place in the result that is of the map, its place there, and how many there are."""
    first = max(0, -(-pad // stride))
    start = first * stride - pad
    return first, start, min(out - first, -(-(size - start) // stride))


def shift(offsets: Array) -> Copies:
    """Every channel by its own offset (rows, columns), zeros from outside the map."""

    def copies(sources: list[Map], targets: list[Map]) -> Iterator[Copy]:
        source, target = sources[0], targets[0]
        yield target.rows, np.zeros((), target.data.dtype)
        _, h, w, channels = source.pixels.shape
        cuts = [0, *(np.flatnonzero((np.diff(offsets, axis=0) != 0).any(axis=1)) + 1).tolist(), channels]
        for first, stop in pairwise(cuts):
            dy, dx = offsets[first].tolist()
            rows, cols = slice(max(0, -dy), min(h, h - dy)), slice(max(0, -dx), min(w, w - dx))
            if rows.start < rows.stop and cols.start < cols.stop:
                moved = slice(rows.start + dy, rows.stop + dy), slice(cols.start + dx, cols.stop + dx)
                run = stop - first
                yield part(target, first, run)[:, rows, cols], part(source, first, run)[:, moved[0], moved[1]]

    return copies


def constant(value: Array) -> Copies:
    """The same map (H, W, C) in every frame."""

    def copies(_: list[Map], targets: list[Map]) -> Iterator[Copy]:
        yield targets[0].pixels, np.asarray(value, targets[0].data.dtype)

    return copies
