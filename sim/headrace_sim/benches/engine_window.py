# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_window``: every tap of every window, the beat order, and flow without bubbles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt

from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.words import beats_of, ceil_div, pack, unpack

IntArray = npt.NDArray[Any]
STALLS = [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.2, 0.3, 0.7), (0.85, 0.2, 0.1)]
"""Probabilities for the input, the output and the dilations."""


def parameters_of(case: Case) -> Mapping[str, int]:
    """Of the engine, and of `engine_taps`, which knows fewer; and cycles from a window's last pixel to its first beat."""
    return {
        "Taps": 1,
        "Deform": 0,
        "RepeatH": 1,
        "RepeatW": 1,
        "Latency": 5 if "Pixels" in case.parameters else 6,
        **case.parameters,
    }


def repeats(p: Mapping[str, int]) -> tuple[int, int]:
    """Rows and columns of the map that each pixel stands for."""
    return p["RepeatH"], p["RepeatW"]


def static_taps(x: IntArray, p: Mapping[str, int]) -> IntArray:
    """Windows (F, OH, OW, KW * KH, C) of maps (F, H, W, C), by padding generously and slicing."""
    below = p["OutH"] * p["StrideH"] + p["KH"] * p["DilH"]
    right = p["OutW"] * p["StrideW"] + p["KW"] * p["DilW"]
    pads = ((0, 0), (max(0, p["PadT"]), below), (max(0, p["PadL"]), right), (0, 0))
    kept = x[:, max(0, -p["PadT"]) :, max(0, -p["PadL"]) :]
    padded = np.pad(kept, pads, constant_values=p["PadValue"])
    taps = []
    for j in range(p["KW"]):
        for i in range(p["KH"]):
            shifted = padded[:, i * p["DilH"] :, j * p["DilW"] :]
            strided = shifted[:, :: p["StrideH"], :: p["StrideW"]]
            taps.append(strided[:, : p["OutH"], : p["OutW"]])
    return np.stack(taps, axis=3)


def deformed_taps(x: IntArray, dilations: IntArray, p: Mapping[str, int]) -> IntArray:
    """Windows (F, H, W, KW * KH, C) around each pixel, stretched by its clamped dilation."""
    frames, height, width, channels = x.shape
    s = np.clip(dilations, p["DilationLo"], p["DilationHi"])
    taps = np.full((frames, height, width, p["KH"] * p["KW"], channels), p["PadValue"], x.dtype)
    for f, y, c in np.ndindex(frames, height, width):
        for n in range(p["KH"] * p["KW"]):
            row = y + s[f, y, c] * (n % p["KH"] - p["KH"] // 2)
            col = c + s[f, y, c] * (n // p["KH"] - p["KW"] // 2)
            if 0 <= row < height and 0 <= col < width:
                taps[f, y, c, n] = x[f, row, col]
    return taps


def steps_of(p: Mapping[str, int]) -> int:
    """Tap beats of a window: whole columns are cut into beats of ``Taps``, the last of each ragged."""
    return 1 if p["Taps"] == p["KH"] * p["KW"] else ceil_div(p["KH"], p["Taps"]) * p["KW"]


def window_beats(taps: IntArray, p: Mapping[str, int]) -> IntArray:
    """Beats (N, Taps * Lanes) of windows (F, OH, OW, KW * KH, C), lanes beyond C zero."""
    frames, height, width, count, channels = taps.shape
    steps, per_pixel = steps_of(p), ceil_div(channels, p["Lanes"])
    if steps * p["Taps"] > count:  # behind a column's last tap comes what is outside the map
        columns = taps.reshape(frames, height, width, p["KW"], p["KH"], channels)
        extra = steps * p["Taps"] // p["KW"] - p["KH"]
        columns = np.pad(columns, ((0, 0),) * 4 + ((0, extra), (0, 0)), constant_values=p["PadValue"])
        taps = columns.reshape(frames, height, width, steps * p["Taps"], channels)
    cut = beats_of(taps.reshape(-1, channels), p["Lanes"])
    groups = per_pixel // p["GroupBeats"]
    cut = cut.reshape(frames * height * width, steps, p["Taps"], groups, p["GroupBeats"], p["Lanes"])
    # To (pixel, group, step, channel beat, tap, lane).
    return cut.transpose(0, 3, 1, 4, 2, 5).reshape(-1, p["Taps"] * p["Lanes"])


def expected_beats(case: Case) -> IntArray:
    """The beats that the engine must give for the whole case."""
    p = parameters_of(case)
    x = np.kron(case.arrays["x"], np.ones((1, *repeats(p), 1), np.int64))
    taps = deformed_taps(x, case.arrays["dilations"], p) if p["Deform"] else static_taps(x, p)
    return window_beats(taps, p)


def connect(dut: Any, case: Case, seed: int, stall: tuple[float, float, float]) -> tuple[StreamBench, Sink]:
    """Attach the streams of the case to the engine."""
    p, x = parameters_of(case), case.arrays["x"]
    bench = StreamBench(dut, seed=seed)
    bench.source(pack(beats_of(x, p["Lanes"]), bits=p["LaneW"]), stall=stall[0])
    if p["Deform"]:
        dilations = pack(case.arrays["dilations"].reshape(-1, 1), bits=p["DilationW"])
        bench.source(dilations, stall=stall[2], valid="dil_valid_i", ready="dil_ready_o", data="dil_i")
    count = len(x) * p["OutH"] * p["OutW"] * ceil_div(p["Channels"], p["Lanes"]) * steps_of(p)
    return bench, bench.sink(count, stall=stall[1])


@cocotb.test
@cocotb.parametrize(stall=STALLS, seed=[1, 2])
async def gives_every_tap(dut: Any, stall: tuple[float, float, float], seed: int) -> None:
    """All beats of several frames, whatever stalls."""
    case = current_case()
    p = parameters_of(case)
    bench, out = connect(dut, case, seed, stall)
    await bench.run(limit=2000 + 30 * (out.count + case.arrays["x"].size))
    got = unpack(out.words, bits=p["LaneW"], lanes=p["Taps"] * p["Lanes"])
    np.testing.assert_array_equal(got, expected_beats(case))


@cocotb.test
async def flows_from_frame_to_frame(dut: Any) -> None:
    """Unstalled, a frame takes as many cycles as it has beats on the busier side, and not one more."""
    case = current_case()
    if not case.data["full_rate"]:
        return
    bench, out = connect(dut, case, 3, (0.0, 0.0, 0.0))
    await bench.run(limit=2000 + 4 * (out.count + case.arrays["x"].size))
    frames = len(case.arrays["x"])
    per_frame = out.count // frames
    busier = max(per_frame, len(bench.sources[0].words) // frames)
    ends = np.asarray(out.cycles[per_frame - 1 :: per_frame])
    # The first frames fill the pipeline; with `Deform` the lag of a frame depends on its dilations.
    if parameters_of(case)["Deform"]:
        assert ends[-1] - ends[0] <= (frames - 1) * busier + case.data["lag"]
    else:
        np.testing.assert_array_equal(np.diff(ends)[1:], busier)
    if per_frame == busier and not parameters_of(case)["Deform"]:
        assert np.all(np.diff(out.cycles[per_frame:]) == 1)


@cocotb.test
async def starts_with_its_last_pixel(dut: Any) -> None:
    """The first window leaves six cycles after the last pixel it can read arrived, or five."""
    case = current_case()
    p = parameters_of(case)
    if p["Deform"]:
        return
    bench, out = connect(dut, case, 4, (0.0, 0.0, 0.0))
    await bench.run(limit=2000 + 4 * (out.count + case.arrays["x"].size))
    row = min(max((p["KH"] - 1) * p["DilH"] - p["PadT"], -p["PadT"], 0) // p["RepeatH"], p["InH"] - 1)
    col = min(max((p["KW"] - 1) * p["DilW"] - p["PadL"], 0) // p["RepeatW"], p["InW"] - 1)
    last_beat = (row * p["InW"] + col + 1) * ceil_div(p["Channels"], p["Lanes"]) - 1
    assert out.cycles[0] - bench.sources[0].cycles[last_beat] == p["Latency"]


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in full flight leaves nothing of the frames before it."""
    case = current_case()
    p = parameters_of(case)
    for stop_after in (11, 57, None):
        bench, out = connect(dut, case, 5, (0.1, 0.3, 0.1))
        await bench.run(limit=2000 + 30 * (out.count + case.arrays["x"].size), stop_after=stop_after)
        got = unpack(out.words, bits=p["LaneW"], lanes=p["Taps"] * p["Lanes"])
        np.testing.assert_array_equal(got, expected_beats(case)[: len(got)])
    assert len(out.words) == out.count
