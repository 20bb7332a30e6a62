# SPDX-License-Identifier: Apache-2.0
"""Buffers of weights that stream in; the way from memory is benched with `weight_feed`."""

from __future__ import annotations

import pytest

from headrace.backend.design import WeightStream
from headrace.backend.weights import BURST, ROUND_TRIP, depths_of


@pytest.mark.parametrize(
    ("width", "words", "passes", "depth"),
    [
        (376, 5120, 4, 4),  # three words of memory each: 0.19 a cycle, 48 in the time that a burst takes to come
        (128, 4096, 8, 3),
        (44, 5104, 4, 2),  # two share a word
        (128, 1, 1, 2),  # the least with which one burst comes while another one is used
    ],
)
def test_buffers_outlast_the_way_from_memory(width: int, words: int, passes: int, depth: int) -> None:
    stream = WeightStream(wire="w", file="w.hex", width=width, words=words, passes=passes)
    interval = 327_680
    assert depths_of([stream, stream], interval, 16) == (depth, depth)
    per, parts = max(1, 128 // width), -(-width // 128)
    taken = -(-words // per) * parts * passes / interval * ROUND_TRIP
    assert taken <= (depth - 1) * BURST
