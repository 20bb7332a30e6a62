# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_shift`` over offsets, lanes and ring sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from headrace_sim.runner import ParameterValue, expect_refusal, run_bench
from headrace_sim.words import ceil_div

from headrace.engines.base import packed

NINE = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]


def shift_parameters(
    offsets: list[tuple[int, int]], lanes: int, size: tuple[int, int], spare: int = 0
) -> dict[str, ParameterValue]:
    """Parameters of the module for one offset per channel, in a ring ``spare`` words larger than it must be."""
    kinds = sorted(set(offsets))
    ahead = [(dy * size[1] + dx) * ceil_div(len(offsets), lanes) for dy, dx in kinds]
    return {
        "LaneW": 5,
        "Lanes": lanes,
        "Channels": len(offsets),
        "InH": size[0],
        "InW": size[1],
        "Kinds": len(kinds),
        "RowOffset": packed([dy for dy, _ in kinds], bits=8),
        "ColOffset": packed([dx for _, dx in kinds], bits=8),
        "Kind": packed([kinds.index(o) for o in offsets], bits=8),
        "Depth": max(0, *ahead) - min(0, *ahead) + 2 + spare,
    }


@pytest.mark.parametrize(
    ("offsets", "lanes", "size", "spare"),
    [
        (NINE, 9, (4, 5), 0),
        (NINE, 2, (3, 4), 1),  # a ragged last beat
        ([o for o in NINE for _ in range(2)], 2, (4, 3), 5),  # one kind a beat: one memory
        ([(2, -1), (0, 3), (-4, 0)], 1, (3, 3), 0),  # beyond the map
        ([(0, 0), (0, 0)], 1, (2, 2), 0),
        ([(1, 2), (3, 0)], 2, (5, 4), 0),  # ahead only
        ([(-1, -2), (-3, 1)], 2, (5, 4), 0),  # back only
        ([(5, 5), (0, 0)], 1, (1, 6), 2),
    ],
)
def test_shifts_like_the_golden(
    offsets: list[tuple[int, int]], lanes: int, size: tuple[int, int], spare: int, tmp_path: Path
) -> None:
    parameters = shift_parameters(offsets, lanes, size, spare)
    run_bench(
        "engine_shift",
        bench="headrace_sim.benches.engine_shift",
        folder=tmp_path,
        parameters=parameters,
        case={"offsets": np.array(offsets).tolist()},
    )


def test_refuses_a_ring_too_small() -> None:
    parameters = shift_parameters(NINE, 9, (4, 5), -1)
    message = "reading 6 words ahead and 6 back needs a ring of 14; got 13"
    expect_refusal("engine_shift", parameters=parameters, message=message, compared="13 >= 14")


def test_refuses_a_kind_that_is_not_there() -> None:
    parameters = shift_parameters(NINE, 9, (4, 5)) | {"Kinds": 8}
    expect_refusal("engine_shift", parameters=parameters, message="a channel has offset 8 of 8", compared="8 < 8")
