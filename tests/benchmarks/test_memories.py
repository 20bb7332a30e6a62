# SPDX-License-Identifier: Apache-2.0
"""What the compiler expects of read-only memories, beside what Yosys makes of them."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from headrace_sim.runner import module_sources
from headrace_sim.words import rom_lines

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from measuring import Design, resources

from headrace.engines.technology import technology_of

BITS = 48
COUNTERS = 20
"""LUTs and flip-flops of an address at most."""


def _memory(module: str, words: int) -> Design:
    rng = random.Random(words)
    files = {path.name: path.read_text() for path in module_sources(module)}
    source = f"{module}.sv"
    files[source] = files[source].replace('parameter RomFile = ""', 'parameter RomFile = "rom.hex"')
    return Design(
        top=module,
        files=files,
        options=(f"-GWidth={BITS}", f"-GDepth={words}", "-GBlock=0"),
        bench="",
        data={"rom.hex": rom_lines([rng.getrandbits(BITS) for _ in range(words)], width=BITS)},
    )


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
@pytest.mark.parametrize(("module", "words"), [("stream_rom", 40), ("stream_rom", 144), ("stream_rom_loop", 100)])
def test_memories_in_luts_take_what_is_expected(family: str, module: str, words: int) -> None:
    """Random words, of which no two bits are alike."""
    technology = technology_of(family)
    expected = technology.read_in_turn if module == "stream_rom_loop" else technology.read_only
    said, made = expected(words, BITS, block=False), resources(_memory(module, words), family)
    assert made.lut - said.lut == pytest.approx(COUNTERS / 2, abs=COUNTERS / 2 + 0.08 * said.lut)
    assert 0 <= made.ff - said.ff <= COUNTERS
