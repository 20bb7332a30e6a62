# SPDX-License-Identifier: Apache-2.0
"""C simulation of a network's kernels, as they lie in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from headrace_host.manifest import CXX_SUFFIXES, Build, cxx_files
from headrace_host.program import Program
from headrace_host.simulator import StreamSpec

from headrace.build.csim import FAST, CsimError, compile_csim, run_csim
from headrace.errors import BuildError, MismatchError
from headrace.ir.ops import IntArray

Note = Callable[[str], None]

HLS = "hls"
"""A build's folder of C++."""


def build_csim(files: Mapping[str, str], *, options: Sequence[str] = FAST, jobs: int = 2) -> Path:
    """The executable of a network's C simulation; from the cache, if the files are the same.

    Raises:
        ToolError: the compiler or the headers are absent, or it refused.
    """
    stages = [name for name in files if name.startswith("stage_") and name.endswith(".cpp")]
    return compile_csim(files, [*stages, "network.cpp", "sim/csim.cpp"], options=options, jobs=jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A C simulation that agreed with the golden program in every bit."""

    seconds: float
    """Of the simulation's process, files included."""
    macs: int
    """Multiply-accumulates of all frames."""
    changed: tuple[str, ...]
    """Files of the project that are not as they were compiled."""

    @property
    def macs_per_second(self) -> float:
        """On one core."""
        return self.macs / self.seconds

    def to_json(self) -> dict[str, Any]:
        """The figures that ``headrace simulate --csim`` prints."""
        return {
            "bit_exact": True,
            "seconds": round(self.seconds, 3),
            "macs": self.macs,
            "macs_per_second": round(self.macs_per_second),
            "changed": list(self.changed),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """C++ of a build that is simulated by itself: the network, or a layer."""

    folder: Path
    """Below the build."""
    inputs: tuple[StreamSpec, ...]
    outputs: tuple[StreamSpec, ...]
    macs: int
    """Multiply-accumulates of a frame."""


def parts_of(build: Build) -> dict[str, Part]:
    """The C++ of a build, by the name of the layer; that of a whole network has the empty name.

    Raises:
        BuildError: there is none.
    """
    hls = build.manifest.get("hls")
    if not isinstance(hls, dict):
        raise BuildError(f"{build.folder}: holds no C++ kernels; compile it with --backend hls, or with --hls LAYER")
    entries = {e["name"]: e for e in hls["layers"]} if "layers" in hls else {"": build.manifest}
    parts = {}
    for name, entry in entries.items():
        inputs, outputs = (tuple(StreamSpec.from_json(e) for e in entry[side]) for side in ("inputs", "outputs"))
        parts[name] = Part(folder=Path(HLS) / name, inputs=inputs, outputs=outputs, macs=entry["macs"])
    return parts


def part_files(build: Build, part: Part) -> dict[str, str]:
    """The C++ files of a part by name, as they lie there now.

    Raises:
        BuildError: one of those that were compiled is gone, or one is no UTF-8.
    """
    folder = build.folder / part.folder
    found = cxx_files(folder)
    for name in build.manifest["files"]:
        path = Path(name)
        if path.suffix in CXX_SUFFIXES and path.is_relative_to(part.folder) and not (build.folder / path).is_file():
            raise BuildError(f"{build.folder / path}: missing from the build; put it back, or run headrace compile again")
    return {name: _text(folder / name, content) for name, content in found.items()}


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BuildError(f"{path}: is no UTF-8 (byte {error.start} is {content[error.start]:#04x}); convert it") from error


def changed_files(build: Build, files: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Those of ``files`` (by part, by name) that are not as they were compiled, or were not there then."""
    recorded = build.manifest["files"]
    found = []
    for part, texts in files.items():
        for name, text in texts.items():
            path = (Path(HLS) / part / name).as_posix()
            if sha256(text.encode()).hexdigest() != recorded.get(path):
                found.append(path)
    return tuple(found)


def simulate_build(build: Build, feeds: Mapping[str, IntArray], note: Note = lambda _: None) -> Comparison:
    """Compiles and runs the C++ in a build's ``hls`` folder and compares every output value with the golden program.

    Layers in a network of RTL each take their golden inputs.

    Raises:
        BuildError: the build holds no C++.
        ToolError: the compiler or the headers are absent, or it refused.
        MismatchError: an output differs (names the first frame, pixel and channel), or the simulation failed.
    """
    parts = parts_of(build)
    note("compiling the kernels")
    files = {name: part_files(build, part) for name, part in parts.items()}
    executables = {name: build_csim(texts) for name, texts in files.items()}
    kept = [spec.tensor for part in parts.values() for spec in (*part.inputs, *part.outputs)]
    golden = Program.load(build.folder).run(feeds, keep=kept)
    note("simulating")
    seconds = 0.0
    for name, part in parts.items():
        started = time.perf_counter()
        where = f"{build.folder}: C simulation" + (f" of layer {name}" if name else "")
        try:
            results = simulate_network(executables[name], {**feeds, **golden}, part.inputs, part.outputs)
        except (CsimError, ValueError) as error:
            raise MismatchError(f"{where} failed: {error}") from error
        seconds += time.perf_counter() - started
        for spec in part.outputs:
            _compare(where, spec.tensor, results[spec.tensor], golden[spec.tensor])
    frames = len(next(iter(feeds.values())))
    return Comparison(
        seconds=seconds, macs=frames * sum(part.macs for part in parts.values()), changed=changed_files(build, files)
    )


def _compare(where: str, tensor: str, got: IntArray, expected: IntArray) -> None:
    if got.shape != expected.shape:
        raise MismatchError(f"{where} gave {len(got)} frames of {tensor}, not {len(expected)}")
    if (got != expected).any():
        at = tuple(int(k[0]) for k in np.nonzero(got != expected))
        raise MismatchError(
            f"{where} differs from golden in {tensor}, frame {at[0]}, pixel ({at[1]}, {at[2]}), "
            f"channel {at[3]}: golden {expected[at]}, simulated {got[at]}"
        )


def simulate_network(
    executable: Path, feeds: Mapping[str, IntArray], inputs: Sequence[StreamSpec], outputs: Sequence[StreamSpec]
) -> dict[str, IntArray]:
    """Runs frames (N, H, W, C) of each input tensor; returns the output tensors.

    Raises:
        CsimError: the simulation failed.
        ValueError: an output is no whole number of frames.
    """
    frames = len(next(iter(feeds.values())))
    words, _ = run_csim(executable, frames, [s.pack(feeds[s.tensor]) for s in inputs], [s.words for s in outputs])
    return {s.tensor: np.asarray(s.unpack(w)) for s, w in zip(outputs, words, strict=True)}
