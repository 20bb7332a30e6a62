# SPDX-License-Identifier: Apache-2.0
"""Drives a Verilated network (a shared object built by headrace) with numpy arrays."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace_host.errors import HostError
from headrace_host.golden import IntArray
from headrace_host.packing import beats_per_pixel, from_beats, pack_words, to_beats, unpack_words, words_per_beat

SLICE_CYCLES = 200_000
"""Cycles simulated between two looks at the clock: short enough for progress bars and Ctrl-C."""
HARNESS_ABI = 1
"""Version of the structures and functions below; raise it whenever they change, so that older simulators are not loaded."""
RUNNING, FINISHED, DEADLOCK, ASSERTION = range(4)


class SimulationError(Exception):
    """The simulated network deadlocked or broke one of its assertions."""


class _StreamState(ctypes.Structure):
    _fields_ = (
        ("source", ctypes.c_void_p),
        ("sink", ctypes.c_void_p),
        ("words", ctypes.c_int64),
        ("beats", ctypes.c_int64),
        ("frame_beats", ctypes.c_int64),
        ("done", ctypes.c_int64),
        ("period", ctypes.c_double),
    )


class _RunState(ctypes.Structure):
    _fields_ = (
        ("inputs", ctypes.POINTER(_StreamState)),
        ("outputs", ctypes.POINTER(_StreamState)),
        ("input_count", ctypes.c_int64),
        ("output_count", ctypes.c_int64),
        ("stall_in", ctypes.c_double),
        ("stall_out", ctypes.c_double),
        ("max_cycles", ctypes.c_int64),
        ("idle_limit", ctypes.c_int64),
        ("frame_ends", ctypes.POINTER(ctypes.c_int64)),
        ("frames_done", ctypes.c_int64),
        ("cycles", ctypes.c_int64),
        ("first_beat", ctypes.c_int64),
    )


@dataclass(frozen=True)
class StreamSpec:
    """A stream at the network's boundary or on one of its edges."""

    tensor: str
    shape: tuple[int, int, int]
    lanes: int
    bits: int
    signed: bool

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> StreamSpec:
        """Reads a manifest entry."""
        h, w, c = entry["shape"]
        return cls(entry["tensor"], (h, w, c), entry["lanes"], entry["bits"], entry["signed"])

    @property
    def words(self) -> int:
        """32-bit words of a beat."""
        return words_per_beat(self.lanes * self.bits)

    @property
    def frame_beats(self) -> int:
        """Beats of a frame."""
        h, w, c = self.shape
        return h * w * beats_per_pixel(c, self.lanes)

    def pack(self, x: IntArray) -> npt.NDArray[np.uint32]:
        """(N, H, W, C) -> words (beats, words)."""
        return np.ascontiguousarray(pack_words(to_beats(x, self.lanes), self.bits))

    def unpack(self, words: npt.NDArray[np.uint32]) -> IntArray:
        """Inverse of :meth:`pack`."""
        return from_beats(unpack_words(words, self.lanes, self.bits, self.signed), self.shape, self.lanes)


@dataclass(frozen=True)
class SimulationResult:
    """Outputs and timing of one run."""

    outputs: dict[str, IntArray]
    cycles: int
    first_beat: int
    frame_ends: tuple[int, ...]

    @property
    def latency_cycles(self) -> int:
        """From the first input beat to the last output beat of the first frame."""
        return self.frame_ends[0] - self.first_beat

    @property
    def cycles_per_frame(self) -> float | None:
        """Steady-state interval: mean distance of the later half of the frames' ends; None for a single frame.

        While the first frames fill the queues between the engines, their ends lie farther apart.
        """
        ends = self.frame_ends[(len(self.frame_ends) - 1) // 2 :]
        return (ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else None


class NetworkSimulator:
    """One instance of a Verilated network.

    Args:
        library: the shared object.
        rom_dir: folder of the memory contents.
        inputs: streams in port order.
        outputs: streams in port order.

    Raises:
        HostError: the shared object cannot be loaded.
    """

    def __init__(self, library: Path, rom_dir: Path, inputs: Sequence[StreamSpec], outputs: Sequence[StreamSpec]) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        try:
            self._lib = ctypes.CDLL(str(library), mode=os.RTLD_LOCAL)
        except OSError as error:
            raise HostError(f"{library}: cannot load the simulator ({error}); run headrace simulate on the build") from error
        self._declare()
        self._handle = self._lib.hr_new(str(rom_dir.resolve()).encode())

    def _declare(self) -> None:
        lib = self._lib
        lib.hr_new.restype = ctypes.c_void_p
        lib.hr_new.argtypes = [ctypes.c_char_p]
        lib.hr_free.argtypes = [ctypes.c_void_p]
        lib.hr_reset.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        lib.hr_set_fifo.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int]
        lib.hr_fifo_level.argtypes = [ctypes.c_void_p, ctypes.c_int]
        lib.hr_fifo_level.restype = ctypes.c_int64
        lib.hr_tap_words.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p)]
        lib.hr_tap_words.restype = ctypes.c_int64
        lib.hr_run.argtypes = [ctypes.c_void_p, ctypes.POINTER(_RunState)]

    def close(self) -> None:
        """Frees the simulated network."""
        if self._handle:
            self._lib.hr_free(self._handle)
            self._handle = None

    def __enter__(self) -> NetworkSimulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def limit_fifo(self, index: int, depth: int | None = None, *, tap: bool = False) -> None:
        """Lets FIFO ``index`` hold at most ``depth`` beats from the next run on, and records what leaves it if ``tap``."""
        self._lib.hr_set_fifo(self._handle, index, -1 if depth is None else depth, int(tap))

    def fifo_peak(self, index: int) -> int:
        """Most beats that FIFO ``index`` held in the last run."""
        return int(self._lib.hr_fifo_level(self._handle, index))

    def tapped(self, index: int, words: int) -> npt.NDArray[np.uint32]:
        """What left FIFO ``index`` in the last run: (beats, words)."""
        pointer = ctypes.c_void_p()
        count = self._lib.hr_tap_words(self._handle, index, ctypes.byref(pointer))
        if not count:
            return np.zeros((0, words), np.uint32)
        raw = (ctypes.c_uint32 * count).from_address(pointer.value or 0)
        return np.array(raw, np.uint32).reshape(-1, words)

    def run(
        self,
        frames: Mapping[str, IntArray],
        *,
        stall: float = 0.0,
        seed: int = 1,
        interval: float = 0.0,
        idle_limit: int = 2_000_000,
        partial: bool = False,
        due: Sequence[int] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> SimulationResult:
        """Simulates from reset until every output has given all frames.

        Args:
            frames: integer tensors (N, H, W, C) by name, one per input.
            stall: probability that an input beat is withheld, or an output not ready, in any cycle.
            seed: of the stalls.
            interval: cycles per frame at which inputs are offered at most; 0 as fast as they are taken.
            idle_limit: cycles without a beat at any port that count as deadlock.
            partial: return what came out of a deadlocked run instead of raising.
            due: cycles by which frames are to have ended; soon after one has not, the run is over and returns what came out.
            progress: called with (frames done, cycles).

        Raises:
            SimulationError: deadlock, or an assertion of the hardware failed.
            HostError: shapes do not fit.
        """
        count = {len(frames[spec.tensor]) for spec in self.inputs}
        if len(count) != 1:
            raise HostError(f"inputs hold different numbers of frames: {sorted(count)}")
        n = count.pop()
        sources = [spec.pack(frames[spec.tensor]) for spec in self.inputs]
        sinks = [np.zeros((n * spec.frame_beats, spec.words), np.uint32) for spec in self.outputs]
        in_states = (_StreamState * len(sources))()
        for state, spec, data in zip(in_states, self.inputs, sources, strict=True):
            state.source, state.words, state.beats = data.ctypes.data, spec.words, len(data)
            state.frame_beats, state.period = spec.frame_beats, interval / spec.frame_beats
        out_states = (_StreamState * len(sinks))()
        for state, spec, data in zip(out_states, self.outputs, sinks, strict=True):
            state.sink, state.words, state.beats, state.frame_beats = data.ctypes.data, spec.words, len(data), spec.frame_beats
        ends = (ctypes.c_int64 * max(1, n))()
        run = _RunState(in_states, out_states, len(sources), len(sinks), stall, stall, SLICE_CYCLES, idle_limit, ends, 0, 0, -1)
        self._lib.hr_reset(self._handle, seed)
        status, late = RUNNING, False
        while status == RUNNING and not late:
            status = self._lib.hr_run(self._handle, ctypes.byref(run))
            if progress:
                progress(int(run.frames_done), int(run.cycles))
            late = run.frames_done < len(due) and run.cycles > due[run.frames_done]
        if status == ASSERTION or (status == DEADLOCK and not partial):
            raise SimulationError(self._complaint(status, run, in_states, out_states))
        whole = [
            int(state.done) // spec.frame_beats * spec.frame_beats for state, spec in zip(out_states, self.outputs, strict=True)
        ]
        outputs = {spec.tensor: spec.unpack(s[:k]) for spec, s, k in zip(self.outputs, sinks, whole, strict=True)}
        return SimulationResult(outputs, int(run.cycles), int(run.first_beat), tuple(ends[: int(run.frames_done)]))

    def _complaint(self, status: int, run: _RunState, ins: Any, outs: Any) -> str:
        if status == ASSERTION:
            return f"an assertion of the hardware failed in cycle {run.cycles} (see the message above)"
        taken = ", ".join(f"{spec.tensor} {s.done}/{s.beats}" for spec, s in zip(self.inputs, ins, strict=True))
        given = ", ".join(f"{spec.tensor} {s.done}/{s.beats}" for spec, s in zip(self.outputs, outs, strict=True))
        return f"deadlock in cycle {run.cycles}: input beats taken {taken}; output beats given {given}"
