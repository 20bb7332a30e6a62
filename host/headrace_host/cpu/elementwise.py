# SPDX-License-Identifier: Apache-2.0
"""Requantizers of stored tensors, and expressions of the values at one place of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace_host.cpu.finish import Tile, accumulators, compact_picks, finish, tiles
from headrace_host.cpu.memory import Array, Binder, Map, Margin
from headrace_host.cpu.rescale import Rescale

Interval = tuple[int, int]

_UFUNCS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "abs": np.abs,
    "max": np.maximum,
    "min": np.minimum,
    "eq": np.equal,
    "lt": np.less,
    "le": np.less_equal,
}


def extent(expression: Any, ranges: Sequence[Interval]) -> int:
    """A bound of the magnitude of every value on the way to that of ``expression``, its operands' and constants' included."""
    kind, *rest = expression
    if kind == "in":
        operand: Interval = ranges[rest[0]]
        lo, hi = operand
        return max(abs(lo), abs(hi))
    if kind == "const":
        return abs(int(rest[0]))
    parts: list[int] = [extent(part, ranges) for part in rest]
    if kind in ("add", "sub"):
        return sum(parts)
    return max([*parts, parts[0] * parts[1] if kind == "mul" else 1])


@dataclass(frozen=True, slots=True)
class Pointwise:
    """An expression (`headrace_host.expressions`) of the values at one place of tensors of one height and width."""

    sources: tuple[str, ...]
    target: str
    expression: Any
    dtype: type[np.floating[Any]]
    """In which the expression is exact."""
    rescale: Rescale | None

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        sources = [binder.maps[name] for name in self.sources]
        target = binder.maps[self.target]
        rows, cols, channels = target.shape
        for tile in tiles(binder, rows, cols * channels):
            frames, count = tile.count
            acc = accumulators(binder, target, tile, self.rescale, frames * count * cols, self.dtype)
            even = all(source.channels == channels for source in sources)
            places = [(source.rows if even else source.pixels)[tile.frames, tile.rows] for source in sources]
            shape = (frames, count, cols * channels) if even else (frames, count, cols, channels)
            self._evaluate(binder, self.expression, places, acc.reshape(shape))
            finish(binder, self.rescale, acc, compact_picks(frames, count, cols * channels), target, tile)

    def _evaluate(self, binder: Binder, expression: Any, places: list[Array], out: Array) -> None:
        """Adds the steps that leave the value of ``expression`` in ``out``."""
        kind, *rest = expression
        if kind in ("in", "const"):
            binder.do(np.copyto, out, self._operand(binder, expression, places, out))
            return
        operands = [self._operand(binder, part, places, out) for part in rest]
        if kind != "select":
            binder.do(_UFUNCS[kind], *operands, out=out)
            return
        chosen = binder.scratch(out.shape, np.bool_)
        binder.do(np.not_equal, operands[0], 0, chosen)
        result = binder.scratch(out.shape, self.dtype)
        binder.do(np.copyto, result, operands[2])
        binder.do(np.copyto, result, operands[1], where=chosen)
        binder.do(np.copyto, out, result)

    def _operand(self, binder: Binder, expression: Any, places: list[Array], out: Array) -> Array:
        """An array of ``dtype`` with the value of a part of the expression, for what `out` has room for or smaller."""
        kind, *rest = expression
        if kind == "const":
            return np.array(rest[0], self.dtype)
        place: Array | None = places[rest[0]] if kind == "in" else None
        if place is not None and place.dtype == self.dtype:
            return place
        memory = binder.scratch(out.shape if place is None else place.shape, self.dtype)
        if place is not None:
            binder.do(np.copyto, memory, place)
        else:
            self._evaluate(binder, expression, places, memory)
        return memory


@dataclass(frozen=True, slots=True)
class Requantize:
    """A requantizer of a stored tensor."""

    source: str
    target: str
    rescale: Rescale

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        source, target = binder.maps[self.source], binder.maps[self.target]
        rows, cols, channels = target.shape
        for tile in tiles(binder, rows, cols * channels):
            frames, count = tile.count
            acc = accumulators(binder, target, tile, self.rescale, frames * count * cols, self.rescale.dtype)
            self._read(binder, source, tile, acc)
            finish(binder, self.rescale, acc, compact_picks(frames, count, cols * channels), target, tile)

    def _read(self, binder: Binder, source: Map, tile: Tile, acc: Array) -> None:
        pixels = source.rows[tile.frames, tile.rows]
        binder.do(np.copyto, acc.reshape(pixels.shape), pixels)
