# SPDX-License-Identifier: Apache-2.0
"""Bench of ``packet_buffer``: committed bytes leave, once and in order; dropped ones never."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from headrace_sim.case import current_case
from headrace_sim.streams import Sink, StreamBench

_PACKETS = 80


class Writer:
    """Writes packets where there is room, and commits or drops each."""

    def __init__(self, bench: StreamBench, depth: int, seed: int) -> None:
        self._write, self._data, self._room = bench.port("write_i"), bench.port("data_i"), bench.port("room_o")
        self._commit, self._drop = bench.port("commit_i"), bench.port("drop_i")
        self._depth = depth
        rng = random.Random(seed)
        self._packets = [rng.randbytes(rng.randrange(depth + 1)) for _ in range(_PACKETS)]
        self._keeps = [rng.random() < 0.6 for _ in range(_PACKETS)]
        self._at = 0
        self._held = 0
        self.committed = bytearray()
        self.done = False
        self.sink: Sink | None = None
        bench.agents.append(self)

    @property
    def expected(self) -> bytes:
        """All bytes that will be committed."""
        return b"".join(packet for packet, keep in zip(self._packets, self._keeps, strict=True) if keep)

    def reset(self) -> None:
        """Nothing is written."""
        self._room.read()
        for port in (self._write, self._data, self._commit, self._drop):
            port.set_slice(0, port.width, 0)
            port.flush()

    def drive(self, _: int, rng: random.Random) -> None:
        """One byte if there is room for it, or the packet's end."""
        for port in (self._write, self._commit, self._drop):
            port.set_slice(0, 1, 0)
        self._data.set_slice(0, 8, rng.getrandbits(8))
        if not self._packets or rng.random() < 0.3:
            self.done = not self._packets
            return
        packet, keep = self._packets[0], self._keeps[0]
        if self._at < len(packet):
            if self._room.read() > self._at:
                self._write.set_slice(0, 1, 1)
                self._data.set_slice(0, 8, packet[self._at])
                self._at += 1
            return
        (self._commit if keep else self._drop).set_slice(0, 1, 1)
        self.committed += packet if keep else b""
        self._packets, self._keeps, self._at = self._packets[1:], self._keeps[1:], 0

    def sample(self, _: int) -> None:
        """Nothing leaves that is not committed; the room is what is not taken by what was committed and has not left."""
        assert self.sink is not None
        assert len(self.sink.words) <= len(self.committed)
        assert self._room.read() == self._depth - self._held
        self._held = len(self.committed) - len(self.sink.words)


@cocotb.test
@cocotb.parametrize(stall=[0.0, 0.5, 0.9], seed=[1, 2])
async def keeps_what_is_good(dut: Any, stall: float, seed: int) -> None:
    """Packets up to the whole depth, of which some are dropped, and a reader that stalls."""
    depth = int(current_case().parameters["Depth"])
    bench = StreamBench(dut, seed=seed)
    writer = Writer(bench, depth, seed)
    expected = writer.expected
    writer.sink = bench.sink(len(expected), stall=stall)
    await bench.run(limit=400 * depth * _PACKETS)
    assert bytes(writer.sink.words) == expected
    assert int(dut.room_o.value) == depth


@cocotb.test
async def is_empty_after_reset(dut: Any) -> None:
    """Whatever it held."""
    depth = int(current_case().parameters["Depth"])
    for stop_after in (5, 17, 60):
        bench = StreamBench(dut, seed=stop_after)
        writer = Writer(bench, depth, stop_after)
        writer.sink = bench.sink(1000, stall=0.5)
        await bench.run(limit=10000, stop_after=stop_after)
    bench = StreamBench(dut, seed=4)
    sink = bench.sink(0)
    await bench.run(limit=100, drain=20)
    assert sink.words == []
    assert int(dut.room_o.value) == depth
