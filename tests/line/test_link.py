# SPDX-License-Identifier: Apache-2.0
"""Frames through the Verilated block at the end of a serial line, which may be a bad one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serial
from headrace_host.accelerator import Accelerator
from headrace_host.errors import BoardError, HostError
from headrace_host.manifest import Build
from headrace_host.program import Program
from headrace_host.serial_link import SerialLink
from headrace_sim.serial_board import Noise, SerialBoard
from qonnx_file import QonnxFile

from headrace.ir.ops import IntArray

AtPort = Callable[..., Any]
PATIENCE = 1.0  # seconds; the simulated board is some 100 times slower than a board


def odd_model(path: Path) -> Path:
    """Two inputs, of 3 and of 8 bits; outputs of 1 bit, of 12 bits and signed."""
    file = QonnxFile(shape=(1, 3, 5, 7), extra_inputs={"z": (1, 2, 5, 7)})
    x, z = file.image(), file.quant("z", 0.25, bits=3.0)
    wide = file.quant(file.conv(x, file.weight((5, 3, 1, 1))), 2.0**-10, bits=12.0)
    bits = file.quant(file.conv(z, file.weight((3, 2, 1, 1))), 1.0, bits=1.0, signed=0)
    return file.save(path, wide, bits)


def link_to(board: SerialBoard, folder: Path, **changes: Any) -> SerialLink:
    manifest = {**Build.load(folder).manifest, **changes}
    return SerialLink(serial.Serial(board.port, timeout=0.02), manifest, PATIENCE)


def random_frames(program: Program, count: int, seed: int) -> dict[str, IntArray]:
    rng, tensors = np.random.default_rng(seed), program.spec["tensors"]
    return {
        name: rng.integers(tensors[name]["lo"], tensors[name]["hi"], (count, *tensors[name]["shape"]), endpoint=True)
        for name in program.spec["inputs"]
    }


def assert_exact(link: SerialLink, folder: Path, count: int, seed: int) -> None:
    program = Program.load(folder)
    frames = random_frames(program, count, seed)
    found = link.run(frames)
    golden = program.run(frames)
    assert set(found) == set(golden)
    for name, values in golden.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.fixture
def small(serial_build: Callable[..., Path], small_model: Path) -> Path:
    return serial_build(small_model)


@pytest.mark.parametrize("rate", [0.98, 1.0, 1.02])
def test_frames_are_exact(rate: float, small: Path, at_port: AtPort) -> None:
    with at_port(small, rate) as board:
        link = link_to(board, small)
        for seed in range(3):
            assert_exact(link, small, 3, seed)
        assert (link.repeated, link.bad_packets) == (0, 0)


def test_several_inputs_and_ragged_bits(serial_build: Callable[..., Path], tmp_path: Path, at_port: AtPort) -> None:
    folder = serial_build(odd_model(tmp_path / "odd.onnx"), "bench")
    with at_port(folder) as board:
        link = link_to(board, folder)
        for count, seed in ((1, 1), (4, 2), (9, 3)):
            assert_exact(link, folder, count, seed)


@pytest.mark.parametrize(
    "noise", [Noise(lost=1e-3), Noise(changed=1e-3), Noise(added=1e-3), Noise(lost=5e-4, changed=5e-4, added=5e-4)], ids=str
)
def test_a_bad_line(noise: Noise, small: Path, at_port: AtPort) -> None:
    with at_port(small) as board:
        link = link_to(board, small)
        board.noise = noise
        assert_exact(link, small, 4, 1)
        board.noise = Noise()
        assert_exact(link, small, 1, 2)
    assert link.repeated > 0


def test_garbage_before_and_amid(small: Path, at_port: AtPort) -> None:
    rng = np.random.default_rng(5)
    with at_port(small) as board:
        port = serial.Serial(board.port, timeout=0.02)
        port.write(rng.bytes(3000))
        link = SerialLink(port, Build.load(small).manifest, PATIENCE)
        for seed in range(3):
            assert_exact(link, small, 2, seed)
            port.write(rng.bytes(700))


def test_a_board_that_loses_power(small: Path, at_port: AtPort) -> None:
    with at_port(small) as board:
        link = link_to(board, small)
        assert_exact(link, small, 1, 1)
        board.power_cycle()
        with pytest.raises(BoardError, match="the board was reset or configured anew"):
            assert_exact(link, small, 2, 2)
        assert_exact(link, small, 2, 3)  # a new session


def test_another_build(small: Path, at_port: AtPort) -> None:
    with (
        at_port(small) as board,
        pytest.raises(BoardError, match=r"the board holds build [0-9a-f]{16}, the manifest is of build 0{16}"),
    ):
        link_to(board, small, build_id="0" * 16)


def test_a_silent_port(small: Path) -> None:
    master, slave = os.openpty()
    try:
        with pytest.raises(BoardError, match="nothing answers at the serial port"):
            SerialLink(serial.Serial(os.ttyname(slave), timeout=0.01), Build.load(small).manifest, 0.02)
    finally:
        os.close(master)
        os.close(slave)


def test_a_line_that_breaks_in_the_middle(small: Path, at_port: AtPort) -> None:
    with at_port(small) as board:
        link = link_to(board, small)
        board.noise = Noise(lost=1.0)
        link._patience = 0.05
        with pytest.raises(BoardError, match=r"the board fell silent: it took 0 of [\d,]+ bytes of '\w+' and gave 0 of"):
            assert_exact(link, small, 2, 1)
        board.noise, link._patience = Noise(), PATIENCE
        assert_exact(link, small, 2, 2)


def test_a_network_that_does_not_move(small: Path, at_port: AtPort) -> None:
    """To a host without patience every network is one, between two of its frames."""
    with at_port(small) as board:
        link = SerialLink(serial.Serial(board.port, timeout=0.02), Build.load(small).manifest, PATIENCE, stuck=0.0)
        with pytest.raises(BoardError, match=r"the board is stuck: it took \d[\d,]* of [\d,]+ bytes of '\w+' and gave \d+ of"):
            assert_exact(link, small, 20, 1)


def test_as_an_accelerator(small: Path, at_port: AtPort) -> None:
    program = Program.load(small)
    frames = random_frames(program, 5, 1)
    (pixels,) = frames.values()
    with at_port(small) as board, Accelerator(small, f"serial:{board.port}") as accelerator:
        for name, values in accelerator.run(pixels.astype(np.uint8)).items():
            np.testing.assert_array_equal(values, program.run(frames)[name])
        with pytest.raises(HostError, match="has shape"):
            accelerator.run(pixels[..., :2].astype(np.uint8))


def test_what_cannot_be_opened(small: Path, small_build: Path) -> None:
    with pytest.raises(HostError, match="/dev/nowhere: cannot open the serial port"):
        Accelerator(small, "serial:/dev/nowhere")
    with pytest.raises(HostError, match="this build has no serial line; compile it for a board that has one"):
        Accelerator(small_build, "serial:/dev/nowhere")
    for device in ("serial", "serial:", "fpga"):
        with pytest.raises(HostError, match=f"unknown device '{device}'; this version runs on cpu, sim, board, serial:PORT"):
            Accelerator(small, device)


def test_another_protocol(small: Path, at_port: AtPort, monkeypatch: pytest.MonkeyPatch) -> None:
    from headrace_host import serial_link

    monkeypatch.setattr(serial_link, "VERSION", 2)
    with at_port(small) as board, pytest.raises(BoardError, match="speaks version 1 of the serial protocol, this driver 2"):
        link_to(board, small)


def test_the_block_tells_the_builds_id(small: Path) -> None:
    build = Build.load(small)
    assert f"64'h{build.build_id}" in (small / "rtl" / "headrace_serial.sv").read_text()
