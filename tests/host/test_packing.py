# SPDX-License-Identifier: Apache-2.0
"""Tensors to beats and words, and back."""

from __future__ import annotations

import numpy as np
import pytest
from headrace_host.packing import beats_per_pixel, from_beats, pack_words, to_beats, unpack_words, words_per_beat
from headrace_host.simulator import StreamSpec
from hypothesis import given, settings
from hypothesis import strategies as st

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 13))


@given(shape=SHAPES, lanes=st.integers(1, 16), seed=st.integers(0, 2**31))
def test_beats_round_trip_and_are_zero_beyond_the_last_channel(shape: tuple[int, int, int, int], lanes: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(1, 256, shape)
    beats = to_beats(x, lanes)
    per_pixel = beats_per_pixel(shape[3], lanes)
    assert beats.shape == (shape[0] * shape[1] * shape[2] * per_pixel, lanes)
    pixels = beats.reshape(*shape[:3], -1)
    np.testing.assert_array_equal(pixels[..., : shape[3]], x)
    assert not pixels[..., shape[3] :].any()
    np.testing.assert_array_equal(from_beats(beats, shape[1:], lanes), x)


@settings(max_examples=60)
@given(
    bits=st.integers(1, 45), lanes=st.integers(1, 9), count=st.integers(0, 5), signed=st.booleans(), seed=st.integers(0, 2**31)
)
def test_words_hold_lane_0_in_the_low_bits(bits: int, lanes: int, count: int, signed: bool, seed: int) -> None:
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    values = np.random.default_rng(seed).integers(low, high, (count, lanes))
    words = pack_words(values, bits)
    assert words.shape == (count, words_per_beat(bits * lanes))
    assert words.dtype == np.uint32
    for row, lane_values in zip(words.tolist(), values.tolist(), strict=True):
        number = sum(word << (32 * i) for i, word in enumerate(row))
        assert number == sum((v % (1 << bits)) << (bits * lane) for lane, v in enumerate(lane_values))
    np.testing.assert_array_equal(unpack_words(words, lanes, bits, signed), values)


def test_extreme_values_survive() -> None:
    values = np.array([[-(1 << 31), (1 << 31) - 1, -1, 0]])
    np.testing.assert_array_equal(unpack_words(pack_words(values, 32), 4, 32, signed=True), values)


def test_a_part_of_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number of frames"):
        from_beats(np.zeros((7, 2), np.int64), (2, 2, 3), 2)


@given(shape=SHAPES, lanes=st.integers(1, 8), bits=st.integers(1, 20), seed=st.integers(0, 2**31))
def test_stream_specs_round_trip(shape: tuple[int, int, int, int], lanes: int, bits: int, seed: int) -> None:
    spec = StreamSpec("t", shape[1:], lanes, bits, False)
    x = np.random.default_rng(seed).integers(0, 1 << bits, shape)
    words = spec.pack(x)
    assert len(words) == shape[0] * spec.frame_beats
    np.testing.assert_array_equal(spec.unpack(words), x)
