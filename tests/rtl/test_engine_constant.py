# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_constant`` on the memories that its engine writes, and checks its refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from headrace_sim.runner import expect_refusal, run_bench

from headrace.engines.constant import Source, sets_of
from headrace.ir.ops import IntArray
from headrace.ir.tensor import Tensor


def all_unlike() -> IntArray:
    return np.random.default_rng(0).integers(-128, 128, (5, 4, 6))


def rows_alone() -> IntArray:
    """Two of which are alike."""
    return np.broadcast_to((np.array([2, 0, 2, 1]) * 9 - 11)[:, None, None], (4, 3, 2)).copy()


def columns_alone() -> IntArray:
    """The last two are alike."""
    return np.broadcast_to(np.array([3, 1, 1])[:, None] * np.arange(5), (2, 3, 5)).copy()


def per_channel() -> IntArray:
    return np.broadcast_to(np.arange(7) % 2, (3, 2, 7)).copy()


@pytest.mark.parametrize(
    ("value", "sets", "lanes"),
    [
        (all_unlike(), (5, 4), 4),
        (rows_alone(), (3, 1), 1),
        (columns_alone(), (1, 2), 2),
        (per_channel(), (1, 1), 3),
    ],
)
def test_repeats_the_map(value: IntArray, sets: tuple[int, int], lanes: int, tmp_path: Path) -> None:
    h, w, c = value.shape
    result = Tensor(name="map", shape=(h, w, c), lo=int(value.min()), hi=int(value.max()))
    engine = Source(name="map", sets=sets_of(value), result=result, lanes=lanes)
    np.testing.assert_array_equal(engine.sets.words[engine.sets.rows[:, None], engine.sets.cols], value)
    assert engine.sets.words.shape[:2] == sets
    run_bench(
        "engine_constant",
        bench="headrace_sim.benches.engine_constant",
        folder=tmp_path,
        parameters={name: v.strip('"') if isinstance(v, str) else v for name, v in engine.parameters().items()},
        arrays={"value": value},
        roms={rom.file: "\n".join(rom.lines()) + "\n" for rom in engine.roms()},
    )


def test_refuses_what_is_impossible() -> None:
    expect_refusal("engine_constant", parameters={"Beats": 0}, message="zero among Lanes 2 LaneW 8 Rows 4 Cols 4 Beats 0")
    message = "need 1 to 4 unlike rows and 1 to 4 unlike columns"
    expect_refusal("engine_constant", parameters={"RowSets": 5}, message=message, compared="5 <= 4")
