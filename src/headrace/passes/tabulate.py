# SPDX-License-Identifier: Apache-2.0
"""Turns quantized functions into tables or thresholds: evaluated at every integer that can occur, not approximated.

The integers are those of the model's own float32 arithmetic, node by node, as ONNX's reference implementation computes it.
Float64 is computed beside it: the certificate counts where that gives another integer, and says whether any float32
implementation must agree, because no value comes near the place where it would be rounded otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from headrace.errors import UnsupportedError
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Compare, Leaf, Op, Tabulate
from headrace.ir.ranges import Range
from headrace.ir.rounding import rounded_array
from headrace.operators.tables import TABLE_BITS, Lookup, Thresholds
from headrace.passes.certificate import FLOAT32_EXACT, Certificate, power_of_two

Int64 = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

BLOCK = 1 << 18
"""Values evaluated at a time."""
MAX_SPAN = 1 << 24
"""Most values of one channel that are evaluated."""
MAX_VALUES = 1 << 27
"""Most values of all unlike channels together."""
MAX_STEPS = 4096
"""Most steps of one channel."""
LEAF = 32
"""Cells of so many integers are evaluated."""
PARTS = 8
"""Cells that a larger one is cut into."""
MARGIN = 2.0**-18
"""Relative error that any float32 implementation of a few operations stays well within."""
FAR = 1 << 62


def tabulate(graph: Graph, node: Node, reachable: Range) -> tuple[Op, Certificate]:
    """The table of a `Tabulate` node where its input has at most 10 bits, else its thresholds.

    Raises:
        UnsupportedError: too many values can reach it, it has too many steps, or it is not a number somewhere.
    """
    op, source = cast(Tabulate, node.op), graph.tensors[node.inputs[0]]
    low, high = (
        np.array(list(_of_classes(op, ends, worst)), np.int64) for ends, worst in zip(reachable, (min, max), strict=True)
    )
    small = source.hi - source.lo < 1 << TABLE_BITS
    if small:
        low, high = np.full_like(low, source.lo), np.full_like(high, source.hi)
    spans = high - low + 1
    bounded = op.bounds is not None and int(spans.max()) > BLOCK // 16
    if not bounded and (int(spans.max()) > MAX_SPAN or int(spans.sum()) > MAX_VALUES):
        raise UnsupportedError(
            node.name,
            op.origin,
            f"{int(spans.max())} values of a channel and {int(spans.sum())} of all channels can reach it; at most {MAX_SPAN} "
            f"and {MAX_VALUES} are evaluated",
            "quantize its input first (QuantIdentity before it)",
        )
    found = _Found(node=node, op=op, count=len(spans))
    if bounded:
        found.subdivide(low, high)
    else:
        for classes, x, inside in _blocks(low, high):
            found.add(classes, x, inside)
    each = op.classes if len(spans) > 1 else np.zeros(1, np.int64)
    realised: Op
    if small:
        realised = Lookup(table=found.table(high)[each], lo=source.lo)
    else:
        steps, levels = found.thresholds(high)
        realised = Thresholds(steps=steps[each], values=levels[each])
    return realised, found.certificate(int(spans[op.classes].sum()), _float32_inputs(op.leaves, reachable))


def _of_classes(op: Tabulate, ends: Int64, worst: Any) -> Iterator[int]:
    for k in range(len(op.members)):
        yield int(worst(ends[op.classes == k]))


def _blocks(low: Int64, high: Int64) -> Iterator[tuple[Int64, Int64, npt.NDArray[np.bool_]]]:
    """(classes (G,), x (G, n), which of x lie within each class's range); every class's values in rising order."""
    spans, first = high - low + 1, 0
    while first < len(spans):
        last = first + 1
        while last < len(spans) and int(spans[first : last + 1].max()) * (last + 1 - first) <= BLOCK:
            last += 1
        classes, length = np.arange(first, last), int(spans[first:last].max())
        for start in range(0, length, BLOCK):
            x = low[classes, None] + np.arange(start, min(start + BLOCK, length))
            inside = x <= high[classes, None]
            yield classes, np.minimum(x, high[classes, None]), inside
        first = last


def _split(cells: Int64) -> Int64:
    """Cells (3, n) of class, first and last integer, each cut into `PARTS`."""
    width = -(-(cells[2] - cells[1] + 1) // PARTS)
    first = cells[1] + width * np.arange(PARTS)[:, None]
    last = np.minimum(first + width - 1, cells[2])
    parts = np.stack([np.broadcast_to(cells[0], first.shape), first, last])
    kept: Int64 = parts[:, first <= last]
    return kept


@dataclass(slots=True)
class _Found:
    """What the evaluation has found so far, class by class."""

    node: Node
    op: Tabulate
    count: int
    starts: list[list[int]] = field(default_factory=list)
    """Where each piece begins, one list for each class."""
    values: list[list[int]] = field(default_factory=list)
    differing: int = 0
    robust: bool = True

    def __post_init__(self) -> None:
        self.starts, self.values = [[] for _ in range(self.count)], [[] for _ in range(self.count)]

    def add(self, classes: Int64, x: Int64, inside: npt.NDArray[np.bool_]) -> None:
        """Evaluates one block, behind those before it."""
        for k, row, integers in zip(classes.tolist(), self.evaluated(classes, x, inside), x, strict=True):
            self._append(k, row, integers)

    def evaluated(self, classes: Int64, x: Int64, inside: npt.NDArray[np.bool_]) -> Int64:
        """The integers (G, n) that the function's results round to."""
        near, single = (self._steps(classes, x, dtype) for dtype in (np.float64, np.float32))
        if np.any(np.isnan(single)):
            row, column = (int(at[0]) for at in np.nonzero(np.isnan(single)))
            raise UnsupportedError(
                self.node.name,
                self.op.origin,
                f"its result is not a number at the integer {x[row, column]}, which can reach it",
                "clip its input to where the function is defined",
            )
        ours, theirs = (self._rounded(v) for v in (single, near))
        unlike = (ours != theirs) & inside
        self.differing += int((unlike.sum(axis=1) * (self.op.classes[:, None] == classes).sum(axis=0)).sum())
        self.robust = self.robust and not np.any(unlike) and bool(np.all(self._safe(near, single) | ~inside))
        return ours

    def _steps(self, classes: Int64, x: Int64, dtype: Any) -> Array:
        """The function in units of one step, computed in ``dtype``."""
        y = self.op.function(self.op.members[classes], x, dtype)
        steps: Array = np.asarray(y, dtype) / self._scale(classes).astype(dtype)
        return steps

    def _scale(self, classes: Int64) -> Array:
        """The result's step in each class, (G, 1)."""
        return self.op.scale[self.op.members[classes]].astype(np.float64)[:, None]

    def _rounded(self, v: Array) -> Int64:
        whole = rounded_array(np.clip(v, -(2.0**40), 2.0**40), self.op.rounding, self.op.zero)
        clipped: Int64 = np.clip(np.nan_to_num(whole), self.op.lo, self.op.hi).astype(np.int64)
        return clipped

    def _safe(self, near: Array, single: Array) -> npt.NDArray[np.bool_]:
        """Whether no float32 implementation can round to another integer: far from the next step, or exact."""
        v = np.clip(near, self.op.lo - 1.0, self.op.hi + 1.0)
        slack = MARGIN * np.maximum(np.abs(v) + abs(self.op.zero), 1.0)
        whole = rounded_array(v - slack, self.op.rounding, self.op.zero) == rounded_array(
            v + slack, self.op.rounding, self.op.zero
        )
        beyond = (near < self.op.lo - 1.0) | (near > self.op.hi + 1.0)
        safe: npt.NDArray[np.bool_] = whole | beyond | (near == single)
        return safe

    def _append(self, k: int, row: Int64, integers: Int64) -> None:
        starts, values = self.starts[k], self.values[k]
        before = values[-1] if values else None
        changes = np.flatnonzero(np.diff(row)) + 1
        at = changes if before == row[0] else np.concatenate([[0], changes])
        starts.extend(integers[at].tolist())
        values.extend(row[at].tolist())

    def subdivide(self, low: Int64, high: Int64) -> None:
        """Evaluates only where bounds of the function leave open to which integer it rounds."""
        flat: list[Int64] = []
        cells = np.stack([np.arange(self.count), low, high])
        work = 0
        while cells.size:
            work += cells.shape[1]
            least, most = self._bounds(cells)
            known = least == most
            flat.append(np.stack([*cells[:2, known], least[known]]))
            cells = cells[:, ~known]
            small = cells[2] - cells[1] < LEAF
            flat += [self._leaf(part) for part in np.array_split(cells[:, small], cells.shape[1] * LEAF // BLOCK + 1, axis=1)]
            cells = _split(cells[:, ~small])
            work += int(small.sum()) * LEAF
            if work + cells.shape[1] > MAX_VALUES:
                raise UnsupportedError(
                    self.node.name,
                    self.op.origin,
                    f"more than {MAX_VALUES} of the values that can reach it lie near its steps",
                    "quantize its input first (QuantIdentity before it)",
                )
        found = np.concatenate(flat, axis=1)
        for k in range(self.count):
            own = found[1:, found[0] == k]
            starts, values = own[:, np.argsort(own[0], kind="stable")]
            self._append(k, values, starts)

    def _bounds(self, cells: Int64) -> tuple[Int64, Int64]:
        """Lowest and highest integer that the function can round to in each cell."""
        assert self.op.bounds is not None
        out = []
        for part in np.array_split(cells, cells.shape[1] // BLOCK + 1, axis=1):
            ends = self.op.bounds(self.op.members[part[0]], part[1][:, None], part[2][:, None])
            v = np.clip(np.stack([end[:, 0] for end in ends]) / self._scale(part[0])[:, 0], -(2.0**40), 2.0**40)
            slack = MARGIN * np.maximum(np.abs(v) + abs(self.op.zero), 1.0)
            out.append(self._rounded(v + slack * np.array([[-1.0], [1.0]])))
        least, most = np.concatenate(out, axis=1)
        return least, most

    def _leaf(self, cells: Int64) -> Int64:
        """Classes, integers and values of every integer of some cells."""
        if not cells.size:
            return np.empty((3, 0), np.int64)
        x = cells[1][:, None] + np.arange(LEAF)
        inside = x <= cells[2][:, None]
        y = self.evaluated(cells[0], np.minimum(x, cells[2][:, None]), inside)
        return np.stack([np.broadcast_to(cells[0][:, None], x.shape)[inside], x[inside], y[inside]])

    def table(self, high: Int64) -> Int64:
        """Values (classes, n) of every integer; all classes have one range here."""
        rows = []
        for starts, values in zip(self.starts, self.values, strict=True):
            rows.append(np.repeat(values, np.diff([*starts, int(high[0]) + 1])))
        return np.array(rows, np.int64)

    def thresholds(self, high: Int64) -> tuple[Int64, Int64]:
        """Steps (classes, N) and values (classes, N + 1); classes with fewer steps end in ones out of reach."""
        count = max(len(values) for values in self.values) - 1
        if count > MAX_STEPS:
            raise UnsupportedError(
                self.node.name,
                self.op.origin,
                f"its result changes {count} times over the range of its input; at most {MAX_STEPS} steps are mapped",
                f"quantize its input to at most {TABLE_BITS} bits first, or its result to fewer bits",
            )
        steps = np.full((self.count, count), int(high.max()) + 1, np.int64)
        values = np.empty((self.count, count + 1), np.int64)
        for k in range(self.count):
            own = len(self.values[k])
            steps[k, : own - 1] = self.starts[k][1:]
            values[k, :own], values[k, own:] = self.values[k], self.values[k][-1]
        return steps, values

    def certificate(self, reached: int, float32_inputs: bool) -> Certificate:
        """What the evaluation proves."""
        return Certificate(
            node=self.node.name,
            exact=self.differing == 0,
            differing_values=self.differing,
            reachable_values=reached,
            mul_bits=0,
            shift=0,
            float32_exact=self.robust and float32_inputs and all(map(_dyadic, self.op.scale)),
            reason="the model's own float32 arithmetic, compared at every value that can occur; float64 "
            f"{'agrees' if self.differing == 0 else 'rounds some of them otherwise'}",
        )


def _dyadic(value: Fraction) -> bool:
    return power_of_two(value.denominator) and (value == 0 or power_of_two(abs(value.numerator)))


def _float32_inputs(leaves: tuple[Leaf, ...], reachable: Range) -> bool:
    """Whether float32 holds every affine image exactly, whatever the order of the sums before it."""
    for leaf in leaves:
        for scale, offset, lo, hi in zip(leaf.scale, leaf.offset, *reachable, strict=True):
            steps = max(scale.denominator, offset.denominator)
            size = (abs(scale) * max(abs(int(lo)), abs(int(hi))) + abs(offset)) * steps
            if not (leaf.pure and power_of_two(steps) and size < FLOAT32_EXACT):
                return False
    return True


def compare(graph: Graph, node: Node, reachable: Range) -> tuple[Op, Certificate]:
    """The integer thresholds of a `Compare` node, exact for any rational slope, offset and edges."""
    op = cast(Compare, node.op)
    channels = graph.tensors[node.inputs[0]].channels
    low, high = reachable
    rows, values = [], []
    for c in range(channels):
        edges = op.edges[c % len(op.edges)]
        falls = op.leaf.scale[c] < 0
        at = sorted(_first(op, c, edge) for edge in edges)
        rows.append([min(max(step, int(low[c])), int(high[c]) + 1) for step in at])
        counts = range(len(edges), -1, -1) if falls else range(len(edges) + 1)
        values.append([op.base + op.step * n for n in counts])
    thresholds = Thresholds(steps=np.array(rows, np.int64).reshape(channels, -1), values=np.array(values, np.int64))
    certificate = Certificate(
        node=node.name,
        exact=True,
        differing_values=0,
        reachable_values=int((high - low + 1).sum()),
        mul_bits=0,
        shift=0,
        float32_exact=_float32_inputs((op.leaf,), reachable),
        reason="every threshold stands where the real comparison has it",
    )
    return thresholds, certificate


def _first(op: Compare, channel: int, edge: Fraction) -> int:
    """The least integer at which ``edge`` is reached; of a falling channel, the least at which it is reached no more."""
    scale, offset = op.leaf.scale[channel], op.leaf.offset[channel]
    falls = scale < 0
    if op.least is not None and edge <= op.least:
        return FAR if falls else -FAR
    if op.most is not None and edge > op.most:
        return -FAR if falls else FAR
    if scale == 0:
        return -FAR if offset >= edge else FAR
    crossing: Fraction = (edge - offset) / scale
    return floor(crossing) + 1 if falls else -floor(-crossing)
