# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``stream_repack`` over widths, ragged pixels, concatenations and splits."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import ParameterValue, expect_refusal, run_bench
from headrace_sim.words import ceil_div

from headrace.engines.base import packed

BENCH = "headrace_sim.benches.stream_repack"

# lanes in, lanes out, channels of the inputs, channels of the outputs
SELECT = [
    (4, 4, [10], [10]),
    (8, 2, [16], [16]),
    (8, 2, [11], [11]),  # skips the empty part of the ragged beat
    (4, 4, [8, 5], [13]),
    (4, 4, [13], [8, 5]),
    (6, 3, [6, 9], [9, 6]),
]
WIDEN = [
    (1, 5, [5], [5]),
    (2, 8, [11], [11]),
    (3, 6, [6, 3], [9]),
    (2, 4, [14], [8, 6]),
    (2, 6, [8, 6], [8, 6]),
]
SHIFT = [
    (3, 4, [12], [12]),
    (4, 3, [13], [13]),
    (5, 2, [7], [7]),
    (2, 7, [9], [9]),
    (8, 8, [10, 10], [20]),
    (4, 4, [12], [5, 7]),
    (4, 2, [3, 1, 5], [9]),
    (2, 8, [20], [16, 1, 1, 2]),
    (8, 3, [8, 1, 1, 1], [11]),
    (1, 2, [3, 4], [2, 5]),
]


def repack_parameters(
    lanes: tuple[int, int], channels: tuple[list[int], list[int]], lane_w: int = 8
) -> dict[str, ParameterValue]:
    """Parameters of the module for ``lanes`` and ``channels`` of (inputs, outputs)."""
    return {
        "LaneW": lane_w,
        "LanesIn": lanes[0],
        "LanesOut": lanes[1],
        "Ins": len(channels[0]),
        "Outs": len(channels[1]),
        "InC": packed(channels[0], bits=16),
        "OutC": packed(channels[1], bits=16),
    }


@pytest.mark.parametrize(("lanes_in", "lanes_out", "in_c", "out_c"), [*SELECT, *WIDEN, *SHIFT])
def test_cuts_pixels_anew(lanes_in: int, lanes_out: int, in_c: list[int], out_c: list[int], tmp_path: Path) -> None:
    """What comes beyond the last channel is zero, or anything where beats are shifted together: it must not get in."""
    noise = (lanes_in, lanes_out, in_c, out_c) in SHIFT
    beats_in = sum(ceil_div(c, lanes_in) for c in in_c)
    beats_out = sum(ceil_div(c, lanes_out) for c in out_c)
    run_bench(
        "stream_repack",
        bench=BENCH,
        folder=tmp_path,
        parameters=repack_parameters((lanes_in, lanes_out), (in_c, out_c), 5),
        case={"in_c": in_c, "out_c": out_c, "cycles_per_pixel": max(beats_in, beats_out), "noise": noise},
    )


@pytest.mark.parametrize(
    ("channels", "message", "compared"),
    [
        (([4, 4], [7]), "inputs bring 8 channels a pixel, outputs take 7", "8 == 7"),
        (([4, 0], [4]), "got InC 4, OutC 4", "0 >= 1"),
    ],
)
def test_refuses_bad_channels(channels: tuple[list[int], list[int]], message: str, compared: str) -> None:
    parameters = repack_parameters((4, 4), channels)
    expect_refusal("stream_repack", parameters=parameters, message=message, compared=compared)


def test_refuses_no_lanes() -> None:
    parameters = repack_parameters((0, 4), ([4], [4]))
    expect_refusal("stream_repack", parameters=parameters, message="got 8, 0, 4, 1, 1")
