# SPDX-License-Identifier: Apache-2.0
"""Bitstreams for boards with a Zynq: a project for Vivado, and Vivado's run where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace_host.manifest import Build, file_digest

from headrace.backend.ip import IP
from headrace.backend.vivado import SCRIPT, vivado_files
from headrace.build.steps import ProgramStep, Steps
from headrace.build.timing import Routed
from headrace.build.vivado_reports import Slacks, read_engines, read_routed
from headrace.errors import BuildError, TimingError, ToolError, VendorToolError
from headrace.files import BITSTREAMS, replacing
from headrace.simulation import record_step

PROGRAM = "vivado"
PROJECT = "vivado"
"""Folder of the project, below that of bitstreams."""
REPORTS = ("utilization.rpt", "hierarchy.rpt", "timing.rpt")
_SCRIPT_PATH = f"{BITSTREAMS}/{PROJECT}/{SCRIPT}"
_SYNTHESIZED, _ROUTED = "synthesized.dcp", "routed.dcp"


def write_project(build: Build) -> dict[str, Path]:
    """Writes BUILD/bitstream/vivado, from which Vivado makes a bitstream.

    Returns:
        all files that its script reads, by their paths in the build.

    Raises:
        BuildError: the build has no block for a processor's board, or layers of it are C++ kernels.
        HostError: the build's sources changed since it was compiled.
    """
    _check(build)
    folder = build.folder / BITSTREAMS / PROJECT
    block = (build.folder / "rtl" / f"{IP}.sv").read_text(encoding="utf-8")
    roms = sorted(build.rom_dir.iterdir())
    files = vivado_files(build.manifest, block, [path.name for path in roms])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        with replacing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    sources = [build.folder / "rtl" / source for source in build.manifest["ip"]["sources"]]
    read = [*sources, *roms, *(folder / name for name in files)]
    return {path.relative_to(build.folder).as_posix(): path for path in read}


def make_vivado_bitstream(
    build: Build,
    *,
    ooc: bool = False,
    note: Callable[[str], None] = lambda _: None,
    detail: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Writes the project of a build and has Vivado make its bitstream; returns what the manifest keeps of it.

    Steps that are done already, and whose inputs are the same, are not repeated.

    Args:
        ooc: only synthesise the block by itself, for its figures, which the manifest does not keep.

    Raises:
        BuildError, HostError: as `write_project`; or another process is at work on it.
        TimingError: the clock is not reached.
        ToolError: Vivado failed.
        VendorToolError: Vivado is not installed here; the project is complete.
    """
    _check(build)
    with Steps(build.folder / BITSTREAMS, note, detail) as steps:
        inputs = write_project(build)
        program = _program(build, ooc)
        vivado = _Vivado(steps=steps, program=program, version=_version(program))
        if ooc:
            return vivado.out_of_context(inputs)
        try:
            facts = vivado.bitstream(build, inputs)
        except TimingError:
            record_step(build, "build", None)
            raise
    record_step(build, "build", facts)
    return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vivado:
    """The script's stages as steps of a folder."""

    steps: Steps
    program: Path
    version: str

    def _run(self, stage: str, inputs: Mapping[str, Path], outputs: tuple[str, ...]) -> None:
        step = ProgramStep(
            name=f"vivado-{stage}",
            program=self.program,
            version=self.version,
            arguments=("-mode", "batch", "-nojournal", "-nolog", "-notrace", "-source", _SCRIPT_PATH, "-tclargs", stage),
            inputs=inputs,
            outputs=outputs,
        )
        self.steps.run(step)

    def _figures(self, prefix: str = "") -> tuple[Routed, Slacks]:
        return read_routed(*(self.steps.folder / f"{prefix}{report}" for report in (REPORTS[0], REPORTS[2])))

    def out_of_context(self, inputs: Mapping[str, Path]) -> dict[str, Any]:
        """Synthesis of the block by itself: its figures, where Vivado can only guess at the ways between cells."""
        self._run("ooc", inputs, tuple(f"ooc_{report}" for report in REPORTS))
        routed, slacks = self._figures("ooc_")
        return {"vivado": self.version, "wns_ns": slacks.setup_ns, **routed.to_json()}

    def bitstream(self, build: Build, inputs: Mapping[str, Path]) -> dict[str, Any]:
        """All the way; raises TimingError if a path is too slow."""
        name, folder = str(build.manifest["name"]), self.steps.folder
        script = {_SCRIPT_PATH: inputs[_SCRIPT_PATH]}
        self._run("synthesis", inputs, (_SYNTHESIZED, f"{name}.hwh"))
        self._run("implementation", {**script, _SYNTHESIZED: folder / _SYNTHESIZED}, (_ROUTED, *REPORTS))
        routed, slacks = self._figures()
        engines = read_engines(folder / REPORTS[1], [entry["name"] for entry in build.manifest["engines"]])
        bitstream = folder / f"{name}.bit"
        _check_timing(routed, slacks, bitstream)
        self._run("bitstream", {**script, _ROUTED: folder / _ROUTED}, (bitstream.name,))
        return {
            "file": bitstream.name,
            "sha256": file_digest(bitstream),
            "vivado": self.version,
            "wns_ns": slacks.setup_ns,
            "whs_ns": slacks.hold_ns,
            **routed.to_json(),
            "engines": {engine: taken.to_json() for engine, taken in engines.items()},
        }


def _check(build: Build) -> None:
    if "ip" not in build.manifest:
        raise BuildError(f"{build.folder}: {build.manifest['board']['title']} has no processor beside the fabric")
    if build.kernels():
        raise BuildError(f"{build.folder}: layers of it are C++ kernels, which need Vitis HLS; compile without --hls")
    build.verify_hardware()


def _program(build: Build, ooc: bool) -> Path:
    found = shutil.which(PROGRAM)
    if found is None:
        script = f"{PROJECT}/{SCRIPT}" + (" -tclargs ooc" if ooc else "")
        raise VendorToolError(
            f"Vivado is not installed here (no {PROGRAM} on PATH); the project is ready. Where Vivado is, run headrace build "
            f"again, or: cd {build.folder / BITSTREAMS} && {PROGRAM} -mode batch -source {script}"
        )
    return Path(found)


def _version(program: Path) -> str:
    """As in its first line: ``Vivado v2024.1 (64-bit)``, later ``vivado v2025.1 ...``.

    Raises:
        ToolError: it does not start.
    """
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise ToolError(f"{program}: does not start ({error.strerror or error})") from error
    told = re.search(r"vivado v(\S+)", done.stdout, re.IGNORECASE)
    if done.returncode or not told:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ToolError(f"{program} -version: tells no version ({said[0] if said else 'nothing'})")
    return told[1]


def _check_timing(routed: Routed, slacks: Slacks, bitstream: Path) -> None:
    """Raises TimingError, and takes away an older bitstream, which nobody is to take for this one's, if a path is too slow."""
    if slacks.setup_ns >= 0 and slacks.hold_ns >= 0:
        return
    bitstream.unlink(missing_ok=True)
    report = bitstream.with_name(REPORTS[2])
    if slacks.setup_ns >= 0:
        where = f", {slacks.hold_way}" if slacks.hold_way else ""
        raise TimingError(f"a signal changes {-slacks.hold_ns:.3f} ns too early for its register (hold){where}; see {report}")
    reached, wanted = routed.reached_mhz, routed.clock_mhz
    raise TimingError(
        f"the design runs at {reached:.1f} MHz, not {wanted:g} (WNS {slacks.setup_ns:.3f} ns): the critical path is "
        f"{routed.path}; compile it with --clock {int(reached)}; see {report}"
    )
