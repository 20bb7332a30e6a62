# SPDX-License-Identifier: Apache-2.0
"""Bench of ``hdlc_receiver``, against Python's own CRC-32 and RFC 1662 read byte by byte."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from typing import Any

import cocotb

from headrace_sim.streams import StreamBench

FLAG, ESCAPE = 0x7E, 0x7D
LOST = -1
"""In what comes from a line: a byte of which only is known that it was there."""
SPECIAL = (FLAG, ESCAPE, FLAG ^ 0x20, ESCAPE ^ 0x20, 0x00, 0xFF)


def framed(packet: bytes) -> list[int]:
    """A packet between flags."""
    checked = packet + zlib.crc32(packet).to_bytes(4, "little")
    inner = [part for byte in checked for part in ([ESCAPE, byte ^ 0x20] if byte in (FLAG, ESCAPE) else [byte])]
    return [FLAG, *inner, FLAG]


def packet_of(piece: Sequence[int]) -> bytes | None:
    """The packet of what stands between two flags; None: it is none."""
    if LOST in piece:
        return None
    found, at = bytearray(), 0
    while at < len(piece):
        if piece[at] == ESCAPE:
            at += 1
            if at == len(piece) or piece[at] == ESCAPE:
                return None
            found.append(piece[at] ^ 0x20)
        else:
            found.append(piece[at])
        at += 1
    packet, check = bytes(found[:-4]), bytes(found[-4:])
    return packet if len(check) == 4 and check == zlib.crc32(packet).to_bytes(4, "little") else None


def pieces_of(line: Sequence[int]) -> list[list[int]]:
    """What stands before each flag."""
    found: list[list[int]] = [[]]
    for byte in line:
        if byte == FLAG:
            found.append([])
        else:
            found[-1].append(byte)
    return found[:-1]


def random_packet(rng: random.Random, most: int = 24) -> bytes:
    """Bytes of which many need escapes."""
    return bytes(rng.choice(SPECIAL) if rng.random() < 0.4 else rng.randrange(256) for _ in range(rng.randrange(most + 1)))


def disturbed(line: list[int], rng: random.Random) -> list[int]:
    """With one thing wrong."""
    at = rng.randrange(len(line))
    wrong = rng.choice(("changed", "missing", "twice", "lost", "flag", "escape", "cut"))
    match wrong:
        case "changed":
            return [*line[:at], line[at] ^ 1 << rng.randrange(8), *line[at + 1 :]]
        case "missing":
            return [*line[:at], *line[at + 1 :]]
        case "twice":
            return [*line[: at + 1], *line[at:]]
        case "lost":
            return [*line[:at], LOST, *line[at + 1 :]]
        case "flag":
            return [*line[:at], FLAG, *line[at:]]
        case "escape":
            return [*line[:at], ESCAPE, *line[at:]]
        case _:
            return line[:at]


class Line:
    """Gives bytes to the receiver, and keeps what it says of each piece."""

    def __init__(self, bench: StreamBench, line: Sequence[int], stall: float) -> None:
        self._valid, self._data, self._error = bench.port("valid_i"), bench.port("data_i"), bench.port("error_i")
        self._told = [bench.port(name) for name in ("valid_o", "good_o", "bad_o")]
        self._out = bench.port("data_o")
        self._line, self._stall, self._at, self._idle = line, stall, 0, 0
        self._taken = bytearray()
        self.said: list[bytes | None] = []
        """Of each piece: the packet, or None."""
        bench.agents.append(self)

    @property
    def done(self) -> bool:
        """All bytes were given, and what the last one brings has come."""
        return self._idle > 4

    def reset(self) -> None:
        """Nothing comes."""
        for port in (self._valid, self._data, self._error):
            port.set_slice(0, port.width, 0)
            port.flush()

    def drive(self, _: int, rng: random.Random) -> None:
        """A byte, that one is lost, or neither."""
        comes = self._at < len(self._line) and rng.random() >= self._stall
        byte = self._line[self._at] if comes else None
        self._valid.set_slice(0, 1, int(byte is not None and byte != LOST))
        self._error.set_slice(0, 1, int(byte == LOST))
        self._data.set_slice(0, 8, rng.getrandbits(8) if byte is None or byte == LOST else byte)
        self._at += comes
        self._idle += self._at == len(self._line)

    def sample(self, _: int) -> None:
        """A byte of a packet, or how it ended."""
        valid, good, bad = (port.read() for port in self._told)
        assert valid + good + bad <= 1
        if valid:
            self._taken.append(self._out.read())
        elif good or bad:
            self.said.append(bytes(self._taken) if good else None)
            self._taken.clear()


def expected(line: Sequence[int]) -> list[bytes | None]:
    """Of each piece that is not empty; what comes before the first flag is none."""
    pieces = pieces_of(line)
    first = [None] if pieces[0] else []
    return [*first, *(packet_of(piece) for piece in pieces[1:] if piece)]


@cocotb.test
@cocotb.parametrize(stall=[0.0, 0.6], seed=[1, 2, 3])
async def finds_packets(dut: Any, stall: float, seed: int) -> None:
    """Packets, with garbage around them, things wrong in them, and flags shared between them."""
    rng = random.Random(seed)
    line = [rng.randrange(256) for _ in range(rng.randrange(20))]
    good = 0
    for _ in range(150):
        frame = framed(random_packet(rng))
        if rng.random() < 0.4:
            frame = disturbed(frame, rng)
        else:
            good += 1
        if line and line[-1] == FLAG and frame[:1] == [FLAG] and rng.random() < 0.5:
            frame = frame[1:]
        line += [*frame, *(rng.randrange(256) for _ in range(rng.choice((0, 0, 0, 1, 9))))]
    line += [FLAG, *framed(b"the end")]
    bench = StreamBench(dut, seed=seed)
    told = Line(bench, line, stall)
    await bench.run(limit=20 * len(line))
    assert told.said == expected(line)
    assert sum(packet is not None for packet in told.said) > good // 2
    assert None in told.said


@cocotb.test
async def forgets_in_reset(dut: Any) -> None:
    """What came before a reset is no part of a packet behind it."""
    frame = framed(b"\x7e\x7d in pieces")
    for cut in range(1, len(frame)):
        bench = StreamBench(dut, seed=cut)
        Line(bench, frame[:cut], 0.0)
        await bench.run(limit=200, drain=0)
        bench = StreamBench(dut, seed=cut)
        told = Line(bench, [*frame[cut:], *frame], 0.0)
        await bench.run(limit=200)
        assert told.said == expected([*frame[cut:], *frame])
        assert told.said[-1] == b"\x7e\x7d in pieces"
