# SPDX-License-Identifier: Apache-2.0
"""Compiles RTL into shared objects: a network, which `headrace_host.simulator` drives, or a block with its board around it.

Memory contents are read when the simulator starts, not compiled in, so networks of one shape share one compiled model. Models
are cached by a hash of everything that goes into them.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from headrace.backend.design import Design, Stream, WeightStream
from headrace.backend.ip import IP
from headrace.backend.rtl import NETWORK
from headrace.backend.serial import SERIAL
from headrace.build.csim import CYCLE_STREAMS, FAST, compile_objects, csim_key
from headrace.build.precompiled import precompiled
from headrace.build.toolenv import cache_dir, content_key, make_alone, verilator_command, verilator_env, verilator_root
from headrace.errors import ToolError
from headrace.hls.sources import instrument
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
    "--output-split",
    "12000",
    "--prefix",
    "Vsim_top",
)
CXX_OPTIONS = ("-fPIC", "-std=gnu++17", "-DVL_USER_STOP", "-DVL_USER_FATAL", "-DVL_USER_FINISH")
"""The harness takes over what Verilator's runtime would do on a failed assertion: end the process."""
FAST_MODEL = "-Og"
"""For what runs each cycle: compiles faster than -O1, and simulates somewhat slower."""
LONG_MODEL = "-O2"
"""The same where it runs for long: compiles twice as long, and simulates 1.6 times as fast."""
LONG = 50_000_000
"""Engines times cycles of a frame from which on that is worth it."""
OPTIMIZE = (f"OPT_FAST={FAST_MODEL}", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1")
"""What runs each cycle, what runs once, and Verilator's runtime."""
SMALL = 4_000_000
"""Bytes of C++ up to which one compilation is faster than several, each with the headers."""
ARCHIVE = "Vsim_top__ALL.a"
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
    weights: tuple[WeightStream, ...]

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


def render_top(inputs: Sequence[Stream], outputs: Sequence[Stream], weights: Sequence[WeightStream] = ()) -> str:
    """The harness's SystemVerilog top around a network with these streams."""
    environment = Environment(
        loader=FileSystemLoader(data_dir("sim") / "harness"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    view = TopView(network=NETWORK, inputs=_ports(inputs), outputs=_ports(outputs), weights=tuple(weights))
    return environment.get_template("sim_top.sv.j2").render(top=view)


Kernels = Mapping[str, Mapping[str, str]]
"""The C++ files of layers that are kernels, by name, by the name of the layer; ``sim/model.cpp`` is what is called."""
MODEL = "sim/model.cpp"
KERNEL_OPTIONS = (*FAST, "-fPIC", "-fno-gnu-unique")  # unique names would stay common to all layers
NO_KERNELS: Kernels = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """What stands around a model."""

    source: str
    """C++ file under sim/harness."""
    top: str
    """Module at the top."""
    text: str = ""
    """SystemVerilog of the top module, where it is not among the sources."""
    options: tuple[str, ...] = ()
    """Of Verilator."""
    fast: str = FAST_MODEL
    """How the compiler optimizes what runs each cycle."""


def network_harness(
    inputs: Sequence[Stream], outputs: Sequence[Stream], weights: Sequence[WeightStream] = (), *, work: int = 0
) -> Harness:
    """Feeds and takes the streams of a network; its weights come from files among its memory contents.

    Args:
        work: engines times cycles of a frame.
    """
    text, fast = render_top(inputs, outputs, weights), LONG_MODEL if work >= LONG else FAST_MODEL
    return Harness(source="network_sim.cpp", top="sim_top", text=text, options=("-DHEADRACE_PROFILE",), fast=fast)


def _work(design: Design) -> int:
    return len(design.instances) * design.bottleneck.cycles


def takes_long(design: Design) -> bool:
    """Whether it does to simulate frames of it."""
    return _work(design) >= LONG


def harness_of(design: Design) -> Harness:
    """Of a design's streams."""
    return network_harness(design.inputs, design.outputs, design.weights, work=_work(design))


def timing_harness(design: Design) -> Harness:
    """The same for a network without data, most of which then vanishes; nothing is left to assert of data."""
    whole = harness_of(design)
    return replace(whole, options=(*whole.options, "--no-assert", "--flatten"))


BOARD = Harness(source="board_sim.cpp", top=IP)
"""Memory and processor around ``headrace_ip``."""
LINE = Harness(source="serial_sim.cpp", top=SERIAL)
"""A host's end of the line before ``headrace_serial``."""


def pins_harness(board_top: str, button_pressed: int) -> Harness:
    """A host's end of the line before a board's pins; its reset is the button."""
    text = (data_dir("sim") / "harness" / "sim_board.sv").read_text()
    options = (f"-DBOARD_TOP={board_top}", f"-DPRESSED={button_pressed}")
    return Harness(source="serial_sim.cpp", top="sim_board", text=text, options=options)


def model_key(sources: Sequence[Path], harness: Harness, kernels: Kernels = NO_KERNELS) -> str:
    """Hash of everything that decides a compiled model.

    Raises:
        ToolError: Verilator is absent, or there are kernels and what they are compiled with is.
    """
    version = importlib.metadata.version("verilator") if verilator_root() else ""
    around = data_dir("sim") / "harness" / harness.source
    texts = [
        *VERILATOR_OPTIONS,
        *CXX_OPTIONS,
        *OPTIMIZE,
        version,
        harness.top,
        harness.text,
        *harness.options,
        harness.fast,
        around.read_text(),
    ]
    texts += [csim_key(instrument(files), KERNEL_OPTIONS, CYCLE_STREAMS) for _, files in sorted(kernels.items())]
    return content_key([*texts, *(source.read_text() for source in sources)])


def build_simulator(sources: Sequence[Path], harness: Harness, kernels: Kernels = NO_KERNELS, jobs: int = 2) -> Path:
    """Returns the compiled model, building it only if the cache has none.

    Args:
        sources: SystemVerilog files in compile order.
        kernels: the C++ of its layers that are kernels.
        jobs: compiler processes.

    Raises:
        ToolError: Verilator or the compiler is absent or failed; the message names the log.
    """
    target = cache_dir() / "networks" / f"{model_key(sources, harness, kernels)}.so"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with make_alone(target), tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as name:
        if target.is_file():
            return target
        scratch = Path(name)
        if harness.text:
            (scratch / f"{harness.top}.sv").write_text(harness.text)
            sources = [*sources, scratch / f"{harness.top}.sv"]
        objects = [_kernel_object(layer, files, scratch / layer) for layer, files in kernels.items()]
        kept = target.with_name(f"{model_key(sources, harness)}-verilated") if kernels else None
        built = _link(scratch, _verilated(scratch, sources, harness, jobs, kept), harness, objects)
        partial = target.with_suffix(f".{os.getpid()}.tmp")
        shutil.copyfile(built, partial)
        partial.replace(target)  # atomic: parallel runs see a whole model or none
    return target


def _kernel_object(layer: str, files: Mapping[str, str], scratch: Path) -> Path:
    """The model of a layer. Others see only what its module calls: layers may hold unlike code of one name."""
    (compiled,) = compile_objects(instrument(files), [MODEL], scratch, options=KERNEL_OPTIONS, streams=CYCLE_STREAMS)
    whole = scratch / "model.o"
    _run(["g++", "-r", "-nostdlib", "-Wl,--force-group-allocation", str(compiled), "-o", str(whole)])
    _run(["objcopy", *(f"--keep-global-symbol={layer}_hls_{name}" for name in ("new", "free", "clock")), str(whole)])
    return whole


def _verilated(scratch: Path, sources: Sequence[Path], harness: Harness, jobs: int, kept: Path | None) -> Path:
    """The folder of the network's own archive and headers; of a network with kernels it is kept: they change, it does not."""
    if kept and kept.is_dir() and _runtime_folder().is_dir():
        return kept
    objects = scratch / "obj"
    command = [
        *verilator_command(),
        *VERILATOR_OPTIONS,
        *harness.options,
        "--top-module",
        harness.top,
        "--Mdir",
        str(objects),
        "-CFLAGS",
        " ".join(CXX_OPTIONS),
        *(str(source) for source in sources),
    ]
    _run(command)
    whole = sum(path.stat().st_size for path in objects.glob("*.cpp")) <= SMALL
    in_one = ["VM_PARALLEL_BUILDS=0", f"CXX={with_header(harness.fast, *CXX_OPTIONS)}"]
    _make(objects, jobs, [f"OPT_FAST={harness.fast}", *(in_one if whole else []), ARCHIVE])
    if not _runtime_folder().is_dir():
        _make(objects, jobs, RUNTIME)
        _keep(RUNTIME, objects, _runtime_folder())
    if kept:
        _keep([ARCHIVE, *(path.name for path in objects.glob("*.h"))], objects, kept)
    return objects


def with_header(*options: str) -> str:
    """A compiler for makefiles that reads Verilator's own header precompiled, where it is called with these options."""
    return shlex.join(["g++", "-include", str(_header(*options))])


def _header(*options: str) -> Path:
    version = importlib.metadata.version("verilator")  # g++ does not notice when the file has changed
    return precompiled(f'// {version}\n#include "verilated.h"\n', _model_compiler(*options), _run)


def _model_compiler(*options: str) -> list[str]:
    """The command by which Verilator's makefiles compile with these options."""
    include = verilator_root() / "include"
    macros = [f"-DVM_{name}=0" for name in ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")]
    return ["g++", *options, f"-I{include}", f"-I{include / 'vltstd'}", "-DVERILATOR=1", *macros]


def _link(scratch: Path, objects: Path, harness: Harness, linked: Sequence[Path]) -> Path:
    runtime = _runtime_folder()
    library = scratch / "network.so"
    around = data_dir("sim") / "harness" / harness.source
    options = ("-O1", *CXX_OPTIONS)
    link = [*_model_compiler(*options), "-include", str(_header(*options)), "-shared"]
    link += [f"-I{objects}", str(around), *map(str, linked), str(objects / ARCHIVE)]
    _run([*link, *(str(runtime / name) for name in RUNTIME), "-lpthread", "-o", str(library)])
    return library


def _make(objects: Path, jobs: int, targets: Sequence[str]) -> None:
    _run(["make", "-C", str(objects), "-f", "Vsim_top.mk", f"-j{jobs}", *OPTIMIZE, *targets])


def _runtime_folder() -> Path:
    """Where Verilator's own runtime is kept compiled: it is the same for every network, and a third of a small one's build."""
    version = importlib.metadata.version("verilator")
    return cache_dir() / "runtime" / content_key([*VERILATOR_OPTIONS, *CXX_OPTIONS, *OPTIMIZE, version])


def _keep(names: Sequence[str], objects: Path, folder: Path) -> None:
    """Keeps files for the next build; another process may do the same at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix="building-"))
    try:
        for name in names:
            shutil.copyfile(objects / name, partial / name)
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():  # else someone was faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, env=verilator_env(), capture_output=True, text=True, check=False)
    if done.returncode:
        log = cache_dir() / "networks" / "last-build.log"
        log.write_text(done.stdout + done.stderr)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line or "***" in line]
        first = lines[0][:300] if lines else f"exit status {done.returncode}"
        raise ToolError(f"{Path(command[0]).name} failed: {first} (full log: {log})")
