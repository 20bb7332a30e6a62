# SPDX-License-Identifier: Apache-2.0
"""What engine_costs.py measures: each engine at some foldings, beside FINN's RTL module of the same work where it has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.engines.pointwise import Pointwise
from headrace.ir.tensor import Tensor

Attributes = Mapping[str, Any]

PART = "xc7z020clg400-1"
CLOCK_NS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RomFile:
    """A memory file of random words."""

    name: str
    words: int
    bits: int
    rising: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """FINN nodes, chained, that do the same work."""

    nodes: tuple[Attributes, ...]
    beats: int
    """Output beats of a frame."""

    @property
    def title(self) -> str:
        """Their names."""
        return " + ".join(str(node["op"]).removesuffix("_rtl") for node in self.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One engine at one folding."""

    work: str
    folding: str
    module: str
    parameters: Mapping[str, int | str]
    beats: int
    """Output beats of a frame."""
    roms: tuple[RomFile, ...] = ()
    peer: Peer | None = None
    inputs: tuple[str, ...] = ("valid_i", "data_i")
    """Input ports that are driven: those that hold "valid" or "ready" with ones, the others with zeros."""
    valid: str = "valid_o"


def node(op: str, name: str, inputs: list[Attributes], **attributes: Any) -> Attributes:
    """A FINN node; an input with ``lo`` and ``hi`` is a constant of random values between them."""
    return {"op": op, "name": name, "inputs": inputs, "attributes": attributes, "part": PART, "clock_ns": CLOCK_NS}


def stream(shape: list[int], type_: str) -> Attributes:
    """The streamed input of a node."""
    return {"name": "x", "shape": shape, "type": type_}


def matvec(simd: int, pe: int) -> Case:
    """64 -> 32 channels pointwise on 8 x 8 pixels, W4A8."""
    rows, cols, pixels, acc = 32, 64, 64, 20
    beats_in, beats_out = cols // simd, rows // pe
    weights = {"name": "w", "shape": [cols, rows], "type": "INT4", "lo": -7, "hi": 7}
    finn = node(
        "MVAU_rtl", "node_mvau", [stream([1, 8, 8, cols], "UINT8"), weights], MW=cols, MH=rows, SIMD=simd, PE=pe,
        inputDataType="UINT8", weightDataType="INT4", outputDataType=f"INT{acc}", accDataType=f"INT{acc}", noActivation=1,
        numInputVectors=[1, 8, 8], resType="dsp", mem_mode="internal_decoupled",
    )  # fmt: skip
    return Case(
        work="pointwise 64 to 32 channels, 8 x 8 pixels, 4-bit weights, 8-bit activations",
        folding=f"{simd} x {pe}",
        module="engine_matvec",
        parameters={
            "LanesIn": simd, "LanesOut": pe, "ActW": 8, "WgtW": 4, "AccW": acc, "BeatsIn": beats_in, "BeatsOut": beats_out,
            "RomFile": "w.hex",
        },
        beats=pixels * beats_out,
        roms=(RomFile(name="w.hex", words=beats_in * beats_out, bits=simd * pe * 4),),
        peer=Peer(nodes=(finn,), beats=pixels * beats_out),
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
    shape = {"LaneW": 8, "Lanes": lanes, "Channels": channels, "InH": size, "InW": size, "KH": 3, "KW": 3, "PadT": 1, "PadL": 1}
    shape |= {"OutH": size, "OutW": size}
    return Case(
        work="3 x 3 windows with padding, 16 x 16 pixels, 16 channels of 8 bits",
        folding=f"{lanes} lanes, {taps} {'tap' if taps == 1 else 'taps'}",
        module="engine_slide" if parallel else "engine_window",
        parameters=shape if parallel else {**shape, "Taps": taps, "GroupBeats": 1, "Rows": 4},
        beats=beats,
        peer=Peer(nodes=(pad, swg), beats=beats),
        inputs=("valid_i", "data_i") if parallel else ("valid_i", "data_i", "dil_valid_i", "dil_i"),
    )


def thresholds(lanes: int, out_bits: int) -> tuple[Case, Case]:
    """Accumulators of 20 bits to activations, 16 channels, 16 x 16 pixels, by a multiplier and by thresholds."""
    channels, pixels, acc = 16, 256, 20
    steps, beats = (1 << out_bits) - 1, channels // lanes
    levels = {"name": "t", "shape": [channels, steps], "type": f"INT{acc}", "lo": -200000, "hi": 200000, "rising": True}
    finn = node(
        "Thresholding_rtl", "node_thr", [stream([1, 16, 16, channels], f"INT{acc}"), levels], NumChannels=channels, PE=lanes,
        numSteps=steps, inputDataType=f"INT{acc}", weightDataType=f"INT{acc}", outputDataType=f"UINT{out_bits}",
        numInputVectors=[1, 16, 16], ActVal=0,
    )  # fmt: skip
    work = f"{acc}-bit accumulators to {out_bits} bits, 16 channels, 16 x 16 pixels"
    peer = Peer(nodes=(finn,), beats=pixels * beats)
    multiplier = Case(
        work=work, folding=f"{lanes} lanes", module="engine_requant",
        parameters={
            "Lanes": lanes, "AccW": acc, "MulW": 12, "AddW": 24, "Shift": 16, "OutW": out_bits, "Lo": 0, "Hi": steps,
            "Beats": beats, "RomFile": "q.hex",
        },
        beats=pixels * beats, roms=(RomFile(name="q.hex", words=beats, bits=lanes * 36),), peer=peer,
    )  # fmt: skip
    search = Case(
        work=work, folding=f"{lanes} lanes", module="engine_thresholds",
        parameters={
            "Lanes": lanes, "InW": acc, "ThrW": acc, "Thresholds": steps, "OutW": out_bits, "Beats": beats, "RomFile": "t",
        },
        beats=pixels * beats,
        roms=tuple(RomFile(name=f"t_t{s:02d}.hex", words=beats << s, bits=lanes * acc) for s in range(out_bits)),
        peer=peer,
    )  # fmt: skip
    return multiplier, search


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
        module="stream_repack",
        parameters={"LaneW": 8, "LanesIn": lanes_in, "LanesOut": lanes_out, "InC": "16'd24", "OutC": "16'd24"},
        beats=beats,
        peer=Peer(nodes=(finn,), beats=beats),
    )


def fifo(depth: int) -> Case:
    """A FIFO of 32 bits."""
    finn = node(
        "StreamingFIFO_rtl", "node_fifo", [stream([1, 1024, 4], "UINT8")], depth=depth, folded_shape=[1, 1024, 4],
        normal_shape=[1, 1024, 4], dataType="UINT8", ram_style="distributed" if depth <= 256 else "block",
    )  # fmt: skip
    return Case(
        work="FIFO of 32 bits, 1024 words a frame",
        folding=f"{depth} words",
        module="stream_fifo",
        parameters={"Width": 32, "Depth": depth},
        beats=1024,
        peer=Peer(nodes=(finn,), beats=1024),
    )


def depthwise(lanes: int, taps: int) -> Case:
    """3 x 3 depthwise on windows, 16 channels, 16 x 16 pixels, W4A8; FINN's is HLS only."""
    beats, steps = 16 // lanes, 9 // taps
    return Case(
        work="3 x 3 depthwise, 16 channels, 16 x 16 pixels, 4-bit weights, 8-bit activations",
        folding=f"{lanes} lanes, {taps} {'tap' if taps == 1 else 'taps'}",
        module="engine_depthwise",
        parameters={
            "Lanes": lanes, "Taps": taps, "ActW": 8, "WgtW": 4, "AccW": 16, "Beats": beats, "Steps": steps, "RomFile": "w.hex",
        },
        beats=256 * beats,
        roms=(RomFile(name="w.hex", words=beats * steps, bits=lanes * taps * 4),),
    )  # fmt: skip


def pool(lanes: int, taps: int) -> Case:
    """3 x 3 maximum on windows, 16 channels, 16 x 16 pixels."""
    return Case(
        work="3 x 3 maximum, 16 channels of 8 bits, 16 x 16 pixels",
        folding=f"{lanes} lanes, {taps} {'tap' if taps == 1 else 'taps'}",
        module="engine_pool",
        parameters={"Lanes": lanes, "Taps": taps, "Steps": 9 // taps, "LaneW": 8},
        beats=256 * 16 // lanes,
    )


def reduce_(lanes: int) -> Case:
    """Sum over all pixels of a map."""
    return Case(
        work="global sum, 16 channels of 8 bits, 16 x 16 pixels",
        folding=f"{lanes} lanes",
        module="engine_reduce",
        parameters={"Lanes": lanes, "LaneW": 8, "Beats": 16 // lanes, "Pixels": 256, "Sum": 1, "OutW": 16},
        beats=16 // lanes,
    )


def add(lanes: int) -> Case:
    """A residual addition with unlike scales."""
    a, b = (Tensor(name=name, shape=(16, 16, 16), lo=0, hi=255) for name in "ab")
    total = ("add", ("mul", ("in", 0), ("const", 3)), ("mul", ("in", 1), ("const", 5)))
    result = Tensor(name="y", shape=(16, 16, 16), lo=0, hi=8 * 255)
    engine = Pointwise(name="sum", expression=total, operands=(a, b), result=result, lanes=lanes)
    return Case(
        work="a * 3 + b * 5, 16 channels of 8 bits, 16 x 16 pixels",
        folding=f"{lanes} lanes",
        module=engine.module,
        parameters={n: int(v) if isinstance(v, bool) else v for n, v in engine.parameters().items()},
        beats=256 * 16 // lanes,
    )


def transpose(lanes: int) -> Case:
    """Rows of 16 channels to columns."""
    return Case(
        work="transposition of 16 x 16 pixels of 16 channels of 8 bits",
        folding=f"{lanes} lanes",
        module="engine_transpose",
        parameters={"LaneW": 8, "Lanes": lanes, "Outer": 16, "Inner": 16, "Unit": 16 // lanes},
        beats=256 * 16 // lanes,
    )


def upsample(lanes: int) -> Case:
    """Nearest neighbour by 2."""
    return Case(
        work="nearest neighbour by 2, 16 channels of 8 bits, 16 x 16 pixels in",
        folding=f"{lanes} lanes",
        module="engine_upsample",
        parameters={"LaneW": 8, "Lanes": lanes, "Beats": 16 // lanes, "InW": 16},
        beats=1024 * 16 // lanes,
    )


def lookup(lanes: int) -> Case:
    """A table of 256 entries, the same for all channels."""
    return Case(
        work="table of 256 entries for all channels, 16 channels, 16 x 16 pixels",
        folding=f"{lanes} lanes",
        module="engine_lookup",
        parameters={"Lanes": lanes, "InW": 8, "OutW": 8, "Beats": 16 // lanes, "Shared": 1, "RomFile": "v.hex"},
        beats=256 * 16 // lanes,
        roms=(RomFile(name="v.hex", words=256, bits=8),),
    )


def topk(lanes: int) -> Case:
    """The index of the largest of 100 channels."""
    return Case(
        work="index of the largest of 100 channels of 8 bits, 64 pixels",
        folding=f"{lanes} lanes",
        module="engine_topk",
        parameters={"Lanes": lanes, "LaneW": 8, "Channels": 100, "K": 1, "Indices": 1},
        beats=64,
    )


CASES: tuple[Case, ...] = (
    *(matvec(simd, pe) for simd, pe in ((4, 4), (8, 8), (16, 16))),
    *(window(lanes, taps) for lanes, taps in ((4, 1), (16, 1), (4, 9), (16, 9))),
    *(case for lanes, bits in ((1, 4), (4, 4), (16, 4), (4, 8)) for case in thresholds(lanes, bits)),
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
)
