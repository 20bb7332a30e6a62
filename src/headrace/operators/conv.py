# SPDX-License-Identifier: Apache-2.0
"""Convolution in any number of groups, and matrix products as convolutions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt

from headrace.engines.base import Engine, fields_of
from headrace.engines.mac import Depthwise, MatVec, Stationary, acc_bits, column_major, factor_bits, product_luts
from headrace.engines.moves import BlockTransposer
from headrace.engines.plumbing import Upsampler
from headrace.engines.slide import line_buffer
from headrace.engines.taps import as_ring, tap_rings
from headrace.engines.technology import XC7, ceil_div
from headrace.engines.window import Window
from headrace.frontend.context import Context, OnnxNode, required
from headrace.frontend.values import ExactArray, QuantConst, Real, Value, exact
from headrace.frontend.weights import integer_weights
from headrace.frontend.windows import check_axes, spatial_output, window_attributes
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import IntArray, Op, Pads, Pair
from headrace.ir.ranges import Range, mac_range
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator, lane_choices, tap_choices
from headrace.operators.conv_parts import sum_of_parts, unequal_runs
from headrace.operators.shift import Taps, as_shift

MAX_PRODUCT_LUTS = 60
"""Widest products that are offered in LUTs: one cycle has to do for their adders."""
HELD = (2, 4, 8, 16, 32, 64)
"""Pixels that are held together where weights stream in, if they divide the map."""
PARTED_COLUMN = 5
"""Rows of the largest kernel whose columns dense convolutions take whole or tap by tap."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conv(Op):
    """Dense (groups = 1), grouped or depthwise convolution to exact accumulators."""

    kind: ClassVar[str] = "conv"
    weight: IntArray
    """(M, KH, KW, C / groups)"""
    stride: Pair = (1, 1)
    pad: Pads = (0, 0, 0, 0)
    """top, left, bottom, right"""
    dilation: Pair = (1, 1)
    groups: int = 1
    repeat: Pair = (1, 1)
    """Rows and columns, powers of two, of the convolved map that each pixel stands for."""

    @property
    def depthwise(self) -> bool:
        """One filter per channel."""
        m, _, _, c = self.weight.shape
        return bool(c == 1 and m == self.groups)

    @property
    def kernel(self) -> Pair:
        """Rows, columns."""
        return self.weight.shape[1], self.weight.shape[2]

    def covers(self, source: Tensor) -> bool:
        """One window, which is the whole map, of all channels at once: a fully connected layer."""
        whole = self.kernel == source.shape[:2] and self.repeat == (1, 1)
        return self.groups == 1 and whole and self.dilation == (1, 1) and not any(self.pad)


@lru_cache(maxsize=4096)
def weight_bits(op: Conv) -> int:
    """Two's complement width of the weights."""
    return fields_of(op.weight, 2)


def conv_weight(node: OnnxNode, value: Value | None) -> tuple[npt.NDArray[np.int64], ExactArray]:
    """Integer weights (M, C / groups, KH, KW) and their scales (M,) or (1,); a kernel of one axis gets columns of 1."""
    if isinstance(value, QuantConst | np.ndarray) and len(shape_of(value)) == 3:
        value = rearranged(value, lambda w: w[..., None])
    weight, scale = integer_weights(node, value)
    if weight.ndim != 4:
        raise node.unsupported(f"weights with {weight.ndim} axes", "only 1-D and 2-D convolutions are mapped")
    return weight, scale


def shape_of(value: QuantConst | npt.NDArray[Any]) -> tuple[int, ...]:
    """Axes of constant weights."""
    return value.integers.shape if isinstance(value, QuantConst) else value.shape


def rearranged(value: Value, arrange: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Value:
    """Constant weights with their axes arranged anew; scales stay with their weights."""
    if isinstance(value, np.ndarray):
        return arrange(value)
    if not isinstance(value, QuantConst):
        return value
    integers, scale = arrange(value.integers), arrange(np.broadcast_to(value.scale, value.integers.shape))
    first = scale[(slice(None), *(slice(0, 1),) * (scale.ndim - 1))]  # one for each output, unless they differ beyond
    return QuantConst(
        integers=integers, scale=scale if np.any(scale != first) else first[:1] if np.all(first == first[:1]) else first
    )


def conv(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ONNX Conv with quantized weights, to exact accumulators; a kernel of one axis runs along the rows."""
    weight, weight_scale = conv_weight(node, inputs[1])
    m, c_group, kh, kw = weight.shape
    value, bias = required(node, inputs[0]), inputs[2] if len(inputs) > 2 else None
    check_axes(node, node.const(inputs[1], "weights").ndim - 2, context.axes.get(node.proto.input[0], 4))
    groups = int(node.attrs.get("group", 1))
    if groups == 1 and (apart := unequal_runs(context, node, value, c_group)) is not None:

        def accumulate(x: Real, part: npt.NDArray[np.int64]) -> str:
            placed = window_attributes(node, context.tensors[x.tensor].shape[:2], (kh, kw))
            return _accumulated(context, node, x, *_placed(context, node, x, part, *placed))

        total = sum_of_parts(context, node, *apart, weight, accumulate)
        return [replace(total, scale=weight_scale * total.step, offset=bias_of(node, bias, m))]
    x = context.integers(node, value, per_channel=c_group == 1)
    stride, pad, dilation = window_attributes(node, context.tensors[x.tensor].shape[:2], (kh, kw))
    return [convolve(context, node, x, weight, weight_scale, bias, stride=stride, pad=pad, dilation=dilation, groups=groups)]


def convolve(
    context: Context,
    node: OnnxNode,
    x: Real,
    weight: npt.NDArray[np.int64],
    weight_scale: ExactArray,
    bias: Value | None = None,
    *,
    stride: Pair = (1, 1),
    pad: Pads = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Real:
    """Emits a `Conv` of the integers ``x`` with weights (M, C / groups, KH, KW)."""
    source = context.tensors[x.tensor]
    m, c_group, _, _ = weight.shape
    if c_group * groups != source.channels:
        raise node.unsupported(
            f"{source.channels} channels for weights {weight.shape} in {groups} groups", "export the model again"
        )
    if groups < 1 or m % groups:
        raise node.unsupported(f"{m} filters in {groups} groups", "export the model again")
    op, out_hw = _placed(context, node, x, weight, stride, pad, dilation, groups)
    steps = x.scale[:1] if x.uniform else np.repeat(x.scale, m // x.scale.size)
    offset = bias_of(node, bias, m)
    taps = Taps(weight=weight[:, 0], stride=stride, pad=pad, dilation=dilation, out_hw=out_hw)
    if op.depthwise and (moved := as_shift(context, node, x, taps)) is not None:
        return Real(tensor=moved[0], scale=weight_scale * steps * moved[1], offset=offset)
    return Real(tensor=_accumulated(context, node, x, op, out_hw), scale=weight_scale * steps, offset=offset)


def _placed(
    context: Context,
    node: OnnxNode,
    x: Real,
    weight: npt.NDArray[np.int64],
    stride: Pair,
    pad: Pads,
    dilation: Pair,
    groups: int = 1,
) -> tuple[Conv, Pair]:
    """The operator, and the rows and columns that it gives."""
    kernel = (weight.shape[2], weight.shape[3])
    out_hw = spatial_output(node, context.tensors[x.tensor].shape[:2], kernel, stride, pad, dilation)
    return Conv(weight=weight.transpose(0, 2, 3, 1).copy(), stride=stride, pad=pad, dilation=dilation, groups=groups), out_hw


def _accumulated(context: Context, node: OnnxNode, x: Real, op: Conv, out_hw: Pair) -> str:
    """Emits the convolution; returns the accumulators' tensor."""
    lo, hi = conv_bounds(op, (context.tensors[x.tensor],))
    return context.apply(node, op, (x.tensor,), (*out_hw, op.weight.shape[0]), int(lo.min()), int(hi.max()))


def bias_of(node: OnnxNode, value: Value | None, m: int) -> ExactArray:
    """A bias for each of ``m`` filters; zero without one."""
    if value is None:
        return exact([0.0])
    if isinstance(value, QuantConst) and value.integers.size == m:
        return value.exact
    bias = np.asarray(node.const(value, "bias"), np.float64)
    if bias.size != m or not np.all(np.isfinite(bias)):
        raise node.unsupported(f"a bias of {bias.size} numbers (finite ones needed) for {m} filters", "export the model again")
    return exact(bias)


def conv_bounds(op: Op, inputs: tuple[Tensor, ...]) -> Range:
    """Range of the accumulators of each filter."""
    op = cast(Conv, op)
    return mac_range(op.weight.reshape(op.weight.shape[0], -1), inputs[0].lo, inputs[0].hi)


def _delay(op: Op, inputs: tuple[Tensor, ...]) -> float:
    op = cast(Conv, op)
    if op.kernel == (1, 1):
        return 0.0
    return max(0.0, (op.kernel[0] - 1) * op.dilation[0] - op.pad[0] + PART_ROW) / (inputs[0].shape[0] * op.repeat[0])


def needs_window(op: Conv, source: Tensor) -> bool:
    """Whether a convolution needs its pixels in another order than they come in, or several times."""
    return not op.covers(source) and (op.kernel != (1, 1) or op.stride != (1, 1) or any(op.pad))


def whole_groups(op: Conv, fold: Fold) -> int:
    """Groups that a fold takes at once; 0 if it takes parts of one group at a time."""
    m, _, _, c = op.weight.shape
    return fold.lanes // c if op.groups > 1 and fold.lanes % c == 0 and fold.pe == m // op.groups else 0


def _conv_windows(node: Node, op: Conv, source: Tensor, result: Tensor, fold: Fold, mac: Engine) -> tuple[Engine, ...]:
    """A line buffer; whole windows at once share what was read only if they slide over pixels that come one by one."""
    window = Window(
        name=f"{node.name}_window",
        source=source,
        out_hw=result.shape[:2],
        kernel=op.kernel,
        stride=op.stride,
        pad=op.pad,
        dilation=op.dilation,
        lanes=fold.lanes,
        taps=fold.taps,
        taps_inner=whole_groups(op, fold) > 0,
        groups=op.groups,
        repeat=op.repeat,
        slots=fold.rows,
        reader_cycles=mac.cycles,
    )
    if fold.pixels:
        return (as_ring(window, fold.pixels, mac.cycles),)
    if op.repeat == (1, 1) or fold.taps < window.kernel[0] * window.kernel[1]:
        return (line_buffer(window, mac.cycles),)
    repeater = Upsampler(name=f"{node.name}_repeat", source=source, factors=op.repeat, lanes=fold.lanes)
    height, width = (size * repeat for size, repeat in zip(source.shape[:2], op.repeat, strict=True))
    upsampled = replace(window, source=replace(source, shape=(height, width, source.channels)), repeat=(1, 1))
    return (repeater, line_buffer(upsampled, mac.cycles))


def conv_mac(node: Node, op: Conv, source: Tensor, result: Tensor, fold: Fold, *, raster: bool = False) -> Depthwise | MatVec:
    """The multipliers of a convolution, whose taps ``source`` come window by window, or with ``raster`` as one whole map."""
    bits = weight_bits(op)
    if lanes := whole_groups(op, fold):
        m, kh, kw, c = op.weight.shape
        grouped = op.weight.reshape(op.groups, m // op.groups, kh, kw, c).transpose(2, 3, 0, 1, 4)
        return Depthwise(
            name=node.name,
            weights=column_major(grouped, fold.taps).swapaxes(0, 1),
            weight_bits=bits,
            source=source,
            result=result,
            lanes=lanes,
            taps=fold.taps,
            group_in=c,
            group_out=m // op.groups,
            lut_mul=fold.lut_mul,
        )
    return MatVec(
        name=node.name,
        weights=op.weight,
        weight_bits=bits,
        source=source,
        result=result,
        pe=fold.pe,
        lanes=fold.lanes,
        taps=fold.taps,
        groups=op.groups,
        raster=raster,
        lut_mul=fold.lut_mul,
        lut_rom=fold.lut_rom,
    )


def _streamed(kept: MatVec, fold: Fold) -> tuple[Engine, ...]:
    """``kept`` with weights that stream in, and what brings its blocks of accumulators into the order of pixels."""
    given = {f.name: getattr(kept, f.name) for f in fields(kept)}
    mac = Stationary(**given, held=fold.held)
    if fold.blocked or not in_blocks(kept.result, fold):
        return (mac,)
    return (mac, pixel_order(kept.name, acc_bits(kept.result), kept.result, fold))


def in_blocks(result: Tensor, fold: Fold) -> bool:
    """Whether accumulators of streamed weights come in another order than that of the pixels."""
    return fold.held > 1 and fold.pe < result.channels


def pixel_order(name: str, bits: int, result: Tensor, fold: Fold) -> BlockTransposer:
    """Brings blocks of ``fold.held`` pixels, first all their first ``fold.pe`` channels, into the order of pixels."""
    return BlockTransposer(
        name=f"{name}_order",
        bits=bits,
        lanes=fold.pe,
        outer=ceil_div(result.channels, fold.pe),
        inner=fold.held,
        unit=1,
        blocks=result.pixels // fold.held,
    )


def map_conv(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Window (unless the pixels already come as they are needed), then multiply-accumulate."""
    op = cast(Conv, node.op)
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    mac = conv_mac(node, op, source, result, fold, raster=op.covers(source))
    windows = _conv_windows(node, op, source, result, fold, mac) if needs_window(op, source) else ()
    macs = _streamed(mac, fold) if fold.held and isinstance(mac, MatVec) else (mac,)
    return Mapped(
        chain=(*windows, *macs),
        in_lanes=(fold.lanes,),
        out_lanes=(fold.pe * max(1, whole_groups(op, fold)),),
        in_bits=(source.bits,),
        out_bits=acc_bits(result),
    )


def divisors(number: int) -> list[int]:
    """All divisors, rising."""
    return [d for d in range(1, number + 1) if number % d == 0]


def _tap_options(op: Conv, source: Tensor) -> list[int]:
    if not needs_window(op, source):
        return [1]
    kh, kw = op.kernel
    if op.depthwise:  # any part of a column
        return sorted({*lane_choices(kh), kh * kw})
    return sorted({*tap_choices(op.kernel), *(d for d in divisors(kh) if kh > PARTED_COLUMN)})


def widths(op: Conv, source: Tensor) -> Iterator[tuple[int, int]]:
    """Lanes in and rows: any of a dense layer; divisors of a group's; whole groups."""
    m, *_, c = op.weight.shape
    if op.groups == 1:
        yield from itertools.product(lane_choices(source.channels), list(lane_choices(m)))
        return
    rows = m // op.groups
    yield from ((lanes, pe) for lanes in divisors(c) for pe in divisors(rows) if (lanes, pe) != (c, rows))
    yield from ((groups * c, rows) for groups in lane_choices(op.groups))


def _conv_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    """Every tap, lane and row count that divides or is the smallest for its number of beats; products in DSPs and in LUTs."""
    op = cast(Conv, node.op)
    (source,) = graph.input_tensors(node)
    deep = op.weight.size * 4 > XC7.rom_bits
    in_luts = product_luts(factor_bits(source), weight_bits(op)) <= MAX_PRODUCT_LUTS
    taps = _tap_options(op, source)
    for lanes, pe in widths(op, source):
        for t in taps:
            fold = Fold(lanes=lanes, taps=t, pe=pe)
            for lut_rom in (False, True)[: 1 + (deep and not whole_groups(op, fold))]:
                for lut_mul in (False, True)[: 1 + in_luts]:
                    yield replace(fold, lut_rom=lut_rom, lut_mul=lut_mul)


def _lean_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    """Line buffers of single pixels, or of fewer rows; weights that stream in; both."""
    for fold in _conv_folds(graph, node):
        window = map_conv(graph, node, fold).chain[0]
        fewer: list[Fold] = []
        if isinstance(window, Window):
            fewer = [replace(fold, pixels=pixels) for pixels in tap_rings(window)]
            fewer = fewer or [replace(fold, rows=rows) for rows in window.fewer_rows()]
        yield from fewer
        for each in (fold, *fewer):
            yield from streamed(graph, node, each)


def streamed(graph: Graph, node: Node, fold: Fold, least_bits: int = XC7.rom_bits) -> Iterator[Fold]:
    """``fold`` with weights that stream in, if ``node`` is a dense convolution with more than ``least_bits`` of them."""
    op = cast(Conv, node.op)
    if op.groups == 1 and not fold.lut_rom and op.weight.size * weight_bits(op) > least_bits:
        pixels = graph.output_tensors(node)[0].pixels
        yield from (replace(fold, held=held) for held in HELD if pixels % held == 0)


OPERATORS = (
    Operator(
        op=Conv,
        map=map_conv,
        folds=_conv_folds,
        lean=_lean_folds,
        handlers={"Conv": conv},
        bounds=conv_bounds,
        delay=_delay,
    ),
)
