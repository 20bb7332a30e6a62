# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_deform``: every tap against the golden operator, order, exact timing, and that timing ignores offsets."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt
from headrace_host.golden_deform import deform_conv

from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.words import beats_of, ceil_div, pack, unpack

IntArray = npt.NDArray[Any]
STALLS = [(0.0, 0.0, 0.0, 0.0), (0.5, 0.0, 0.0, 0.2), (0.0, 0.5, 0.1, 0.0), (0.2, 0.3, 0.7, 0.6), (0.85, 0.2, 0.1, 0.0)]
"""Probabilities for the input, the output, the offsets and the masks."""


def tap_of(case: Case, i: int, j: int) -> IntArray:
    """Samples (F, OH, OW, C) of kernel tap (i, j): the golden convolution whose only weight is there."""
    p, x = case.parameters, case.arrays["x"]
    weight = np.zeros((p["Channels"], p["KH"], p["KW"], 1), np.int64)
    weight[:, i, j] = 1
    bottom = (p["OutH"] - 1) * p["StrideH"] + (p["KH"] - 1) * p["DilH"] + 1 - p["InH"] - p["PadT"]
    right = (p["OutW"] - 1) * p["StrideW"] + (p["KW"] - 1) * p["DilW"] + 1 - p["InW"] - p["PadL"]
    return deform_conv(
        x,
        case.arrays["offset"],
        weight,
        case.arrays.get("mask"),
        stride=(p["StrideH"], p["StrideW"]),
        pad=(p["PadT"], p["PadL"], bottom, right),
        dilation=(p["DilH"], p["DilW"]),
        groups=p["Channels"],
        square=bool(p["Square"]),
        fraction_bits=p["FractionBits"],
        lo=p["OffsetLo"],
        hi=p["OffsetHi"],
    )


def expected_beats(case: Case) -> IntArray:
    """The beats (N, Lanes) that the engine must give for the whole case."""
    p = case.parameters
    taps = np.stack([tap_of(case, i, j) for j in range(p["KW"]) for i in range(p["KH"])], axis=3)
    beats = ceil_div(p["Channels"], p["Lanes"])
    groups = (beats // p["GroupBeats"], p["GroupBeats"])
    cut = beats_of(taps, p["Lanes"]).reshape(-1, p["KH"] * p["KW"], *groups, p["Lanes"])
    return cut.swapaxes(1, 2).reshape(-1, p["Lanes"])


def connect(dut: Any, case: Case, seed: int, stall: tuple[float, ...], offset: IntArray) -> tuple[StreamBench, Sink]:
    """Attach the streams of the case to the engine, with these offsets."""
    p, x = case.parameters, case.arrays["x"]
    bench = StreamBench(dut, seed=seed)
    bench.source(pack(beats_of(x, p["Lanes"]), bits=p["LaneW"]), stall=stall[0])
    words = pack(offset.reshape(-1, offset.shape[-1]), bits=p["OffsetW"])
    bench.source(words, stall=stall[2], valid="offset_valid_i", ready="offset_ready_o", data="offset_i")
    if p["MaskW"]:
        masks = pack(case.arrays["mask"].reshape(-1, p["KH"] * p["KW"]), bits=p["MaskW"])
        bench.source(masks, stall=stall[3], valid="mask_valid_i", ready="mask_ready_o", data="mask_i")
    count = len(x) * p["OutH"] * p["OutW"] * ceil_div(p["Channels"], p["Lanes"]) * p["KH"] * p["KW"]
    return bench, bench.sink(count, stall=stall[1])


async def simulate(dut: Any, case: Case, seed: int, stall: tuple[float, ...], offset: IntArray) -> tuple[StreamBench, Sink]:
    """One run to the end."""
    bench, out = connect(dut, case, seed, stall, offset)
    await bench.run(limit=2000 + 30 * (out.count + case.arrays["x"].size))
    return bench, out


def check(case: Case, out: Sink) -> None:
    """Compare all beats that came."""
    p = case.parameters
    got = unpack(out.words, bits=p["DataW"], lanes=p["Lanes"], signed=case.data["signed"])
    np.testing.assert_array_equal(got, expected_beats(case)[: len(got)])


@cocotb.test
@cocotb.parametrize(stall=STALLS, seed=[1, 2])
async def gives_every_tap(dut: Any, stall: tuple[float, ...], seed: int) -> None:
    """All beats of several frames, whatever stalls."""
    case = current_case()
    _, out = await simulate(dut, case, seed, stall, case.arrays["offset"])
    check(case, out)


@cocotb.test
async def flows_from_frame_to_frame(dut: Any) -> None:
    """Unstalled, a frame takes as many cycles as it has beats on the busier side, and not one more."""
    case = current_case()
    if not case.data["full_rate"]:
        return
    bench, out = await simulate(dut, case, 3, (0.0,) * 4, case.arrays["offset"])
    frames = len(case.arrays["x"])
    per_frame = out.count // frames
    busier = max(per_frame, len(bench.sources[0].words) // frames)
    ends = np.asarray(out.cycles[per_frame - 1 :: per_frame])
    np.testing.assert_array_equal(np.diff(ends)[1:], busier)
    if per_frame == busier:
        assert np.all(np.diff(out.cycles[per_frame:]) == 1)


@cocotb.test
async def starts_with_the_last_pixel_in_reach(dut: Any) -> None:
    """The first tap leaves a fixed time after the last pixel that any offset of the range could reach."""
    case = current_case()
    p = case.parameters
    bench, out = await simulate(dut, case, 4, (0.0,) * 4, case.arrays["offset"])
    row, col = (min(max(end, 0), size - 1) for end, size in zip(case.data["reach"], (p["InH"], p["InW"]), strict=True))
    last_beat = (row * p["InW"] + col + 1) * ceil_div(p["Channels"], p["Lanes"]) - 1
    latency = 11 + (6 if p["FractionBits"] else 0) + (1 if p["MaskW"] else 0)
    assert out.cycles[0] - bench.sources[0].cycles[last_beat] == latency


@cocotb.test
@cocotb.parametrize(stall=[STALLS[0], STALLS[3]])
async def timing_ignores_offsets(dut: Any, stall: tuple[float, ...]) -> None:
    """Every beat moves in the same cycle when all offsets are at one end of their range."""
    case = current_case()
    p, offset = case.parameters, case.arrays["offset"]
    runs = []
    for values in (offset, np.full_like(offset, p["OffsetLo"]), np.full_like(offset, p["OffsetHi"])):
        bench, out = await simulate(dut, case, 6, stall, values)
        runs.append((out.cycles, *(source.cycles for source in bench.sources)))
    assert runs[0] == runs[1] == runs[2]


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in full flight leaves nothing of the frames before it."""
    case = current_case()
    for stop_after in (11, 57, None):
        bench, out = connect(dut, case, 5, (0.1, 0.3, 0.1, 0.1), case.arrays["offset"])
        await bench.run(limit=2000 + 30 * (out.count + case.arrays["x"].size), stop_after=stop_after)
        check(case, out)
    assert len(out.words) == out.count
