# SPDX-License-Identifier: Apache-2.0
"""How tensors lie in memory: against the definition, element by element."""

from __future__ import annotations

import numpy as np
import pytest
from headrace_host.layout import MemoryLayout, check_start
from hypothesis import given
from hypothesis import strategies as st


def packed_by_hand(frame: np.ndarray, element_bits: int, frame_bytes: int) -> bytes:
    """The frame as one long integer, the first element in its low bits."""
    whole = sum((int(value) & ((1 << element_bits) - 1)) << (k * element_bits) for k, value in enumerate(frame.reshape(-1)))
    return whole.to_bytes(frame_bytes, "little")


@given(
    bits=st.integers(1, 40),
    signed=st.booleans(),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 9)),
    frames=st.integers(0, 3),
    word_bytes=st.sampled_from([8, 16]),
    wide=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_packs_as_defined(
    bits: int, signed: bool, shape: tuple[int, int, int], frames: int, word_bytes: int, wide: bool, seed: int
) -> None:
    layout = MemoryLayout.of(shape, bits, signed, word_bytes)
    assert layout.element_bits >= bits > layout.element_bits // 2
    assert layout.frame_bytes % word_bytes == 0
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    x = np.random.default_rng(seed).integers(lo, hi, (frames, *shape), endpoint=True)
    x = x if wide else x.astype(layout.dtype)
    memory = np.full((frames, layout.frame_bytes), 0xA5, np.uint8)
    layout.pack(x, memory)
    for frame, row in zip(x, memory, strict=True):
        assert row[: layout.check_offset].tobytes() == packed_by_hand(frame, layout.element_bits, layout.check_offset)
    back = layout.unpack(memory)
    assert back.dtype == layout.dtype
    np.testing.assert_array_equal(back, x)


def test_whole_bytes_are_viewed_in_place() -> None:
    layout = MemoryLayout.of((2, 2, 2), 12, True, 8)
    memory = np.zeros((3, layout.frame_bytes), np.uint8)
    layout.view(memory)[1, 0, 1, 0] = -2
    assert memory[1, 4:6].tobytes() == b"\xfe\xff"


@pytest.mark.parametrize("element_bits", [1, 2, 4])
def test_frames_beyond_the_batch_are_left_alone(element_bits: int) -> None:
    layout = MemoryLayout.of((1, 3, 1), element_bits, False, 8)
    memory = np.full((2, layout.frame_bytes), 7, np.uint8)
    layout.pack(np.ones((1, 1, 3, 1), np.uint8), memory)
    assert (memory[1] == 7).all()


@pytest.mark.parametrize("word_bytes", [8, 16])
def test_check_words_tell_changes_and_other_frames(word_bytes: int) -> None:
    layout = MemoryLayout.of((3, 5, 3), 4, True, word_bytes)
    memory = np.zeros((4, layout.frame_bytes), np.uint8)
    rng = np.random.default_rng(1)
    layout.pack(rng.integers(-8, 8, (4, 3, 5, 3)), memory)
    starts = check_start(0xFFFFFFFF, 4)
    layout.seal(memory, starts)
    for frame, start in zip(memory, [4, 3, 2, 1], strict=True):
        words = [int.from_bytes(frame[k : k + 8].tobytes(), "little") for k in range(0, layout.check_offset, 8)]
        check = int.from_bytes(frame[layout.check_offset :][:8].tobytes(), "little")
        assert check == (sum(words) + (0xFFFFFFFF << 32) + start) % (1 << 64)
    assert layout.intact(memory, starts).all()
    assert not layout.intact(memory, check_start(0xFFFFFFFE, 4)).any()
    assert not layout.intact(memory[::-1], starts).any()
    for byte, bit in zip(rng.integers(0, layout.check_offset + 8, 50), rng.integers(0, 8, 50), strict=True):
        changed = memory.copy()
        changed[2, byte] ^= 1 << bit
        assert layout.intact(changed, starts).tolist() == [True, True, False, True]
