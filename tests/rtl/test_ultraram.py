# SPDX-License-Identifier: Apache-2.0
"""Engines whose memories are all in UltraRAM, several words in a row, pass their benches as they do otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from headrace_sim.runner import replaced_sources
from rtl.test_engine_stationary import SHAPES, test_multiplies
from rtl.test_engine_taps import test_windows
from rtl.test_engine_transpose import test_transposes_like_the_golden
from rtl.test_engine_upsample import test_repeats_like_the_golden
from rtl.test_engine_window import test_deformable_windows, test_static_windows

from headrace.backend.rtl import TECHNOLOGY
from headrace.engines.technology import XCUP

ALL = replace(XCUP, ram_words=0, ram_bits=0, ultra_bits=1)
"""Of which every memory that is written is in UltraRAM."""
BENCHES: dict[str, Callable[[Path], None]] = {
    "ring of two 8-bit lanes": partial(test_windows, "same_ragged_dense"),
    "ring of one lane": partial(test_windows, "one_beat"),
    "rows": partial(test_static_windows, "fewest_rows"),
    "rows that depend on data": partial(test_deformable_windows, "columns"),
    "held pixels": partial(test_multiplies, SHAPES[4]),
    "blocks": partial(test_transposes_like_the_golden, 2, 5, 6, 3),
    "rows of wide words": partial(test_repeats_like_the_golden, (3, 2), 3, 4, 4),
}


@pytest.mark.parametrize("name", BENCHES)
def test_benches_pass(name: str, tmp_path: Path) -> None:
    package = tmp_path / f"{TECHNOLOGY}.sv"
    package.write_text(ALL.package())
    with replaced_sources({TECHNOLOGY: package}):
        BENCHES[name](tmp_path)
