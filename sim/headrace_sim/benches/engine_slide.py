# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_slide``: every tap of every window, and the cycle in which each window leaves."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt

from headrace_sim.benches.engine_window import static_taps, window_beats
from headrace_sim.case import Case, current_case
from headrace_sim.streams import Sink, StreamBench
from headrace_sim.words import beats_of, ceil_div, pack, unpack

IntArray = npt.NDArray[Any]
STALLS = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.2, 0.7), (0.9, 0.1)]


def expected_beats(case: Case) -> IntArray:
    """The beats that the engine must give for the whole case."""
    whole = {**case.parameters, "Taps": case.parameters["KH"] * case.parameters["KW"], "GroupBeats": 1}
    return window_beats(static_taps(case.arrays["x"], whole), whole)


def connect(dut: Any, case: Case, seed: int, stall: tuple[float, float], interval: int = 1) -> tuple[StreamBench, Sink]:
    """Attach the streams of the case to the engine."""
    p, x = case.parameters, case.arrays["x"]
    bench = StreamBench(dut, seed=seed)
    bench.source(pack(beats_of(x, p["Lanes"]), bits=p["LaneW"]), stall=stall[0]).interval = interval
    return bench, bench.sink(len(x) * p["OutH"] * p["OutW"] * ceil_div(p["Channels"], p["Lanes"]), stall=stall[1])


def check(case: Case, out: Sink) -> None:
    """Compares the beats that came, which may be the first ones only."""
    p = case.parameters
    got = unpack(out.words, bits=p["LaneW"], lanes=p["KH"] * p["KW"] * p["Lanes"])
    np.testing.assert_array_equal(got, expected_beats(case)[: len(got)])


@cocotb.test
@cocotb.parametrize(stall=STALLS, seed=[1, 2])
async def gives_every_tap(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """All beats of several frames, whatever stalls; those of the last one without a frame behind it."""
    case = current_case()
    bench, out = connect(dut, case, seed, stall)
    await bench.run(limit=2000 + 30 * (out.count + case.arrays["x"].size))
    check(case, out)


@cocotb.test
@cocotb.parametrize(interval=[2, 3, 5])
async def fills_the_steps_that_a_slow_producer_leaves(dut: Any, interval: int) -> None:
    """Frames that begin at any empty step."""
    case = current_case()
    bench, out = connect(dut, case, 6, (0.0, 0.0), interval)
    await bench.run(limit=2000 + 30 * (out.count + case.arrays["x"].size))
    check(case, out)


@cocotb.test
@cocotb.parametrize(part=[0.02, 0.2, 0.5, 0.9])
async def needs_nothing_of_the_next_frame(dut: Any, part: float) -> None:
    """Two frames come out whole, though the one behind them stops anywhere."""
    case = current_case()
    bench, out = connect(dut, case, 8, (0.0, 0.0))
    source, whole = bench.sources[0], out.count // len(case.arrays["x"]) * 2
    source.words = source.words[: int(len(source.words) // len(case.arrays["x"]) * (2 + part)) + 1]
    out.count += 1  # more than come
    await bench.run(limit=2000 + 4 * len(source.words), stop_after=4 * len(source.words) + 100)
    assert source.done
    assert len(out.words) >= whole
    check(case, out)


@cocotb.test
async def leaves_three_cycles_after_its_anchor(dut: Any) -> None:
    """Unstalled, a beat is taken in each cycle; behind the first frame, each window has its fixed cycle of the frame."""
    case = current_case()
    p, frames = case.parameters, len(case.arrays["x"])
    bench, out = connect(dut, case, 3, (0.0, 0.0))
    await bench.run(limit=2000 + 4 * (out.count + case.arrays["x"].size))
    came = np.asarray(bench.sources[0].cycles)
    np.testing.assert_array_equal(np.diff(came), 1)
    beats = ceil_div(p["Channels"], p["Lanes"])
    row, col, beat = np.indices((p["OutH"], p["OutW"], beats))
    row = row * p["StrideH"] + (p["KH"] - 1) * p["DilH"] - p["PadT"]
    col = col * p["StrideW"] + (p["KW"] - 1) * p["DilW"] - p["PadL"]
    due = ((row * p["InW"] + col) * beats + beat).ravel() + came[0] + 3
    left = np.asarray(out.cycles).reshape(frames, -1)
    np.testing.assert_array_equal(left[0], due)
    per_frame = p["InH"] * p["InW"] * beats
    late = left[1] - due - per_frame  # by the empty steps behind the first frame
    assert np.all(late == late[0])
    tail = max(0, due[-1] - came[0] - 2 - per_frame)
    assert 0 <= late[0] <= tail
    np.testing.assert_array_equal(np.diff(left[1:], axis=0), per_frame)


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in full flight leaves nothing of the frames before it."""
    case = current_case()
    for stop_after in (11, 57, None):
        bench, out = connect(dut, case, 5, (0.1, 0.3))
        await bench.run(limit=2000 + 30 * (out.count + case.arrays["x"].size), stop_after=stop_after)
        check(case, out)
    assert len(out.words) == out.count
