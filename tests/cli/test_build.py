# SPDX-License-Identifier: Apache-2.0
"""``headrace build``: a bitstream by open tools, really made; what is kept, what is refused."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import Run, assert_refused, files_of, left_in
from headrace_host.manifest import MANIFEST

import headrace.build.open_flow as flow
from headrace.boards import load_board
from headrace.build.steps import Step, Steps
from headrace.build.timing import Routed, read_report
from headrace.compile import Goal, compile_model
from headrace.files import BITSTREAMS, SYNTHESES
from headrace.resources import data_dir

BOARD = "colorlight-i5"
"""The smaller one; `bitstreams/` holds what is made for the larger."""


@pytest.fixture(scope="session")
def compiled(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small_model` for an ECP5. Not to be changed."""
    folder = tmp_path_factory.mktemp("ecp5") / "small"
    compile_model(small_model, load_board(BOARD), folder, Goal(fps=5000))
    return folder


@pytest.fixture(scope="session")
def pristine(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its bitstream. Not to be changed."""
    from headrace_host.manifest import Build

    folder = Path(shutil.copytree(compiled, tmp_path_factory.mktemp("bitstream") / "small"))
    flow.make_bitstream(Build.load(folder), seed=1)
    return folder


@pytest.fixture
def built(pristine: Path, tmp_path: Path) -> Path:
    """A copy of `pristine` to do anything to."""
    return Path(shutil.copytree(pristine, tmp_path / "small"))


def without_manifest(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in files_of(folder).items() if name != MANIFEST}


def test_what_is_made(built: Path) -> None:
    made = built / BITSTREAMS
    assert {"small.bit", "netlist.json", "routed.config", "report.json", "synthesis.ys"} <= set(left_in(made))
    assert {"synthesis.log", "place-and-route.log", "packing.log"} <= set(left_in(made))
    assert (made / "small.bit").read_bytes()[:2] == b"\xff\x00"  # its comment begins
    facts = json.loads((built / MANIFEST).read_text())["steps"]["build"]
    assert facts["meets"]
    assert facts["reached_mhz"] >= facts["clock_mhz"] == 50
    assert 2000 < facts["used"]["TRELLIS_COMB"] < 8000
    assert facts["available"]["TRELLIS_COMB"] == 24288
    assert facts["path"]["logic_ns"] + facts["path"]["routing_ns"] == pytest.approx(1000 / facts["reached_mhz"], rel=0.01)


def test_nothing_is_done_twice(built: Path, run: Run) -> None:
    before = without_manifest(built)
    status, out, err = run("build", built, "--board", data_dir("hw") / "boards" / f"{BOARD}.toml")
    assert status == 0, err
    for step in flow.STEPS:
        assert f"{step}: done before" in err
    assert "MHz (50 wanted)" in out
    assert "TRELLIS_COMB" in out
    assert without_manifest(built) == before
    status, out, _ = run("build", built, "--json")
    assert json.loads(out)["sha256"] == json.loads((built / MANIFEST).read_text())["steps"]["build"]["sha256"]


def test_the_same_build_gives_the_same_bytes(built: Path, run: Run) -> None:
    before = (built / BITSTREAMS / "small.bit").read_bytes()
    (built / BITSTREAMS / "routed.config").unlink()  # as if interrupted there
    (built / BITSTREAMS / "small.bit").unlink()
    status, _, err = run("build", built)
    assert status == 0, err
    assert "synthesis: done before" in err
    assert "place-and-route ..." in err
    assert (built / BITSTREAMS / "small.bit").read_bytes() == before


def test_a_clock_that_is_not_reached(built: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def slower(path: Path, clock_mhz: float) -> Routed:
        return replace(read(path, clock_mhz), reached_mhz=41.27)

    read = read_report
    monkeypatch.setattr(flow, "read_report", slower)
    message = (
        r"the design runs at 41.3 MHz, not 50: the critical path is (within|from) \w+ .*cells between registers.*--clock 41"
    )
    assert_refused(run("build", built), message, code=1)
    assert not (built / BITSTREAMS / "small.bit").exists()


def test_what_is_refused(compiled: Path, tmp_path: Path, run: Run) -> None:
    assert_refused(run("build", tmp_path / "nowhere"), "no such build directory")
    message = f"compiled for {BOARD}, not pynq-z2; compile it anew: headrace compile small.onnx --board pynq-z2"
    assert_refused(run("build", compiled, "--board", "pynq-z2"), message)
    assert_refused(run("build", compiled, "--board", "nosuch"), "nosuch")
    changed = Path(shutil.copytree(compiled, tmp_path / "changed"))
    (changed / "rtl" / "headrace_board.lpf").write_text("")
    assert_refused(run("build", changed), "headrace_board.lpf: not of build")
    assert BITSTREAMS not in left_in(changed)


def test_a_board_without_pins(small_model: Path, tmp_path: Path, run: Run) -> None:
    text = """
title = "A bench"
part = "none"
family = "ecp5"
clock_mhz = 50
resources = { lut = 53200, ff = 106400, dsp = 220, bram36 = 140 }
serial = { baud = 3000000 }
"""
    (tmp_path / "bench.toml").write_text(text)
    assert run("compile", small_model, "--board", tmp_path / "bench.toml", "-o", "bench", "--fps", 5000)[0] == 0
    assert_refused(run("build", "bench"), "the description of A bench tells no pins")


def test_a_tool_that_fails(compiled: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_: Steps, step: Step, scratch: Path) -> None:
        raise OSError(28, "No space left on device", str(scratch / step.outputs[0]))

    folder = Path(shutil.copytree(compiled, tmp_path / "small"))
    monkeypatch.setattr(Steps, "_run", no_space)
    assert_refused(run("build", folder), "No space left on device")
    assert left_in(folder / BITSTREAMS) == [".lock", "synthesis.ys"]


def test_compiling_again_keeps_the_bitstream(built: Path, small_model: Path, run: Run) -> None:
    before = files_of(built / BITSTREAMS)
    (built / SYNTHESES).mkdir()
    (built / SYNTHESES / "figures.json").touch()
    assert run("compile", small_model, "--board", BOARD, "--fps", 5000, "-o", built)[0] == 0
    assert files_of(built / BITSTREAMS) == before
    assert left_in(built / SYNTHESES) == ["figures.json"]
    assert run("compile", small_model, "--board", BOARD, "--fps", 5000, "--clock", 25, "-o", built)[0] == 0
    assert not {BITSTREAMS, SYNTHESES} & set(left_in(built))  # another build


def test_the_deployed_folder(built: Path, compiled: Path, tmp_path: Path, run: Run) -> None:
    assert_refused(run("deploy", compiled, "--to", tmp_path / "out"), "small.bit: missing; make it with: headrace build")
    status, out, err = run("deploy", built, "--to", tmp_path / "out")
    assert status == 0, err
    assert "where the serial line ends" in re.sub(r"[\s│]+", " ", out)
    assert {"small.bit", MANIFEST, "program.json", "weights.npz"} <= set(left_in(tmp_path / "out"))
    (built / BITSTREAMS / "small.bit").write_bytes(b"another")
    assert_refused(
        run("deploy", built, "--to", tmp_path / "again"), r"small.bit: not of build \w{16}; make it with: headrace build"
    )
