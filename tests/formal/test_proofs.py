# SPDX-License-Identifier: Apache-2.0
"""Proves the property modules under ``hw/formal``, and shows that they refute broken modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from headrace_sim.formal import Proof, check, require_tools
from refutation import assert_refuted

from headrace.engines.base import packed
from headrace.errors import ToolError


@pytest.fixture(autouse=True)
def _tools() -> None:
    try:
        require_tools()
    except ToolError as error:
        pytest.skip(str(error))


def deep(*values: Any) -> Any:
    """Parameters of a test that only deep runs include."""
    return pytest.param(*values, marks=pytest.mark.deep)


def repack(lanes: tuple[int, int], in_c: list[int], out_c: list[int]) -> dict[str, int | str]:
    """Parameters of a converter of ``lanes`` (in, out) for segments of these channels."""
    channels = {"InC": packed(in_c, bits=16), "OutC": packed(out_c, bits=16)}
    return {"LaneW": 1, "LanesIn": lanes[0], "LanesOut": lanes[1], "Ins": len(in_c), "Outs": len(out_c), **channels}


@pytest.mark.parametrize(
    ("depth", "block"), [(1, 0), (2, 0), deep(3, 0), (4, 0), deep(7, 0), deep(8, 0), (4, 1), deep(5, 1), deep(6, 1), deep(9, 1)]
)
def test_fifo_keeps_all_words_in_order(depth: int, block: int, tmp_path: Path) -> None:
    check(Proof(top="stream_fifo_proof", parameters={"Depth": depth, "Block": block}, depth=2), folder=tmp_path)


@pytest.mark.parametrize(("width", "outputs"), [deep(1, 1), (2, 3), deep(3, 5)])
def test_fork_gives_each_output_each_beat(width: int, outputs: int, tmp_path: Path) -> None:
    check(Proof(top="stream_fork_proof", parameters={"Width": width, "Outputs": outputs}, depth=1), folder=tmp_path)


@pytest.mark.parametrize(("in_bits", "out_bits", "signed"), [(3, 5, 1), deep(3, 5, 0), deep(4, 4, 1), (5, 2, 1), deep(5, 1, 0)])
def test_cast_keeps_numbers(in_bits: int, out_bits: int, signed: int, tmp_path: Path) -> None:
    parameters = {"InW": in_bits, "OutW": out_bits, "Signed": signed}
    check(Proof(top="stream_cast_proof", parameters=parameters, depth=1), folder=tmp_path)


@pytest.mark.parametrize(("lanes", "ins"), [(3, 2), deep(1, 4), deep(2, 1)])
def test_interleave_shuffles(lanes: int, ins: int, tmp_path: Path) -> None:
    check(Proof(top="stream_interleave_proof", parameters={"Lanes": lanes, "Ins": ins}, depth=1), folder=tmp_path)


@pytest.mark.parametrize(
    ("lanes", "in_c", "out_c", "depth"),
    [
        ((4, 2), [5], [5], 12),  # select: the empty part of a ragged beat is skipped
        deep((4, 2), [7], [7], 16),
        deep((2, 2), [3, 2], [5], 14),
        deep((2, 2), [4, 3], [7], 14),
        deep((4, 2), [4, 2], [2, 4], 14),
        ((1, 2), [3], [3], 12),  # widen
        deep((2, 6), [4, 3], [4, 3], 14),
        deep((1, 3), [2, 3], [3, 2], 16),
        deep((3, 2), [5], [5], 12),  # shift
        ((2, 3), [4], [4], 10),
        deep((2, 3), [3, 2], [5], 12),
        deep((2, 2), [5], [2, 3], 12),
        deep((1, 2), [1, 2], [2, 1], 14),
    ],
)
def test_repack_keeps_the_channel_sequence(
    lanes: tuple[int, int], in_c: list[int], out_c: list[int], depth: int, tmp_path: Path
) -> None:
    parameters = repack(lanes, in_c, out_c)
    check(Proof(top="stream_repack_proof", parameters=parameters, mode="bmc", depth=depth), folder=tmp_path)


WINDOWS: dict[str, dict[str, int]] = {
    "parallel": {},
    "serial_padded": {"KH": 3, "KW": 3, "PadT": 1, "PadL": 1, "OutH": 3, "OutW": 3, "Rows": 4, "Channels": 2, "Taps": 1},
    "rows_dropped_below": {
        "InH": 5, "InW": 4, "StrideH": 2, "StrideW": 2, "GroupBeats": 2, "Channels": 3, "Lanes": 2, "Taps": 1,
    },
    "dilated": {"InH": 5, "InW": 4, "DilH": 2, "OutH": 3, "OutW": 3, "Rows": 4, "Taps": 2},
    "fewest_rows": {"InH": 4, "InW": 3, "OutH": 3, "OutW": 2, "Rows": 2, "Taps": 1},
    "many_rows": {"InH": 3, "InW": 3, "Rows": 6, "Taps": 2, "GroupBeats": 2, "Channels": 4},
    "columns_dense": {
        "KH": 3, "InH": 4, "PadT": 1, "PadL": 1, "OutH": 4, "OutW": 4, "Rows": 5, "Taps": 3,
        "Channels": 2, "GroupBeats": 2,
    },
    "part_of_a_column": {"KH": 3, "KW": 2, "InH": 5, "OutH": 3, "OutW": 2, "Rows": 4, "Taps": 2},
    "part_in_free_banks": {"KH": 3, "KW": 2, "InH": 5, "OutH": 3, "OutW": 2, "Rows": 5, "Taps": 2},
    "part_dilated": {"KH": 3, "KW": 1, "InH": 6, "DilH": 2, "OutH": 2, "OutW": 3, "Rows": 6, "Taps": 2},
    "padding_above_map": {"KH": 3, "KW": 1, "InH": 2, "InW": 2, "DilH": 2, "PadT": 3, "OutH": 4, "Taps": 3},
    "stride_beyond_kernel": {"KH": 1, "KW": 1, "InH": 4, "InW": 4, "StrideH": 3, "StrideW": 2, "Rows": 1, "Taps": 1},
    "cropped": {"InH": 5, "InW": 4, "PadT": -2, "PadL": -1, "Taps": 2},
    "deformable_signed": {
        "KH": 3, "KW": 3, "OutH": 3, "OutW": 3, "Deform": 1, "DilationLo": -1, "DilationHi": 1, "Rows": 4, "Taps": 9,
    },
    "deformable_columns": {
        "KH": 3, "KW": 3, "InH": 4, "OutH": 4, "OutW": 3, "Deform": 1, "DilationHi": 2, "DilationSigned": 0, "Rows": 5,
        "Taps": 3,
    },
    "deformable_serial": {
        "KH": 3, "KW": 3, "InH": 4, "OutH": 4, "OutW": 3, "Deform": 1, "DilationLo": -2, "DilationHi": -1, "Rows": 4,
        "Taps": 1, "Channels": 2,
    },
}  # fmt: skip
QUICK_WINDOWS = ("rows_dropped_below", "deformable_columns")


@pytest.mark.parametrize("name", [name if name in QUICK_WINDOWS else deep(name) for name in WINDOWS])
def test_window_reads_what_has_come_and_stands(name: str, tmp_path: Path) -> None:
    check(Proof(top="engine_window_proof", parameters=WINDOWS[name], depth=1), folder=tmp_path)


@pytest.mark.parametrize(
    ("parameters", "depth"),
    [
        ({"OutH": 1, "OutW": 1, "Rows": 2}, 18),
        deep({"KH": 1, "KW": 1, "Rows": 1, "Taps": 1}, 20),
        deep({"KW": 1, "OutW": 2, "PadT": 1, "Rows": 2, "Taps": 1}, 18),
        deep({"OutH": 1, "OutW": 1, "Rows": 2, "Taps": 1, "Channels": 2}, 20),
        deep({"KH": 3, "KW": 3, "Deform": 1, "DilationLo": -1, "DilationHi": 1, "Rows": 2, "Taps": 9}, 16),
    ],
)
def test_window_gives_the_pixels_that_came(parameters: dict[str, int], depth: int, tmp_path: Path) -> None:
    parameters = {"LaneW": 1, "InH": 2, "InW": 2, **parameters}
    check(Proof(top="engine_window_data_proof", parameters=parameters, mode="bmc", depth=depth), folder=tmp_path)


SLIDES: dict[str, dict[str, int]] = {
    "padded_behind_only": {},
    "padded_before_only": {"PadT": 1, "PadL": 1},
    "same": {"KH": 3, "KW": 3, "PadT": 1, "PadL": 1},
    "strided": {"StrideH": 2, "StrideW": 2, "PadT": 1, "PadL": 1, "OutH": 2, "OutW": 2},
    "rows_dilated": {"InW": 2, "KW": 1, "DilH": 2, "PadT": 1, "OutW": 2},
    "columns_dilated": {"InH": 2, "KH": 1, "DilW": 2, "PadL": 1, "OutH": 2},
    "cropped": {"PadT": -1, "PadL": -1, "OutH": 1, "OutW": 1},
    "padded_far_behind": {"KH": 1, "InH": 2, "PadT": -1, "PadL": -1, "OutH": 2},
    "not_padded": {"OutH": 2, "OutW": 2},
    "pixels_strided": {"KH": 1, "KW": 1, "StrideH": 2, "StrideW": 2, "OutH": 2, "OutW": 2},
    "channel_beats": {"InH": 2, "InW": 2, "OutH": 2, "OutW": 2, "Channels": 2},
    "column_kernel_ragged": {"KW": 1, "InW": 1, "OutW": 1, "PadT": 1, "Lanes": 2, "Channels": 3},
}


@pytest.mark.parametrize("name", [name if name == "padded_behind_only" else deep(name) for name in SLIDES])
def test_slide_gives_the_pixels_of_each_window(name: str, tmp_path: Path) -> None:
    check(Proof(top="engine_slide_proof", parameters=SLIDES[name], depth=1), folder=tmp_path)


@pytest.mark.parametrize(
    ("top", "parameters", "depth"),
    [
        ("stream_fifo_proof", {"Depth": 2}, 6),
        deep("stream_fifo_proof", {"Depth": 4, "Block": 1}, 12),
        deep("stream_fork_proof", {}, 5),
        deep("stream_cast_proof", {}, 2),
        deep("stream_interleave_proof", {}, 2),
        ("stream_repack_proof", repack((2, 3), [3, 2], [5]), 10),
        ("engine_window_proof", {}, 25),
        deep("engine_window_proof", WINDOWS["deformable_signed"], 30),
        deep("engine_window_data_proof", {"LaneW": 1}, 25),
        deep("engine_slide_proof", {}, 30),
    ],
)
def test_the_properties_are_about_something(top: str, parameters: dict[str, int], depth: int, tmp_path: Path) -> None:
    """Words, pixels and frames do get through under the assumptions of the property module."""
    check(Proof(top=top, parameters=parameters, mode="cover", depth=depth), folder=tmp_path)


SMALL_SLIDE = {"InH": 2, "InW": 2, "OutH": 2, "OutW": 2}
BROKEN = [
    # module, right, wrong, property that refutes it, its proof
    ("stream_fifo", "level_q[1] ? skid_q : data_i", "level_q[0] ? skid_q : data_i", "Register_A|InTurn_A",
     Proof(top="stream_fifo_proof", parameters={"Depth": 2}, mode="bmc", depth=8)),
    ("stream_fifo", "level_q != limit - 1'b1", "level_q != limit", "TakesUnlessFull_A|Flags_A|Level_A",
     Proof(top="stream_fifo_proof", parameters={"Depth": 4}, mode="bmc", depth=8)),
    ("stream_fork", "&(taken_q | ready_i)", "&ready_i", "LeavesWithTheLast_A",
     Proof(top="stream_fork_proof", mode="bmc", depth=5)),
    ("stream_repack_shift", "(pop ? leaving : '0)", "(pop ? level_q : '0)", "ChannelInOrder_A|NothingPilesUp_A",
     Proof(top="stream_repack_proof", parameters=repack((2, 3), [4], [4]), mode="bmc", depth=8)),
    ("stream_repack_select", "&& last_of_beat;", ";", "ChannelInOrder_A|RingSuffices_A",
     Proof(top="stream_repack_proof", parameters=repack((4, 2), [5], [5]), mode="bmc", depth=8)),
    ("window_wait", "next.need - {row_i, col_i}", "next.need - 1'b1 - {row_i, col_i}", "Arrived_A",
     Proof(top="engine_window_proof", mode="bmc", depth=12)),
    ("window_scan", "oy_last || top_next >= USED_H) spent_next_o", "row_last || top_next >= USED_H) spent_next_o",
     "NotOverwritten_A|Unreleased_A|Room_A|Head_A|Spent_A", Proof(top="engine_window_proof", mode="bmc", depth=12)),
    ("engine_window", "advance ? read_release_q : '0", "read_release_q", "Room_A",
     Proof(top="engine_window_proof", mode="bmc", depth=16)),
    ("engine_slide", "level_q == LevelW'(TAIL - 1)", "level_q == '0", "Behind_A|WaitsForItsFrameOnly_A|Flags_A|Filled_A",
     Proof(top="engine_slide_proof", parameters=SMALL_SLIDE, mode="bmc", depth=12)),
    ("engine_slide", "!(first_q && walking_q) ||", "", "Line_A|Row_A|Register_A",
     Proof(top="engine_slide_proof", parameters=SMALL_SLIDE, mode="bmc", depth=12)),
    ("slide_delay", "if (step_i) waddr_q <= addr_q;", "waddr_q <= addr_q;", "RowAddress_A|RowsApart_A|PixelOfItsPlace_A",
     Proof(top="engine_slide_proof", parameters=SMALL_SLIDE, mode="bmc", depth=12)),
    ("slide_inside", "reached && !passed", "reached", "OutsideIsPadding_A|Inside_A",
     Proof(top="engine_slide_proof", parameters=SMALL_SLIDE, mode="bmc", depth=12)),
]  # fmt: skip
QUICK_BROKEN = (0, 5, 7)


@pytest.mark.parametrize("index", [k if k in QUICK_BROKEN else deep(k) for k in range(len(BROKEN))])
def test_a_broken_module_is_refuted(index: int, tmp_path: Path) -> None:
    assert_refuted(*BROKEN[index], tmp_path)
