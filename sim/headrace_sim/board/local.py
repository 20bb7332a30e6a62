# SPDX-License-Identifier: Apache-2.0
"""The simulated board without pynq, in this process: a deployed build, its memory, and the driver's parts on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from headrace_host.batches import Batches, Buffer, streamed_weights
from headrace_host.block import Block
from headrace_host.boardfile import unpack_boardfile
from headrace_host.manifest import Build
from headrace_host.program import Program

from headrace_sim.board.fabric import Fabric, MemoryModel

IntArray = npt.NDArray[np.integer[Any]]
BASE = 0x1000_0000
"""Address of the first byte of memory."""


class CachedMemory:
    """Memory with the processor's view of it apart, as behind a cache."""

    def __init__(self, memory: IntArray) -> None:
        self.memory, self.view = memory, memory.copy()

    def __array__(self, *_: Any, **__: Any) -> IntArray:
        return self.view

    def flush(self) -> None:
        self.memory[:] = self.view

    def invalidate(self) -> None:
        self.view[:] = self.memory


@dataclass
class Board:
    """A configured fabric, its memory, and the driver's parts on it."""

    fabric: Fabric
    dram: IntArray
    block: Block
    batches: Batches
    program: Program

    def model(self, **changes: Any) -> None:
        """How memory behaves from now on."""
        self.fabric.model = MemoryModel(**changes)
        self.fabric.apply()

    def random(self, count: int, seed: int = 1) -> dict[str, IntArray]:
        """Random frames over the inputs' ranges."""
        rng, tensors = np.random.default_rng(seed), self.program.spec["tensors"]
        return {
            name: rng.integers(tensors[name]["lo"], tensors[name]["hi"], (count, *tensors[name]["shape"]), endpoint=True)
            for name in self.program.spec["inputs"]
        }

    def assert_exact(self, frames: Mapping[str, IntArray]) -> None:
        """Runs frames on the board and on the CPU."""
        golden, found = self.program.run(frames), self.batches.run(frames)
        assert set(found) == set(golden)
        for name, values in golden.items():
            np.testing.assert_array_equal(found[name], values)


@contextmanager
def local_board(deployed: Path, scratch: Path, batch_size: int = 4, **options: Any) -> Iterator[Board]:
    """The board of a deployed build without pynq."""
    build = Build.load(deployed)
    _, model, roms = unpack_boardfile(next(deployed.glob("*.bit")), scratch)
    library = Path(shutil.copyfile(model, scratch / "own.so"))
    dram = np.full(1 << 24, 0xA5, np.uint8)
    fabric = Fabric(library, roms, dram, BASE)
    taken = 0

    def allocate(shape: tuple[int, int]) -> Buffer:
        nonlocal taken
        at, size = taken, int(np.prod(shape))
        taken += -(-size // 4096) * 4096
        return Buffer(CachedMemory(dram[at : at + size].reshape(shape)), BASE + at)

    try:
        block = Block(fabric, build.manifest, options.pop("patience_cycles", None))
        options.setdefault("weights", streamed_weights(build, allocate))
        batches = Batches(block, build.manifest, allocate, batch_size, **options)
        yield Board(fabric, dram, block, batches, Program.load(build.folder))
    finally:
        fabric.close()
