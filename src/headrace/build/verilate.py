# SPDX-License-Identifier: Apache-2.0
"""Compiles a network's RTL into a shared object that `headrace_host.simulator` drives.

Memory contents are read when the simulator starts, not compiled in, so networks of one shape share one compiled model. Models
are cached by a hash of everything that goes into them.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from headrace.backend.design import Stream
from headrace.backend.rtl import NETWORK
from headrace.build.toolenv import cache_dir, verilator_command, verilator_env, verilator_root
from headrace.errors import ToolError
from headrace.resources import data_dir

VERILATOR_OPTIONS = (
    "--cc",
    "--assert",
    "--no-timing",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--noassert-case",
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-style",
    "-DHEADRACE_PROFILE",
    "--output-split",
    "12000",
)
CXX_OPTIONS = ("-O1", "-fPIC", "-std=gnu++17", "-DVL_USER_STOP", "-DVL_USER_FATAL", "-DVL_USER_FINISH")
"""The harness takes over what Verilator's runtime would do on a failed assertion: end the process."""
RUNTIME = ("verilated.o", "verilated_dpi.o", "verilated_threads.o")
"""Objects of Verilator's runtime that a network is linked with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortView:
    """A network stream within the harness's padded bus."""

    wire: str
    width: int
    padded: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopView:
    """All that sim_top.sv.j2 writes."""

    network: str
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]

    @property
    def in_bits(self) -> int:
        """Width of the input bus."""
        return sum(port.padded for port in self.inputs)

    @property
    def out_bits(self) -> int:
        """Width of the output bus."""
        return sum(port.padded for port in self.outputs)

    @property
    def in_padding(self) -> bool:
        """Whether some bits of the input bus lead nowhere."""
        return self.in_bits != sum(port.width for port in self.inputs)


def _ports(streams: Sequence[Stream]) -> tuple[PortView, ...]:
    offset, views = 0, []
    for stream in streams:
        padded = -(-stream.width // 32) * 32
        views.append(PortView(wire=stream.wire, width=stream.width, padded=padded, offset=offset))
        offset += padded
    return tuple(views)


def render_top(inputs: Sequence[Stream], outputs: Sequence[Stream]) -> str:
    """The harness's SystemVerilog top around a network with these streams."""
    environment = Environment(
        loader=FileSystemLoader(data_dir("sim") / "harness"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    view = TopView(network=NETWORK, inputs=_ports(inputs), outputs=_ports(outputs))
    return environment.get_template("sim_top.sv.j2").render(top=view)


def _digest(texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:24]


def model_key(sources: Sequence[Path], inputs: Sequence[Stream], outputs: Sequence[Stream]) -> str:
    """Hash of everything that decides the compiled model of a network.

    Raises:
        ToolError: Verilator is absent.
    """
    version = importlib.metadata.version("verilator") if verilator_root() else ""
    harness = data_dir("sim") / "harness" / "network_sim.cpp"
    texts = [*VERILATOR_OPTIONS, *CXX_OPTIONS, version, render_top(inputs, outputs), harness.read_text()]
    return _digest([*texts, *(source.read_text() for source in sources)])


def build_simulator(sources: Sequence[Path], inputs: Sequence[Stream], outputs: Sequence[Stream], jobs: int = 2) -> Path:
    """Returns the compiled model of a network, building it only if the cache has none.

    Args:
        sources: the network's SystemVerilog files in compile order.
        jobs: compiler processes.

    Raises:
        ToolError: Verilator or the compiler is absent or failed; the message names the log.
    """
    target = cache_dir() / "networks" / f"{model_key(sources, inputs, outputs)}.so"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as name:
        scratch = Path(name)
        (scratch / "sim_top.sv").write_text(render_top(inputs, outputs))
        built = _compile(scratch, sources, data_dir("sim") / "harness" / "network_sim.cpp", jobs)
        partial = target.with_suffix(f".{os.getpid()}.tmp")
        shutil.copyfile(built, partial)
        partial.replace(target)  # atomic: parallel runs see a whole model or none
    return target


def _compile(scratch: Path, sources: Sequence[Path], harness: Path, jobs: int) -> Path:
    env = verilator_env()
    objects = scratch / "obj"
    log = cache_dir() / "networks" / "last-build.log"
    flags = " ".join(CXX_OPTIONS)
    command = [
        *verilator_command(),
        *VERILATOR_OPTIONS,
        "--top-module",
        "sim_top",
        "--Mdir",
        str(objects),
        "-CFLAGS",
        flags,
        *(str(source) for source in sources),
        str(scratch / "sim_top.sv"),
    ]
    _run(command, env, log)
    make = ["make", "-C", str(objects), "-f", "Vsim_top.mk", f"-j{jobs}", "OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1"]
    runtime = _runtime_folder()
    missing = [] if runtime.is_dir() else list(RUNTIME)
    _run([*make, "Vsim_top__ALL.a", *missing], env, log)
    if missing:
        _keep_runtime(objects, runtime)
    library = scratch / "network.so"
    include = verilator_root() / "include"
    link = ["g++", *CXX_OPTIONS, "-shared"]
    link += [f"-I{include}", f"-I{include / 'vltstd'}", f"-I{objects}", str(harness), str(objects / "Vsim_top__ALL.a")]
    _run([*link, *(str(runtime / name) for name in RUNTIME), "-lpthread", "-o", str(library)], env, log)
    return library


def _runtime_folder() -> Path:
    """Where Verilator's own runtime is kept compiled: it is the same for every network, and a third of a small one's build."""
    version = importlib.metadata.version("verilator")
    return cache_dir() / "runtime" / _digest([*VERILATOR_OPTIONS, *CXX_OPTIONS, version])


def _keep_runtime(objects: Path, folder: Path) -> None:
    """Keeps the runtime's objects for the next build; another process may do the same at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix="building-"))
    for name in RUNTIME:
        shutil.copyfile(objects / name, partial / name)
    try:
        partial.rename(folder)
    except OSError:  # someone was faster
        shutil.rmtree(partial)


def _run(command: Sequence[str], env: dict[str, str], log: Path) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        log.write_text(done.stdout + done.stderr)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line]
        first = lines[0][:300] if lines else f"exit status {done.returncode}"
        raise ToolError(f"{Path(command[0]).name} failed: {first} (full log: {log})")
