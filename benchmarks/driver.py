# SPDX-License-Identifier: Apache-2.0
"""What the driver costs the processor: packing and unpacking by element size, and each frame of a build.

python benchmarks/driver.py BUILD      one core; a build for a PYNQ board

The frames go to a fabric that is done at once, so what is measured is the driver: packing, check words, registers, unpacking.
What its stand-in takes to write check words is measured by itself and subtracted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from headrace_host.batches import Batches, Buffer, layouts_of
from headrace_host.block import Block
from headrace_host.layout import MemoryLayout, check_start
from headrace_host.manifest import Build
from headrace_host.registers import BY_NAME, MAP_VERSION, TENSORS

MEGA = 1e6


def best(work: Callable[[], object], repeats: int = 7) -> float:
    """Seconds of the fastest call."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def packing() -> None:
    """A line for each element size: MB of numpy elements a second."""
    print(f"{'element bits':>12} {'pack MB/s':>12} {'unpack MB/s':>12} {'check MB/s':>12}")
    for bits in (1, 2, 4, 8, 16, 32):
        print(f"{bits:12} " + " ".join(f"{rate / MEGA:12,.0f}" for rate in packing_rates(bits)))


def packing_rates(bits: int) -> tuple[float, float, float]:
    """Bytes of numpy elements packed, and unpacked, and of memory checked in a second."""
    layout = MemoryLayout.of((192, 256, 16), bits, False, 8)
    frames = np.random.default_rng(1).integers(0, 1 << bits, (4, *layout.shape)).astype(layout.dtype)
    memory = np.zeros((4, layout.frame_bytes), np.uint8)
    starts = check_start(1, 4)
    pack = best(lambda: layout.pack(frames, memory))
    layout.seal(memory, starts)
    unpack, check = best(lambda: layout.unpack(memory)), best(lambda: layout.intact(memory, starts))
    return frames.nbytes / pack, frames.nbytes / unpack, memory.nbytes / check


class Instant:
    """Registers of a block that is done with each command as soon as it begins."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._outputs = layouts_of(manifest)["output"]
        self._words = {BY_NAME["VERSION"].offset: MAP_VERSION}
        for half, name in enumerate(("BUILD_LO", "BUILD_HI")):
            self._words[BY_NAME[name].offset] = int(manifest["build_id"], 16) >> (32 * half) & 0xFFFFFFFF
        self.memories: dict[int, Any] = {}
        self.seconds = 0.0
        """Spent on what hardware would have done."""

    def read(self, offset: int) -> int:
        """A register."""
        return self._words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Writes a register; a start is carried out."""
        if offset != BY_NAME["CTRL"].offset:
            cleared = offset in (BY_NAME[name].offset for name in ("RESET", "ERRORS", "ISR"))
            self._words[offset] = 0 if cleared else value
            return
        started = time.perf_counter()
        frames = self._words[BY_NAME["FRAMES"].offset]
        starts = check_start(self._words[BY_NAME["TAG"].offset], frames)
        first = len(self._manifest["inputs"])
        for index, layout in enumerate(self._outputs.values(), first):
            layout.seal(self.memories[self._words[TENSORS + 8 * index]][:frames], starts)
        for name in ("COMMANDS_DONE", "FRAMES_DONE"):
            self._words[BY_NAME[name].offset] = self._words.get(BY_NAME[name].offset, 0) + (frames if "F" in name else 1)
        self.seconds += time.perf_counter() - started


def frame_cost(manifest: Mapping[str, Any], name: str) -> None:
    """A line for each batch size: the driver's microseconds a frame."""
    entry = manifest["inputs"][0]
    lo, hi = entry["range"]
    print(f"\n{name}: input {entry['shape']}, outputs {[e['shape'] for e in manifest['outputs']]}")
    for size in (1, 8):
        fabric = Instant(manifest)

        def allocate(shape: tuple[int, int], fabric: Instant = fabric) -> Buffer:
            buffer = Buffer(np.zeros(shape, np.uint8), 4096 * (len(fabric.memories) + 1))
            fabric.memories[buffer.address] = buffer.memory
            return buffer

        batches = Batches(Block(fabric, manifest), manifest, allocate, size)
        frames = {entry["tensor"]: np.random.default_rng(1).integers(lo, hi, (64, *entry["shape"])).astype(np.uint8)}
        batches.run(frames)
        fabric.seconds, started = 0.0, time.perf_counter()
        for _ in range(5):
            batches.run(frames)
        taken = (time.perf_counter() - started - fabric.seconds) / (5 * 64)
        print(f"batch {size}: {1e6 * taken:8.1f} us a frame, {100 * taken / _interval(manifest):.1f} % of the fabric's time")


def _interval(manifest: Mapping[str, Any]) -> float:
    return float(manifest["performance"]["measured_interval_cycles"]) / (float(manifest["clock_mhz"]) * MEGA)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("build", type=Path)
    options = parser.parse_args()
    packing()
    build = Build.load(options.build)
    frame_cost(build.manifest, build.manifest["name"])


if __name__ == "__main__":
    main()
