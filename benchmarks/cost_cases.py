# SPDX-License-Identifier: Apache-2.0
"""What engine_costs.py measures: each engine at some foldings, beside FINN's RTL module of the same work where it has one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from finn_peers import Peer, in_hls, node, stream

from headrace.engines.base import Engine
from headrace.engines.constant import Source, sets_of
from headrace.engines.deform import Deformer, OffsetRange
from headrace.engines.elementwise import Requantizer
from headrace.engines.mac import Depthwise, MatVec, Stationary
from headrace.engines.moves import BlockTransposer, Gatherer, Shifter
from headrace.engines.plumbing import Fifo, Repack, Upsampler
from headrace.engines.pointwise import Pointwise
from headrace.engines.pools import Chooser, Pooler, Reducer
from headrace.engines.slide import Slide
from headrace.engines.tables import StepFunction, Table, Thresholder
from headrace.engines.taps import as_ring
from headrace.engines.window import Window
from headrace.ir.ops import Requant
from headrace.ir.tensor import Tensor

RNG = np.random.default_rng(0)


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}" + "s" * (number != 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One engine at one folding."""

    work: str
    folding: str
    engine: Engine
    beats: int
    """Output beats of a frame."""
    peer: Peer | None = None


def acts(channels: int = 16, size: int = 16, *, name: str = "x", bits: int = 8) -> Tensor:
    """Unsigned activations."""
    return Tensor(name=name, shape=(size, size, channels), lo=0, hi=(1 << bits) - 1)


def accs(channels: int, size: int, bits: int) -> Tensor:
    """Accumulators of ``bits`` bits."""
    return Tensor(name="acc", shape=(size, size, channels), lo=-1 << (bits - 1), hi=(1 << (bits - 1)) - 1)


def matvec(simd: int, pe: int) -> Case:
    """64 -> 32 channels pointwise on 8 x 8 pixels, W4A8."""
    rows, cols, acc = 32, 64, 20
    weights = {"name": "w", "shape": [cols, rows], "type": "INT4", "lo": -7, "hi": 7}
    finn = node(
        "MVAU_rtl", "node_mvau", [stream([1, 8, 8, cols], "UINT8"), weights], MW=cols, MH=rows, SIMD=simd, PE=pe,
        inputDataType="UINT8", weightDataType="INT4", outputDataType=f"INT{acc}", accDataType=f"INT{acc}", noActivation=1,
        numInputVectors=[1, 8, 8], resType="dsp", mem_mode="internal_decoupled",
    )  # fmt: skip
    beats = 64 * rows // pe
    return Case(
        work="pointwise 64 to 32 channels, 8 x 8 pixels, 4-bit weights, 8-bit activations",
        folding=f"{simd} x {pe}",
        engine=MatVec(
            name="w", weights=RNG.integers(-7, 8, (rows, 1, 1, cols)), weight_bits=4, source=acts(cols, 8),
            result=accs(rows, 8, acc), pe=pe, lanes=simd, taps=1,
        ),
        beats=beats,
        peer=Peer(nodes=(finn,), beats=beats),
    )  # fmt: skip


def stationary(simd: int, pe: int, held: int) -> Case:
    """The same with weights that stream in."""
    rows, cols, acc = 32, 64, 20
    return Case(
        work="pointwise 64 to 32 channels, 8 x 8 pixels, 4-bit weights that stream in, 8-bit activations",
        folding=f"{simd} x {pe}, {held} pixels held",
        engine=Stationary(
            name="w", weights=np.ones((rows, 1, 1, cols), np.int64), weight_bits=4, source=acts(cols, 8),
            result=accs(rows, 8, acc), pe=pe, lanes=simd, taps=1, held=held,
        ),
        beats=64 * rows // pe,
    )  # fmt: skip


def window(lanes: int, taps: int) -> Case:
    """3 x 3 windows with padding 1 on 16 x 16 pixels of 16 channels, as a depthwise convolution takes them."""
    size, channels = 16, 16
    parallel = int(taps == 9)
    pad = node(
        "FMPadding_rtl", "node_pad", [stream([1, size, size, channels], "UINT8")], ImgDim=[size, size], Padding=[1, 1, 1, 1],
        NumChannels=channels, SIMD=lanes, inputDataType="UINT8", numInputVectors=1,
    )  # fmt: skip
    swg = node(
        "ConvolutionInputGenerator_rtl", "node_swg", [stream([1, size + 2, size + 2, channels], "UINT8")], ConvKernelDim=[3, 3],
        IFMChannels=channels, IFMDim=[size + 2, size + 2], OFMDim=[size, size], SIMD=lanes, Stride=[1, 1], Dilation=[1, 1],
        inputDataType="UINT8", outputDataType="UINT8", parallel_window=parallel, depthwise=1, ram_style="auto",
    )  # fmt: skip
    beats = size * size * (channels // lanes) * (9 // taps)
    engine: Engine
    if parallel:
        engine = Slide(
            name="slide", source=acts(), out_hw=(size, size), kernel=(3, 3), stride=(1, 1), pad=(1, 1, 1, 1), dilation=(1, 1),
            lanes=lanes,
        )  # fmt: skip
    else:
        engine = Window(
            name="window", source=acts(), out_hw=(size, size), kernel=(3, 3), stride=(1, 1), pad=(1, 1, 1, 1), dilation=(1, 1),
            lanes=lanes, taps=taps, taps_inner=True,
        )  # fmt: skip
    return Case(
        work="3 x 3 windows with padding, 16 x 16 pixels, 16 channels of 8 bits",
        folding=f"{count(lanes, 'lane')}, {count(taps, 'tap')}",
        engine=engine,
        beats=beats,
        peer=None if taps == 3 else Peer(nodes=(pad, swg), beats=beats),  # it gives one tap or all
    )


def ring(lanes: int) -> Case:
    """The same, a tap a beat, from a ring of one pixel more than a window spans."""
    case = window(lanes, 1)
    assert isinstance(case.engine, Window)
    return replace(case, engine=as_ring(case.engine, case.engine.reads.span + 1))


def thresholds(lanes: int, out_bits: int) -> tuple[Case, ...]:
    """Accumulators of 20 bits to activations, 16 channels, 16 x 16 pixels, by a multiplier and by thresholds."""
    channels, acc = 16, 20
    steps = (1 << out_bits) - 1
    beats = 256 * channels // lanes
    levels = {"name": "t", "shape": [channels, steps], "type": f"INT{acc}", "lo": -200000, "hi": 200000, "rising": True}
    accumulators = stream([1, 16, 16, channels], f"INT{acc}")
    finn = node(
        "Thresholding_rtl", "node_thr", [accumulators, levels], NumChannels=channels, PE=lanes,
        numSteps=steps, inputDataType=f"INT{acc}", weightDataType=f"INT{acc}", outputDataType=f"UINT{out_bits}",
        numInputVectors=[1, 16, 16], ActVal=0,
    )  # fmt: skip
    factors = {"name": "f", "shape": [channels], "type": "FLOAT32", "lo": 20, "hi": 99, "unit": 1e-6 * 2 ** (out_bits - 4)}
    offsets = {"name": "o", "shape": [channels], "type": "FLOAT32", "lo": 0, "hi": steps}
    scaling = node(
        "Requant_rtl", "node_req", [accumulators, factors, offsets], NumChannels=channels, PE=lanes,
        inputDataType=f"INT{acc}", outputDataType=f"UINT{out_bits}", numInputVectors=[1, 16, 16],
        mem_mode="internal_decoupled",
    )  # fmt: skip
    source, result = accs(channels, 16, acc), acts(channels, bits=out_bits)
    rising = np.sort(RNG.integers(-200000, 200001, (channels, steps)), axis=1)
    function = StepFunction(steps=rising, values=np.tile(np.arange(steps + 1), (channels, 1)))
    scale = Requant(
        mul=RNG.integers(1024, 2048, channels),
        add=RNG.integers(-1 << 23, 1 << 23, channels), shift=27 - out_bits, lo=0, hi=steps,
    )  # fmt: skip
    return tuple(
        Case(
            work=f"{acc}-bit accumulators to {out_bits} bits, 16 channels, 16 x 16 pixels",
            folding=count(lanes, "lane"),
            engine=engine,
            beats=beats,
            peer=Peer(nodes=(peer,), beats=beats),
        )
        for engine, peer in (
            (Requantizer(name="q", op=scale, source=source, result=result, lanes=lanes), scaling),
            (Thresholder(name="t", function=function, source=source, result=result, lanes=lanes), finn),
        )
    )


def wide_requant(lanes: int) -> Case:
    """Products that take two DSPs."""
    channels = 16
    scale = Requant(
        mul=np.random.default_rng(1).integers(1 << 18, 1 << 19, channels),
        add=np.random.default_rng(2).integers(-1 << 34, 1 << 34, channels), shift=34, lo=0, hi=255,
    )  # fmt: skip
    return Case(
        work="24-bit accumulators times 20 bits to 8 bits, 16 channels, 16 x 16 pixels",
        folding=count(lanes, "lane"),
        engine=Requantizer(name="q", op=scale, source=accs(channels, 16, 24), result=acts(channels), lanes=lanes),
        beats=256 * channels // lanes,
    )


def repack(lanes_in: int, lanes_out: int) -> Case:
    """Pixels of 24 channels in beats of another width."""
    channels, pixels = 24, 64
    finn = node(
        "StreamingDataWidthConverter_rtl", "node_dwc", [stream([1, pixels, channels], "UINT8")], inShape=[1, pixels, channels],
        outShape=[1, pixels, channels], inWidth=8 * lanes_in, outWidth=8 * lanes_out, dataType="UINT8",
    )  # fmt: skip
    beats = pixels * channels // lanes_out
    return Case(
        work="width of a stream of 24 channels of 8 bits, 64 pixels",
        folding=f"{lanes_in} to {lanes_out} lanes",
        engine=Repack(
            name="repack", bits=8, pixels=pixels, lanes_in=lanes_in, lanes_out=lanes_out, in_channels=(channels,),
            out_channels=(channels,),
        ),
        beats=beats,
        peer=Peer(nodes=(finn,), beats=beats),
    )  # fmt: skip


def fifo(depth: int) -> Case:
    """A FIFO of 32 bits."""
    finn = node(
        "StreamingFIFO_rtl", "node_fifo", [stream([1, 1024, 4], "UINT8")], depth=depth, folded_shape=[1, 1024, 4],
        normal_shape=[1, 1024, 4], dataType="UINT8", ram_style="distributed" if depth <= 256 else "block",
    )  # fmt: skip
    return Case(
        work="FIFO of 32 bits, 1024 words a frame",
        folding=f"{depth} words",
        engine=Fifo(name="fifo", index=0, width=32, depth=depth, frame_beats=1024),
        beats=1024,
        peer=Peer(nodes=(finn,), beats=1024),
    )


def depthwise(lanes: int, taps: int) -> Case:
    """3 x 3 depthwise on windows, 16 channels, 16 x 16 pixels, W4A8."""
    beats = 256 * 16 // lanes
    return Case(
        work="3 x 3 depthwise, 16 channels, 16 x 16 pixels, 4-bit weights, 8-bit activations",
        folding=f"{count(lanes, 'lane')}, {count(taps, 'tap')}",
        engine=Depthwise(
            name="w", weights=RNG.integers(-7, 8, (16, 9)), weight_bits=4, source=acts(), result=accs(16, 16, 16), lanes=lanes,
            taps=taps,
        ),
        beats=beats,
        peer=in_hls(
            "VVAU", beats, PE=lanes, SIMD=taps, Dim=[16, 16], Channels=16, Kernel=[3, 3], noActivation=1,
            inputDataType="UINT8", weightDataType="INT4", outputDataType="INT16",
        ),
    )  # fmt: skip


def pool(lanes: int, taps: int) -> Case:
    """3 x 3 maximum on windows, 16 channels, 16 x 16 pixels."""
    beats = 256 * 16 // lanes
    return Case(
        work="3 x 3 maximum on windows, 16 channels of 8 bits, 16 x 16 pixels",
        folding=f"{count(lanes, 'lane')}, {count(taps, 'tap')}",
        engine=Pooler(name="pool", source=acts(), result=acts(), lanes=lanes, taps=taps, steps=9 // taps),
        beats=beats,
        peer=None if taps > 1 else in_hls(  # it takes a tap a cycle
            "Pool", beats, Channels=16, PE=lanes, KernelSize=[3, 3], Function="MaxPool", OutImgDims=[16, 16],
            InputDataType="UINT8", OutputDataType="UINT8",
        ),
    )  # fmt: skip


def reduce_(lanes: int) -> Case:
    """Sum over all pixels of a map."""
    total = Tensor(name="y", shape=(1, 1, 16), lo=0, hi=256 * 255)
    return Case(
        work="global sum, 16 channels of 8 bits, 16 x 16 pixels",
        folding=count(lanes, "lane"),
        engine=Reducer(name="sum", source=acts(), result=total, rows=True, cols=True, total=True, lanes=lanes),
        beats=16 // lanes,
        peer=in_hls("GlobalAccPool", 16 // lanes, NumChannels=16, PE=lanes, inputDataType="UINT8", numInputVectors=[1, 16, 16]),
    )


def add(lanes: int) -> Case:
    """A residual addition with unlike scales."""
    total = ("add", ("mul", ("in", 0), ("const", 3)), ("mul", ("in", 1), ("const", 5)))
    result = Tensor(name="y", shape=(16, 16, 16), lo=0, hi=8 * 255)
    beats = 256 * 16 // lanes
    return Case(
        work="a * 3 + b * 5, 16 channels of 8 bits, 16 x 16 pixels",
        folding=count(lanes, "lane"),
        engine=Pointwise(
            name="sum", expression=total, operands=(acts(name="a"), acts(name="b")), result=result, lanes=lanes
        ),
        beats=beats,
        peer=in_hls(
            "ElementwiseAdd", beats, lhs_dtype="UINT10", rhs_dtype="UINT11", out_dtype="UINT12", PE=lanes,
            lhs_shape=[1, 16, 16, 16], rhs_shape=[1, 16, 16, 16], out_shape=[1, 16, 16, 16],
        ),
    )  # fmt: skip


def transpose(lanes: int) -> Case:
    """Rows of 16 channels to columns."""
    beats = 256 * 16 // lanes
    return Case(
        work="transposition of 16 x 16 pixels of 16 channels of 8 bits",
        folding=count(lanes, "lane"),
        engine=BlockTransposer(name="transpose", bits=8, lanes=lanes, outer=16, inner=16, unit=16 // lanes, blocks=1),
        beats=beats,
        peer=in_hls(
            "OuterShuffle", beats, data_type="UINT8", in_shape=[1, 16, 16, 16], transpose_in_shape=[16, 16, 16],
            transpose_out_shape=[16, 16, 16], out_shape=[1, 16, 16, 16], perm=[1, 0, 2], SIMD=lanes, loop_coeffs=[16, 256, 1],
        ),
    )  # fmt: skip


def upsample(lanes: int) -> Case:
    """Nearest neighbour by 2."""
    beats = 1024 * 16 // lanes
    return Case(
        work="nearest neighbour by 2, 16 channels of 8 bits, 16 x 16 pixels in",
        folding=count(lanes, "lane"),
        engine=Upsampler(name="upsample", source=acts(), factors=(2, 2), lanes=lanes),
        beats=beats,
        peer=in_hls(
            "UpsampleNearestNeighbour", beats, SIMD=lanes, HI=16, WI=16, HO=32, WO=32, NumChannels=16, inputDataType="UINT8"
        ),
    )


def lookup(lanes: int) -> Case:
    """A table of 256 entries, the same for all channels."""
    return Case(
        work="table of 256 entries for all channels, 16 channels, 16 x 16 pixels",
        folding=count(lanes, "lane"),
        engine=Table(name="v", table=RNG.integers(0, 256, (1, 256)), source=acts(), result=acts(), lanes=lanes),
        beats=256 * 16 // lanes,
    )


def topk(lanes: int) -> Case:
    """The index of the largest of 100 channels; what FINN expects of its LabelSelect (HLS) leaves out the pixels."""
    return Case(
        work="index of the largest of 100 channels of 8 bits, 64 pixels",
        folding=count(lanes, "lane"),
        engine=Chooser(name="top", source=acts(100, 8), k=1, largest=True, last=False, indices=True, lanes=lanes),
        beats=64,
    )


def deform(lanes: int) -> Case:
    """Taps of a modulated deformable depthwise convolution: offsets of -2..2 in quarters, masks of 8 bits."""
    offset = Tensor(name="o", shape=(16, 16, 18), lo=-8, hi=7)
    mask = Tensor(name="m", shape=(16, 16, 9), lo=0, hi=255)
    return Case(
        work="bilinear, masked taps of a 3 x 3 deformable convolution, 16 channels of 8 bits, 16 x 16 pixels",
        folding=count(lanes, "lane"),
        engine=Deformer(
            name="deform", source=acts(), offset=offset, mask=mask, out_hw=(16, 16), kernel=(3, 3), stride=(1, 1),
            pad=(1, 1, 1, 1), dilation=(1, 1), offsets=OffsetRange(lo=-8, hi=7, fraction_bits=2, square=False), lanes=lanes,
            groups=16,
        ),
        beats=256 * 9 * 16 // lanes,
    )  # fmt: skip


def gather(lanes: int) -> Case:
    """The channel shuffle of two groups."""
    order = tuple(int(c) for c in np.arange(24).reshape(2, 12).T.ravel())
    return Case(
        work="channel shuffle of two groups, 24 channels of 8 bits, 64 pixels",
        folding=count(lanes, "lane"),
        engine=Gatherer(name="shuffle", bits=8, pixels=64, channels=24, indices=order, lanes_in=lanes, lanes_out=lanes),
        beats=64 * 24 // lanes,
    )


def shift(lanes: int) -> Case:
    """Each channel moved to one of nine neighbours."""
    offsets = np.array([(c % 3 - 1, c // 3 % 3 - 1) for c in range(16)])
    return Case(
        work="shift of each channel to one of nine neighbours, 16 channels of 8 bits, 16 x 16 pixels",
        folding=count(lanes, "lane"),
        engine=Shifter(name="shift", bits=8, size=(16, 16), offsets=offsets, lanes=lanes),
        beats=256 * 16 // lanes,
    )


def constant(lanes: int) -> Case:
    """A position embedding."""
    value = RNG.integers(-127, 128, (16, 16, 16))
    result = Tensor(name="y", shape=value.shape, lo=-127, hi=127)
    return Case(
        work="constant map of 16 x 16 pixels of 16 channels of 8 bits",
        folding=count(lanes, "lane"),
        engine=Source(name="c", sets=sets_of(value), result=result, lanes=lanes),
        beats=256 * 16 // lanes,
    )


CASES: tuple[Case, ...] = (
    *(matvec(simd, pe) for simd, pe in ((4, 4), (8, 8), (16, 16))),
    *(stationary(simd, pe, held) for simd, pe, held in ((4, 4, 8), (8, 8, 8), (16, 4, 64))),
    *(window(lanes, taps) for lanes, taps in ((4, 1), (16, 1), (16, 3), (1, 9), (4, 9), (16, 9))),
    *(ring(lanes) for lanes in (4, 16)),
    *(case for lanes, bits in ((1, 4), (4, 4), (16, 4), (4, 8)) for case in thresholds(lanes, bits)),
    wide_requant(4),
    *(repack(*lanes) for lanes in ((8, 2), (2, 8), (6, 4))),
    *(fifo(depth) for depth in (32, 256, 2048)),
    *(depthwise(lanes, taps) for lanes, taps in ((4, 1), (16, 3), (16, 9))),
    *(pool(lanes, taps) for lanes, taps in ((4, 1), (16, 3), (16, 9))),
    *(reduce_(lanes) for lanes in (1, 4, 16)),
    *(add(lanes) for lanes in (1, 4, 16)),
    *(transpose(lanes) for lanes in (1, 4, 16)),
    *(upsample(lanes) for lanes in (1, 4, 16)),
    *(lookup(lanes) for lanes in (1, 4, 16)),
    *(topk(lanes) for lanes in (1, 4, 10)),
    *(deform(lanes) for lanes in (1, 4, 16)),
    *(gather(lanes) for lanes in (2, 8, 24)),
    *(shift(lanes) for lanes in (1, 4, 16)),
    *(constant(lanes) for lanes in (1, 4, 16)),
)
