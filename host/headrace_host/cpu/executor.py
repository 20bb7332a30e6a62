# SPDX-License-Identifier: Apache-2.0
"""Runs a planned program on batches of any size, from any number of threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace_host.cpu.memory import NO_MARGIN, Array, Binder, Margin
from headrace_host.cpu.planner import Planner
from headrace_host.errors import HostError
from headrace_host.golden import storage_dtype
from headrace_host.program import Program

if TYPE_CHECKING:
    from headrace_host.cpu.memory import Step
    from headrace_host.golden import IntArray

MAX_FRAMES = 16
"""Most frames that are computed together."""
SLICE = 1 << 18
"""Elements of a program's largest tensor, over the frames that are computed together."""
BUFFER = 2048
"""Elements of numpy's buffers: it copies rows shorter than half of that, 8192 by default, before it works on them."""
LARGE = 4096
"""Elements of a tensor from which on that matters more than the time it takes to change the buffers."""


@dataclass(slots=True)
class _Bound:
    """The steps for some number of frames, on memory of their own."""

    inputs: dict[str, Array]
    outputs: dict[str, Array]
    steps: list[Step]
    buffer: int
    """Elements of numpy's buffers meanwhile; 0: as they are"""

    def run(self, inputs: Mapping[str, Array], outputs: Mapping[str, Array], part: slice) -> None:
        """Reads and fills some frames of arrays (N, H, W, C)."""
        usual = np.setbufsize(self.buffer) if self.buffer else 0
        try:
            for name, pixels in self.inputs.items():
                np.copyto(pixels, inputs[name][part], casting="unsafe")
            for step in self.steps:
                step()
            for name, pixels in self.outputs.items():
                np.copyto(outputs[name][part], pixels, casting="unsafe")
        finally:
            if usual:
                np.setbufsize(usual)


@dataclass(slots=True)
class PlannedProgram:
    """A program prepared for fast execution; gives what `Program.run` gives, in every bit.

    Large batches are computed in slices, so memory does not grow with the batch. Threads that run it at the same time work
    on memory of their own.
    """

    program: Program
    _planner: Planner = field(init=False)
    _layers: list[Any] = field(init=False)
    _largest: int = field(init=False)
    """Elements of the largest tensor of one frame"""
    _together: int = field(init=False)
    """Frames that are computed together at most, a power of two"""
    _outputs: list[tuple[str, tuple[int, ...], Any]] = field(init=False)
    """Their names, shapes without frames, and types"""
    _margins: dict[str, Margin] = field(init=False, default_factory=dict)
    _idle: dict[int, list[_Bound]] = field(init=False, default_factory=dict)
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        """Plan."""
        self._planner = Planner(self.program)
        self._layers = self._planner.plan()
        for planned in self._layers:
            for name, margin in planned.layer.margins.items():
                self._margins[name] = self._margins.get(name, NO_MARGIN) | margin
        tensors = self.program.spec["tensors"]
        kinds = {name: (tuple(t["shape"]), storage_dtype(t["lo"], t["hi"])) for name, t in tensors.items()}
        self._outputs = [(name, *kinds[name]) for name in self.program.spec["outputs"]]
        self._largest = max(int(np.prod(tensor["shape"])) for tensor in tensors.values())
        self._together = min(MAX_FRAMES, 1 << max(1, SLICE // self._largest).bit_length() - 1)

    def run(self, inputs: Mapping[str, IntArray]) -> dict[str, IntArray]:
        """Executes one batch.

        Args:
            inputs: integer tensors (N, H, W, C) by name, as `Program.run` takes them.

        Returns:
            the outputs (N, H, W, C) by name, each in the smallest type that holds its range.

        Raises:
            HostError: an input is missing, has the wrong shape, or a value outside the declared range.
        """
        self.program.check_inputs(inputs)
        frames = self._frames(inputs)
        outputs = {name: np.empty((frames, *shape), dtype) for name, shape, dtype in self._outputs}
        start = 0
        while start < frames:
            count = min(self._together, 1 << (frames - start).bit_length() - 1)
            part = slice(start, start + count)
            bound = self._take(count)
            bound.run(inputs, outputs, part)
            with self._lock:
                self._idle[count].append(bound)
            start += count
        return outputs

    def _frames(self, inputs: Mapping[str, IntArray]) -> int:
        """In the batch."""
        counts = {len(inputs[name]) for name in self.program.spec["inputs"]} or {1}
        if len(counts) > 1:
            raise HostError(f"the inputs hold {' and '.join(map(str, sorted(counts)))} frames; they need the same number")
        return counts.pop()

    def _take(self, frames: int) -> _Bound:
        """Steps for so many frames that no other thread uses."""
        with self._lock:
            idle = self._idle.setdefault(frames, [])
            if idle:
                return idle.pop()
        return self._bind(frames)

    def _bind(self, frames: int) -> _Bound:
        spec, binder = self.program.spec, Binder(frames)
        for name in spec["inputs"]:
            self._place(binder, name, alone=True)
        last = {name: i for i, planned in enumerate(self._layers) for name in (*planned.reads, *planned.writes)}
        for i, planned in enumerate(self._layers):
            for name in planned.writes:
                self._place(binder, name, alone=planned.constant)
            before = len(binder.steps)
            planned.layer.bind(binder)
            binder.release()
            if planned.constant:
                for step in binder.steps[before:]:
                    step()
                del binder.steps[before:]
            for name in dict.fromkeys((*planned.reads, *planned.writes)):
                if last[name] == i and name not in spec["outputs"]:
                    binder.free(name)
        inputs, outputs = ({name: binder.maps[name].pixels for name in spec[side]} for side in ("inputs", "outputs"))
        return _Bound(inputs, outputs, binder.steps, BUFFER if frames * self._largest > LARGE else 0)

    def _place(self, binder: Binder, name: str, *, alone: bool) -> None:
        shape = tuple(self.program.spec["tensors"][name]["shape"])
        binder.place(name, shape, self._planner.dtype(name), self._margins.get(name, NO_MARGIN), alone=alone)
