# SPDX-License-Identifier: Apache-2.0
"""Packets survive a line that does not."""

from __future__ import annotations

import random

import pytest
from headrace_host.hdlc import Deframer, frame
from hypothesis import given
from hypothesis import strategies as st

PACKETS = st.lists(st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"\x00", b"\x7e").replace(b"\x01", b"\x7d")))


@given(PACKETS, st.integers(1, 9))
def test_whatever_is_framed_is_found(packets: list[bytes], piece: int) -> None:
    line = b"".join(map(frame, packets))
    deframer = Deframer()
    found = [packet for at in range(0, len(line), piece) for packet in deframer.feed(line[at : at + piece])]
    assert found == packets
    assert deframer.bad == 0


def test_frames_as_rfc_1662_has_them() -> None:
    """Its check sequence of the ASCII digits 1 to 9 is that of Ethernet, cbf43926, low byte first."""
    assert frame(b"123456789") == b"\x7e123456789\x26\x39\xf4\xcb\x7e"
    assert frame(b"\x7e\x7d")[1:5] == b"\x7d\x5e\x7d\x5d"


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_packet_is_none(seed: int) -> None:
    rng = random.Random(seed)
    packets = [rng.randbytes(rng.randrange(1, 60)) for _ in range(40)]
    line = bytearray(b"".join(map(frame, packets)))
    for _ in range(20):
        place = rng.randrange(len(line))
        match rng.randrange(3):
            case 0:
                line[place] ^= 1 << rng.randrange(8)
            case 1:
                del line[place]
            case _:
                line.insert(place, rng.randrange(256))
    deframer = Deframer()
    found = list(deframer.feed(bytes(line)))
    assert set(found) <= set(packets)
    assert len(packets) - 40 <= len(found) < len(packets)
    assert len(found) >= 15
    assert deframer.bad > 0


def test_nothing_before_the_first_flag_is_a_packet() -> None:
    deframer = Deframer()
    packet = frame(b"abc")
    assert list(deframer.feed(packet[1:])) == []
    assert list(deframer.feed(packet)) == [b"abc"]
