# SPDX-License-Identifier: Apache-2.0
"""Weights that stream in, as they lie in memory: what `weight_feed` and `weight_unpack` expect there.

A word of weights begins at a new word of memory or behind another one in it: as many share one as it has room for, the first
in its low bits, and wider ones take several, low bits first. Each stream begins at a new burst of `BURST` words and ends with
a check word: the sum, modulo 2**64, of the build's id and of the 64-bit parts of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from headrace.backend.design import WeightStream
from headrace.engines.base import Rom
from headrace.engines.mac import bus_words
from headrace.engines.technology import ceil_div

BURST = 16
"""Words of memory."""
ROUND_TRIP = 256
"""Cycles that a stream must bridge from the request of a burst to its words: memory's latency, and bursts asked for before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where a stream lies, in bursts."""

    first: int
    bursts: int
    last_beats: int
    """Words of the last burst."""


def regions_of(streams: Sequence[WeightStream], word_bytes: int) -> tuple[Region, ...]:
    """Of all streams, one behind the other."""
    found, first = [], 0
    for stream in streams:
        beats = bus_words(stream.width, stream.words, 8 * word_bytes) + 1
        bursts = ceil_div(beats, BURST)
        found.append(Region(first=first, bursts=bursts, last_beats=beats - (bursts - 1) * BURST))
        first += bursts
    return tuple(found)


def depths_of(streams: Sequence[WeightStream], interval: int, word_bytes: int) -> tuple[int, ...]:
    """Bursts that the buffer of each stream holds: one that comes, and what engines take meanwhile at a frame an interval."""
    rates = (bus_words(s.width, s.words, 8 * word_bytes) * s.passes / interval for s in streams)
    return tuple(1 + max(1, ceil(rate * ROUND_TRIP / BURST)) for rate in rates)


def bus_bytes(stream: WeightStream, word_bytes: int) -> int:
    """What all words of a stream take, and their check word."""
    return word_bytes * (bus_words(stream.width, stream.words, 8 * word_bytes) + 1)


def region_bytes(regions: Sequence[Region], word_bytes: int) -> int:
    """Of all streams."""
    return sum(region.bursts for region in regions) * BURST * word_bytes


def memory_of(roms: Sequence[Rom], word_bytes: int, start: int) -> bytes:
    """The bytes of all streams; their sums begin at ``start``."""
    burst, parts = BURST * word_bytes, []
    for rom in roms:
        words = b"".join(_bus_words(rom, word_bytes))
        total = (start + int(np.frombuffer(words, "<u8").sum(dtype=np.uint64))) % (1 << 64)
        sealed = words + total.to_bytes(word_bytes, "little")
        parts.append(sealed.ljust(ceil_div(len(sealed), burst) * burst, b"\0"))
    return b"".join(parts)


def _bus_words(rom: Rom, word_bytes: int) -> list[bytes]:
    """Of a stream's words: one or several of them, or a word of several words of memory."""
    words, bits, bus = rom.words(), rom.bits, 8 * word_bytes
    if bits > bus:
        size = ceil_div(bits, bus) * word_bytes
        return [word.to_bytes(size, "little") for word in words]
    per = bus // bits
    return [
        sum(word << (bits * k) for k, word in enumerate(words[at : at + per])).to_bytes(word_bytes, "little")
        for at in range(0, len(words), per)
    ]
