# SPDX-License-Identifier: Apache-2.0
"""Runs the benches of ``stream_rom``, ``stream_rom_loop`` and ``stream_rom_parts``."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from headrace_sim.runner import BenchError, expect_refusal, run_bench
from headrace_sim.words import rom_lines

BENCH = "headrace_sim.benches.stream_rom"


def _run(width: int, words: list[int], depth: int, folder: Path, file: str = "rom.hex", late: int = 0, block: int = 0) -> None:
    run_bench(
        "stream_rom",
        bench=BENCH,
        folder=folder,
        parameters={"Width": width, "Depth": depth, "RomFile": "rom.hex", "Late": late, "Block": block},
        case={"words": [f"{word:x}" for word in words], "late": late},
        roms={file: rom_lines(words, width=width)},
    )


@pytest.mark.parametrize(
    ("width", "depth", "late", "block"),
    [(1, 1, 0, 0), (7, 3, 0, 0), (130, 20, 0, 0), (99, 100, 0, 1), (9, 70, 1, 0), (9, 70, 1, 1)],
)
def test_reads_the_file(width: int, depth: int, late: int, block: int, tmp_path: Path) -> None:
    rng = random.Random(width)
    _run(width, [rng.getrandbits(width) for _ in range(depth)], depth, tmp_path, late=late, block=block)


def test_stops_without_its_file(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"cannot read the ROM file '.*rom\.hex'"):
        _run(7, [1, 2, 3], 3, tmp_path, file="other.hex")


def test_refuses_no_words() -> None:
    expect_refusal("stream_rom", parameters={"Depth": 0}, message="got 8, 0")


def test_refuses_a_field_that_words_lack() -> None:
    expect_refusal("stream_rom", parameters={"Fields": 2, "Field": 2}, message="need Field < Fields; got 2, 2")


def test_refuses_a_single_part() -> None:
    expect_refusal("stream_rom_parts", parameters={"Depth": 64}, message="need more than 64 words; got Depth 64")


@pytest.mark.parametrize("depth", [1, 2, 64, 65, 200])
def test_words_come_in_turn(depth: int, tmp_path: Path) -> None:
    _loop(depth, (), tmp_path)


@pytest.mark.parametrize("depth", [65, 200])
def test_words_come_in_turn_as_synthesised(depth: int, tmp_path: Path) -> None:
    """Deep memories are read ahead by parts, which synthesis alone sees."""
    _loop(depth, ("SYNTHESIS",), tmp_path)


def _loop(depth: int, defines: tuple[str, ...], folder: Path) -> None:
    rng = random.Random(depth)
    words = [rng.getrandbits(9) for _ in range(depth)]
    run_bench(
        "stream_rom_loop",
        bench="headrace_sim.benches.stream_rom_loop",
        folder=folder,
        parameters={"Width": 9, "Depth": depth, "RomFile": "rom.hex", "Block": 0},
        case={"words": [f"{word:x}" for word in words]},
        roms={"rom.hex": rom_lines(words, width=9)},
        defines=defines,
    )
