# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``stream_dense`` over lanes, widths and segments: memory to stream, and stream to memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench

BENCH = "headrace_sim.benches.stream_dense"

# name: bits of a lane; lanes in, out; segment in, out; cycles beyond those of the side with more beats
CASES = {
    "pixels_of_three": (8, (8, 3), (48, 3), 0),
    "ragged_pixels_of_bits": (1, (64, 5), (130, 13), 0),
    "wide_beats": (5, (2, 16), (68, 17), 0),
    "to_words": (8, (3, 8), (3, 51), 0),
    "to_words_of_nibbles": (4, (5, 16), (7, 63), 0),
    "as_wide": (8, (16, 16), (32, 16), 0),
    "beat_is_a_segment": (9, (8, 8), (5, 20), 0),
    "one_lane": (7, (1, 4), (9, 9), 0),
    "to_one_lane": (7, (4, 1), (9, 9), 0),
    "lanes_beyond_segments": (3, (16, 4), (6, 3), 0),
    "wide_to_few_words": (20, (64, 2), (65, 195), 0),
    "few_words_to_wide": (20, (2, 64), (195, 65), 0),
    "about_as_many_beats": (4, (4, 5), (22, 11), 0),
    "about_as_many_words": (4, (11, 8), (23, 115), 3),
    "one_more_at_the_input": (4, (4, 6), (65, 13), 0),
}
QUICK = ("pixels_of_three", "ragged_pixels_of_bits", "to_words_of_nibbles", "wide_beats", "about_as_many_words")


@pytest.mark.parametrize("name", deep_but(QUICK, CASES))
def test_cuts_segments_anew(name: str, tmp_path: Path) -> None:
    lane_w, lanes, segments, extra = CASES[name]
    run_bench(
        "stream_dense",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "LaneW": lane_w,
            "LanesIn": lanes[0],
            "LanesOut": lanes[1],
            "SegmentIn": segments[0],
            "SegmentOut": segments[1],
        },
        case={"extra": extra},
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"LanesOut": 0}, "got LaneW 8, lanes 8 and 0"),
        ({"SegmentIn": 0}, "segments 0 and 3"),
        ({"SegmentIn": 10}, "one segment must be a multiple of the other; got 10 and 3"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str) -> None:
    expect_refusal("stream_dense", parameters=parameters, message=message)
