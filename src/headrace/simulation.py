# SPDX-License-Identifier: Apache-2.0
"""Simulates a build and compares it with the golden program; finds the first difference."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from headrace_host.manifest import MANIFEST, Build
from headrace_host.program import Program
from headrace_host.simulator import NetworkSimulator, SimulationError, SimulationResult, StreamSpec

from headrace.backend.design import Stream, WeightStream
from headrace.build.verilate import Harness, build_simulator, network_harness
from headrace.errors import BuildError, MismatchError
from headrace.files import replacing, save_json
from headrace.hls.simulation import changed_files, part_files, parts_of
from headrace.ir.ops import IntArray

Note = Callable[[str], None]
KEPT = 4
"""Simulators of a build with other kernels than now; one may be about to run in another process."""
TapProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One simulation that agreed with the golden program in every bit."""

    frames: int
    stall: float
    seed: int
    result: SimulationResult
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The figures that ``headrace simulate`` prints."""
        return {
            "bit_exact": True,
            "frames": self.frames,
            "stall": self.stall,
            "seed": self.seed,
            "cycles": self.result.cycles,
            "cycles_per_frame": self.result.cycles_per_frame,
            "latency_cycles": self.result.latency_cycles,
            "sim_cycles_per_second": round(self.result.cycles / self.seconds, 1),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """A build's Verilated network."""

    library: Path
    changed: tuple[str, ...]
    """C++ files in it that are not as they were compiled."""


def ensure_simulator(build: Build, note: Note = lambda _: None) -> Simulator:
    """The build's Verilated network; compiles it, or takes it from the cache, if the build has none yet.

    One that holds C++ kernels is compiled anew when they have changed.

    Raises:
        HostError: the build's SystemVerilog or memory contents changed since it was compiled.
        BuildError: C++ files are missing.
        ToolError: Verilator or the compiler is absent or failed.
    """
    manifest = build.manifest
    build.verify_hardware()
    kernels = {name: part_files(build, part) for name, part in parts_of(build).items()} if build.kernels() else {}
    target = build.simulator_of({name: {n: text.encode() for n, text in files.items()} for name, files in kernels.items()})
    simulator = Simulator(library=target, changed=changed_files(build, kernels))
    if target.is_file():
        return simulator
    note("compiling the simulator")
    sources = [build.folder / "rtl" / name for name in manifest["rtl"]["sources"]]
    library = build_simulator(sources, harness_of_build(build), kernels)
    target.parent.mkdir(exist_ok=True)
    with replacing(target) as partial:
        shutil.copyfile(library, partial)
    for earlier in sorted(target.parent.glob("*.so"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        earlier.unlink(missing_ok=True)
    return simulator


def streams_of(build: Build) -> tuple[list[Stream], list[Stream]]:
    """What enters and what leaves a build's network."""
    inputs, outputs = ([_stream(entry) for entry in build.manifest[side]] for side in ("inputs", "outputs"))
    return inputs, outputs


def harness_of_build(build: Build) -> Harness:
    """Of the streams of a build's network."""
    manifest = build.manifest
    work = len(manifest["engines"]) * manifest["performance"]["interval_cycles"]
    return network_harness(*streams_of(build), [WeightStream(**entry) for entry in manifest.get("weights", [])], work=int(work))


def _stream(entry: dict[str, Any]) -> Stream:
    return Stream(
        wire=entry["wire"],
        tensor=entry["tensor"],
        lanes=entry["lanes"],
        bits=entry["bits"],
        signed=entry["signed"],
    )


class Simulation:
    """A build's golden program beside its Verilated network.

    Args:
        taps: whether the model records what passes inside, so that a difference can be traced; a netlist does not.
    """

    def __init__(self, build: Build, library: Path, *, taps: bool = True) -> None:
        self._build, self._taps = build, taps
        self._program = Program.load(build.folder)
        inputs, outputs = ([StreamSpec.from_json(e) for e in build.manifest[side]] for side in ("inputs", "outputs"))
        self._simulator = NetworkSimulator(library, build.rom_dir, inputs, outputs)

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self._simulator.close()

    def compare(
        self,
        frames: dict[str, IntArray],
        *,
        stall: float = 0.0,
        seed: int = 1,
        progress: TapProgress | None = None,
    ) -> Comparison:
        """Simulates ``frames`` and compares every output value with the golden program.

        Raises:
            MismatchError: they differ (names the first differing layer, pixel and channel), the network deadlocks, or one of
                the hardware's assertions fails.
        """
        golden = self._program.run(frames)
        started = time.perf_counter()
        idle = 4 * int(self._build.manifest["performance"]["interval_cycles"]) + 10_000
        options: dict[str, Any] = {"stall": stall, "seed": seed, "idle_limit": int(idle / (1 - stall))}
        try:
            result = self._simulator.run(frames, progress=progress, **options)
        except SimulationError as error:
            raise MismatchError(f"{self._build.folder}: {error}{self._diagnosis(frames, options)}") from error
        seconds = time.perf_counter() - started
        count = len(next(iter(frames.values())))
        if any(not np.array_equal(golden[name], result.outputs[name]) for name in golden):
            raise MismatchError(f"{self._build.folder}: simulation differs from golden{self._diagnosis(frames, options)}")
        return Comparison(frames=count, stall=stall, seed=seed, result=result, seconds=seconds)

    def _diagnosis(self, frames: dict[str, IntArray], options: dict[str, Any]) -> str:
        """Runs again with every edge recorded; describes the first difference in the order of the layers."""
        if not self._taps:
            return ""
        fifos = self._build.manifest["fifos"]
        golden = self._program.run(frames, keep=[entry["tensor"] for entry in fifos])
        for entry in fifos:
            self._simulator.limit_fifo(entry["index"], tap=True)
        try:
            self._simulator.run(frames, partial=True, **options)
        except SimulationError:
            return ""
        finally:
            for entry in fifos:
                self._simulator.limit_fifo(entry["index"])
        for entry in fifos:
            spec = StreamSpec.from_json(entry)
            words = self._simulator.tapped(entry["index"], spec.words)
            difference = first_difference(spec, words, golden[spec.tensor])
            if difference:
                layer = next((x["name"] for x in self._build.manifest["layers"] if spec.tensor in x["outputs"]), "input")
                return f"; first differing layer '{layer}' (tensor {spec.tensor}, read by {entry['reader']}): {difference}"
        return "; every recorded inner stream agrees with golden"


def first_difference(spec: StreamSpec, words: np.ndarray[Any, Any], golden: IntArray) -> str:
    """Describes the first beat in which a recorded stream differs from its golden tensor (N, H, W, C); empty if none."""
    expected = spec.pack(golden)
    count = min(len(words), len(expected))
    wrong = np.nonzero((words[:count] != expected[:count]).any(axis=1))[0]
    if not len(wrong):
        return ""
    beat = int(wrong[0])
    frame, within = divmod(beat, spec.frame_beats)
    h, w, c = spec.shape
    whole = np.concatenate([words[: beat + 1], expected[beat + 1 : (frame + 1) * spec.frame_beats]])
    simulated = spec.unpack(whole[frame * spec.frame_beats :])[0]
    row, column = divmod(within // (spec.frame_beats // (h * w)), w)
    different = np.nonzero(simulated[row, column] != golden[frame, row, column])[0]
    if not len(different):
        return f"frame {frame}, pixel ({row}, {column}): a lane beyond channel {c - 1} is not zero"
    channel = int(different[0])
    return (
        f"frame {frame}, pixel ({row}, {column}), channel {channel}: "
        f"golden {golden[frame, row, column, channel]}, simulated {simulated[row, column, channel]}"
    )


def record_step(build: Build, step: str, facts: dict[str, Any] | None) -> None:
    """Notes in the manifest that a step has run, with its figures; without any, that what it made is no longer there.

    Raises:
        BuildError: the folder holds another build by now.
        HostError: the build there is gone or damaged.
    """
    current = Build.load(build.folder)  # steps may have been added since ``build`` was read
    if current.build_id != build.build_id:
        raise BuildError(
            f"{build.folder}: holds build {current.build_id} by now, so what build {build.build_id} did is not recorded; "
            f"run headrace {step} again"
        )
    others = {name: kept for name, kept in current.manifest["steps"].items() if name != step}
    manifest = {**current.manifest, "steps": {**others, step: facts} if facts is not None else others}
    save_json(build.folder / MANIFEST, manifest)
