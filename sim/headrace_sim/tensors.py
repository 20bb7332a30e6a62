# SPDX-License-Identifier: Apache-2.0
"""Tensors in the memory of a bench, and the commands that move them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from headrace_host.layout import MemoryLayout, check_start

from headrace_sim.words import IntArray, beats_of, pack

START = 0x0123456789ABCDEF
"""What the check words of repeated frames start from, on all benches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor of a network: what its stream and its frames in memory look like."""

    shape: tuple[int, int, int]
    bits: int
    signed: bool
    lanes: int
    word_bytes: int
    repeat: bool = False
    """Whether memory has one frame, for all frames of a command."""

    @classmethod
    def of(cls, data: Mapping[str, Any], word_bytes: int) -> Tensor:
        """From what a case carries."""
        return cls(
            shape=(data["shape"][0], data["shape"][1], data["shape"][2]),
            bits=data["bits"],
            signed=data["signed"],
            lanes=data["lanes"],
            word_bytes=word_bytes,
            repeat=data.get("repeat", False),
        )

    @property
    def layout(self) -> MemoryLayout:
        """Of its frames."""
        return MemoryLayout.of(self.shape, self.bits, self.signed, self.word_bytes)

    @property
    def words(self) -> int:
        """Of memory that a frame takes."""
        return self.layout.frame_bytes // self.word_bytes

    @property
    def beats(self) -> int:
        """Of the stream for a frame."""
        return self.shape[0] * self.shape[1] * -(-self.shape[2] // self.lanes)

    def parameters(self, suffix: str) -> dict[str, int]:
        """Of `tensor_reader` and `tensor_writer`."""
        layout = self.layout
        named = {
            "ElementW": layout.element_bits,
            "LaneW": self.bits,
            "Lanes": self.lanes,
            "Channels": self.shape[2],
            "Elements": layout.elements,
            **({"Repeat": 1} if self.repeat else {}),
        }
        return {f"{name}{suffix}": value for name, value in named.items()}

    def random(self, count: int, rng: np.random.Generator) -> IntArray:
        """Frames (N, H, W, C)."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        different = 1 if self.repeat else count
        frames = rng.integers(low, low + (1 << self.bits), (different, *self.shape), dtype=np.int64)
        return np.broadcast_to(frames, (count, *self.shape))

    def stream(self, frames: IntArray) -> list[int]:
        """The beats of frames (N, H, W, C)."""
        return pack(beats_of(frames.reshape(-1, self.shape[2]), self.lanes), bits=self.bits)

    def sealed(self, frames: IntArray, tag: int) -> npt.NDArray[np.uint8]:
        """The bytes (N, frame bytes) of a command's frames in memory, with their check words."""
        frames, starts = (frames[:1], np.array([START], np.uint64)) if self.repeat else (frames, check_start(tag, len(frames)))
        memory = np.zeros((len(frames), self.layout.frame_bytes), np.uint8)
        self.layout.pack(frames, memory)
        self.layout.seal(memory, starts)
        return memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Frames (N, H, W, C) of one tensor that lie, or are to lie, at ``address``."""

    tensor: Tensor
    frames: IntArray
    tag: int
    address: int

    @property
    def sealed(self) -> npt.NDArray[np.uint8]:
        """Their bytes (N, frame bytes)."""
        return self.tensor.sealed(self.frames, self.tag)

    @property
    def stream(self) -> list[int]:
        """Their beats."""
        return self.tensor.stream(self.frames)

    def word(self, address_bits: int) -> int:
        """As the tops of the benches take it: tag, frames, address."""
        return (self.tag << 32 | len(self.frames)) << address_bits | self.address

    @property
    def addresses(self) -> list[int]:
        """Of its words, as they are read."""
        once = list(range(self.address, self.address + self.sealed.size, self.tensor.word_bytes))
        return once * (len(self.frames) if self.tensor.repeat else 1)


class Arena:
    """A piece of memory in which commands get their places, with gaps of random width between them."""

    def __init__(self, *, base: int, size: int, word_bytes: int, rng: np.random.Generator) -> None:
        self.base, self.word_bytes, self.rng = base, word_bytes, rng
        self.data = rng.integers(0, 256, size, dtype=np.uint8)
        self._next = base

    def command(self, tensor: Tensor, count: int, *, values: IntArray | None = None, tag: int | None = None) -> Command:
        """One of ``count`` frames at the next free place; its frames and its tag are random if not given."""
        address = self._next + int(self.rng.integers(0, 20)) * self.word_bytes
        size = (1 if tensor.repeat else count) * tensor.layout.frame_bytes
        if address + size > self.base + len(self.data):  # what lay there first is done
            address = self.base
        self._next = address + size
        frames = tensor.random(count, self.rng) if values is None else values
        return Command(
            tensor=tensor, frames=frames, tag=int(self.rng.integers(0, 1 << 32)) if tag is None else tag, address=address
        )

    def place(self, command: Command, data: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """The bytes (N, frame bytes) of a command's frames in ``data``, the arena's own if not told otherwise, to change."""
        first, layout = command.address - self.base, command.tensor.layout
        size = (1 if command.tensor.repeat else len(command.frames)) * layout.frame_bytes
        return (self.data if data is None else data)[first : first + size].reshape(-1, layout.frame_bytes)
