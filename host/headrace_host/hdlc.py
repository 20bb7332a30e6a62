# SPDX-License-Identifier: Apache-2.0
"""Packets on a line that loses and changes bytes: framed and checked as by RFC 1662 (32-bit check sequence)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20
_ESCAPED = {bytes([value]): bytes([ESCAPE, value ^ FLIP]) for value in (ESCAPE, FLAG)}
CHECK_BYTES = 4


def frame(packet: bytes) -> bytes:
    """A packet as it goes on the line: flags around it, its check sequence behind it."""
    body = packet + zlib.crc32(packet).to_bytes(CHECK_BYTES, "little")
    for plain, escaped in _ESCAPED.items():  # the escape first: the other's contains it
        body = body.replace(plain, escaped)
    return b"%c%b%c" % (FLAG, body, FLAG)


class Deframer:
    """Finds packets in what comes from a line; what is damaged is counted and left out."""

    def __init__(self) -> None:
        self._rest: bytes | None = None  # None: the first flag is still to come
        self.bad = 0
        """Damaged packets so far."""

    def feed(self, received: bytes) -> Iterator[bytes]:
        """Gives the whole packets that end in ``received``."""
        first, *others = received.split(b"%c" % FLAG)
        if self._rest is not None:
            self._rest += first
        for piece in others:
            if self._rest:
                packet = _packet(self._rest)
                if packet is None:
                    self.bad += 1
                else:
                    yield packet
            self._rest = piece


def _packet(body: bytes) -> bytes | None:
    """Without escapes and check sequence; None if it is damaged."""
    if body.endswith(b"%c" % ESCAPE):
        return None
    first, *others = body.split(b"%c" % ESCAPE)
    plain = first
    for piece in others:
        if not piece:
            return None  # an escape escaped
        plain += bytes([piece[0] ^ FLIP]) + piece[1:]
    packet, check = plain[:-CHECK_BYTES], plain[-CHECK_BYTES:]
    whole = len(check) == CHECK_BYTES and zlib.crc32(packet) == int.from_bytes(check, "little")
    return packet if whole else None
