# SPDX-License-Identifier: Apache-2.0
"""Random networks of every supported operator, built directly as integer graphs.

`NetBuilder` adds one operator at a time and keeps the ranges of its tensors; `random_network` strings random operators
together: odd channel counts, odd maps, several heads, inner tensors that are also outputs, halves that nothing reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from pool_nets import STEPS as POOL_STEPS

from headrace.boards import Board
from headrace.engines.base import Resources
from headrace.ir.expressions import ARITY, Expression, bounds
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import IntArray, Op, Pads, Pair, Quantize
from headrace.ir.tensor import Tensor
from headrace.operators import channel_range
from headrace.operators.blocks import DepthToSpace, SpaceToDepth
from headrace.operators.channels import Concat, Shuffle, Slice, Split
from headrace.operators.conv import Conv, conv_bounds
from headrace.operators.deform import DeformDepthwise, deform_bounds
from headrace.operators.deform_conv import DeformConv, deform_conv_bounds
from headrace.operators.elementwise import Pointwise
from headrace.operators.gather import Gather
from headrace.operators.pool import MaxPool
from headrace.operators.raster import Crop, Raster
from headrace.operators.shift import Shift
from headrace.operators.tables import Lookup, Thresholds
from headrace.operators.upsample import Upsample
from headrace.passes.requantize import requantize
from headrace.passes.simplify import simplify

Shape = tuple[int, int, int]
MAX_PIXELS = 260
CHANNELS = (1, 2, 3, 4, 5, 6, 8, 8, 12, 13, 16)
WIDE_CHANNELS = (29, 58)


def conv_shape(shape: Shape, m: int, kernel: Pair, stride: Pair, pad: Pads, dilation: Pair) -> Shape:
    """Output (H, W, C) of a windowed operator."""
    rows = (shape[0] + pad[0] + pad[2] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    cols = (shape[1] + pad[1] + pad[3] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
    return rows, cols, m


def fractions(values: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """Floats as the exact rationals that they are."""
    numbers = np.asarray(values, np.float64).tolist()
    out = np.empty(len(numbers), object)
    out[:] = [Fraction(number) for number in numbers]
    return out


@dataclass
class NetBuilder:
    """Grows a graph; every method returns the name of the tensor that it adds."""

    rng: np.random.Generator
    exact: bool = True
    """Power-of-two and short-mantissa slopes; otherwise arbitrary float32 ones."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def input(self, shape: Shape, lo: int = 0, hi: int = 255) -> str:
        """A graph input."""
        name = f"image{len(self.inputs)}"
        self.tensors[name] = Tensor(name=name, shape=shape, lo=lo, hi=hi)
        self.inputs.append(name)
        return name

    def emit(self, op: Op, inputs: tuple[str, ...], shape: Shape, lo: int, hi: int) -> str:
        """Any one-output operator."""
        name = f"n{len(self.nodes)}_{op.kind}"
        self.tensors[f"{name}_out"] = Tensor(name=f"{name}_out", shape=shape, lo=lo, hi=hi)
        self.nodes.append(Node(name=name, op=op, inputs=inputs, outputs=(f"{name}_out",)))
        return f"{name}_out"

    def graph(self, *outputs: str) -> Graph:
        """The graph so far, with these outputs; what leads to none of them is left in."""
        return Graph(inputs=tuple(self.inputs), outputs=outputs, tensors=dict(self.tensors), nodes=tuple(self.nodes))

    def weights(self, shape: tuple[int, ...], bits: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Random signed weights, a few of them zero."""
        top = (1 << (bits - 1)) - 1
        return self.rng.integers(-top - 1, top + 1, shape) * (self.rng.random(shape) < 0.9)

    def conv(
        self,
        x: str,
        m: int,
        kernel: Pair = (1, 1),
        stride: Pair = (1, 1),
        pad: Pads = (0, 0, 0, 0),
        dilation: Pair = (1, 1),
        *,
        bits: int = 4,
        depthwise: bool = False,
        groups: int = 1,
    ) -> str:
        """A convolution to accumulators."""
        source = self.tensors[x]
        m, groups = (source.channels, source.channels) if depthwise else (m, groups)
        weight = self.weights((m, *kernel, source.channels // groups), bits)
        op = Conv(weight=weight, stride=stride, pad=pad, dilation=dilation, groups=groups)
        lo, hi = conv_bounds(op, (source,))
        return self.emit(op, (x,), conv_shape(source.shape, m, kernel, stride, pad, dilation), int(lo.min()), int(hi.max()))

    def deform(self, x: str, d: str, k: int, lo: int, hi: int, *, bits: int = 4) -> str:
        """A square deformable depthwise convolution to accumulators."""
        source = self.tensors[x]
        op = DeformDepthwise(weight=self.weights((k, k, source.channels), bits), lo=lo, hi=hi)
        low, high = deform_bounds(op, (source,))
        return self.emit(op, (x, d), source.shape, int(low.min()), int(high.max()))

    def deform_conv(
        self, x: str, offset: str, mask: str | None, m: int, kernel: Pair, *, bits: int = 4, groups: int = 1, **layer: Any
    ) -> str:
        """A deformable convolution of any kind to accumulators; ``layer`` as `DeformConv` has it."""
        source = self.tensors[x]
        shape = (m, *kernel, source.channels // groups)
        op = DeformConv(weight=self.weights(shape, bits), groups=groups, **layer)
        names = (x, offset, mask) if mask else (x, offset)
        low, high = deform_conv_bounds(op, tuple(self.tensors[name] for name in names))
        out = conv_shape(source.shape, shape[0], kernel, op.stride, op.pad, op.dilation)
        return self.emit(op, names, out, int(low.min()), int(high.max()))

    def quantize(self, x: str, lo: int, hi: int) -> str:
        """A quantizer whose slopes spread each channel's range over about [lo, hi]; some rise, some fall."""
        source = self.tensors[x]
        low, high = channel_range(self.graph(), x)
        spread = np.maximum(high - low, 1) / self.rng.uniform(0.5, 4, source.channels)
        slope = (hi - lo + 1) / spread
        if self.exact:
            exponent = np.floor(np.log2(slope))
            slope = self.rng.integers(8, 16, source.channels) * np.exp2(exponent - 3)
        else:
            slope = slope.astype(np.float32)
        slope *= np.where(self.rng.random(source.channels) < 0.1, -1, 1)
        offset = self.rng.uniform(lo - 1, hi + 1, source.channels)
        offset = np.rint(offset * 8) / 8 if self.exact else offset.astype(np.float32)
        op = Quantize(slope=fractions(slope), offset=fractions(offset), lo=lo, hi=hi)
        return self.emit(op, (x,), source.shape, lo, hi)

    def steps(self, x: str, lo: int, hi: int) -> str:
        """Thresholds within each channel's range; values that rise, or jump about, in each channel or in all alike."""
        source, rng = self.tensors[x], self.rng
        low, high = channel_range(self.graph(), x)
        count = int(rng.integers(1, 20))
        rows = source.channels if rng.random() < 0.7 else 1
        steps = np.sort(rng.integers(low[:rows, None], high[:rows, None] + 2, (rows, count)), axis=1)
        values = rng.integers(lo, hi + 1, (source.channels if rng.random() < 0.5 else 1, count + 1))
        if rng.random() < 0.5 and hi - lo >= count:
            values = np.arange(lo, lo + count + 1)[None, :]
        return self.emit(Thresholds(steps=steps, values=values), (x,), source.shape, lo, hi)

    def lookup(self, x: str, lo: int, hi: int) -> str:
        """A random table, for each channel or for all."""
        source = self.tensors[x]
        rows = source.channels if self.rng.random() < 0.3 else 1
        table = self.rng.integers(lo, hi + 1, (rows, source.hi - source.lo + 1))
        return self.emit(Lookup(table=table, lo=source.lo), (x,), source.shape, lo, hi)

    def max_pool(self, x: str, kernel: Pair, stride: Pair, pad: Pads = (0, 0, 0, 0)) -> str:
        """A maximum over windows."""
        source = self.tensors[x]
        op = MaxPool(kernel=kernel, stride=stride, pad=pad)
        shape = conv_shape(source.shape, source.channels, kernel, stride, pad, (1, 1))
        return self.emit(op, (x,), shape, source.lo, source.hi)

    def add(self, a: str, b: str, mul_a: int = 1, mul_b: int = 1) -> str:
        """A sum, as accumulators."""
        return self.pointwise(("add", *(("mul", ("in", k), ("const", m)) for k, m in enumerate((mul_a, mul_b)))), a, b)

    def pointwise(self, expression: Expression, *names: str) -> str:
        """An elementwise expression, as accumulators; rows and columns of one repeat."""
        kinds = [self.tensors[name] for name in names]
        h, w, c = (max(sizes) for sizes in zip(*(kind.shape for kind in kinds), strict=True))
        spread = [x if t.shape[:2] == (h, w) else self.upsample(x, (h, w)) for x, t in zip(names, kinds, strict=True)]
        lo, hi = bounds(expression, [(t.lo, t.hi) for t in kinds])
        return self.emit(Pointwise(expression=expression), tuple(spread), (h, w, c), lo, hi)

    def concat(self, *names: str) -> str:
        """Channels side by side."""
        kinds = [self.tensors[name] for name in names]
        shape = (*kinds[0].shape[:2], sum(k.channels for k in kinds))
        return self.emit(Concat(), names, shape, min(k.lo for k in kinds), max(k.hi for k in kinds))

    def split(self, x: str, sizes: tuple[int, ...]) -> tuple[str, ...]:
        """Consecutive channel ranges."""
        source, name = self.tensors[x], f"n{len(self.nodes)}_split"
        outputs = tuple(f"{name}_out{i}" for i in range(len(sizes)))
        for out, size in zip(outputs, sizes, strict=True):
            self.tensors[out] = Tensor(name=out, shape=(*source.shape[:2], size), lo=source.lo, hi=source.hi)
        self.nodes.append(Node(name=name, op=Split(sizes=sizes), inputs=(x,), outputs=outputs))
        return outputs

    def cut(self, x: str, start: int, stop: int) -> str:
        """Channels [start, stop), as a slice."""
        source = self.tensors[x]
        return self.emit(Slice(start=start, stop=stop), (x,), (*source.shape[:2], stop - start), source.lo, source.hi)

    def shuffle(self, x: str, groups: int) -> str:
        """ShuffleNet's permutation."""
        source = self.tensors[x]
        return self.emit(Shuffle(groups=groups), (x,), source.shape, source.lo, source.hi)

    def gather(self, x: str, indices: tuple[int, ...]) -> str:
        """Any choice of channels; -1 is zero."""
        source = self.tensors[x]
        zeros = (0,) if min(indices) < 0 else ()
        lo, hi = min(source.lo, *zeros, source.hi), max(source.hi, *zeros, source.lo)
        return self.emit(Gather(indices=indices), (x,), (*source.shape[:2], len(indices)), lo, hi)

    def depth_to_space(self, x: str, block: Pair) -> str:
        """Channels to blocks of pixels."""
        source = self.tensors[x]
        h, w, c = source.shape
        shape = (h * block[0], w * block[1], c // (block[0] * block[1]))
        return self.emit(DepthToSpace(block=block), (x,), shape, source.lo, source.hi)

    def space_to_depth(self, x: str, block: Pair) -> str:
        """Blocks of pixels to channels."""
        source = self.tensors[x]
        h, w, c = source.shape
        shape = (h // block[0], w // block[1], c * block[0] * block[1])
        return self.emit(SpaceToDepth(block=block), (x,), shape, source.lo, source.hi)

    def crop(self, x: str, pad: Pads, stride: Pair = (1, 1)) -> str:
        """A border of zeros, or rows and columns cut off."""
        source = self.tensors[x]
        shape = conv_shape(source.shape, source.channels, (1, 1), stride, pad, (1, 1))
        return self.emit(Crop(pad=pad, stride=stride), (x,), shape, min(source.lo, 0), max(source.hi, 0))

    def shift(self, x: str, offsets: IntArray) -> str:
        """Every channel moved by its own offset."""
        source = self.tensors[x]
        return self.emit(Shift(offsets=offsets), (x,), source.shape, min(source.lo, 0), max(source.hi, 0))

    def raster(self, x: str, size: Pair) -> str:
        """The same pixels in other rows."""
        source = self.tensors[x]
        return self.emit(Raster(size=size), (x,), (*size, source.channels), source.lo, source.hi)

    def upsample(self, x: str, factors: Pair) -> str:
        """Nearest neighbour."""
        source = self.tensors[x]
        h, w, c = source.shape
        return self.emit(Upsample(factors=factors), (x,), (h * factors[0], w * factors[1], c), source.lo, source.hi)


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


def board(*, lut: int = 53_200, ff: int = 106_400, dsp: int = 220, bram36: float = 140) -> Board:
    """A made-up board of 100 MHz; by default as large as a PYNQ-Z2."""
    resources = Resources(lut=lut, ff=ff, dsp=dsp, bram36=bram36)
    return Board(name="bench", title="Bench", part="none", family="xc7", clock_mhz=100.0, resources=resources)


def lowered(graph: Graph) -> Graph:
    """The graph as the compiler folds it: simplified, its quantizers realised."""
    return requantize(simplify(graph))[0]
