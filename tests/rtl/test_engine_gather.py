# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_gather`` over its four forms, widths, repetitions and omissions."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import expect_refusal, run_bench

from headrace.engines.base import packed

BENCH = "headrace_sim.benches.engine_gather"

# lanes in, lanes out, channels, index, in memories
CASES = [
    (5, 5, 5, [4, 3, 2, 1, 0], 0),  # wires
    (6, 2, 5, [1, 1, 4], 0),  # one beat in, ragged on both sides
    (3, 7, 8, [7, 0, 3, 3, 1, 6], 0),  # one ragged beat out, collected in place
    (3, 2, 8, [7, 0, 3, 5, 1, 6, 2], 0),
    (1, 3, 4, [0, 1, 2, 3, 3, 2, 1], 0),
    (3, 2, 8, [7, 0, 3, 5, 1, 6, 2], 1),
    (4, 3, 10, [9, 0, 3, 3, 1, 6, 2, 8, 9, 9, 4], 1),
    (1, 1, 7, [6, 2, 2, 0], 1),
    (2, 4, 9, [8, 6, 4, 2, 0], 1),  # lanes that read one input lane only
    (6, 4, 6, [-1, 5, 0, -1, 3], 0),  # zeros
    (2, 2, 5, [-1, 4, -1, 3, 0, -1, -1], 1),
    (2, 3, 5, [-1, 4, -1, -1, 0, -1, -1], 0),
    (1, 1, 7, [0, 2, 3, 6], 0),  # whole beats in their order
    (1, 1, 9, [4], 1),
    (2, 2, 7, [0, 1, 4, 5], 0),
    (3, 3, 9, [3, 4, 5, 6, 7, 8], 1),
    (2, 2, 6, [4, 5, 0, 1], 0),  # out of order
    (2, 2, 6, [1, 2, 4, 5], 0),  # across beats
]


@pytest.mark.parametrize(("lanes_in", "lanes_out", "channels", "index", "memory"), CASES)
def test_chooses_like_the_golden(
    lanes_in: int, lanes_out: int, channels: int, index: list[int], memory: int, tmp_path: Path
) -> None:
    parameters: dict[str, int | str] = {
        "LaneW": 5,
        "LanesIn": lanes_in,
        "LanesOut": lanes_out,
        "InC": channels,
        "OutC": len(index),
        "Index": packed(index, bits=16),
        "Memory": memory,
    }
    run_bench("engine_gather", bench=BENCH, folder=tmp_path, parameters=parameters, case={"index": index})


def test_refuses_a_channel_that_is_not_there() -> None:
    parameters: dict[str, int | str] = {"InC": 4, "OutC": 2, "Index": packed([1, 4], bits=16)}
    expect_refusal("engine_gather", parameters=parameters, message="Index names channel 4 of 4", compared="4 < 4")


def test_refuses_no_lanes() -> None:
    parameters: dict[str, int | str] = {"LanesOut": 0, "Index": packed([0, 1, 2, 3], bits=16)}
    expect_refusal("engine_gather", parameters=parameters, message="must not be 0; got 8, 2, 0, 4, 4")
