# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_fifo``: order, exact capacity, latency, throughput, reset in full flight."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from headrace_sim.case import current_case
from headrace_sim.streams import StreamBench


def _words(count: int, width: int, seed: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.getrandbits(width) for _ in range(count)]


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.9)], seed=[1, 2])
async def keeps_order(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """Every word comes out once and in order, whatever stalls."""
    parameters = current_case().parameters
    depth = parameters["Depth"]
    words = _words(min(3 * depth + 50, 1500), parameters["Width"], seed)
    bench = StreamBench(dut, seed=seed)
    bench.source(words, stall=stall[0])
    out = bench.sink(len(words), stall=stall[1])
    await bench.run(limit=200 + 20 * len(words))
    assert out.words == words


@cocotb.test
async def streams_at_full_rate(dut: Any) -> None:
    """Without stalls: the promised latency, and one word a cycle (every other cycle at Depth 1)."""
    case = current_case()
    words = _words(100, case.parameters["Width"], 3)
    bench = StreamBench(dut, seed=3)
    source, out = bench.source(words), bench.sink(len(words))
    await bench.run(limit=1000)
    assert out.words == words
    interval = 2 if case.parameters["Depth"] == 1 else 1
    assert out.span == interval * (len(words) - 1) + 1
    assert out.cycles[0] - source.cycles[0] == case.data["latency"]


@cocotb.test
async def holds_exactly_depth_words(dut: Any) -> None:
    """With the output blocked, Depth words enter and not one more."""
    parameters = current_case().parameters
    depth = parameters["Depth"]
    words = _words(depth + 5, parameters["Width"], 4)
    bench = StreamBench(dut, seed=4)
    source = bench.source(words)
    bench.sink(1, stall=1.0)
    await bench.run(limit=depth + 21, stop_after=depth + 20)
    assert len(source.cycles) == depth
    assert source.span == depth, "words must enter one a cycle while there is room"


@cocotb.test
async def comes_back_from_reset_empty(dut: Any) -> None:
    """A reset in full flight leaves nothing of the words before it."""
    parameters = current_case().parameters
    words = _words(80, parameters["Width"], 5)
    for stop_after in (7, 23, None):
        bench = StreamBench(dut, seed=5)
        bench.source(words, stall=0.2)
        out = bench.sink(len(words), stall=0.5)
        await bench.run(limit=2000, stop_after=stop_after)
        assert out.words == words[: len(out.words)]
    assert out.words == words
