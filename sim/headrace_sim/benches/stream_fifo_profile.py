# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_fifo`` under HEADRACE_PROFILE, with the DPI functions of ``fifo_profile.cpp``."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import cocotb

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench


@cocotb.test
async def reports_levels_and_words(dut: Any) -> None:
    """The depth is lowered, new peaks are reported once each, and taken words are recorded."""
    case = current_case()
    width, limit = case.parameters["Width"], case.parameters["Depth"] - 2
    rng = random.Random(1)
    words = [rng.getrandbits(width) for _ in range(60)]
    bench = StreamBench(dut, seed=1)
    source = bench.source(words)
    out = bench.sink(len(words), stall=0.9)
    await bench.run(limit=3000)
    assert out.words == words
    assert sum(cycle <= source.cycles[0] + limit for cycle in source.cycles) <= limit + 1

    notes = [line.split() for line in (case.folder / "profile.txt").read_text().splitlines()]
    peaks = [int(note[2]) for note in notes if note[0] == "peak"]
    assert peaks == list(range(1, limit + 1))
    assert all(note[1] == "7" for note in notes)
    parts: dict[int, list[int]] = defaultdict(list)
    for note in notes:
        if note[0] == "tap":
            parts[int(note[2])].append(int(note[3], 16))
    joined = [
        sum(part << (32 * index) for index, part in enumerate(beat))
        for beat in zip(*(parts[index] for index in sorted(parts)), strict=True)
    ]
    assert joined == words
