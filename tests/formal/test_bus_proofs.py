# SPDX-License-Identifier: Apache-2.0
"""Proves what the modules around the network promise to bus, registers and line, and that broken ones are refuted."""

from __future__ import annotations

from pathlib import Path

import pytest
from deep import deep_but
from headrace_sim.formal import Proof, check, require_tools
from refutation import assert_refuted

from headrace.errors import ToolError

Parameters = dict[str, int]


@pytest.fixture(autouse=True)
def _tools() -> None:
    try:
        require_tools()
    except ToolError as error:
        pytest.skip(str(error))


# property module: cycles until its cover point, parameters; the first of these are tried in every run
PROOFS: dict[str, tuple[int, list[Parameters]]] = {
    "stream_dense_proof": (
        12,
        [
            {},
            {"LanesIn": 3, "LanesOut": 4, "SegmentIn": 3, "SegmentOut": 9},
            {"LanesIn": 4, "LanesOut": 2, "SegmentIn": 10, "SegmentOut": 5, "LaneW": 2},
            {"LanesIn": 2, "LanesOut": 4, "SegmentIn": 5, "SegmentOut": 10},
            {"LanesIn": 1, "LanesOut": 3, "SegmentIn": 4, "SegmentOut": 4},
            {"LanesIn": 4, "LanesOut": 4, "SegmentIn": 3, "SegmentOut": 6},
            {"LanesIn": 4, "LanesOut": 5, "SegmentIn": 14, "SegmentOut": 7},
        ],
    ),
    "burst_walk_proof": (
        12,
        [
            {},
            {"FrameWords": 1},
            {"FrameWords": 40, "BurstBeats": 16, "AddrW": 14},
            {"FrameWords": 8, "BurstBeats": 2, "WordBytes": 16},
            {"FrameWords": 6, "Repeat": 1},
        ],
    ),
    "axi_reader_proof": (20, [{}, {"BurstBeats": 2, "Bursts": 1}, {"FrameWords": 1, "Bursts": 3}]),
    "axi_writer_proof": (25, [{}, {"BurstBeats": 2, "Bursts": 1}, {"FrameWords": 1, "Bursts": 3}]),
    "axi_read_mux_proof": (15, [{}, {"Ports": 1}, {"Ports": 3, "Outstanding": 4, "BurstBeats": 2}]),
    "axi_write_mux_proof": (15, [{}, {"Ports": 1}, {"Ports": 3, "Outstanding": 4, "BurstBeats": 2}]),
    "round_robin_proof": (8, [{}, {"Ports": 1}, {"Ports": 2}, {"Ports": 4}, {"Ports": 7}]),
    "soft_reset_proof": (15, [{}, {"Cycles": 1}, {"Cycles": 16}]),
    "bus_watchdog_proof": (12, [{}]),
    "event_counter_proof": (12, [{}]),
    "axi_lite_slave_proof": (12, [{}]),
    "packet_buffer_proof": (16, [{}, {"Depth": 8}]),
    "replay_buffer_proof": (16, [{}, {"Depth": 8}]),
}
CASES = [(top, parameters) for top, (_, cases) in PROOFS.items() for parameters in cases]
QUICK_CASES = [(top, parameters) for top, parameters in CASES if not parameters]


@pytest.mark.parametrize("case", deep_but(QUICK_CASES, CASES), ids=str)
def test_holds_for_good(case: tuple[str, Parameters], tmp_path: Path) -> None:
    top, parameters = case
    check(Proof(top=top, parameters=parameters, depth=2), folder=tmp_path)


@pytest.mark.parametrize("top", deep_but(("axi_read_mux_proof", "axi_write_mux_proof"), PROOFS))
def test_the_properties_are_about_something(top: str, tmp_path: Path) -> None:
    """Bursts, accesses and rounds do get through under the assumptions of the property module."""
    check(Proof(top=top, mode="cover", depth=PROOFS[top][0]), folder=tmp_path)


BROKEN = [
    # module, right, wrong, property that refutes it, cycles in which it does
    ("axi_read_mux", "any && !drain_i && order_ready && (!m_axi_arvalid || m_axi_arready)",
     "any && !drain_i && order_ready", "ReadAddressHeld_A|Newest_A|Taken_A", 8),
    ("axi_write_mux", "&& m_axi_wlast));", "));", "LastWordMarked_A|WordsFollow_A|WordHasAddress_A", 8),
    ("soft_reset", "assign drain_o = busy_o;", "assign drain_o = drain_q;", "NothingIsBrokenOff_A|Drained", 8),
    ("stream_dense", "level_t'(s) < level_q ?", "level_t'(s) <= level_q ?", "ElementInOrder_A|Stored_A", 8),
    ("burst_walk", "SIZE_W'(words_q) <= SIZE_W'(to_boundary)", "SIZE_W'(words_q) < SIZE_W'(to_boundary)",
     "LastOfFrame_A|WithinFrame_A|LastOfCommand_A|Left_A|InOrder_A|Frames_A", 8),
    ("burst_walk", "- BeatsW'(address_q[OFFSET_W +: BeatsW-1])", "", "WithinBurst_A|Longest_A", 8),
    ("axi_read_mux", "any && !drain_i &&", "any &&", "NothingWhileDrained_A", 8),
    ("axi_read_mux", "!open_o && !m_axi_arvalid;", "!m_axi_arvalid;", "Idle_A", 8),
    ("axi_write_mux", "any && !drain_i &&", "any &&", "NothingWhileDrained_A", 8),
    ("axi_write_mux", "m_axi_wlast  = left_q == BeatsW'(1)", "m_axi_wlast  = left_q <= BeatsW'(2)",
     "LastWordMarked_A|WordsFollow_A", 8),
    ("axi_write_mux", "answered && ends_command && owner", "answered && ends_frame && owner", "CommandDone_A", 10),
    ("axi_reader", "room_q >= ROOM_W'(BurstBeats)", "room_q != '0", "FindsRoom_A|AsksForRoomThereIs_A|Room_A", 20),
    ("axi_reader", "!command_ready_o || room_q != ROOM_W'(ROOM)", "!command_ready_o", "Busy_A", 10),
    ("axi_writer", "free_q >= ROOM_W'(request_beats_o)", "free_q != '0", "IsThere_A|AsksWithAllWords_A|Free_A", 12),
    ("round_robin", "&& PortW'(p - 1) >= turn_q)", ")", "Fair_A|Turn_A", 10),
    ("bus_watchdog", "assign timeout_o = late && !told_q;", "assign timeout_o = late;", "Once_A", 8),
    ("axi_lite_slave", "aw_held_q && w_held_q && (!s_axi_bvalid || s_axi_bready)",
     "aw_held_q && (!s_axi_bvalid || s_axi_bready)", "WriteAsked_A|WritesWhatWasGiven_A|Owed_A|Held_A", 8),
    ("axi_lite_slave", "ar_held_q && (!s_axi_rvalid || s_axi_rready)", "ar_held_q",
     "ReadAnswerHeld_A|NoneIsLost_A|Answered_A|Owed_A|Held_A", 8),
    ("packet_buffer", "if (drop_i) write_q <= committed_q;", "if (drop_i) write_q <= read_q;", "Written_A|Place_A|Watched", 8),
    ("packet_buffer", "(committed_q - read_q);", "(committed_q - fetch_q);", "Room_A", 8),
    ("packet_buffer", "fetch_q != committed_q &&", "fetch_q != write_q &&", "NothingElseLeaves_A|Fetched_A", 8),
    ("replay_buffer", "kept_q < (PlaceW+1)'(Depth - 1)", "kept_q < (PlaceW+1)'(Depth - 2)", "TakesUnlessFull_A", 8),
    ("replay_buffer", "release_i && known_o;", "release_i;", "Kept_A|TakesUnlessFull_A|Known_A", 8),
    ("replay_buffer", "spent_q <= 32'(kept_q)", "spent_q < 32'(kept_q)", "Known_A", 8),
]  # fmt: skip
QUICK_BROKEN = range(3)


@pytest.mark.parametrize("index", deep_but(QUICK_BROKEN, range(len(BROKEN))))
def test_a_broken_module_is_refuted(index: int, tmp_path: Path) -> None:
    module, right, wrong, refuted_by, depth = BROKEN[index]
    assert_refuted(module, right, wrong, refuted_by, Proof(top=f"{module}_proof", mode="bmc", depth=depth), tmp_path)
