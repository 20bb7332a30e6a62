# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_taps`` over kernels, maps, strides, paddings, groups and sizes of its ring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench

BENCH = "headrace_sim.benches.engine_taps"
FRAMES = 4

DEFAULTS = {
    "LaneW": 8, "Lanes": 2, "Channels": 4, "InH": 8, "InW": 8, "KH": 3, "KW": 3, "StrideH": 1, "StrideW": 1,
    "DilH": 1, "DilW": 1, "PadT": 1, "PadL": 1, "OutH": 8, "OutW": 8, "GroupBeats": 1, "Pixels": 20, "PadValue": 0,
}  # fmt: skip

# name: (what differs from DEFAULTS, whether Pixels suffice for flow without bubbles)
SHAPES: dict[str, tuple[dict[str, int], bool]] = {
    "same": ({}, True),
    "same_fewest": ({"Pixels": 19, "Channels": 5, "PadValue": 200}, False),
    "same_ragged_dense": ({"Channels": 9, "GroupBeats": 5, "PadValue": 3, "InW": 5, "OutW": 5, "Pixels": 15}, True),
    "one_beat": ({"Channels": 1, "Lanes": 1, "InW": 11, "OutW": 11, "Pixels": 28}, True),
    "grouped": ({"Channels": 12, "GroupBeats": 3, "OutH": 6, "PadT": 0, "InW": 5, "OutW": 5, "Pixels": 20}, False),
    "stride_two": ({"StrideH": 2, "StrideW": 2, "OutH": 4, "OutW": 4, "Pixels": 36}, True),
    "stride_two_fewest": ({"StrideH": 2, "StrideW": 2, "OutH": 4, "OutW": 4, "Pixels": 19}, False),
    "stride_two_odd_map": (
        {"InH": 7, "InW": 9, "StrideH": 2, "StrideW": 2, "OutH": 4, "OutW": 5, "Pixels": 24, "GroupBeats": 2}, False,
    ),
    "stride_three_rows_left_over": (
        {"KH": 2, "KW": 2, "PadT": 0, "PadL": 0, "StrideH": 3, "StrideW": 3, "OutH": 2, "OutW": 2, "Pixels": 10}, False,
    ),
    "dilated_asymmetric": (
        {"KW": 2, "DilH": 2, "DilW": 3, "PadT": 3, "PadL": 0, "OutH": 9, "OutW": 7, "Pixels": 40, "PadValue": 131,
         "Channels": 3}, False,
    ),
    "padding_in_steps": (
        {"PadT": 2, "PadL": 2, "StrideH": 3, "StrideW": 3, "OutH": 4, "OutW": 4, "Pixels": 23, "PadValue": 9}, False,
    ),
    "wide_kernel": (
        {"KH": 7, "KW": 5, "PadT": 3, "PadL": 2, "InH": 5, "OutH": 5, "InW": 4, "OutW": 4, "Pixels": 20}, False,
    ),
    "one_pixel_map": ({"InH": 1, "InW": 1, "OutH": 1, "OutW": 1, "Pixels": 2, "Channels": 7, "PadValue": 255}, True),
    "one_pixel_ring": (
        {"InH": 1, "InW": 1, "OutH": 1, "OutW": 1, "Pixels": 1, "Channels": 2, "KH": 1, "KW": 1, "PadT": 0, "PadL": 0}, False,
    ),
    "row_kernel": ({"KH": 1, "KW": 5, "PadT": 0, "PadL": 2, "Pixels": 6, "PadValue": 7}, True),
    "column_kernel": (
        {"KH": 5, "KW": 1, "PadT": 2, "PadL": 0, "InW": 1, "OutW": 1, "Pixels": 6, "PadValue": 3, "Lanes": 1}, True,
    ),
    "pixels_strided": (
        {"KH": 1, "KW": 1, "PadT": 0, "PadL": 0, "StrideH": 3, "StrideW": 2, "OutH": 3, "OutW": 4, "Pixels": 26}, True,
    ),
    "more_out_than_in": ({"PadT": 2, "PadL": 4, "OutH": 10, "OutW": 12, "Pixels": 64, "PadValue": 1}, True),
    "strided_beside_the_map": (
        {"StrideW": 3, "PadT": 0, "PadL": 4, "OutH": 6, "OutW": 4, "Pixels": 21, "PadValue": 5}, False,
    ),
    "windows_beside_the_map": ({"KW": 1, "PadL": 3, "OutW": 11, "Pixels": 17, "PadValue": 77}, False),
}  # fmt: skip

QUICK = ("same", "same_fewest", "same_ragged_dense", "stride_two", "stride_three_rows_left_over", "dilated_asymmetric",
         "padding_in_steps", "one_pixel_ring", "more_out_than_in")  # fmt: skip
"""What every run tries; the others are left to deep ones."""


@pytest.mark.parametrize("name", deep_but(QUICK, SHAPES))
def test_windows(name: str, tmp_path: Path) -> None:
    differing, full_rate = SHAPES[name]
    parameters = {**DEFAULTS, **differing}
    shape = (FRAMES, *(parameters[size] for size in ("InH", "InW", "Channels")))
    x = np.random.default_rng(7).integers(0, 1 << parameters["LaneW"], shape)
    run_bench(
        "engine_taps", bench=BENCH, folder=tmp_path, parameters=parameters, case={"full_rate": full_rate}, arrays={"x": x}
    )


@pytest.mark.parametrize(
    ("parameters", "message", "compared"),
    [
        ({"Pixels": 18}, "need Pixels >= 19 for windows that span 19; got 18", "18 >= 19"),
        ({"InH": 1, "OutH": 1, "Pixels": 7}, "need Pixels >= 8 for windows that span 19; got 7", "7 >= 8"),
        ({"OutH": 10}, "begin in the map; got Out 10x8, 1x1 on 8x8, Pad 1, 1", "9 < 9"),
        ({"OutW": 5, "StrideW": 3}, "begin in the map; got Out 8x5, 1x3 on 8x8, Pad 1, 1", "12 < 9"),
        ({"PadT": 3}, "end in the map; got PadT 3, K 3, Dil 1", "3 <= 2"),
        ({"GroupBeats": 3}, "GroupBeats must divide the 2 channel beats; got 3", "3 == 2"),
        ({"Channels": 0}, "widths 8 2 0, In 8x8", "0 >= 1"),
        ({"StrideW": 0}, "K 3x3, 1x0, 1x1", "0 >= 1"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str, compared: str) -> None:
    expect_refusal("engine_taps", parameters={**DEFAULTS, **parameters}, message=message, compared=compared)
