# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of `weight_feed` and `weight_unpack`, over regions of memory as the compiler makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench

from headrace.backend.design import WeightStream
from headrace.backend.weights import memory_of, regions_of
from headrace.engines.base import Rom

# name: bits of a word of memory and of an address; of three streams: lanes, bits of a lane, words
STREAMS: dict[str, tuple[int, int, tuple[tuple[int, int, int], ...]]] = {
    "narrow": (64, 32, ((3, 4, 77), (1, 1, 200), (7, 3, 5))),
    "as_wide_as_memory": (64, 40, ((16, 4, 33), (8, 8, 16), (4, 16, 17))),
    "wider": (64, 32, ((17, 4, 21), (3, 64, 9), (25, 5, 40))),
    "wide_bus": (128, 40, ((13, 4, 60), (35, 4, 31), (97, 4, 20))),
    "one_word": (64, 32, ((1, 4, 1), (9, 8, 1), (5, 4, 12))),
}
START = 0x0123456789ABCDEF
QUICK = ("narrow", "wider", "one_word")


@pytest.mark.parametrize("name", deep_but(QUICK, STREAMS))
def test_brings_weights_from_memory(name: str, tmp_path: Path) -> None:
    data_bits, address_bits, shapes = STREAMS[name]
    rng = np.random.default_rng(len(name))
    roms = [
        Rom(file=f"{k}.hex", fields=rng.integers(0, 1 << min(bits, 62), (words, lanes)), widths=(bits,))
        for k, (lanes, bits, words) in enumerate(shapes)
    ]
    streams = [WeightStream(wire=r.file, file=r.file, width=r.bits, words=len(r.fields), passes=1) for r in roms]
    parameters = {"DataW": data_bits, "AddrW": address_bits}
    for suffix, stream, region in zip("ABC", streams, regions_of(streams, data_bits // 8), strict=True):
        parameters |= {f"Width{suffix}": stream.width, f"Words{suffix}": stream.words}
        parameters |= {f"First{suffix}": region.first, f"Bursts{suffix}": region.bursts, f"Last{suffix}": region.last_beats}
    run_bench(
        "weight_path",
        bench="headrace_sim.benches.weight_path",
        folder=tmp_path,
        parameters=parameters,
        case={"words": [[int(line, 16) for line in rom.lines()] for rom in roms]},
        arrays={"memory": np.frombuffer(memory_of(roms, data_bits // 8, START), np.uint8)},
    )


@pytest.mark.parametrize(
    ("module", "parameters", "message"),
    [
        ("weight_feed", {"BurstBeats": 3}, "BurstBeats one of 2 to 16"),
        ("weight_feed", {"LastBeats": 0}, "LastBeats of 1 to BurstBeats"),
        ("weight_feed", {"Depths": 0}, "Outstanding and Depths"),
        ("weight_unpack", {"Width": 0}, "Width and Words above 0"),
    ],
)
def test_refuses_bad_parameters(module: str, parameters: dict[str, int], message: str) -> None:
    expect_refusal(module, parameters=parameters, message=message)
