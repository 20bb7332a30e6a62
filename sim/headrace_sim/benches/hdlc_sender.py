# SPDX-License-Identifier: Apache-2.0
"""Bench of ``hdlc_sender``: every packet comes framed, with escapes and check bytes, and nothing else."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import cocotb

from headrace_sim.benches.hdlc_receiver import framed, random_packet
from headrace_sim.streams import StreamBench


class Packets:
    """Offers the bytes of packets."""

    def __init__(self, bench: StreamBench, packets: Sequence[bytes], stall: float) -> None:
        self._valid, self._ready = bench.port("valid_i"), bench.port("ready_o")
        self._data, self._last = bench.port("data_i"), bench.port("last_i")
        self._bytes = [(byte, at == len(packet) - 1) for packet in packets for at, byte in enumerate(packet)]
        self._stall, self._at, self._offering = stall, 0, False
        bench.agents.append(self)

    @property
    def done(self) -> bool:
        """All were taken."""
        return self._at == len(self._bytes)

    def reset(self) -> None:
        """Nothing is offered."""
        for port in (self._valid, self._data, self._last):
            port.set_slice(0, port.width, 0)
            port.flush()

    def drive(self, _: int, rng: random.Random) -> None:
        """An offer stands until it is taken; without one there is noise."""
        self._offering = not self.done and (self._offering or rng.random() >= self._stall)
        byte, last = self._bytes[self._at] if self._offering else (rng.getrandbits(8), rng.random() < 0.5)
        self._valid.set_slice(0, 1, int(self._offering))
        self._data.set_slice(0, 8, byte)
        self._last.set_slice(0, 1, int(last))

    def sample(self, _: int) -> None:
        """Whether it is taken."""
        if self._offering and self._ready.read():
            self._at += 1
            self._offering = False


@cocotb.test
@cocotb.parametrize(stall=[(0.0, 0.0), (0.7, 0.0), (0.0, 0.7), (0.5, 0.5)], seed=[1, 2])
async def frames_packets(dut: Any, stall: tuple[float, float], seed: int) -> None:
    """All packets; at most every other cycle a byte, and no fewer if nothing stalls."""
    rng = random.Random(seed)
    packets = [random_packet(rng, 23) + bytes([rng.randrange(256)]) for _ in range(60)]
    line = [byte for packet in packets for byte in framed(packet)]
    bench = StreamBench(dut, seed=seed)
    Packets(bench, packets, stall[0])
    sink = bench.sink(len(line), stall=stall[1])
    await bench.run(limit=40 * len(line))
    assert sink.words == line
    steps = [after - before for before, after in itertools.pairwise(sink.cycles)]
    assert min(steps) == 2
    if stall == (0.0, 0.0):
        assert max(steps) == 2


@cocotb.test
async def begins_anew_after_reset(dut: Any) -> None:
    """A reset anywhere in a packet leaves nothing of it."""
    for stop_after in range(1, 60, 3):
        bench = StreamBench(dut, seed=stop_after)
        Packets(bench, [b"\x7e\x7d cut off"], 0.0)
        bench.sink(100)
        await bench.run(limit=1000, stop_after=stop_after)
        line = framed(b"whole")
        bench = StreamBench(dut, seed=stop_after)
        Packets(bench, [b"whole"], 0.0)
        sink = bench.sink(len(line))
        await bench.run(limit=1000)
        assert sink.words == line
