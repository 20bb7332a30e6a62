# SPDX-License-Identifier: Apache-2.0
"""`NetBuilder` adds one operator at a time to an integer graph and keeps the ranges of its tensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.boards import Board
from headrace.compile import lower_graph
from headrace.engines.technology import Resources
from headrace.ir.expressions import Expression, bounds
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

Shape = tuple[int, int, int]


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


def board(*, lut: int = 53_200, ff: int = 106_400, dsp: int = 220, bram36: float = 140) -> Board:
    """A made-up board of 100 MHz; by default as large as a PYNQ-Z2."""
    resources = Resources(lut=lut, ff=ff, dsp=dsp, bram36=bram36)
    return Board(name="bench", title="Bench", part="none", family="xc7", clock_mhz=100.0, resources=resources)


def lowered(graph: Graph) -> Graph:
    """The graph as the compiler folds it: simplified, its quantizers realised."""
    return lower_graph(graph)[0]
