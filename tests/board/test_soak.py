# SPDX-License-Identifier: Apache-2.0
"""Many frames one after the other: no difference, no memory lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from headrace_host.batches import Frames
from headrace_sim.board.local import Board

BATCH = 4


def resident_bytes() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def soak(board: Board, frames: int) -> None:
    """Streams ``frames`` frames, of which 64 are different; memory must not grow after the first tenth."""
    source = board.random(64)
    golden = board.program.run(source)
    tenth, grown = frames // 10, 0

    def batches() -> Iterator[Frames]:
        for at in range(0, frames, BATCH):
            yield {name: x[at % 64 : at % 64 + BATCH] for name, x in source.items()}

    for k, results in enumerate(board.batches.stream(batches())):
        at = k * BATCH % 64
        for name, values in golden.items():
            np.testing.assert_array_equal(results[name], values[at : at + BATCH])
        if k * BATCH == tenth:
            grown = resident_bytes()
    assert board.block.counters()["frames_done"] == frames
    assert resident_bytes() - grown < 4 << 20


def test_ten_thousand_frames_through_unruly_memory(board: Board) -> None:
    board.model(read_latency=60, write_latency=40, jitter=100, stall=0.1)
    soak(board, 10_000)
