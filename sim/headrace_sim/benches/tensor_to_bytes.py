# SPDX-License-Identifier: Apache-2.0
"""Bench of ``tensor_to_bytes``: the bytes are those that numpy packs."""

from __future__ import annotations

from typing import Any

import cocotb

from headrace_sim.benches.bytes_to_tensor import FramesCase, memory_bytes
from headrace_sim.streams import StreamBench


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.6, 0.0), (0.0, 0.6)])
async def writes_frames(dut: Any, stall: tuple[float, float]) -> None:
    """Frames one behind the other, elements with their sign."""
    case = FramesCase(3)
    data = memory_bytes(case.values, case.element_w)
    bench = StreamBench(dut, seed=3)
    bench.source(case.words(), stall=stall[0])
    sink = bench.sink(len(data), stall=stall[1])
    await bench.run(limit=400 + 30 * (len(data) + case.beats))
    assert bytes(sink.words) == data
