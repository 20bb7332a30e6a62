# SPDX-License-Identifier: Apache-2.0
"""Runs frames on a board at the end of a serial line: the host's side of ``serial_link``, described in docs/serial.md.

The line may lose, change and add bytes. Each request names places in the sequences of bytes that go in and come out, and the
board's answer says which request it answers and where it is; so the host sends again what did not arrive, and asks again for
what it did not get.
"""

from __future__ import annotations

import secrets
import struct
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from headrace_host.errors import BoardError
from headrace_host.golden import IntArray
from headrace_host.hdlc import Deframer, frame
from headrace_host.layout import MemoryLayout

CHUNK = 512
"""Most bytes of data in a packet."""
VERSION = 1
EXCHANGE, RESET, REPLY = 0x01, 0x02, 0x81
MOST_PORTS = 16
"""Inputs, and outputs."""
REQUEST = struct.Struct("<BBBBII")
"""Kind, session, number, ports (output above input), place of the data in the input, place from which the output is wanted."""
ANSWER = struct.Struct("<BBBBIHBBQI")
"""Kind, session, number, ports, bytes of the input that were taken, room, flags, version, build, place of the data."""
TRIES = 10
"""Times that a reset is tried until nothing counts as being there."""
MISSED = 6
"""Answers in a row that do not come until the board counts as silent: 31 times the patience."""
_SLOWEST = 8
FLYING = 6
"""Requests that may be on their way at once."""
_WRAP = 1 << 32


class Line(Protocol):
    """A serial port with a time limit on reading: ``serial.Serial``, or anything like it."""

    def write(self, data: bytes, /) -> Any:
        """Sends bytes."""
        ...

    def read(self, size: int = 1, /) -> bytes:
        """Receives so many bytes; fewer, or none, if they do not come in time."""
        ...

    @property
    def in_waiting(self) -> int:
        """Bytes that have come."""
        ...


@dataclass(frozen=True)
class Answer:
    """What the board says."""

    session: int
    number: int
    """Of the request that it answers."""
    input: int
    output: int
    place: int
    """Bytes of the input that it has taken since the last reset, modulo 2**32."""
    room: int
    """Bytes that it can take beyond them."""
    build: int
    first: int
    """Place of ``data`` in the output."""
    data: bytes

    @classmethod
    def of(cls, packet: bytes) -> Answer | None:
        """None if a packet is none.

        Raises:
            BoardError: it is one of another version.
        """
        if len(packet) < ANSWER.size or packet[0] != REPLY:
            return None
        _, session, number, ports, place, room, _, version, build, first = ANSWER.unpack_from(packet)
        if version != VERSION:
            raise BoardError(f"the board speaks version {version} of the serial protocol, this driver {VERSION}; build it anew")
        return cls(session, number, ports & 15, ports >> 4, place, room, build, first, packet[ANSWER.size :])


@dataclass
class _Feed:
    """An input: what is still to go."""

    layout: MemoryLayout
    data: memoryview
    origin: int = 0
    """Place of the first byte of ``data``."""
    sent: int = 0
    """Bytes of ``data`` that are on their way or taken."""
    taken: int = 0
    room: int = 0
    """Bytes beyond those taken that the board has room for."""

    def allowance(self) -> int:
        """Bytes that may be sent now."""
        return min(CHUNK, len(self.data) - self.sent, self.taken + self.room - self.sent)


@dataclass
class _Harvest:
    """An output: what has come."""

    name: str
    layout: MemoryLayout
    wanted: int = 0
    got: int = 0
    place: int = 0
    """Of the next byte."""
    data: bytearray | None = None


class SerialLink:
    """Frames through a board behind a serial line.

    Args:
        line: the port.
        manifest: of the build that the board should hold.
        patience: seconds without an answer after which requests are sent again; up to eight times that if the board is slow.
        stuck: seconds in which it answers, but neither takes nor gives anything, until it counts as stuck.

    Raises:
        BoardError: nothing answers, or something else than the build does.
    """

    def __init__(self, line: Line, manifest: Mapping[str, Any], patience: float = 0.5, stuck: float = 60.0) -> None:
        self._line, self._patience, self._stuck = line, patience, stuck
        self._wait = patience
        """Doubles with each answer that does not come, and shrinks again with those that do."""
        self._deframer = Deframer()
        self._answers: deque[Answer] = deque()
        self._feeds = {str(entry["tensor"]): _Feed(_layout(entry), memoryview(b"")) for entry in manifest["inputs"]}
        self._harvests = [_Harvest(str(entry["tensor"]), _layout(entry)) for entry in manifest["outputs"]]
        self._build = int(str(manifest["build_id"]), 16)
        self._number = 0
        self._turn = 0
        self._flying: deque[tuple[int, _Feed | None, int]] = deque()
        """Number of each request on its way, its input, and the end of its data in it."""
        self.repeated = 0
        """Times that requests had to be sent again."""
        self.reset()

    @property
    def bad_packets(self) -> int:
        """Damaged packets that came from the board."""
        return self._deframer.bad

    def reset(self) -> None:
        """Begins a new session: the network and all places start anew.

        Raises:
            BoardError: nothing answers, or something else than the build does.
        """
        self._session, self._wait = secrets.randbelow(255) + 1, self._patience
        self._flying.clear()
        for _ in range(TRIES):
            self._request(RESET, None, b"", 0)
            answer = self._answer()
            if answer is not None:
                break
        else:
            raise BoardError("nothing answers at the serial port; is the board configured, and is it the right port?")
        if answer.build != self._build:
            raise BoardError(
                f"the board holds build {answer.build:016x}, the manifest is of build {self._build:016x}; load its bitstream"
            )
        self._flying.clear()
        self._broken = False
        for feed in self._feeds.values():
            feed.data, feed.origin, feed.sent, feed.taken, feed.room = memoryview(b""), 0, 0, 0, answer.room
        for harvest in self._harvests:
            harvest.wanted = harvest.got = harvest.place = 0

    def run(self, frames: Mapping[str, IntArray]) -> dict[str, IntArray]:
        """Runs frames (N, H, W, C) of integers in range, by input; returns the outputs (N, H, W, C) by name.

        Raises:
            BoardError: the board fell silent, or was reset or configured anew meanwhile.
        """
        if self._broken:
            self.reset()
        count = len(next(iter(frames.values())))
        for name, feed in self._feeds.items():
            feed.origin = (feed.origin + len(feed.data)) % _WRAP
            feed.data, feed.sent, feed.taken = memoryview(_packed(feed.layout, frames[name])), 0, 0
        for harvest in self._harvests:
            harvest.wanted, harvest.got, harvest.data = count * harvest.layout.packed_bytes, 0, bytearray()
        try:
            self._move()
        except BaseException:
            self._broken = True
            raise
        return {harvest.name: _unpacked(harvest.layout, bytes(harvest.data or b"")) for harvest in self._harvests}

    def _move(self) -> None:
        missed, moved_at = 0, time.monotonic()
        while any(harvest.got < harvest.wanted for harvest in self._harvests):
            self._send()
            before = self._moved()
            answer = self._answer()
            if answer is None:
                self._again()
                missed, self._wait = missed + 1, min(2 * self._wait, _SLOWEST * self._patience)
            else:
                self._take(answer)
                missed, self._wait = 0, max(0.9 * self._wait, self._patience)
            if self._moved() > before:
                moved_at = time.monotonic()
            if missed >= MISSED or time.monotonic() - moved_at > self._stuck:
                raise BoardError(self._silence("fell silent" if missed else "is stuck"))

    def _moved(self) -> int:
        return sum(feed.taken for feed in self._feeds.values()) + sum(harvest.got for harvest in self._harvests)

    def _silence(self, what: str) -> str:
        taken = ", ".join(f"{feed.taken:,} of {len(feed.data):,} bytes of '{n}'" for n, feed in self._feeds.items())
        got = ", ".join(f"{h.got:,} of {h.wanted:,} bytes of '{h.name}'" for h in self._harvests)
        return f"the board {what}: it took {taken} and gave {got}; {self.bad_packets} damaged packets came"

    def _send(self) -> None:
        """Sends data as far as there is room for them; asks for outputs if nothing is on its way."""
        for feed in self._feeds.values():
            while len(self._flying) < FLYING and (count := feed.allowance()) > 0:
                data = bytes(feed.data[feed.sent : feed.sent + count])
                place = (feed.origin + feed.sent) % _WRAP
                feed.sent += count
                self._request(EXCHANGE, feed, data, place)
        if not self._flying:
            feed = next(iter(self._feeds.values()))
            self._request(EXCHANGE, feed, b"", (feed.origin + feed.sent) % _WRAP)

    def _request(self, kind: int, feed: _Feed | None, data: bytes, place: int) -> None:
        missing = [k for k, harvest in enumerate(self._harvests) if harvest.got < harvest.wanted] or [0]
        self._turn += 1
        output = missing[self._turn % len(missing)]
        port = next((k for k, other in enumerate(self._feeds.values()) if other is feed), 0)
        self._number = (self._number + 1) & 0xFF
        head = REQUEST.pack(kind, self._session, self._number, output << 4 | port, place, self._harvests[output].place)
        self._flying.append((self._number, feed, feed.sent if feed else 0))
        self._line.write(frame(head + data))

    def _answer(self) -> Answer | None:
        """The next answer of this session; None if it does not come in time."""
        limit = time.monotonic() + self._wait
        while True:
            while self._answers:
                answer = self._answers.popleft()
                if answer.session == self._session:
                    return answer
                if answer.session == 0 and self._flying and self._flying[0][1] is not None:
                    raise BoardError("the board was reset or configured anew in the middle of the work")
            if time.monotonic() >= limit:
                return None
            received = self._line.read(max(1, self._line.in_waiting))
            for packet in self._deframer.feed(received):
                if (said := Answer.of(packet)) is not None:
                    self._answers.append(said)

    def _again(self) -> None:
        """Sends everything again that was not taken."""
        self.repeated += 1
        self._flying.clear()
        for feed in self._feeds.values():
            feed.sent = feed.taken

    def _take(self, answer: Answer) -> None:
        if answer.input >= len(self._feeds) or answer.output >= len(self._harvests):
            return
        feed, harvest = list(self._feeds.values())[answer.input], self._harvests[answer.output]
        taken = (answer.place - feed.origin) % _WRAP
        if taken <= len(feed.data):
            feed.taken, feed.room = max(feed.taken, taken), answer.room - max(0, feed.taken - taken)
        lost = False
        while self._flying and (answer.number - self._flying[0][0]) % 256 < 128:
            _, of, end = self._flying.popleft()
            lost |= of is feed and end > feed.taken
        if lost:
            self._again()
        overlap = (harvest.place - answer.first) % _WRAP
        if overlap <= len(answer.data) and harvest.data is not None:
            new = answer.data[overlap : overlap + harvest.wanted - harvest.got]
            harvest.data += new
            harvest.got += len(new)
            harvest.place = (harvest.place + len(new)) % _WRAP


def _layout(entry: Mapping[str, Any]) -> MemoryLayout:
    """Of a tensor whose frames lie one behind the other, each at a whole byte or element."""
    return MemoryLayout.of(entry["shape"], entry["bits"], entry["signed"], 8)


def _packed(layout: MemoryLayout, frames: IntArray) -> bytes:
    memory: npt.NDArray[np.uint8] = np.zeros((len(frames), layout.frame_bytes), np.uint8)
    layout.pack(frames, memory)
    return memory[:, : layout.packed_bytes].tobytes()


def _unpacked(layout: MemoryLayout, data: bytes) -> IntArray:
    rows = np.frombuffer(data, np.uint8).reshape(-1, layout.packed_bytes)
    memory = np.zeros((len(rows), layout.frame_bytes), np.uint8)
    memory[:, : layout.packed_bytes] = rows
    return layout.unpack(memory)
