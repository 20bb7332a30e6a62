# SPDX-License-Identifier: Apache-2.0
"""``headrace build`` for boards with a Zynq: without Vivado, and with a program in its place that runs the script in Tcl."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Run, assert_refused, files_of, left_in
from headrace_host.manifest import MANIFEST, Build
from vivado_check import STUB, problems, tclsh, write_library
from vivado_texts import hierarchy, timing, utilization

from headrace.files import BITSTREAMS

VIVADO = """#!{python}
import pathlib, subprocess, sys
here = pathlib.Path(__file__).parent
if sys.argv[1:] == ["-version"]:
    print((here / "version").read_text())
    sys.exit(0)
options, stage = sys.argv[1:-1], sys.argv[-1]
assert options == ["-mode", "batch", "-nojournal", "-nolog", "-notrace", "-source", {script!r}, "-tclargs"], options
with open(here / "runs", "a") as runs:
    runs.write(stage + "\\n")
print("INFO: stage", stage, flush=True)
command = [{tclsh!r}, {stub!r}, str(here / "library.tcl"), options[6], str(here / "record"), stage]
sys.exit(subprocess.run(command).returncode)
"""
SCRIPT = "bitstream/vivado/build.tcl"


@pytest.fixture
def project(vivado_projects: dict[str, Path], tmp_path: Path) -> Path:
    """A build for the PYNQ-Z2, without a project yet."""
    folder = Path(shutil.copytree(vivado_projects["pynq-z2"], tmp_path / "small", ignore=shutil.ignore_patterns("sim")))
    shutil.rmtree(folder / BITSTREAMS)
    return folder


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Vivado on the PATH."""
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *args, **kw: None if name == "vivado" else which(name, *args, **kw))


@pytest.fixture
def installed(
    vivado_projects: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[float, float], Path]:
    """Puts a Vivado on the PATH that finds these slacks; gives its folder."""
    folder = tmp_path / "tools"
    folder.mkdir()
    program = folder / "vivado"
    program.write_text(VIVADO.format(python=sys.executable, tclsh=tclsh(), stub=str(STUB), script=SCRIPT))
    program.chmod(0o755)
    (folder / "version").write_text("Vivado v2024.1 (64-bit)\nTool Version Limit: 2024.05")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def finds(wns: float, whs: float = 0.021) -> Path:
        build = Build.load(vivado_projects["pynq-z2"])
        engines = [entry["name"] for entry in build.manifest["engines"]]
        reports = (utilization(), hierarchy(engines), timing(wns, whs))
        write_library(build, folder / "library.tcl", {"max": wns, "min": whs}, reports)
        return folder

    return finds


def runs(tools: Path) -> list[str]:
    path = tools / "runs"
    found = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


@pytest.mark.usefixtures("absent")
def test_without_vivado(project: Path, run: Run) -> None:
    message = (
        "Vivado is not installed here .*; the project is ready. .* "
        f"cd {project / BITSTREAMS} && vivado -mode batch -source vivado/build.tcl$"
    )
    assert_refused(run("build", project, "--board", "pynq-z2"), message, code=3)
    assert problems(Build.load(project)) == []
    assert "build" not in json.loads((project / MANIFEST).read_text())["steps"]
    before = files_of(project)
    assert_refused(run("build", project, "--ooc"), "vivado/build.tcl -tclargs ooc$", code=3)
    assert files_of(project) == before
    message = r"small.bit: missing; make it with: headrace build .* \(it needs Vivado\). For the simulated board"
    assert_refused(run("deploy", project, "--to", "out"), message)


@pytest.mark.usefixtures("absent")
def test_sources_that_changed(project: Path, run: Run) -> None:
    (project / "rtl" / "stream_fifo.sv").write_text("")
    assert_refused(run("build", project), "stream_fifo.sv: not of build")
    assert BITSTREAMS not in left_in(project)


def test_with_vivado(project: Path, run: Run, installed: Callable[..., Path], tmp_path: Path) -> None:
    tools = installed(1.203)
    status, out, err = run("build", project)
    assert status == 0, err
    assert "vivado-synthesis ..." in err
    assert runs(tools) == ["synthesis", "implementation", "bitstream"]
    assert "runs at 113.7 MHz (100 wanted); critical path from conv_2 to quant_3: 3.2 ns in 9 cells" in " ".join(out.split())
    assert re.search(r"LUT +│ +21,034 +│ +53,200 +│ +40%", out)
    facts = json.loads((project / MANIFEST).read_text())["steps"]["build"]
    assert (facts["vivado"], facts["wns_ns"], facts["whs_ns"], facts["meets"]) == ("2024.1", 1.203, 0.021, True)
    assert facts["used"] == {"LUT": 21034, "FF": 24410, "DSP": 148, "BRAM36": 63}
    engines = [entry["name"] for entry in Build.load(project).manifest["engines"]]
    assert list(facts["engines"]) == engines
    assert facts["engines"][engines[1]] == {"lut": 101, "ff": 201, "dsp": 1, "bram36": 0.5}
    made = {"small.bit", "small.hwh", "utilization.rpt", "hierarchy.rpt", "timing.rpt", "vivado-synthesis.log", "vivado"}
    assert made <= set(left_in(project / BITSTREAMS))
    assert "INFO: stage synthesis" in (project / BITSTREAMS / "vivado-synthesis.log").read_text()
    status, _, err = run("deploy", project, "--to", tmp_path / "out")
    assert status == 0, err
    assert {"small.bit", "small.hwh", "linux"} <= set(left_in(tmp_path / "out"))
    assert left_in(tmp_path / "out" / "linux") == ["small.dtbo"]


def test_what_is_not_repeated(project: Path, run: Run, installed: Callable[..., Path]) -> None:
    tools = installed(1.203)
    assert run("build", project)[0] == 0
    assert runs(tools) == ["synthesis", "implementation", "bitstream"]
    status, out, _ = run("build", project, "--json")
    assert (status, runs(tools)) == (0, [])
    assert json.loads(out)["file"] == "small.bit"
    (project / BITSTREAMS / "routed.dcp").unlink()  # as if interrupted there
    assert run("build", project)[0] == 0
    assert runs(tools) == ["implementation"]  # which gives the same, so the bitstream stays
    (tools / "version").write_text("vivado v2025.1 (64-bit)")
    assert run("build", project)[0] == 0
    assert runs(tools) == ["synthesis", "implementation", "bitstream"]


def test_a_clock_that_is_not_reached(project: Path, run: Run, installed: Callable[..., Path]) -> None:
    installed(1.203)
    assert run("build", project)[0] == 0
    (project / BITSTREAMS / "routed.dcp").unlink()
    tools = installed(-0.482)
    message = (
        r"runs at 95.4 MHz, not 100 \(WNS -0.482 ns\): the critical path is from conv_2 to quant_3 .*--clock 95; "
        r"see .*timing.rpt"
    )
    assert_refused(run("build", project), message, code=1)
    assert "small.bit" not in left_in(project / BITSTREAMS)
    assert runs(tools)[-1] == "implementation"
    (project / BITSTREAMS / "routed.dcp").unlink()
    installed(0.1, -0.004)
    assert_refused(run("build", project), r"0.004 ns too early for its register \(hold\), from conv_2 to window_1; see", code=1)


def test_the_block_by_itself(project: Path, run: Run, installed: Callable[..., Path]) -> None:
    tools = installed(-0.482)
    status, out, err = run("build", project, "--ooc")
    assert status == 0, err
    assert runs(tools) == ["ooc"]
    assert "its block by itself, ways guessed" in " ".join(out.split())
    assert "21,034" in out
    assert "build" not in json.loads((project / MANIFEST).read_text())["steps"]


def test_a_vivado_that_fails(project: Path, run: Run, installed: Callable[..., Path]) -> None:
    tools = installed(1.203)
    library = tools / "library.tcl"
    library.write_text(library.read_text().replace("set roms {", "set roms {no_such.hex "))
    message = r"vivado-synthesis failed: .*no_such.hex.*\(full log: .*vivado-synthesis.log\)"
    assert_refused(run("build", project), message)
    assert "small.bit" not in left_in(project / BITSTREAMS)
    (tools / "version").write_text("license server is down")
    assert_refused(run("build", project), r"vivado -version: tells no version \(license server is down\)")
    (tools / "vivado").write_text("no program")
    assert_refused(run("build", project), "vivado: does not start")


def test_seeds_are_not_vivados(project: Path, run: Run) -> None:
    assert_refused(run("build", project, "--seed", 2), "--seed is of an ECP5's placer; Vivado's takes none")


def test_ooc_is_vivados(small_model: Path, run: Run) -> None:
    assert run("compile", small_model, "--board", "ulx3s-85f", "-o", "ecp5", "--fps", 5000)[0] == 0
    assert_refused(run("build", "ecp5", "--ooc"), "--ooc is for boards whose bitstreams Vivado makes, and ULX3S 85F is none")
