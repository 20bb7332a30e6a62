# SPDX-License-Identifier: Apache-2.0
"""Limited-range deformable convolution: offsets per tap or square, whole or fractional, with masks or without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, cast

import numpy as np

from headrace.engines.base import fields_of
from headrace.engines.deform import Deformer, OffsetRange, sampled
from headrace.engines.mac import acc_bits, factor_bits, product_luts
from headrace.engines.technology import XC7
from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, OnnxNode, required
from headrace.frontend.values import QuantConst, Real, Value, exact
from headrace.frontend.windows import spatial_output, window_attributes
from headrace.ir.expressions import operand
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import IntArray, Op, Pads, Pair
from headrace.ir.ranges import Range, mac_range
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator
from headrace.operators.channels import Concat, Slice
from headrace.operators.conv import MAX_PRODUCT_LUTS, Conv, bias_of, conv_mac, conv_weight, whole_groups, widths
from headrace.operators.deform import DeformDepthwise
from headrace.operators.elementwise import Pointwise

MAX_FRACTION_BITS = 8
"""Finest grid of offsets: bilinear weights of so many bits fit the narrower operand of a DSP twice over."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeformConv(Op):
    """Limited-range deformable convolution to exact accumulators; inputs are activations, offsets and masks, if any.

    Offsets are integers in units of ``2**-fraction_bits``, clipped to [lo, hi]: two for each tap in the order of ONNX
    ``DeformConv``, or with ``square`` one dilation per pixel. Interpolation scales the accumulators by
    ``2**(2 * fraction_bits)``.
    """

    kind: ClassVar[str] = "deform_conv"
    weight: IntArray
    """(M, KH, KW, C / groups)"""
    lo: int
    hi: int
    stride: Pair = (1, 1)
    pad: Pads = (0, 0, 0, 0)
    """top, left, bottom, right"""
    dilation: Pair = (1, 1)
    groups: int = 1
    fraction_bits: int = 0
    square: bool = False

    @property
    def depthwise(self) -> bool:
        """One filter per channel."""
        m, _, _, c = self.weight.shape
        return bool(c == 1 and m == self.groups)

    @property
    def kernel(self) -> Pair:
        """Rows, columns."""
        return self.weight.shape[1], self.weight.shape[2]

    @property
    def products(self) -> Conv:
        """The convolution of the taps, once they are sampled."""
        return Conv(weight=self.weight, stride=self.stride, pad=self.pad, dilation=self.dilation, groups=self.groups)

    @property
    def offsets(self) -> OffsetRange:
        """What the offsets can be."""
        return OffsetRange(lo=self.lo, hi=self.hi, fraction_bits=self.fraction_bits, square=self.square)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """Operands of a deformable ONNX node."""

    x: Value | None
    offset: Value | None
    weight: Value | None
    bias: Value | None
    mask: Value | None
    square: bool
    sets: int = 1
    """Sets of offsets and masks: each moves so many channels in a row."""
    lo: Fraction | None = None
    """Declared range of the offsets in pixels, beyond that of their quantizer."""
    hi: Fraction | None = None


def deform_conv(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ONNX DeformConv(x, weight, offset, bias, mask): offsets per tap."""
    x, weight, offset, bias, mask = [*inputs, None, None, None, None, None][:5]
    sets = int(node.attrs.get("offset_group", 1))
    layer = _Layer(x=x, offset=offset, weight=weight, bias=bias, mask=mask, square=False, sets=sets)
    return [_import(context, node, layer)]


def square_deform_conv(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """headrace.ops SquareDeformConv(x, dilation, weight, mask): one dilation per pixel, clipped to ``lo`` and ``hi`` pixels."""
    x, d, weight, mask = [*inputs, None, None, None, None][:4]
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1]:
        raise node.unsupported(f"dilations {list(node.attrs['dilations'])}", "leave them out: the dilation is an input")
    bounds = [node.attrs.get(name) for name in ("lo", "hi")]
    lo, hi = (None if bound is None else Fraction(float(bound)) for bound in bounds)
    if lo is not None and hi is not None and lo > hi:
        raise node.unsupported(f"the range [{float(lo):g}, {float(hi):g}] is empty", "declare lo <= hi")
    layer = _Layer(x=x, offset=d, weight=weight, bias=None, mask=mask, square=True, lo=lo, hi=hi)
    return [_import(context, node, layer)]


def _import(context: Context, node: OnnxNode, layer: _Layer) -> Real:
    weight, weight_scale = conv_weight(node, layer.weight)
    x = context.integers(node, required(node, layer.x), per_channel=weight.shape[1] == 1)
    source = context.tensors[x.tensor]
    m, _, kh, kw = weight.shape
    groups = _groups(node, layer, source, weight)
    stride, pad, dilation = window_attributes(node, source.shape[:2], (kh, kw))
    out_hw = spatial_output(node, source.shape[:2], (kh, kw), stride, pad, dilation)
    offsets = _offsets(context, node, layer)
    offset = context.tensors[offsets.tensor]
    _check_map(node, offset, (*out_hw, layer.sets * (1 if layer.square else 2 * kh * kw)), "offsets")
    # offsets that lead out of the map anyway need no rows of the line buffer
    extent = [source.shape[a] + pad[a] + pad[a + 2] + out_hw[a] * stride[a] + (kh, kw)[a] * dilation[a] for a in (0, 1)]
    far = max(extent) << offsets.fraction_bits
    masks, mask_scale = _masks(context, node, layer.mask, (*out_hw, layer.sets * kh * kw))
    op = DeformConv(
        weight=weight.transpose(0, 2, 3, 1).copy(),
        lo=min(max(offsets.lo, -far), far),
        hi=min(max(offsets.hi, -far), far),
        stride=stride,
        pad=pad,
        dilation=dilation,
        groups=groups,
        fraction_bits=offsets.fraction_bits,
        square=layer.square,
    )
    out = _placed(context, node, op, (source, offset, *masks), layer.sets)
    steps = x.scale if x.scale.size == 1 else np.repeat(x.scale, m // x.scale.size)
    scale = weight_scale * steps * (mask_scale / op.offsets.scale)
    return Real(tensor=out.name, scale=scale, offset=bias_of(node, layer.bias, m))


def _groups(node: OnnxNode, layer: _Layer, source: Tensor, weight: IntArray) -> int:
    """Groups of the convolution, checked against its operands."""
    m, c_group, kh, kw = weight.shape
    groups = int(node.attrs.get("group", 1))
    if groups < 1 or c_group * groups != source.channels or m % groups:
        raise node.unsupported(
            f"{source.channels} channels for weights {weight.shape} in {groups} groups", "export the model again"
        )
    if layer.sets < 1 or source.channels % layer.sets:
        raise node.unsupported(f"{layer.sets} sets of offsets for {source.channels} channels", "export the model again")
    if layer.square and (kh % 2 == 0 or kw % 2 == 0):
        raise node.unsupported(f"a {kh}x{kw} kernel has no centre", "use a kernel of odd sides")
    return groups


def _placed(context: Context, node: OnnxNode, op: DeformConv, operands: tuple[Tensor, ...], sets: int) -> Tensor:
    """Emits the layer; with several sets of offsets one for the channels of each, joined or summed up."""
    if sets == 1:
        low, high = deform_conv_bounds(op, operands)
        out_hw = operands[1].shape[:2]
        return _emitted(context, node, _narrowest(op, len(operands)), operands, (*out_hw, low.size), (low.min(), high.max()))
    apart = op.groups % sets == 0  # no filter sees the channels of two sets
    size, filters = operands[0].channels // sets, op.weight.shape[0] // sets
    whole = op.weight if apart else _dense(op.weight, op.groups)
    parts = []
    for s in range(sets):
        weight = whole[s * filters : (s + 1) * filters] if apart else whole[..., s * size : (s + 1) * size]
        part = replace(op, weight=weight.copy(), groups=op.groups // sets if apart else 1)
        parts.append(_placed(context, node, part, tuple(_cut(context, node, t, s, sets) for t in operands), 1))
    if apart:
        span = (min(part.lo for part in parts), max(part.hi for part in parts))
        return _emitted(context, node, Concat(), tuple(parts), (*parts[0].shape[:2], filters * sets), span)
    total = parts[0]
    for added in parts[1:]:
        span = (total.lo + added.lo, total.hi + added.hi)
        total = _emitted(
            context, node, Pointwise(expression=("add", operand(0), operand(1))), (total, added), total.shape, span
        )
    return total


def _cut(context: Context, node: OnnxNode, tensor: Tensor, part: int, parts: int) -> Tensor:
    """One of so many equal ranges of channels."""
    size = tensor.channels // parts
    op = Slice(start=part * size, stop=(part + 1) * size)
    return _emitted(context, node, op, (tensor,), (*tensor.shape[:2], size), (tensor.lo, tensor.hi))


def _emitted(
    context: Context, node: OnnxNode, op: Op, inputs: tuple[Tensor, ...], shape: tuple[int, int, int], span: tuple[int, int]
) -> Tensor:
    """The output tensor of a new node."""
    name = context.apply(node, op, tuple(t.name for t in inputs), shape, int(span[0]), int(span[1]))
    return context.tensors[name]


def _narrowest(op: DeformConv, operands: int) -> Op:
    """The special case of whole square dilations on a depthwise kernel, which takes several taps in each cycle."""
    k = op.kernel[0]
    same = op.kernel == (k, k) and op.stride == (1, 1) and op.pad == (k // 2,) * 4
    if op.square and op.depthwise and op.fraction_bits == 0 and operands == 2 and same:
        return DeformDepthwise(weight=op.weight[..., 0].transpose(1, 2, 0).copy(), lo=op.lo, hi=op.hi)
    return op


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offsets:
    """Offsets as integers: their tensor, their grid ``2**-fraction_bits`` and their range on it."""

    tensor: str
    fraction_bits: int
    lo: int
    hi: int


def _offsets(context: Context, node: OnnxNode, layer: _Layer) -> _Offsets:
    """The offsets on a grid of ``2**-F`` pixels; a coarser one that fits such a grid is moved to it.

    A clip in front of the operator declares the range as ``lo`` and ``hi`` do: the sampler itself clips.
    """
    clipped = context.activation(node, required(node, layer.offset))
    real = replace(clipped, lo=None, hi=None)
    tensor = context.tensors[real.tensor]
    finest = max(int(v.denominator) for v in (*real.scale, *real.offset))
    fraction_bits = finest.bit_length() - 1
    if finest != 1 << fraction_bits or fraction_bits > MAX_FRACTION_BITS:
        raise node.unsupported(
            f"offsets on a grid of {float(real.step):g} pixels, which is no whole multiple of 2**-{MAX_FRACTION_BITS}",
            "quantize the offsets with a constant scale of 2**-F, F from 0 (whole pixels) to 8",
        )
    scale, shift = np.broadcast_arrays(real.scale, real.offset)
    ends = [int((s * end + o) * finest) for s, o in zip(scale, shift, strict=True) for end in (tensor.lo, tensor.hi)]
    if max(map(abs, ends)).bit_length() >= MAX_ACTIVATION_BITS:
        raise node.unsupported(
            f"offsets of [{min(ends)}, {max(ends)}] steps of 2**-{fraction_bits} pixels",
            f"put a quantizer of at most {MAX_ACTIVATION_BITS} bits before them",
        )
    moved = context.quantize(node, real, Fraction(1, finest), min(ends), max(ends))
    lo, hi = min(ends), max(ends)
    for least, most in ((clipped.lo, clipped.hi), (layer.lo, layer.hi)):
        if least is not None:
            lo, hi = (max(end, _steps(node, least, finest)) for end in (lo, hi))
        if most is not None:
            lo, hi = (min(end, _steps(node, most, finest)) for end in (lo, hi))
    return _Offsets(tensor=moved.tensor, fraction_bits=fraction_bits, lo=lo, hi=hi)


def _steps(node: OnnxNode, bound: Fraction, finest: int) -> int:
    """A declared bound of the offsets, in steps of their grid."""
    if (bound * finest).denominator != 1:
        raise node.unsupported(
            f"offsets clipped at {float(bound):g} pixels, off their grid of 1/{finest}", "declare bounds on the offsets' grid"
        )
    return int(bound * finest)


def _masks(
    context: Context, node: OnnxNode, value: Value | None, shape: tuple[int, int, int]
) -> tuple[tuple[Tensor, ...], Fraction]:
    """The mask's tensor, if one is needed, and the factor that masks scale the result by."""
    if value is None:
        return (), Fraction(1)
    if isinstance(value, np.ndarray | QuantConst):
        factors = exact(np.unique(node.const(value, "mask")))
        if factors.size != 1:
            raise node.unsupported("a constant mask of different values", "multiply the weights by it")
        return (), factors[0]
    real = context.integers(node, value)
    _check_map(node, context.tensors[real.tensor], shape, "masks")
    return (context.tensors[real.tensor],), real.step


def _check_map(node: OnnxNode, tensor: Tensor, shape: tuple[int, int, int], what: str) -> None:
    if tensor.shape != shape:
        raise node.unsupported(f"{what} of shape {tensor.shape} where {shape} are needed", "give each output pixel its own")


def _dense(weight: IntArray, groups: int) -> IntArray:
    """Weights (M, KH, KW, C / groups) as those of one group (M, KH, KW, C), zeros between."""
    m, kh, kw, c_group = weight.shape
    dense = np.zeros((m, kh, kw, c_group * groups), weight.dtype)
    for g in range(groups):
        filters = slice(g * (m // groups), (g + 1) * (m // groups))
        dense[filters, :, :, g * c_group : (g + 1) * c_group] = weight[filters]
    return dense


def deform_conv_bounds(op: Op, inputs: tuple[Tensor, ...]) -> Range:
    """Range of the accumulators of each filter."""
    op = cast(DeformConv, op)
    taps = sampled(inputs[0], op.offsets, inputs[2] if len(inputs) > 2 else None)
    return mac_range(op.weight.reshape(op.weight.shape[0], -1), taps.lo, taps.hi)


def _delay(op: Op, inputs: tuple[Tensor, ...]) -> float:
    op = cast(DeformConv, op)
    _, end = op.offsets.reach(op.kernel[0], op.dilation[0])
    return max(0.0, end - op.pad[0] + PART_ROW) / inputs[0].shape[0]


def map_deform_conv(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Sampler, tap by tap, then multiply-accumulate."""
    op = cast(DeformConv, node.op)
    inputs, (result,) = graph.input_tensors(node), graph.output_tensors(node)
    source, offset, mask = (*inputs, None)[:3]
    assert source is not None  # the graph gives each deformable node activations and offsets
    assert offset is not None
    sampler = Deformer(
        name=f"{node.name}_taps",
        source=source,
        offset=offset,
        mask=mask,
        out_hw=result.shape[:2],
        kernel=op.kernel,
        stride=op.stride,
        pad=op.pad,
        dilation=op.dilation,
        offsets=op.offsets,
        lanes=fold.lanes,
        groups=op.groups,
    )
    masks = (sampler.taps,) if mask else ()
    return Mapped(
        chain=(sampler, conv_mac(node, op.products, sampler.result, result, fold)),
        in_lanes=(fold.lanes, sampler.values, *masks),
        out_lanes=(fold.pe * max(1, whole_groups(op.products, fold)),),
        in_bits=tuple(tensor.bits for tensor in inputs),
        out_bits=acc_bits(result),
    )


def _folds(graph: Graph, node: Node) -> Iterator[Fold]:
    """Any lanes and rows of a dense layer, divisors of a group's, whole groups; products in DSPs and in LUTs."""
    op = cast(DeformConv, node.op)
    inputs = graph.input_tensors(node)
    taps = sampled(inputs[0], op.offsets, inputs[2] if len(inputs) > 2 else None)
    in_luts = product_luts(factor_bits(taps), fields_of(op.weight, 2)) <= MAX_PRODUCT_LUTS
    deep = op.weight.size * 4 > XC7.rom_bits
    for lanes, pe in widths(op.products, inputs[0]):
        fold = Fold(lanes=lanes, pe=pe)
        for lut_rom in (False, True)[: 1 + (deep and not whole_groups(op.products, fold))]:
            for lut_mul in (False, True)[: 1 + in_luts]:
                yield replace(fold, lut_rom=lut_rom, lut_mul=lut_mul)


OPERATORS = (
    Operator(
        op=DeformConv,
        map=map_deform_conv,
        folds=_folds,
        handlers={"DeformConv": deform_conv, "SquareDeformConv": square_deform_conv},
        bounds=deform_conv_bounds,
        delay=_delay,
    ),
)
