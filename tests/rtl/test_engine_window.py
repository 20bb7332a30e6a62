# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_window`` over kernels, maps, foldings, paddings and dilation ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench

from headrace.engines.window import Window
from headrace.ir.tensor import Tensor

BENCH = "headrace_sim.benches.engine_window"
FRAMES = 5

DEFAULTS = {
    "LaneW": 8, "Lanes": 2, "Channels": 4, "InH": 8, "InW": 8, "KH": 3, "KW": 3, "StrideH": 1, "StrideW": 1,
    "DilH": 1, "DilW": 1, "PadT": 1, "PadL": 1, "OutH": 8, "OutW": 8, "RepeatH": 1, "RepeatW": 1, "Taps": 1, "GroupBeats": 1,
    "Rows": 4, "PadValue": 0, "Deform": 0, "DilationW": 1, "DilationSigned": 0, "DilationLo": 0, "DilationHi": 0,
}  # fmt: skip

# name: (what differs from DEFAULTS, whether Rows suffice for flow without bubbles)
STATIC: dict[str, tuple[dict[str, int], bool]] = {
    "same_serial": ({}, True),
    "same_columns_dense": ({"Taps": 3, "GroupBeats": 3, "Channels": 5}, True),
    "same_parallel": ({"Taps": 9, "Channels": 1, "Lanes": 1, "InW": 11, "OutW": 11}, True),
    "fewest_rows": ({"Rows": 3, "Taps": 3}, False),
    "stride_two": ({"StrideH": 2, "StrideW": 2, "OutH": 4, "OutW": 4, "Rows": 5, "Taps": 3}, True),
    "stride_two_odd_map": (
        {"InH": 7, "InW": 9, "StrideH": 2, "StrideW": 2, "OutH": 4, "OutW": 5, "Rows": 5, "GroupBeats": 2}, True,
    ),
    "pointwise_stride_three": (
        {"KH": 1, "KW": 1, "PadT": 0, "PadL": 0, "StrideH": 3, "StrideW": 2, "OutH": 3, "OutW": 4, "Rows": 4}, True,
    ),
    "dilated_asymmetric": (
        {"KH": 3, "KW": 2, "DilH": 2, "DilW": 3, "PadT": 3, "PadL": 0, "OutH": 9, "OutW": 7, "Rows": 6, "Taps": 6,
         "PadValue": 131, "Channels": 3}, True,
    ),
    "one_pixel_map": (
        {"InH": 1, "InW": 1, "OutH": 1, "OutW": 1, "Rows": 2, "Taps": 3, "Channels": 7, "PadValue": 255}, True,
    ),
    "map_below_kernel": (
        {"KH": 5, "KW": 5, "PadT": 2, "PadL": 2, "InH": 2, "InW": 3, "OutH": 2, "OutW": 3, "Rows": 4, "Taps": 5}, True,
    ),
    "rows_dropped_below": (
        {"KH": 2, "KW": 2, "PadT": 0, "PadL": 0, "StrideH": 3, "StrideW": 3, "OutH": 2, "OutW": 2, "Rows": 5,
         "Taps": 2, "LaneW": 1, "Lanes": 5, "Channels": 12}, True,
    ),
    "row_kernel": ({"KH": 1, "KW": 5, "PadT": 0, "PadL": 2, "Rows": 2, "Taps": 5, "PadValue": 7}, True),
    "cropped": ({"PadT": -2, "PadL": -3, "OutH": 4, "OutW": 3, "Taps": 3, "Channels": 3, "Rows": 6}, True),
    "cropped_pixels": (
        {"KH": 1, "KW": 1, "PadT": -3, "PadL": -1, "OutH": 4, "OutW": 7, "Rows": 2, "InH": 9, "GroupBeats": 2}, True,
    ),
    "cropped_above_padded_left": (
        {"PadT": -1, "PadL": 2, "OutH": 7, "OutW": 10, "Rows": 5, "Taps": 9, "PadValue": 77, "StrideH": 1}, True,
    ),
    "padded_above_cropped_left": (
        {"PadT": 1, "PadL": -2, "OutH": 3, "OutW": 3, "StrideH": 2, "DilH": 2, "KW": 2, "Rows": 7, "Taps": 1}, False,
    ),
    "cropped_to_the_last_row": (
        {"KH": 2, "KW": 1, "PadT": -7, "PadL": -7, "OutH": 2, "OutW": 1, "Rows": 2, "GroupBeats": 2, "PadValue": 5}, True,
    ),
    "grouped": ({"Channels": 12, "GroupBeats": 3, "OutH": 6, "PadT": 0, "Rows": 6, "InW": 5, "OutW": 5}, True),
    "grouped_columns": ({"Channels": 12, "GroupBeats": 2, "Taps": 3, "Lanes": 3, "StrideW": 2, "OutW": 4}, True),
    "ragged_steps": ({"KH": 5, "KW": 2, "PadT": 2, "OutW": 7, "PadL": 0, "Taps": 2, "Rows": 6, "PadValue": 200}, True),
    "ragged_steps_grouped": (
        {"KH": 7, "KW": 3, "PadT": 3, "Taps": 3, "Rows": 9, "Channels": 8, "GroupBeats": 2, "PadValue": 3}, True,
    ),
    "ragged_steps_dilated": (
        {"KH": 4, "KW": 2, "DilH": 2, "PadT": 3, "PadL": 0, "OutW": 7, "Taps": 3, "Rows": 8, "StrideH": 1}, True,
    ),
    "tall_columns_folded": (
        {"KH": 11, "KW": 1, "PadT": 5, "PadL": 0, "Taps": 5, "Rows": 15, "Lanes": 1, "Channels": 2, "StrideH": 2, "OutH": 4},
        True,
    ),
    "tall_columns": (
        {"KH": 9, "KW": 2, "PadT": 4, "PadL": 1, "Taps": 9, "Rows": 10, "Lanes": 1, "Channels": 3, "OutW": 9}, True,
    ),
    "upsampled": ({"InH": 4, "InW": 4, "RepeatH": 2, "RepeatW": 2, "Rows": 4}, True),
    "upsampled_fewest_rows": ({"InH": 5, "InW": 4, "OutH": 10, "RepeatH": 2, "RepeatW": 2, "Rows": 2, "Taps": 3}, False),
    "upsampled_unevenly": (
        {"InH": 3, "InW": 8, "RepeatH": 4, "OutH": 12, "Rows": 4, "Taps": 9, "PadValue": 31, "Channels": 3}, True,
    ),
    "upsampled_columns_strided": (
        {"InH": 8, "InW": 3, "KH": 5, "KW": 4, "PadT": 2, "PadL": 1, "RepeatW": 4, "OutW": 5, "OutH": 4, "StrideH": 2,
         "StrideW": 2, "Rows": 8, "Taps": 2, "GroupBeats": 2}, True,
    ),
    "upsampled_dilated_dense": (
        {"InH": 4, "InW": 5, "RepeatH": 2, "RepeatW": 2, "DilH": 3, "DilW": 2, "PadT": 3, "PadL": 2, "OutH": 8, "OutW": 10,
         "Rows": 7, "Channels": 12, "GroupBeats": 3}, True,
    ),
    "upsampled_folded_columns": (
        {"InH": 4, "InW": 4, "KH": 5, "PadT": 2, "RepeatH": 2, "RepeatW": 2, "Taps": 2, "Rows": 6}, True,
    ),
    "repeated_pixels": (
        {"InH": 2, "InW": 4, "KH": 1, "KW": 1, "PadT": 0, "PadL": 0, "RepeatH": 4, "RepeatW": 2, "Rows": 2}, True,
    ),
    "more_out_than_in": ({"PadT": 3, "PadL": 4, "OutH": 12, "OutW": 11, "Taps": 9, "PadValue": 1}, True),
}  # fmt: skip

DEFORMABLE: dict[str, tuple[dict[str, int], bool]] = {
    "serial": ({"DilationLo": 0, "DilationHi": 3, "DilationW": 3, "Rows": 8}, True),
    "columns": ({"DilationLo": 0, "DilationHi": 3, "DilationW": 3, "Rows": 8, "Taps": 3}, True),
    "parallel_signed": (
        {"DilationLo": -3, "DilationHi": 2, "DilationW": 4, "DilationSigned": 1, "Rows": 8, "Taps": 9,
         "Channels": 2, "InW": 10, "OutW": 10}, True,
    ),
    "fewest_rows": ({"DilationLo": -2, "DilationHi": 1, "DilationW": 4, "DilationSigned": 1, "Rows": 5}, False),
    "reach_beyond_map": (
        {"DilationLo": 1, "DilationHi": 7, "DilationW": 4, "InH": 4, "InW": 3, "OutH": 4, "OutW": 3, "Rows": 4,
         "Taps": 3, "PadValue": 9, "Channels": 3}, False,
    ),
    "wide_kernel_dense": (
        {"KH": 5, "KW": 3, "DilationLo": -1, "DilationHi": 2, "DilationW": 5, "DilationSigned": 1, "Rows": 10,
         "Taps": 5, "GroupBeats": 2}, True,
    ),
    "part_of_a_column": (
        {"KH": 5, "DilationLo": -1, "DilationHi": 2, "DilationW": 4, "DilationSigned": 1, "Taps": 2, "Rows": 10}, True,
    ),
    "upsampled_deformable": (
        {"InH": 6, "InW": 4, "OutH": 12, "RepeatH": 2, "RepeatW": 2, "DilationLo": -3, "DilationHi": 2, "DilationW": 4,
         "DilationSigned": 1, "Rows": 8, "Channels": 5}, True,
    ),
    "upsampled_deformable_columns": (
        {"InH": 4, "InW": 5, "OutH": 16, "OutW": 10, "RepeatH": 4, "RepeatW": 2, "KH": 5, "DilationLo": 0, "DilationHi": 3,
         "DilationW": 3, "Rows": 5, "Taps": 5}, False,
    ),
    "upsampled_whole_map": (
        {"InH": 4, "InW": 4, "RepeatH": 2, "RepeatW": 2, "DilationLo": -8, "DilationHi": 7, "DilationW": 5,
         "DilationSigned": 1, "Rows": 4, "PadValue": 3}, False,
    ),
    "zero_only": ({"DilationLo": 0, "DilationHi": 0, "DilationW": 2, "Rows": 2}, True),
    "negative_only": ({"DilationLo": -3, "DilationHi": -1, "DilationW": 3, "DilationSigned": 1, "Rows": 8}, True),
}  # fmt: skip


def simulate(differing: dict[str, int], full_rate: bool, folder: Path) -> None:
    parameters = {**DEFAULTS, **differing}
    rng = np.random.default_rng(7)
    shape = tuple(parameters[name] for name in ("InH", "InW", "Channels"))
    x = rng.integers(0, 1 << parameters["LaneW"], (FRAMES, *shape))
    # Dilations over all their bits: what lies beyond the range must be clamped.
    bits, signed = parameters["DilationW"], parameters["DilationSigned"]
    least = -(1 << (bits - 1)) if signed else 0
    dilations = rng.integers(least, least + (1 << bits), (FRAMES, parameters["OutH"], parameters["OutW"]))
    reach = max(abs(parameters["DilationLo"]), abs(parameters["DilationHi"])) * (parameters["KH"] // 2)
    beats = -(-parameters["Channels"] // parameters["Lanes"])
    run_bench(
        "engine_window",
        bench=BENCH,
        folder=folder,
        parameters=parameters,
        # The lag of an output frame behind its input varies by no more than the reach of a window.
        case={"full_rate": full_rate, "lag": (reach * parameters["InW"] + reach) * beats},
        arrays={"x": x, "dilations": dilations},
    )


QUICK = (
    "same_serial",
    "same_columns_dense",
    "same_parallel",
    "stride_two_odd_map",
    "dilated_asymmetric",
    "map_below_kernel",
    "rows_dropped_below",
    "cropped_above_padded_left",
    "cropped_to_the_last_row",
    "grouped_columns",
    "ragged_steps_grouped",
    "tall_columns_folded",
    "more_out_than_in",
    "columns",
    "parallel_signed",
    "fewest_rows",
    "part_of_a_column",
    "reach_beyond_map",
)
"""What every run tries; the others are left to deep ones."""


@pytest.mark.parametrize("name", deep_but(QUICK, STATIC))
def test_static_windows(name: str, tmp_path: Path) -> None:
    simulate(*STATIC[name], tmp_path)


@pytest.mark.parametrize("name", deep_but(QUICK, DEFORMABLE))
def test_deformable_windows(name: str, tmp_path: Path) -> None:
    differing, full_rate = DEFORMABLE[name]
    simulate({"Deform": 1, "PadT": 0, "PadL": 0, **differing}, full_rate, tmp_path)


# map, kernel, stride, padding, taps
COMPILED: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int, int, int], int]] = {
    "cropped_to_few_rows": ((13, 6), (3, 3), (1, 1), (-4, -1, -4, 0), 1),
    "cropped_and_strided": ((14, 5), (5, 2), (2, 1), (-3, 1, -2, 0), 2),
    "rows_left_over": ((11, 7), (4, 3), (3, 2), (0, 0, 0, 0), 4),
}


@pytest.mark.parametrize("name", COMPILED)
def test_rows_that_the_compiler_chooses_keep_the_pace(name: str, tmp_path: Path) -> None:
    (height, width), kernel, stride, pad, taps = COMPILED[name]
    rows = (height + pad[0] + pad[2] - kernel[0]) // stride[0] + 1
    cols = (width + pad[1] + pad[3] - kernel[1]) // stride[1] + 1
    window = Window(
        name="window",
        source=Tensor(name="x", shape=(height, width, 3), lo=0, hi=255),
        out_hw=(rows, cols),
        kernel=kernel,
        stride=stride,
        pad=pad,
        dilation=(1, 1),
        lanes=2,
        taps=taps,
        taps_inner=True,
    )
    chosen = {k: v for k, v in window.parameters().items() if k in DEFAULTS and k != "PadValue"}
    simulate({k: int(v) for k, v in chosen.items()}, True, tmp_path)


@pytest.mark.parametrize(
    ("parameters", "message", "compared"),
    [
        ({"Taps": 4}, "Taps must be 1 to KH, or KH*KW, of the 3x3 kernel; got 4", "4 == 9"),
        ({"GroupBeats": 3}, "GroupBeats must divide the 2 channel beats; got 3", "3 == 2"),
        ({"Rows": 2}, "need Rows >= 3 for windows of 3 rows; got 2", "2 >= 3"),
        ({"Deform": 1, "DilationHi": 3, "DilationW": 2, "Rows": 6}, "need Rows >= 7 for windows of 7 rows; got 6", "6 >= 7"),
        ({"Deform": 1, "StrideH": 2, "OutH": 4, "Rows": 8}, "got K 3x3, 2x1, 4x8, 8x8", "2 == 1"),
        ({"Deform": 1, "DilationLo": 2, "DilationHi": 1, "Rows": 8}, "got 2, 1, 1", "2 <= 1"),
        ({"PadT": -8}, "crops all of the map: PadT -8, PadL 1 on 8x8", "-8 > -8"),
        ({"PadL": -9}, "crops all of the map: PadT 1, PadL -9 on 8x8", "-9 > -8"),
        ({"RepeatH": 3}, "powers of two, and 1 with negative padding; got 3x1, 1, 1", "3 == 2"),
        ({"RepeatW": 2, "PadL": -1}, "powers of two, and 1 with negative padding; got 1x2, 1, -1", "-1 >= 0"),
        ({"Channels": 0}, "widths 8 2 0, In 8x8", "0 >= 1"),
        ({"StrideW": 0}, "K 3x3, 1x0, 1x1", "0 >= 1"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str, compared: str) -> None:
    expect_refusal("engine_window", parameters={**DEFAULTS, **parameters}, message=message, compared=compared)
