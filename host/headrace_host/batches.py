# SPDX-License-Identifier: Apache-2.0
"""Keeps the accelerator busy: packs the next batch and unpacks the last one while the fabric works on others."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace_host.block import Block
from headrace_host.errors import BoardError
from headrace_host.golden import IntArray
from headrace_host.layout import MemoryLayout, check_start
from headrace_host.manifest import Build

Frames = Mapping[str, IntArray]
"""Integer tensors (N, H, W, C) by name."""


class Buffer:
    """Memory that processor and fabric share: ``pynq.allocate``'s buffers, or anything like them."""

    def __init__(self, array: Any, address: int) -> None:
        self.memory: npt.NDArray[np.uint8] = np.asarray(array)
        self.address = address
        self._array = array

    def flush(self) -> None:
        """Makes the processor's writes visible to the fabric."""
        if hasattr(self._array, "flush"):
            self._array.flush()

    def invalidate(self) -> None:
        """Makes the fabric's writes visible to the processor."""
        if hasattr(self._array, "invalidate"):
            self._array.invalidate()


Allocate = Callable[[tuple[int, int]], Buffer]
"""Makes a buffer of uint8 (frames, bytes), aligned to pages."""


def layouts_of(manifest: Mapping[str, Any]) -> dict[str, dict[str, MemoryLayout]]:
    """How a build's tensors lie in memory, by side: ``input``, ``held`` (inputs that stay the same) and ``output``.

    Raises:
        BoardError: the build's manifest contradicts itself.
    """
    ip = manifest["ip"]
    sides: dict[str, dict[str, MemoryLayout]] = {"input": {}, "held": {}, "output": {}}
    described = {entry["tensor"]: entry for entry in (*manifest["inputs"], *manifest["outputs"])}
    for entry in ip["tensors"]:
        if entry["side"] == "weights":
            continue
        tensor = described[entry["tensor"]]
        layout = MemoryLayout.of(tensor["shape"], tensor["bits"], tensor["signed"], ip["data_bits"] // 8)
        if (layout.element_bits, layout.frame_bytes) != (entry["element_bits"], entry["frame_bytes"]):
            raise BoardError(
                f"the manifest gives '{entry['tensor']}' another layout than this driver; install its headrace-host"
            )
        sides[entry["side"]][entry["tensor"]] = layout
    return sides


@dataclass
class Held:
    """An input that stays the same from frame to frame: one frame in memory, which all slots share."""

    layout: MemoryLayout
    buffer: Buffer
    is_set: bool = False


@dataclass
class Slot:
    """Buffers of one batch on its way."""

    inputs: dict[str, Buffer]
    """Those that are held and streamed weights among them, in the order of the block's registers."""
    outputs: dict[str, Buffer]
    frames: int = 0
    starts: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    command: int = 0

    @property
    def addresses(self) -> list[int]:
        """Of all tensors, inputs first."""
        return [buffer.address for buffer in (*self.inputs.values(), *self.outputs.values())]


def streamed_weights(build: Build, allocate: Allocate) -> dict[str, Buffer]:
    """The weights that a build streams, in memory, by their name among its tensors; none if it streams none.

    They stay where they are for as long as the accelerator is not reset: it reads them ahead.

    Raises:
        HostError: the file of them cannot be read.
        BoardError: it is of another build.
    """
    entries = [entry for entry in build.manifest["ip"]["tensors"] if entry["side"] == "weights"]
    found = {}
    for entry in entries:
        data = build.streamed
        if len(data) != entry["region_bytes"]:
            raise BoardError(f"{len(data)} bytes of weights to stream, the build has {entry['region_bytes']}; deploy it again")
        buffer = found[entry["tensor"]] = allocate((1, len(data)))
        buffer.memory[0] = np.frombuffer(data, np.uint8)
        buffer.flush()
    return found


class Batches:
    """Batches through one block, several on their way at once, results in order.

    Args:
        block: the accelerator.
        manifest: of its build.
        allocate: makes the buffers.
        batch_size: most frames of a batch.
        slots: batches on their way; two keep the fabric busy while a third is packed.
        held: of batches of another size through the same block; None: nothing is set yet.
        weights: what the accelerator streams from memory (`streamed_weights`), if it does.

    Raises:
        BoardError: the build's manifest contradicts itself.
    """

    def __init__(
        self,
        block: Block,
        manifest: Mapping[str, Any],
        allocate: Allocate,
        batch_size: int = 8,
        slots: int = 3,
        held: dict[str, Held] | None = None,
        weights: Mapping[str, Buffer] | None = None,
    ) -> None:
        if batch_size < 1 or slots < 1:
            raise BoardError(f"batch_size {batch_size} and slots {slots} must be at least 1")
        self.block, self.batch_size = block, batch_size
        sides = layouts_of(manifest)
        self.inputs, self.outputs = sides["input"], sides["output"]
        self.held = {n: Held(at, allocate((1, at.frame_bytes))) for n, at in sides["held"].items()} if held is None else held
        weights = weights or {}
        self._held_start = np.array([int(str(manifest["build_id"]), 16)], np.uint64)
        reads = [entry["tensor"] for entry in manifest["ip"]["tensors"] if entry["side"] != "output"]

        def place(name: str) -> Buffer:
            if name in self.held:
                return self.held[name].buffer
            return weights[name] if name in weights else allocate((batch_size, self.inputs[name].frame_bytes))

        self._tag = secrets.randbits(32)  # so that nothing of an earlier program passes for this one's
        self.slots = [
            Slot(
                {name: place(name) for name in reads},
                {name: allocate((batch_size, layout.frame_bytes)) for name, layout in self.outputs.items()},
            )
            for _ in range(slots)
        ]
        self._free = deque(self.slots)
        self._flying: deque[Slot] = deque()

    def hold(self, name: str, values: IntArray) -> None:
        """Sets an input that stays the same, (H, W, C), for all frames from now on.

        Raises:
            BoardError: no such input is held, or batches are on their way.
        """
        if name not in self.held:
            raise BoardError(f"no input '{name}' is held; this build holds {', '.join(self.held) or 'none'}")
        if self._flying:
            raise BoardError(f"{len(self._flying)} batches are on their way; hold '{name}' before or behind them")
        held = self.held[name]
        held.layout.pack(values[None], held.buffer.memory)
        held.layout.seal(held.buffer.memory, self._held_start)
        held.buffer.flush()
        held.is_set = True

    def run(self, frames: Frames) -> dict[str, IntArray]:
        """Runs any number of frames; returns the outputs (N, H, W, C) by name.

        Raises:
            BoardError: the accelerator failed, or memory did not keep what was written; it is reset, and may be used again.
        """
        count = len(next(iter(frames.values())))
        parts = ({name: x[at : at + self.batch_size] for name, x in frames.items()} for at in range(0, count, self.batch_size))
        results = {name: np.empty((count, *layout.shape), layout.dtype) for name, layout in self.outputs.items()}
        at = 0
        for part in self.stream(parts):
            for name, values in part.items():
                results[name][at : at + len(values)] = values
            at += len(next(iter(part.values())))
        return results

    def stream(self, batches: Iterable[Frames]) -> Iterator[dict[str, IntArray]]:
        """Runs batches of at most ``batch_size`` frames as they come; gives the outputs of each, in order.

        Raises:
            BoardError: as of `run`.
        """
        try:
            for batch in batches:
                if not self._free:
                    yield self.finish()
                self.start(batch)
            while self._flying:
                yield self.finish()
        finally:
            if self._flying:  # the caller lost interest, or something failed
                self.recover()

    def start(self, frames: Frames) -> None:
        """Packs a batch and queues it; there must be a free slot."""
        self.launch(self.fill(frames))

    def fill(self, frames: Frames) -> Slot:
        """Packs a batch into a free slot.

        Raises:
            BoardError: no slot is free, or the batch has no frames or too many.
        """
        if not self._free:
            raise BoardError(f"all {len(self.slots)} slots are on their way; finish one first")
        if missing := [name for name, held in self.held.items() if not held.is_set]:
            raise BoardError(f"input '{missing[0]}' is held, and has no values yet; call hold('{missing[0]}', values) first")
        slot = self._free[0]
        slot.frames = len(next(iter(frames.values())))
        if not 1 <= slot.frames <= self.batch_size:
            raise BoardError(f"a batch of {slot.frames} frames; this accelerator takes 1 to {self.batch_size} at once")
        self._tag = (self._tag + 1) & 0xFFFFFFFF
        slot.starts = check_start(self._tag, slot.frames)
        for name, layout in self.inputs.items():
            memory = slot.inputs[name].memory[: slot.frames]
            layout.pack(frames[name], memory)
            layout.seal(memory, slot.starts)
            slot.inputs[name].flush()
        return slot

    def launch(self, slot: Slot) -> None:
        """Queues a packed slot."""
        self._free.remove(slot)
        self._flying.append(slot)
        with self._recovering():
            slot.command = self.block.submit(slot.addresses, slot.frames, int(slot.starts[0] >> np.uint64(32)))

    def finish(self) -> dict[str, IntArray]:
        """Waits for the oldest batch on its way; unpacks its outputs."""
        slot = self._flying[0]
        with self._recovering():
            self.block.wait(slot.command)
            results = {}
            for name, layout in self.outputs.items():
                slot.outputs[name].invalidate()
                memory = slot.outputs[name].memory[: slot.frames]
                self._check(name, layout.intact(memory, slot.starts))
                results[name] = layout.unpack(memory)
        self._free.append(self._flying.popleft())
        return results

    def _check(self, name: str, intact: npt.NDArray[np.bool_]) -> None:
        if not intact.all():
            wrong = int(np.flatnonzero(~intact)[0])
            raise BoardError(
                f"frame {wrong} of output '{name}' is not what the fabric wrote (its check word differs): memory lost bits, "
                "or another program uses it"
            )

    def _recovering(self) -> _Recovering:
        return _Recovering(self)

    def recover(self) -> None:
        """Drops all batches on their way and resets the accelerator."""
        while self._flying:
            self._free.append(self._flying.popleft())
        self.block.reset()


class _Recovering:
    """Resets the accelerator when something fails, so that the next batch finds it at rest."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None:
            return
        try:
            self._batches.recover()
        except BoardError as stuck:
            if isinstance(error, BoardError):
                raise BoardError(f"{error} And {stuck}") from error
