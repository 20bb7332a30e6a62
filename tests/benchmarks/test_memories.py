# SPDX-License-Identifier: Apache-2.0
"""What the compiler expects of read-only memories, beside what Yosys makes of them."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from headrace_sim.runner import module_sources
from headrace_sim.words import rom_lines

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from measuring import Design, resources

from headrace.engines.technology import ULTRA_BITS, technology_of

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


@pytest.mark.parametrize(("words", "bits"), [(40_000, 8), (9_000, 17), (5_000, 36), (4_096, 72), (1_500, 130)])
def test_large_memories_take_the_ultraram_that_is_expected(words: int, bits: int) -> None:
    technology = replace(technology_of("xcup"), ultra_bits=ULTRA_BITS)
    files = {path.name: path.read_text() for path in module_sources("engine_ram")}
    options = (f"-GWidth={bits}", f"-GDepth={words}", "-GUltra=1")
    said, made = (
        technology.memory(words, bits),
        resources(Design(top="engine_ram", files=files, options=options, bench=""), "xcup"),
    )
    assert (made.uram, made.bram36) == (said.uram, 0)
    assert abs(made.lut - said.lut) <= 16
