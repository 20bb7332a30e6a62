# SPDX-License-Identifier: Apache-2.0
"""Each fault that the board can have: what the driver says, that it does not hang, and that the next frames are right."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headrace_host.errors import BoardError
from headrace_host.layout import check_start
from headrace_host.manifest import seal
from headrace_host.registers import BY_NAME
from headrace_sim.board.fabric import ALWAYS, FabricError
from headrace_sim.board.local import Board, local_board

SECONDS = 20
"""Longest that a fault may keep the driver busy here; on a board it is a thousand times less."""


def assert_told(board: Board, message: str, *, mended: Callable[[], Any] = lambda: None) -> None:
    """Running frames fails with these words, in time; once mended, the next frames are right."""
    begun = time.monotonic()
    with pytest.raises(BoardError, match=message) as told:
        board.batches.run(board.random(10))
    assert time.monotonic() - begun < SECONDS
    assert "\n" not in str(told.value)
    mended()
    board.assert_exact(board.random(5, seed=2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"error_reads": 1}, r"answered a read with SLVERR.*at address 0x10\w{6}"),
        ({"error_reads": ALWAYS, "error": "decerr"}, "answered a read with DECERR: nothing is at that address"),
        ({"error_writes": 1}, "answered a write with SLVERR"),
        ({"error_writes": ALWAYS, "error": "decerr"}, "answered a write with DECERR"),
        ({"wrong_last": True}, "RLAST did not come with the last word"),
    ],
    ids=["read-slverr", "read-decerr", "write-slverr", "write-decerr", "rlast"],
)
def test_errors_of_memory(changes: dict[str, Any], message: str, board: Board) -> None:
    board.model(**changes)
    assert_told(board, message, mended=board.model)


@pytest.mark.parametrize("channel", ["ar", "r", "aw", "w", "b"])
def test_a_stuck_channel(channel: str, board: Board) -> None:
    board.block.patience_cycles = 60_000
    board.block.write("WATCHDOG", 5000)
    board.model(stuck={channel})
    what = "read" if channel in "ar" else "write"
    assert_told(
        board, rf"did not answer a {what} for WATCHDOG cycles.* And the accelerator cannot be reset", mended=board.model
    )


@pytest.mark.parametrize("channel", ["ar", "r", "aw", "w", "b"])
def test_a_stuck_channel_without_watchdog(channel: str, board: Board) -> None:
    board.block.patience_cycles = 30_000
    board.block.write("WATCHDOG", 0)
    board.model(stuck={channel})
    assert_told(board, r"stuck: no frame was finished in [\d,]+ cycles", mended=board.model)


def test_a_stuck_clock(board: Board) -> None:
    """The registers of a real fabric would not answer either; then the processor stands still, and no program can help."""
    board.model(stuck={"clock"})
    with pytest.raises(FabricError, match=r"does not answer a \w+ of register 0x\w+; a board would hang here"):
        board.batches.run(board.random(1))


def test_memory_is_slow_but_not_stuck(board: Board) -> None:
    board.model(read_latency=400, write_latency=300, jitter=200, bytes_per_cycle=0.05, stall=0.3)
    board.assert_exact(board.random(6))


@pytest.mark.parametrize("seed", range(5))
def test_a_bit_flips_in_an_input_before_it_is_read(seed: int, board: Board) -> None:
    slot = board.batches.fill(board.random(4))
    (buffer,) = slot.inputs.values()
    memory = board.dram[buffer.address - 0x1000_0000 :][: buffer.memory.size]
    memory[random.Random(seed).randrange(slot.frames * buffer.memory.shape[1])] ^= 1 << seed
    board.batches.launch(slot)
    with pytest.raises(BoardError, match="A frame of an input is not as it was packed, by its check word"):
        board.batches.finish()
    board.assert_exact(board.random(5))


@pytest.mark.parametrize("seed", range(5))
def test_a_bit_flips_in_an_output_before_it_is_used(seed: int, board: Board) -> None:
    rng = random.Random(seed)
    board.batches.start(board.random(4))
    slot = board.batches.slots[0]
    board.block.wait(slot.command)
    name = rng.choice(list(slot.outputs))
    buffer, frame = slot.outputs[name], rng.randrange(4)
    memory = board.dram[buffer.address - 0x1000_0000 :][: buffer.memory.size].reshape(buffer.memory.shape)
    memory[frame, rng.randrange(board.batches.outputs[name].check_offset + 8)] ^= 1 << rng.randrange(8)
    with pytest.raises(BoardError, match=f"frame {frame} of output '{name}' is not what the fabric wrote"):
        board.batches.finish()
    board.assert_exact(board.random(5))


def test_a_forgotten_flush(board: Board) -> None:
    """The fabric would read the last batch's frames, which are whole: their check words are of another command."""
    frames = board.random(4)
    board.batches.run(frames)
    for slot in board.batches.slots:
        for found in slot.inputs.values():
            found.flush = lambda: None  # type: ignore[method-assign]
    slot = board.batches.slots[0]
    board.batches._free.remove(slot)
    board.batches._free.appendleft(slot)
    with pytest.raises(BoardError, match="not as it was packed, by its check word"):
        board.batches.run(frames)


def test_a_forgotten_invalidate(board: Board) -> None:
    frames = board.random(4)
    for slot in board.batches.slots:
        for buffer in slot.outputs.values():
            buffer.invalidate = lambda: None  # type: ignore[method-assign]
    with pytest.raises(BoardError, match="is not what the fabric wrote"):
        board.batches.run(frames)


def test_power_is_cut_in_the_middle(board: Board) -> None:
    board.block.patience_cycles = 50_000
    board.batches.start(board.random(4))
    board.fabric.power_cycle()
    with pytest.raises(BoardError, match="stuck: no frame was finished"):
        board.batches.finish()
    board.assert_exact(board.random(5))


def test_a_reset_that_someone_else_makes(board: Board) -> None:
    """Another program drives the same block: the counters go back, or the command is gone."""
    board.block.patience_cycles = 50_000
    board.batches.start(board.random(4))
    board.fabric.write(BY_NAME["RESET"].offset, 1)
    with pytest.raises(BoardError, match="stuck: no frame was finished"):
        board.batches.finish()
    board.assert_exact(board.random(5))


def test_a_bitstream_of_another_build(deployed: Callable[..., Path], small_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(deployed("zynq7", str(small_model)), tmp_path / "mixed"))
    manifest = json.loads((folder / "manifest.json").read_text())
    loaded = manifest["build_id"]
    (folder / "manifest.json").write_text(json.dumps(seal({**manifest, "build_id": "0123456789abcdef"})))
    (tmp_path / "scratch").mkdir()
    message = f"the bitstream is of build {loaded}, the manifest beside it of build 0123456789abcdef"
    with pytest.raises(BoardError, match=message), local_board(folder, tmp_path / "scratch"):
        pass


def test_another_register_map(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    from headrace_host import block as driver

    monkeypatch.setattr(driver, "MAP_VERSION", 7)
    with pytest.raises(BoardError, match="register map is version 1, this driver's 7"):
        board.block._identify("0" * 16)


@pytest.mark.parametrize("seed", range(8))
def test_resets_at_random_moments(seed: int, board: Board) -> None:
    """25 soft resets each, at any point of the work; the frames after each one are right."""
    rng = random.Random(seed)
    for k in range(25):
        board.model(read_latency=rng.randrange(100), write_latency=rng.randrange(100), jitter=50, stall=rng.choice([0, 0.3]))
        for _ in range(rng.randrange(1, 3)):
            board.batches.start(board.random(rng.randrange(1, 5), seed=k))
        board.fabric.run(rng.randrange(3000))
        board.batches.recover()
        board.assert_exact(board.random(2, seed=100 * seed + k))


def test_check_words_are_not_of_the_program_before(board: Board) -> None:
    """Two programs in a row start from different tags."""
    assert board.batches._tag not in (0, 1)
    starts = check_start(board.batches._tag, 3)
    assert np.unique(starts).size == 3
    assert re.fullmatch(r"[0-9a-f]{1,16}", f"{int(starts[0]):x}")


def test_an_interrupt_that_is_lost_costs_only_time(board: Board) -> None:
    async def never() -> None:
        await asyncio.sleep(1000)

    frames = board.random(3)
    board.batches.start(frames)
    asyncio.run(board.block.wait_async(board.block.submitted, never))
    found = board.batches.finish()
    for name, values in board.program.run(frames).items():
        np.testing.assert_array_equal(found[name], values)


def test_an_error_is_told_to_who_waits_for_an_interrupt(board: Board) -> None:
    async def never() -> None:
        await asyncio.sleep(1000)

    board.model(error_reads=1)
    board.batches.start(board.random(3))
    with pytest.raises(BoardError, match="answered a read with SLVERR"):
        asyncio.run(board.block.wait_async(board.block.submitted, never))
    board.model()
    board.batches.recover()
    board.assert_exact(board.random(3))
