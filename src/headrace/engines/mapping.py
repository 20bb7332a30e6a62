# SPDX-License-Identifier: Apache-2.0
"""Which engines realise each operator, for a given folding.

`OPTIONS` lists the foldings worth considering of one operator; `MAPPERS` turns an operator and its folding into a chain of
engines. A new operator adds one entry to each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from headrace.engines.base import LUT_MEMORY_BITS, Engine, Resources, ceil_div, fields_of
from headrace.engines.elementwise import Adder, MaxPooler, Requantizer
from headrace.engines.mac import Depthwise, MatVec, acc_bits, column_major
from headrace.engines.plumbing import Interleaver, Repack, Upsampler
from headrace.engines.window import Deform, Window
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Add, Conv, DeformDepthwise, MaxPool, Requant, Upsample
from headrace.ir.tensor import Tensor

BORDER_LUTS = 1
"""LUTs charged per bit of a stream at an operator's border, so that the optimiser does not take wide streams for free."""


LUT_MUL_BITS = 12
"""Widest requantizer multiplier that is offered in LUTs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """How far one operator is unrolled; which fields matter depends on the operator."""

    lanes: int = 1
    """Channels of an input beat (SIMD per tap for a convolution)."""
    taps: int = 1
    """Kernel taps of a beat: 1, KH or KH * KW."""
    pe: int = 1
    """Output channels in parallel (dense convolutions)."""
    lut_mul: bool = False
    """Multiply in LUTs instead of DSPs (requantizers)."""
    lut_rom: bool = False
    """Keep weights in LUTs that by their size belong in block RAM (dense convolutions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """An operator as a chain of engines: each feeds the next; further inputs enter at the first."""

    chain: tuple[Engine, ...]
    in_lanes: tuple[int, ...]
    """Lanes at which each input stream must arrive."""
    out_lanes: tuple[int, ...]
    """Lanes at which each output stream leaves."""
    in_bits: tuple[int, ...]
    """Bits of one lane of each input stream, as the first engine wants it."""
    out_bits: int
    """Bits of one lane of every output stream."""

    @property
    def cycles(self) -> int:
        """Cycles per frame of the slowest engine."""
        return max(engine.cycles for engine in self.chain)

    def resources(self) -> Resources:
        """Sum over the chain, and what its width is likely to cost in converters and FIFOs around it."""
        bits_in = sum(lanes * bits for lanes, bits in zip(self.in_lanes, self.in_bits, strict=True))
        bits_out = sum(self.out_lanes) * self.out_bits
        total = Resources(lut=BORDER_LUTS * (bits_in + bits_out), ff=BORDER_LUTS * (bits_in + bits_out))
        for engine in self.chain:
            total += engine.resources()
        return total


def lane_choices(channels: int) -> Iterator[int]:
    """The smallest lane count for each possible number of beats; ragged last beats are welcome."""
    beats_seen = set()
    for lanes in range(1, channels + 1):
        beats = ceil_div(channels, lanes)
        if beats not in beats_seen:
            beats_seen.add(beats)
            yield lanes


def _tap_choices(kernel: tuple[int, int]) -> list[int]:
    return sorted({1, kernel[0], kernel[0] * kernel[1]})


def needs_window(op: Conv) -> bool:
    """Whether a convolution sees anything but the pixel itself."""
    return op.kernel != (1, 1) or op.stride != (1, 1) or any(op.pad)


def _conv_window(node: Node, op: Conv, source: Tensor, result: Tensor, fold: Fold) -> Window:
    return Window(
        name=f"{node.name}_window",
        source=source,
        out_hw=result.shape[:2],
        kernel=op.kernel,
        stride=op.stride,
        pad=op.pad,
        dilation=op.dilation,
        lanes=fold.lanes,
        taps=fold.taps,
        taps_inner=op.depthwise,
    )


def map_conv(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Window (unless pointwise), then multiply-accumulate."""
    op = cast(Conv, node.op)
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    chain: tuple[Engine, ...] = (_conv_window(node, op, source, result, fold),) if needs_window(op) else ()
    bits = fields_of(op.weight, 2)
    mac: Depthwise | MatVec
    if op.depthwise:
        weights = column_major(op.weight[..., 0].transpose(1, 2, 0)).T
        mac = Depthwise(
            name=node.name,
            weights=weights,
            weight_bits=bits,
            source=source,
            result=result,
            lanes=fold.lanes,
            taps=fold.taps,
        )
    else:
        mac = MatVec(
            name=node.name,
            weights=op.weight,
            weight_bits=bits,
            source=source,
            result=result,
            pe=fold.pe,
            lanes=fold.lanes,
            taps=fold.taps,
            lut_rom=fold.lut_rom,
        )
    return Mapped(
        chain=(*chain, mac),
        in_lanes=(fold.lanes,),
        out_lanes=(fold.lanes if op.depthwise else fold.pe,),
        in_bits=(source.bits,),
        out_bits=acc_bits(result),
    )


def map_deform(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Deformable window, depthwise multiply-accumulate, narrow."""
    op = cast(DeformDepthwise, node.op)
    (source, dilation), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    k = op.weight.shape[0]
    window = Window(
        name=f"{node.name}_window",
        source=source,
        out_hw=result.shape[:2],
        kernel=(k, k),
        stride=(1, 1),
        pad=(k // 2,) * 4,
        dilation=(1, 1),
        lanes=fold.lanes,
        taps=fold.taps,
        taps_inner=True,
        deform=Deform(lo=op.lo, hi=op.hi, bits=dilation.bits, signed=dilation.signed),
    )
    mac = Depthwise(
        name=node.name,
        weights=column_major(op.weight).T,
        weight_bits=fields_of(op.weight, 2),
        source=source,
        result=result,
        lanes=fold.lanes,
        taps=fold.taps,
    )
    return Mapped(
        chain=(window, mac),
        in_lanes=(fold.lanes, 1),
        out_lanes=(fold.lanes,),
        in_bits=(source.bits, dilation.bits),
        out_bits=acc_bits(result),
    )


def map_requant(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One requantizer."""
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
    op = cast(Requant, node.op)
    engine = Requantizer(name=node.name, op=op, source=source, result=result, lanes=fold.lanes, lut_mul=fold.lut_mul)
    return _same_lanes(engine, fold.lanes, (engine.in_bits,), result.bits)


def _same_lanes(engine: Engine, lanes: int, in_bits: tuple[int, ...], out_bits: int) -> Mapped:
    """A single engine that takes and gives the same number of lanes on all its streams."""
    outputs = len(engine.out_widths)
    return Mapped(
        chain=(engine,),
        in_lanes=(lanes,) * len(in_bits),
        out_lanes=(lanes,) * outputs,
        in_bits=in_bits,
        out_bits=out_bits,
    )


def map_max_pool(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Window and maximum."""
    op = cast(MaxPool, node.op)
    (source,), (result,) = graph.input_tensors(node), graph.output_tensors(node)
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
        taps_inner=True,
        pad_value=-(1 << (source.bits - 1)) if source.signed else 0,
    )
    steps = op.kernel[0] * op.kernel[1] // fold.taps
    pool = MaxPooler(name=node.name, source=source, result=result, lanes=fold.lanes, taps=fold.taps, steps=steps)
    return Mapped(
        chain=(window, pool),
        in_lanes=(fold.lanes,),
        out_lanes=(fold.lanes,),
        in_bits=(source.bits,),
        out_bits=result.bits,
    )


def map_add(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One adder."""
    a, b = graph.input_tensors(node)
    (result,) = graph.output_tensors(node)
    engine = Adder(name=node.name, op=cast(Add, node.op), a=a, b=b, result=result, lanes=fold.lanes)
    return _same_lanes(engine, fold.lanes, (engine.in_bits,) * 2, acc_bits(result))


def map_repack(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """Concat or split: one repack whose inputs and outputs have the same lanes."""
    ins, outs = graph.input_tensors(node), graph.output_tensors(node)
    bits = outs[0].bits if len(ins) > 1 else ins[0].bits
    engine = Repack(
        name=node.name,
        bits=bits,
        pixels=outs[0].pixels,
        lanes_in=fold.lanes,
        lanes_out=fold.lanes,
        in_channels=tuple(t.channels for t in ins),
        out_channels=tuple(t.channels for t in outs),
    )
    return _same_lanes(engine, fold.lanes, (bits,) * len(ins), bits)


def map_interleave(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One interleaver; its output has as many times the lanes as it has inputs."""
    ins = graph.input_tensors(node)
    bits = graph.output_tensors(node)[0].bits
    engine = Interleaver(
        name=node.name,
        bits=bits,
        lanes=fold.lanes,
        inputs=len(ins),
        frame_beats=ins[0].pixels * ceil_div(ins[0].channels, fold.lanes),
    )
    return Mapped(
        chain=(engine,),
        in_lanes=(fold.lanes,) * len(ins),
        out_lanes=(fold.lanes * len(ins),),
        in_bits=(bits,) * len(ins),
        out_bits=bits,
    )


def map_upsample(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One upsampler."""
    (source,) = graph.input_tensors(node)
    engine = Upsampler(name=node.name, source=source, factors=cast(Upsample, node.op).factors, lanes=fold.lanes)
    return _same_lanes(engine, fold.lanes, (source.bits,), source.bits)


def _conv_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    op = cast(Conv, node.op)
    taps = _tap_choices(op.kernel) if needs_window(op) else [1]
    for t in taps:
        for lanes in lane_choices(graph.input_tensors(node)[0].channels):
            if op.depthwise:
                yield Fold(lanes=lanes, taps=t)
            else:
                for pe in lane_choices(op.weight.shape[0]):
                    yield Fold(lanes=lanes, taps=t, pe=pe)
                    if op.weight.size * 4 > LUT_MEMORY_BITS:
                        yield Fold(lanes=lanes, taps=t, pe=pe, lut_rom=True)


def _deform_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    k = cast(DeformDepthwise, node.op).weight.shape[0]
    for taps in _tap_choices((k, k)):
        for lanes in lane_choices(graph.input_tensors(node)[0].channels):
            yield Fold(lanes=lanes, taps=taps)


def _pool_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    for taps in _tap_choices(cast(MaxPool, node.op).kernel):
        for lanes in lane_choices(graph.input_tensors(node)[0].channels):
            yield Fold(lanes=lanes, taps=taps)


def _requant_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    narrow = fields_of(cast(Requant, node.op).mul, 2) <= LUT_MUL_BITS
    for fold in _lane_folds(graph, node):
        yield fold
        if narrow:
            yield replace(fold, lut_mul=True)


def _lane_folds(graph: Graph, node: Node) -> Iterator[Fold]:
    for lanes in lane_choices(max(t.channels for t in graph.input_tensors(node))):
        yield Fold(lanes=lanes)


Mapper = Callable[[Graph, Node, Fold], Mapped]
Options = Callable[[Graph, Node], Iterator[Fold]]

REGISTRY: dict[str, tuple[Mapper, Options]] = {
    "conv": (map_conv, _conv_folds),
    "deform_depthwise": (map_deform, _deform_folds),
    "requant": (map_requant, _requant_folds),
    "max_pool": (map_max_pool, _pool_folds),
    "add": (map_add, _lane_folds),
    "concat": (map_repack, _lane_folds),
    "split": (map_repack, _lane_folds),
    "interleave": (map_interleave, _lane_folds),
    "upsample": (map_upsample, _lane_folds),
}


def map_node(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """The engines of ``node`` at ``fold``."""
    return REGISTRY[node.op.kind][0](graph, node, fold)


def fold_options(graph: Graph, node: Node) -> list[Fold]:
    """Every folding worth considering of ``node``."""
    return list(REGISTRY[node.op.kind][1](graph, node))
