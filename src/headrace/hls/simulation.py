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
from headrace_host.manifest import Build
from headrace_host.program import Program
from headrace_host.simulator import StreamSpec

from headrace.build.csim import FAST, CsimError, compile_csim, run_csim
from headrace.errors import BuildError, MismatchError
from headrace.ir.ops import IntArray

Note = Callable[[str], None]

HLS = "hls"
"""A build's folder of C++."""
SUFFIXES = (".hpp", ".cpp", ".h")


def folder_files(folder: Path) -> dict[str, str]:
    """The C++ files of a project by name."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


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


def simulate_build(build: Build, feeds: Mapping[str, IntArray], note: Note = lambda _: None) -> Comparison:
    """Compiles and runs the C++ in a build's ``hls`` folder and compares every output value with the golden program.

    Raises:
        BuildError: the build was not compiled with ``--backend hls``.
        ToolError: the compiler or the headers are absent, or it refused.
        MismatchError: an output differs (names the first frame, pixel and channel), or the simulation failed.
    """
    folder = build.folder / HLS
    if not (folder / "network.cpp").is_file():
        raise BuildError(f"{build.folder}: holds no C++ kernels; compile it with --backend hls")
    files = folder_files(folder)
    recorded = build.manifest["files"]
    changed = tuple(n for n, text in files.items() if sha256(text.encode()).hexdigest() != recorded.get(f"{HLS}/{n}"))
    note("compiling the kernels")
    executable = build_csim(files)
    golden = Program.load(build.folder).run(feeds)
    inputs, outputs = ([StreamSpec.from_json(e) for e in build.manifest[side]] for side in ("inputs", "outputs"))
    note("simulating")
    started = time.perf_counter()
    try:
        results = simulate_network(executable, feeds, inputs, outputs)
    except (CsimError, ValueError) as error:
        raise MismatchError(f"{build.folder}: C simulation failed: {error}") from error
    seconds = time.perf_counter() - started
    for name, expected in golden.items():
        if results[name].shape != expected.shape:
            raise MismatchError(f"{build.folder}: C simulation gave {len(results[name])} frames of {name}, not {len(expected)}")
        if (results[name] != expected).any():
            at = tuple(int(k[0]) for k in np.nonzero(results[name] != expected))
            raise MismatchError(
                f"{build.folder}: C simulation differs from golden in {name}, frame {at[0]}, pixel ({at[1]}, {at[2]}), "
                f"channel {at[3]}: golden {expected[at]}, simulated {results[name][at]}"
            )
    frames = len(next(iter(feeds.values())))
    return Comparison(seconds=seconds, macs=frames * build.manifest["macs"], changed=changed)


def simulate_network(
    executable: Path, feeds: Mapping[str, IntArray], inputs: Sequence[StreamSpec], outputs: Sequence[StreamSpec]
) -> dict[str, IntArray]:
    """Runs frames (N, H, W, C) of each input tensor; returns the output tensors.

    Raises:
        CsimError: the simulation failed.
        ValueError: an output is no whole number of frames.
    """
    frames = len(feeds[inputs[0].tensor])
    words, _ = run_csim(executable, frames, [s.pack(feeds[s.tensor]) for s in inputs], [s.words for s in outputs])
    return {s.tensor: np.asarray(s.unpack(w)) for s, w in zip(outputs, words, strict=True)}
