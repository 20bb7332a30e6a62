# SPDX-License-Identifier: Apache-2.0
"""Random networks of every supported operator, built directly as integer graphs.

`random_network` strings random operators together: odd channel counts, odd maps, several heads, inner tensors that are also
outputs, halves that nothing reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from nets import NetBuilder
from pool_nets import STEPS as POOL_STEPS

from headrace.ir.expressions import ARITY, Expression
from headrace.ir.graph import Graph
from headrace.ir.ops import Pads, Pair
from headrace.ir.tensor import Tensor

MAX_PIXELS = 260
CHANNELS = (1, 2, 3, 4, 5, 6, 8, 8, 12, 13, 16)
WIDE_CHANNELS = (29, 58)


def random_expression(rng: np.random.Generator, operands: int, depth: int) -> Expression:
    """An expression that reads each of ``operands`` operands."""

    def part(depth: int) -> Expression:
        if depth == 0 or rng.random() < 0.15:
            return ("in", int(rng.integers(operands))) if rng.random() < 0.8 else ("const", int(rng.integers(-20, 20)))
        kind = str(rng.choice(list(ARITY)))
        return (kind, *(part(depth - 1) for _ in range(ARITY[kind])))

    expression = part(depth)
    for k in range(operands):
        expression = (str(rng.choice(["add", "sub", "max", "min", "mul"])), expression, ("in", k))
    return expression


@dataclass
class _Walk:
    """Random operators on a pool of quantized tensors."""

    net: NetBuilder
    pool: list[str]

    def pick(self, condition: Callable[[Tensor], bool] = lambda _: True) -> str | None:
        """One of the pool, recent ones more often."""
        fits = [name for name in self.pool if condition(self.net.tensors[name])]
        if not fits:
            return None
        weight = np.arange(1, len(fits) + 1) ** 2.0
        return str(self.net.rng.choice(fits, p=weight / weight.sum()))

    def chance(self, probability: float) -> bool:
        return bool(self.net.rng.random() < probability)

    def channels(self) -> int:
        return int(self.net.rng.choice(WIDE_CHANNELS if self.chance(0.12) else CHANNELS))

    def grid(self) -> Pair:
        """A quantizer's range: mostly 8 or 4 bits, unsigned or signed, sometimes odd."""
        grids = [(0, 255), (-128, 127), (0, 15), (-8, 7), (0, 1), (-1, 1), (0, 200), (-3, 100), (-2048, 2047), (2, 9)]
        weight = np.array([6, 4, 3, 2, 1, 1, 1, 1, 1, 0.5])
        lo, hi = grids[int(self.net.rng.choice(len(grids), p=weight / weight.sum()))]
        return lo, hi

    def settle(self, acc: str) -> None:
        """Quantizes accumulators, now and then behind a move, twice, or leaves them as an output."""
        net = self.net
        if self.chance(0.08) and min(net.tensors[acc].shape[:2]) >= 2:
            acc = net.max_pool(acc, (2, 2), (1, 2) if self.chance(0.5) else (2, 1))
        if self.chance(0.06) and net.tensors[acc].pixels * 2 < MAX_PIXELS:
            acc = net.upsample(acc, (1, 2))
        if self.chance(0.05) and net.tensors[acc].channels > 1:
            acc = net.split(acc, (1, net.tensors[acc].channels - 1))[int(self.chance(0.5))]
        self.pool.append((net.steps if self.chance(0.12) else net.quantize)(acc, *self.grid()))
        if self.chance(0.08):
            self.pool.append(net.quantize(acc, *self.grid()))

    def window(self, x: str, largest: int) -> tuple[Pair, Pair, Pads, Pair]:
        """Kernel, stride, padding and dilation that leave some output."""
        rng, shape = self.net.rng, self.net.tensors[x].shape
        kernel = (3, 3) if self.chance(0.5) else tuple(rng.integers(1, largest + 1, 2).tolist())
        stride = (1, 1) if self.chance(0.6) else tuple(rng.integers(1, 4, 2).tolist())
        dilation = (1, 1) if self.chance(0.8) else tuple(rng.integers(1, 3, 2).tolist())
        pad: list[int] = []
        for axis in (0, 1, 0, 1):
            reach = dilation[axis] * (kernel[axis] - 1)
            pad.append(reach // 2 if self.chance(0.7) else int(rng.integers(0, reach + 1)))
        for axis in (0, 1):
            missing = dilation[axis] * (kernel[axis] - 1) + 1 - shape[axis] - pad[axis] - pad[axis + 2]
            pad[axis] += max(0, missing)
        return (kernel[0], kernel[1]), (stride[0], stride[1]), (pad[0], pad[1], pad[2], pad[3]), (dilation[0], dilation[1])

    def dense(self) -> None:
        x = self.pick()
        assert x is not None
        self.settle(self.net.conv(x, self.channels(), *self.window(x, 4), bits=int(self.net.rng.integers(2, 9))))

    def depthwise(self) -> None:
        x = self.pick()
        assert x is not None
        self.settle(self.net.conv(x, 0, *self.window(x, 5), bits=int(self.net.rng.integers(2, 9)), depthwise=True))

    def grouped(self) -> None:
        """Groups of any size, channel multipliers among them, pointwise or with a window."""
        x = self.pick(lambda t: t.channels >= 2)
        if x is None:
            return
        c, rng = self.net.tensors[x].channels, self.net.rng
        groups = int(rng.choice([d for d in range(2, c + 1) if c % d == 0]))
        m = groups * int(rng.integers(1, max(2, 13 // groups)))
        shape: tuple[Any, ...] = () if self.chance(0.3) else self.window(x, 4)
        self.settle(self.net.conv(x, m, *shape, bits=int(rng.integers(2, 9)), groups=groups))

    def connected(self) -> None:
        """A fully connected layer on a whole small map."""
        x = self.pick(lambda t: t.pixels * t.channels <= 400)
        if x is not None:
            kernel = self.net.tensors[x].shape[:2]
            self.settle(self.net.conv(x, self.channels(), kernel, bits=int(self.net.rng.integers(2, 9))))

    def pointwise(self) -> None:
        x = self.pick()
        assert x is not None
        self.settle(self.net.conv(x, self.channels()))

    def pool_max(self) -> None:
        x = self.pick()
        assert x is not None
        shape, rng = self.net.tensors[x].shape, self.net.rng
        kernel = tuple(min(int(k), s) for k, s in zip(rng.integers(1, 4, 2), shape, strict=False))
        pad = tuple(int(rng.integers(0, kernel[axis] // 2 + 1)) for axis in (0, 1, 0, 1))
        stride = tuple(rng.integers(1, 4, 2).tolist())
        self.pool.append(self.net.max_pool(x, kernel, stride, pad))  # type: ignore[arg-type]  # pairs by construction

    def residual(self) -> None:
        a = self.pick()
        assert a is not None
        shape = self.net.tensors[a].shape
        b = self.pick(lambda t: t.shape == shape and t.name != a)
        if b is None:
            b = self.net.quantize(self.net.conv(a, shape[2], (3, 3), (1, 1), (1, 1, 1, 1)), *self.grid())
        muls = (1, 1) if self.chance(0.6) else tuple(self.net.rng.integers(1, 6, 2).tolist())
        self.settle(self.net.add(a, a if self.chance(0.1) else b, muls[0], muls[1]))

    def combined(self) -> None:
        """A random expression of maps of one shape, now and then with one of a single channel or pixel."""
        net, x = self.net, self.pick(lambda t: t.bits <= 9)
        if x is None:
            return
        h, w, c = net.tensors[x].shape
        shapes = [(h, w, c), (h, w, 1), (1, 1, c), (1, 1, 1)]
        others = [self.pick(lambda t: t.shape in shapes and t.bits <= 9) for _ in range(int(net.rng.integers(0, 3)))]
        if self.chance(0.3):
            others = [net.quantize(net.conv(x, 1), *self.grid())]
        elif self.chance(0.4) and c * h * w < 2000:
            others = [net.quantize(net.conv(x, 0, (h, w), depthwise=True, bits=2), *self.grid())]
        names = [x, *(name for name in others if name is not None)]
        self.settle(net.pointwise(random_expression(net.rng, len(names), depth=2), *names))

    def join(self) -> None:
        a = self.pick()
        assert a is not None
        shape = self.net.tensors[a].shape
        others = [self.pick(lambda t: t.shape[:2] == shape[:2]) for _ in range(int(self.net.rng.integers(1, 3)))]
        names = [a, *(name for name in others if name is not None)]
        if sum(self.net.tensors[name].channels for name in names) <= 80:
            self.pool.append(self.net.concat(*names))

    def part(self) -> None:
        x = self.pick(lambda t: t.channels >= 2)
        if x is None:
            return
        c, rng = self.net.tensors[x].channels, self.net.rng
        cuts = sorted({int(v) for v in rng.integers(1, c, int(rng.integers(1, 3)))})
        parts = self.net.split(x, tuple(np.diff([0, *cuts, c]).tolist()))
        self.pool += [name for name in parts if self.chance(0.7)] or [parts[-1]]

    def slices(self) -> None:
        x = self.pick(lambda t: t.channels >= 3)
        if x is None:
            return
        c = self.net.tensors[x].channels
        for _ in range(int(self.net.rng.integers(1, 4))):
            start = int(self.net.rng.integers(0, c))
            self.pool.append(self.net.cut(x, start, int(self.net.rng.integers(start + 1, c + 1))))

    def shuffle_unit(self) -> None:
        net, x = self.net, self.pick(lambda t: t.channels >= 4 and t.channels % 2 == 0)
        if x is None:
            return
        kind = net.tensors[x]
        half = kind.channels // 2
        if self.chance(0.5):
            passed, worked = net.split(x, (half, half))
        else:
            passed, worked = net.cut(x, 0, half), net.cut(x, half, kind.channels)
        worked = net.quantize(net.conv(worked, half), 0, 255)
        worked = net.quantize(net.conv(worked, 0, (3, 3), (1, 1), (1, 1, 1, 1), depthwise=True), -128, 127)
        worked = net.quantize(net.conv(worked, half), kind.lo, kind.hi)
        self.pool.append(net.shuffle(net.concat(passed, worked), 2))

    def shuffled(self) -> None:
        x = self.pick(lambda t: t.channels % 2 == 0 or t.channels % 3 == 0)
        if x is not None:
            self.pool.append(self.net.shuffle(x, 2 if self.net.tensors[x].channels % 2 == 0 else 3))

    def chosen(self) -> None:
        x = self.pick()
        assert x is not None
        c, rng = self.net.tensors[x].channels, self.net.rng
        if self.chance(0.5):
            self.pool.append(self.net.gather(x, tuple(rng.permutation(c).tolist())))
        else:
            self.pool.append(self.net.gather(x, (int(rng.integers(c)), *rng.integers(-1, c, int(rng.integers(16))).tolist())))

    def blocks(self) -> None:
        net, size = self.net, tuple(self.net.rng.integers(1, 4, 2).tolist())
        area = size[0] * size[1]
        if self.chance(0.5):
            x = self.pick(lambda t: t.channels % area == 0 and t.pixels * area <= MAX_PIXELS)
            self.pool += [] if x is None else [net.depth_to_space(x, size)]
        else:
            x = self.pick(lambda t: t.shape[0] % size[0] == t.shape[1] % size[1] == 0 and t.channels * area <= 64)
            self.pool += [] if x is None else [net.space_to_depth(x, size)]

    def cropped(self) -> None:
        x, rng = self.pick(), self.net.rng
        assert x is not None
        h, w, _ = self.net.tensors[x].shape
        top, left, bottom, right = (int(rng.integers(-((size - 1) // 3), 3)) for size in (h, w, h, w))
        if (h + top + bottom) * (w + left + right) <= MAX_PIXELS:
            stride = (1, 1) if self.chance(0.5) else tuple(rng.integers(1, 3, 2).tolist())
            self.pool.append(self.net.crop(x, (top, left, bottom, right), stride))

    def shifted(self) -> None:
        x = self.pick()
        assert x is not None
        c, reach = self.net.tensors[x].channels, int(self.net.rng.integers(0, 4))
        self.pool.append(self.net.shift(x, self.net.rng.integers(-reach, reach + 1, (c, 2))))

    def recut(self) -> None:
        x = self.pick()
        assert x is not None
        h, w, _ = self.net.tensors[x].shape
        self.pool.append(self.net.raster(x, ((w, h), (1, h * w), (h * w, 1))[int(self.net.rng.integers(3))]))

    def grow(self) -> None:
        factors = (int(self.net.rng.integers(1, 4)), int(self.net.rng.integers(1, 4)))
        x = self.pick(lambda t: t.pixels * factors[0] * factors[1] <= MAX_PIXELS)
        if x is not None and factors != (1, 1):
            self.pool.append(self.net.upsample(x, factors))

    def tabulated(self) -> None:
        x = self.pick(lambda t: t.bits <= 8)
        if x is not None:
            self.pool.append(self.net.lookup(x, *self.grid()))

    def deformed(self) -> None:
        net, x = self.net, self.pick()
        assert x is not None
        ranges = [(0, 3), (0, 1), (-2, 1), (-1, 3), (0, 7)]
        d = net.quantize(net.conv(x, 1, bits=8), *ranges[int(net.rng.integers(len(ranges)))])
        k = 5 if self.chance(0.2) else 3
        lo = int(net.rng.integers(-2, 3))
        self.settle(net.deform(x, d, k, lo, int(net.rng.integers(lo, 4))))


_STEPS = (
    (_Walk.dense, 4),
    (_Walk.depthwise, 4),
    (_Walk.grouped, 3),
    (_Walk.connected, 1),
    (_Walk.pointwise, 4),
    (_Walk.pool_max, 2),
    (_Walk.residual, 3),
    (_Walk.join, 2),
    (_Walk.part, 2),
    (_Walk.slices, 1),
    (_Walk.shuffle_unit, 2),
    (_Walk.shuffled, 1),
    (_Walk.grow, 2),
    (_Walk.chosen, 2),
    (_Walk.blocks, 2),
    (_Walk.cropped, 2),
    (_Walk.recut, 1),
    (_Walk.shifted, 1),
    (_Walk.deformed, 3),
    *POOL_STEPS,
    (_Walk.tabulated, 2),
    (_Walk.combined, 4),
)


def random_network(seed: int, steps: int = 6) -> Graph:
    """A random network of about ``steps`` blocks; the same one for the same seed."""
    rng = np.random.default_rng(seed)
    net = NetBuilder(rng=rng, exact=bool(rng.random() < 0.5))
    h, w = (int(v) for v in rng.integers(1 if rng.random() < 0.1 else 4, 14, 2))
    image = net.input((h, w, int(rng.choice((1, 3, 3, 4, 7)))), *((0, 255) if rng.random() < 0.7 else (-128, 127)))
    walk = _Walk(net=net, pool=[image])
    if rng.random() < 0.15:
        walk.pool.append(net.input((h, w, 2), -3, 12))
        walk.pool.append(net.concat(*walk.pool))
    walk.dense()
    chances = np.array([weight for _, weight in _STEPS], np.float64)
    for _ in range(steps):
        _STEPS[int(rng.choice(len(_STEPS), p=chances / chances.sum()))][0](walk)
    read = {name for node in net.nodes for name in node.inputs}
    last = [name for name in walk.pool if name not in read and name not in net.inputs]
    inner = [node.outputs[0] for node in net.nodes if node.outputs[0] in read]
    outputs = [*last[-3:], *(name for name in inner if rng.random() < 0.06)]
    graph = net.graph(*dict.fromkeys(outputs or [net.nodes[-1].outputs[-1]]))
    return _with_used_inputs(graph)


def _with_used_inputs(graph: Graph) -> Graph:
    """Drops inputs that lead to no output."""
    live = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if live & set(node.outputs):
            live.update(node.inputs)
            kept.append(node)
    return Graph(
        inputs=tuple(name for name in graph.inputs if name in live),
        outputs=graph.outputs,
        tensors={k: t for k, t in graph.tensors.items() if k not in graph.inputs or k in live},
        nodes=tuple(reversed(kept)),
    )
