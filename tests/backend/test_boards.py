# SPDX-License-Identifier: Apache-2.0
"""Descriptions of boards, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.boards import board_names, load_board
from headrace.compile import Goal, compile_model
from headrace.errors import BuildError

BOARD = """
title = "A board"
part = "none"
family = "ecp5"
clock_mhz = 10
[resources]
lut = 53200
ff = 106400
dsp = 220
bram36 = 140
"""
PINS = """
[serial]
baud = 1000000
[pins]
clock = "A1"
clock_mhz = 25
rx = "A2"
tx = "A3"
button = "A4"
button_pressed = 1
led = "A5"
led_on = 0
"""
MEMORY = '[memory]\nps = "zynq7"\ndata_bits = 64\naddress_bits = 32\n'


def write(folder: Path, text: str) -> str:
    (folder / "mine.toml").write_text(text)
    return str(folder / "mine.toml")


def test_all_of_ours_are_valid() -> None:
    for name in board_names():
        board = load_board(name)
        assert (board.memory is None) != (board.serial is None)


def test_how_frames_come(tmp_path: Path) -> None:
    assert load_board(write(tmp_path, BOARD)).serial is None
    serial = load_board(write(tmp_path, BOARD + "[serial]\nbaud = 1000000\n")).serial
    assert serial is not None
    assert serial.baud == 1_000_000
    assert load_board(write(tmp_path, BOARD + MEMORY)).memory is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOARD + MEMORY + "[serial]\nbaud = 9600\n", "frames come one way or the other"),
        (BOARD + "[serial]\nbaud = 0\n", "baud 0 is not positive"),
        (BOARD + "[serial]\n", "baud"),
        (BOARD + MEMORY.replace("zynq7", "riscv"), "ps 'riscv' is none of zynq7, zynqmp"),
        (BOARD + MEMORY.replace("64", "48"), "data_bits 48 is neither 64 nor 128"),
        (BOARD + PINS.replace("[serial]\nbaud = 1000000\n", ""), "pins without serial"),
        (BOARD + PINS.replace("A5", "A2"), "site A2 stands twice in the pins"),
        (BOARD + PINS.replace("led_on = 0", "led_on = 2"), "led_on 2 is neither 0 nor 1"),
        (BOARD + PINS.replace("clock_mhz = 25", "clock_mhz = 0"), "the oscillator's clock_mhz 0.0 is not positive"),
        (BOARD + PINS.replace('tx = "A3"', ""), "tx"),
        (BOARD.replace("lut = 53200", "lut = 0"), "lut = 0; need a positive number"),
    ],
)
def test_what_is_no_board(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=message):
        load_board(write(tmp_path, text))


@pytest.mark.parametrize(
    ("baud", "message"),
    [
        (3_000_000, "3,000,000 baud need a clock of 12 MHz, not 10"),
        (300, "300 baud come out as 305 of a clock of 10 MHz, more than 1% off"),
        (50, "50 baud come out as 0 of"),
    ],
)
def test_a_line_that_does_not_suit_the_clock(baud: int, message: str, small_model: Path, tmp_path: Path) -> None:
    board = load_board(write(tmp_path, BOARD + f"[serial]\nbaud = {baud}\n"))
    with pytest.raises(BuildError, match=message):
        compile_model(small_model, board, tmp_path / "build", Goal())
    assert not (tmp_path / "build").exists()
