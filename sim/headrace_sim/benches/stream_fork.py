# SPDX-License-Identifier: Apache-2.0
"""Bench of ``stream_fork``: every output gets every beat, and none waits for another within a beat."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from headrace_sim.case import current_case
from headrace_sim.streams import Sink, StreamBench


def _connect(
    dut: Any, count: int, stall: float, sink_stalls: list[float], seed: int
) -> tuple[StreamBench, list[int], list[Sink]]:
    parameters = current_case().parameters
    rng = random.Random(seed)
    words = [rng.getrandbits(parameters["Width"]) for _ in range(count)]
    bench = StreamBench(dut, seed=seed)
    bench.source(words, stall=stall)
    sinks = [
        bench.sink(count, stall=sink_stalls[k % len(sink_stalls)], index=k, shared_data=True)
        for k in range(parameters["Outputs"])
    ]
    return bench, words, sinks


@cocotb.test
@cocotb.parametrize(
    stall=[(0.0, [0.0]), (0.5, [0.0]), (0.0, [0.5]), (0.2, [0.0, 0.8]), (0.3, [0.6, 0.1, 0.3])],
    seed=[1, 2],
)
async def gives_all_beats_to_all(dut: Any, stall: tuple[float, list[float]], seed: int) -> None:
    """All outputs see all words in order; without stalls there is one a cycle, no latency."""
    bench, words, sinks = _connect(dut, 200, *stall, seed)
    await bench.run(limit=5000)
    for sink in sinks:
        assert sink.words == words
        if stall == (0.0, [0.0]):
            assert sink.cycles == bench.sources[0].cycles
            assert sink.span == len(words)


@cocotb.test
async def is_eager(dut: Any) -> None:
    """While one output is blocked, each other one takes the present beat, once."""
    bench, words, sinks = _connect(dut, 20, 0.0, [0.0], 5)
    sinks[-1].stall = 1.0
    await bench.run(limit=100, stop_after=50)
    for sink in sinks[:-1]:
        assert sink.words == words[:1]
    assert sinks[-1].words == bench.sources[0].cycles == []
