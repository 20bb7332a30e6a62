# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_slide`` over kernels, maps, strides and paddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench

BENCH = "headrace_sim.benches.engine_slide"
FRAMES = 4

DEFAULTS = {
    "LaneW": 8, "Lanes": 2, "Channels": 4, "InH": 8, "InW": 8, "KH": 3, "KW": 3, "StrideH": 1, "StrideW": 1,
    "DilH": 1, "DilW": 1, "PadT": 1, "PadL": 1, "OutH": 8, "OutW": 8, "PadValue": 0,
}  # fmt: skip

# name: what differs from DEFAULTS
SHAPES: dict[str, dict[str, int]] = {
    "same": {},
    "same_one_beat": {"Channels": 1, "Lanes": 1, "InW": 11, "OutW": 11, "PadValue": 131},
    "same_ragged": {"Channels": 5, "Lanes": 3, "PadValue": 200},
    "wide_kernel": {"KH": 7, "KW": 5, "PadT": 3, "PadL": 2, "InH": 5, "OutH": 5, "InW": 4, "OutW": 4, "Channels": 2},
    "stride_two_odd_map": {"InH": 7, "InW": 9, "StrideH": 2, "StrideW": 2, "OutH": 4, "OutW": 5, "PadValue": 7},
    "rows_left_over": {"KH": 2, "KW": 2, "PadT": 0, "PadL": 0, "StrideH": 3, "StrideW": 3, "OutH": 2, "OutW": 2, "Lanes": 4},
    "padded_behind_only": {"KH": 2, "KW": 2, "PadT": 0, "PadL": 0, "Channels": 3, "Lanes": 3, "PadValue": 255},
    "padded_before_only": {"PadT": 2, "PadL": 2, "PadValue": 9, "Channels": 2},
    "dilated_asymmetric": {
        "KW": 2, "DilH": 2, "DilW": 3, "PadT": 3, "PadL": 0, "OutH": 8, "OutW": 7, "PadValue": 131, "Channels": 3,
    },
    "cropped": {"PadT": -2, "PadL": -3, "OutH": 4, "OutW": 3, "Channels": 3},
    "padded_far_behind": {"PadT": -3, "PadL": -4, "PadValue": 5, "Channels": 1},
    "row_kernel": {"KH": 1, "KW": 5, "PadT": 0, "PadL": 2, "PadValue": 7},
    "column_kernel": {"KH": 5, "KW": 1, "PadT": 2, "PadL": 0, "InW": 1, "OutW": 1, "PadValue": 3},
    "pixels_strided": {"KH": 1, "KW": 1, "PadT": 0, "PadL": 0, "StrideH": 3, "StrideW": 2, "OutH": 3, "OutW": 4},
}  # fmt: skip


QUICK = (
    "same",
    "same_ragged",
    "wide_kernel",
    "stride_two_odd_map",
    "rows_left_over",
    "padded_before_only",
    "dilated_asymmetric",
    "padded_far_behind",
    "column_kernel",
)
"""What every run tries; the others are left to deep ones."""


@pytest.mark.parametrize("name", deep_but(QUICK, SHAPES))
def test_windows(name: str, tmp_path: Path) -> None:
    parameters = {**DEFAULTS, **SHAPES[name]}
    shape = (FRAMES, *(parameters[size] for size in ("InH", "InW", "Channels")))
    x = np.random.default_rng(7).integers(0, 1 << parameters["LaneW"], shape)
    run_bench("engine_slide", bench=BENCH, folder=tmp_path, parameters=parameters, arrays={"x": x})


@pytest.mark.parametrize(
    ("parameters", "message", "compared"),
    [
        ({"Channels": 0}, "widths 8 2 0, In 8x8", "0 >= 1"),
        ({"StrideW": 0}, "K 3x3, 1x0, 1x1", "0 >= 1"),
        ({"PadT": 3}, "must end in the 8x8 map; it ends at -1, 1", "-1 >= 0"),
        ({"PadL": -6}, "must end in the 8x8 map; it ends at 1, 8", "8 < 8"),
        ({"OutH": 9}, "Out 9x8, In 8x8", "9 <= 8"),
        ({"StrideW": 2, "OutW": 5}, "Out 8x5, In 8x8", "5 <= 4"),
        ({"InW": 1, "OutW": 1, "Lanes": 4, "KW": 1, "PadL": 0}, "got InW 1, 1 channel beats", "1 >= 2"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str, compared: str) -> None:
    expect_refusal("engine_slide", parameters={**DEFAULTS, **parameters}, message=message, compared=compared)
