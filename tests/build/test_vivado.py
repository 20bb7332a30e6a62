# SPDX-License-Identifier: Apache-2.0
"""The Vivado project: its script really runs in Tcl, with a strict stand-in for Vivado, and faults put into it are found."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import files_of
from headrace_host.manifest import Build
from vivado_check import PROJECT, problems, run_script

from headrace.boards import load_board
from headrace.build.toolenv import verilator_command, verilator_env
from headrace.build.vivado import write_project
from headrace.compile import Goal, compile_model
from headrace.errors import BuildError

BOARD = """
title = "A board that nobody makes"
part = "{part}"
family = "{family}"
clock_mhz = {clock}
resources = {{ lut = 63400, ff = 126800, dsp = 240, bram36 = 135 }}
memory = {{ ps = "{ps}", data_bits = {data_bits}, address_bits = {address_bits} }}
"""
SMALL_ZYNQ7 = {"part": "xc7z014sclg484-2", "family": "xc7", "clock": 83.5, "ps": "zynq7", "data_bits": 64, "address_bits": 32}
SMALL_ZYNQMP = {
    "part": "xczu2cg-sbva484-1-e",
    "family": "xcup",
    "clock": 150,
    "ps": "zynqmp",
    "data_bits": 64,
    "address_bits": 32,
}
ZYNQ7, ZYNQMP = "pynq-z2", "kv260"


@pytest.mark.parametrize("board", [ZYNQ7, ZYNQMP])
def test_the_project_is_whole(vivado_projects: dict[str, Path], board: str) -> None:
    assert problems(Build.load(vivado_projects[board])) == []


@pytest.mark.parametrize(
    "made_up",
    [SMALL_ZYNQ7, SMALL_ZYNQMP, {**SMALL_ZYNQMP, "data_bits": 128}, {**SMALL_ZYNQMP, "address_bits": 40}],
    ids=["Zynq-7000", "UltraScale+", "128 bits", "40 address bits"],
)
def test_a_new_board_is_one_file(small_model: Path, tmp_path: Path, made_up: dict[str, object]) -> None:
    board = tmp_path / "nobodys.toml"
    board.write_text(BOARD.format(**made_up))
    compile_model(small_model, load_board(str(board)), tmp_path / "build", Goal(fps=5000))
    build = Build.load(tmp_path / "build")
    write_project(build)
    assert problems(build) == []
    script = (build.folder / PROJECT / "build.tcl").read_text()
    assert f"set part    {made_up['part']}\n" in script


def test_what_no_board_has(small_model: Path, tmp_path: Path) -> None:
    board = tmp_path / "nobodys.toml"
    board.write_text(BOARD.format(**{**SMALL_ZYNQ7, "data_bits": 128}))
    compile_model(small_model, load_board(str(board)), tmp_path / "wide", Goal(fps=5000))
    with pytest.raises(BuildError, match="S_AXI_HP0 of zynq7 has 64 data bits, not 128; mend its TOML"):
        write_project(Build.load(tmp_path / "wide"))
    board.write_text(BOARD.format(**{**SMALL_ZYNQ7, "part": "xc7z [exit]"}))
    compile_model(small_model, load_board(str(board)), tmp_path / "part", Goal(fps=5000))
    with pytest.raises(BuildError, match=r"'xc7z \[exit\]' is no part's name"):
        write_project(Build.load(tmp_path / "part"))
    compile_model(small_model, load_board(ZYNQ7), tmp_path / "an {odd name", Goal(fps=5000))
    with pytest.raises(BuildError, match=r"'an \{odd name': a name that Vivado's Tcl cannot take; rename"):
        write_project(Build.load(tmp_path / "an {odd name"))


def test_a_name_with_spaces(small_model: Path, tmp_path: Path) -> None:
    """For a board that the other tests leave out."""
    compile_model(small_model, load_board("ultra96v2"), tmp_path / "two $words [here]", Goal(fps=5000))
    build = Build.load(tmp_path / "two $words [here]")
    write_project(build)
    assert problems(build) == []


def test_kernels_are_refused(pristine_mixed_build: Path) -> None:
    with pytest.raises(BuildError, match="layers of it are C\\+\\+ kernels"):
        write_project(Build.load(pristine_mixed_build))


def test_the_same_build_gives_the_same_bytes(vivado_projects: dict[str, Path], tmp_path: Path) -> None:
    other = Path(shutil.copytree(vivado_projects[ZYNQ7], tmp_path / "elsewhere"))
    shutil.rmtree(other / PROJECT)
    write_project(Build.load(other))
    assert files_of(other / PROJECT) == files_of(vivado_projects[ZYNQ7] / PROJECT)
    assert not any(
        str(folder).encode() in b for folder in (other, vivado_projects[ZYNQ7]) for b in files_of(other / PROJECT).values()
    )


@pytest.mark.parametrize("board", [ZYNQ7, ZYNQMP])
def test_the_top_fits_the_block(vivado_projects: dict[str, Path], board: str) -> None:
    """For Verilator, which tells of ports that are not connected, and of widths that differ."""
    build = Build.load(vivado_projects[board])
    sources = [str(build.folder / "rtl" / source) for source in build.manifest["ip"]["sources"]]
    top = str(build.folder / PROJECT / "headrace_ip_top.v")
    options = (
        "--lint-only",
        "-Wall",
        "-Wno-PINCONNECTEMPTY",
        "--top-module",
        "headrace_ip_top",
    )  # the network leaves some open
    command = [*verilator_command(), *options, *sources, top]
    done = subprocess.run(command, env=verilator_env(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stage", ["synthesis", "ooc"])
def test_stages(vivado_projects: dict[str, Path], stage: str) -> None:
    recorded = run_script(Build.load(vivado_projects[ZYNQ7]), stage)
    assert not recorded.error
    made = {
        "synthesis": {"synthesized.dcp", "small.hwh"},
        "ooc": {f"ooc_{n}.rpt" for n in ("utilization", "hierarchy", "timing")},
    }
    assert set(recorded.made) == made[stage] | {"work"}


def test_an_unknown_stage(vivado_projects: dict[str, Path]) -> None:
    recorded = run_script(Build.load(vivado_projects[ZYNQ7]), "synthesis", "sythesis")
    assert recorded.error.startswith("ERROR: unknown stage 'sythesis'; known: synthesis, implementation, bitstream, ooc")
    assert recorded.made == ()


@pytest.mark.parametrize("slack", [{"max": -0.2, "min": 0.1}, {"max": 0.2, "min": -0.1}], ids=["setup", "hold"])
def test_no_bitstream_of_what_is_too_slow(vivado_projects: dict[str, Path], slack: dict[str, float]) -> None:
    recorded = run_script(Build.load(vivado_projects[ZYNQ7]), slack=slack)
    assert "no bitstream: a path misses its time" in recorded.error
    assert "small.bit" not in recorded.made
    assert "timing.rpt" in recorded.made
