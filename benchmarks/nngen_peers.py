# SPDX-License-Identifier: Apache-2.0
"""Networks built by NNgen in an environment of its own, simulated and synthesised here; and what was measured before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.build.cells import prices_of
from headrace.build.synthesis import QUIET, YOSYS
from headrace.build.toolenv import cache_dir, content_key, make_alone, verilator_command, verilator_env
from headrace.errors import MismatchError, ToolError
from headrace.files import replacing

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "nngen_requirements.txt"
RUNNER = HERE / "nngen_runner.py"
FAMILY = "xc7"
INSTALL = f"{Path(sys.executable).name} benchmarks/peers.py --install-nngen"
FOLDINGS: Mapping[str, tuple[int, ...]] = {"tiny16": (1, 2, 4), "dsblock": (1, 2, 4), "resnet8": (2, 4), "mbv1": (2, 4)}
"""Input and output channels at a time that are measured of each network."""

MAIN = """\
#include <memory>
#include "Vbench.h"
double sc_time_stamp() { return 0; }
int main() {
  auto top = std::make_unique<Vbench>();
  for (int reset = 8; !Verilated::gotFinish(); reset -= reset > 0) {
    top->RST = reset > 0;
    top->CLK = 0;
    top->eval();
    top->CLK = 1;
    top->eval();
  }
}
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was measured of a build by NNgen 1.3.4 before it was built here; None where it was not measured."""

    build: str
    """Parallel input x output channels."""
    cycles: int
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram36: float | None = None
    generate_s: float | None = None

    def row(self, network: str) -> dict[str, Any]:
        """As a measured one."""
        made = {"lut": self.lut, "ff": self.ff, "dsp": self.dsp, "bram36": self.bram36}
        figures = {"cycles": self.cycles, "made": made if self.lut else None, "seconds": self.generate_s}
        return {"network": network, "tool": "NNgen", "build": self.build, "stored": True, **figures}


STORED: Mapping[str, tuple[Stored, ...]] = {
    "tiny16": (
        Stored("1x1", 62_833, 18_027, 18_267, 11, 43, 13),
        Stored("2x2", 22_753, 23_583, 29_115, 40, 33, 5),
        Stored("4x4", 13_065, generate_s=19),
    ),
    "dsblock": (Stored("4x4", 36_689, generate_s=14),),
    "resnet8": (
        Stored("2x2", 599_289, generate_s=6),
        Stored("4x4", 367_929, generate_s=21),
        Stored("4x4, shifts tuned", 321_873, generate_s=18),
    ),
    "mbv1": (Stored("4x4", 1_708_977, generate_s=18),),
}


def environment() -> Path:
    """The folder of NNgen's environment, whether there or not: another one where its packages or Python are others."""
    return cache_dir() / f"nngen-{content_key([REQUIREMENTS.read_text(), sys.version])}"


def python_of(folder: Path) -> Path | None:
    """The interpreter of an environment; None if it has not been made."""
    return folder / "bin" / "python" if (folder / "ready").is_file() else None


def install(note: Callable[[str], None] = print) -> Path:
    """The interpreter of NNgen's environment, made if it is not there.

    Raises:
        ToolError: venv or pip failed.
    """
    folder = environment()
    with make_alone(folder):
        if (python := python_of(folder)) is None:
            note(f"making NNgen's environment: {folder}")
            python = folder / "bin" / "python"
            log = folder.with_suffix(".log")
            called([sys.executable, "-m", "venv", "--clear", str(folder)], HERE, 600, log)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            called([*pip, "--requirement", str(REQUIREMENTS)], HERE, 1800, log)
            (folder / "ready").touch()
    return python


def called(command: Sequence[str], folder: Path, limit: float, log: Path, env: Mapping[str, str] | None = None) -> float:
    """Run a tool, all that it says into ``log``; return its seconds.

    Raises:
        ToolError: it failed, or took longer than ``limit`` seconds.
    """
    started = time.perf_counter()
    with log.open("w") as output:
        try:
            done = subprocess.run(command, cwd=folder, stdout=output, stderr=output, env=env, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            raise ToolError(f"{Path(command[0]).name} took longer than {limit:.0f} s, see {log}") from None
        except OSError as error:
            raise ToolError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        said = [line for line in log.read_text().splitlines() if line.strip()] or ["nothing"]
        raise ToolError(f"{Path(command[0]).name} failed: {said[-1].strip()[:300]} (full log: {log})")
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """How networks are built and measured."""

    python: Path
    """Interpreter of NNgen's environment."""
    limit: float
    """Seconds that each of generation, Verilation, simulation and synthesis may take."""
    synth: bool
    """Whether Yosys runs where it has not run on the same Verilog before; it takes long."""
    note: Callable[[str], None] = print


def measured(network: str, parallel: int, how: Measuring, before: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a network built with so many parallel input and output channels.

    A synthesis that takes too long leaves its figures unknown. One of the same Verilog ``before`` is not repeated.

    Raises:
        MismatchError: its simulation's outputs are not those of NNgen's own model.
        ToolError: a tool failed.
    """
    logs = cache_dir() / "peers" / f"{network}-nngen-{parallel}x{parallel}"
    logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=logs) as name:
        folder = Path(name)
        how.note(f"{network}: NNgen, {parallel} x {parallel} channels at a time")
        made = generated(network, parallel, how, folder, logs)
        how.note("compiling its simulator")
        seconds = verilated(folder, how.limit, logs)
        called(["obj_dir/Vbench"], folder, how.limit, logs / "simulate.log")
        row = {"network": network, "tool": "NNgen", "build": f"{parallel}x{parallel}", "version": made["nngen"]}
        row["cycles"] = cycles_of(folder, made, logs / "simulate.log")
        row["verilog"] = content_key([(folder / "nngen.v").read_text()])
        row |= {"seconds": round(made["generate_s"], 1), "verilate_s": round(seconds, 1)}
        how.note(f"{row['cycles']} cycles")
        if before.get("made") and before.get("verilog") == row["verilog"]:
            return row | {key: before[key] for key in ("made", "yosys_s")}
        return row | (synthesised(folder, how.limit, logs) if how.synth else {"made": None, "not_made": "not asked for"})


def generated(network: str, parallel: int, how: Measuring, folder: Path, logs: Path) -> dict[str, Any]:
    """What the runner says of a network that it made."""
    environment_of_its_own = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(how.python), str(RUNNER), network, str(parallel), str(folder)]
    called(command, folder, how.limit, logs / "generate.log", environment_of_its_own)
    return dict(json.loads((folder / "made.json").read_text()))


def verilated(folder: Path, limit: float, logs: Path) -> float:
    """Compile the bench; return the seconds of Verilator and g++."""
    (folder / "main.cpp").write_text(MAIN)
    options = ["--cc", "--exe", "--build", "--no-timing", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-O3", "--build-jobs", "1"]
    command = [*verilator_command(), *options, "--top-module", "bench", "nngen.v", "bench.v", "main.cpp"]
    return called(command, folder, limit, logs / "verilate.log", verilator_env())


def cycles_of(folder: Path, made: Mapping[str, Any], log: Path) -> int:
    """Of the simulated frame.

    Raises:
        MismatchError: it did not end, or its outputs are not the expected ones.
    """
    said = dict(line.split() for line in log.read_text().splitlines() if line.startswith("cycles "))
    if "cycles" not in said:
        raise MismatchError(f"NNgen's simulation did not end, see {log}")
    after = (folder / "after.hex").read_text().split()
    values = [int(word, 16) for word in after if not word.startswith(("/", "@"))][made["address"] :]
    signed = [value - 256 * (value >= 128) for value in values[: len(made["expected"])]]
    if signed != made["expected"]:
        raise MismatchError(f"NNgen's simulation gave {signed}, its model {made['expected']}")
    return int(said["cycles"])


def synthesised(folder: Path, limit: float, logs: Path) -> dict[str, Any]:
    """Resources, by the command that builds of headrace are synthesised with.

    What reads SystemVerilog overflows its stack on NNgen's state machines, so the reader for Verilog does.
    """
    prices = prices_of(FAMILY)
    script = f"read_verilog -DSYNTHESIS nngen.v\n{prices.command} -top nngen\ntee -q -o cells.json stat -json\n"
    with replacing(folder / "run.ys") as partial:
        partial.write_text(script)
    yosys = [str(Path(sys.executable).parent / YOSYS), *QUIET, "run.ys"]
    try:
        seconds = called(yosys, folder, limit, logs / "yosys.log")
    except ToolError as error:
        return {"made": None, "not_made": str(error).split(", see ")[0].split(" (full log")[0]}
    text = (folder / "cells.json").read_text()
    cells = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    return {"made": prices.resources(cells).to_json(), "yosys_s": round(seconds, 1)}
