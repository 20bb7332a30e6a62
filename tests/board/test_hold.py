# SPDX-License-Identifier: Apache-2.0
"""Inputs that stay the same from frame to frame: in memory once, read again for each frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from board_runs import on_board
from headrace_host.accelerator import Accelerator
from headrace_host.errors import BoardError, HostError
from headrace_host.program import Program
from headrace_sim.board.local import BASE, Board, local_board
from qonnx_file import QonnxFile

from headrace.boards import load_board
from headrace.compile import Goal, compile_model
from headrace.errors import BuildError
from headrace.ir.ops import IntArray

SHAPE = (1, 3, 12, 16)


def background_model(path: Path) -> Path:
    """What differs from a background, through a convolution."""
    file = QonnxFile(shape=SHAPE, extra_inputs={"background": SHAPE})
    image, background = file.image(), file.quant("background", 2.0**-8, signed=0)
    difference = file.quant(file.node("Sub", image, background), 2.0**-8, bits=10.0)
    result = file.quant(file.conv(difference, file.weight((4, 3, 3, 3)), pads=[1, 1, 1, 1]), 2.0**-5)
    return file.save(path, result)


@pytest.fixture(scope="module")
def folder(deployed: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = background_model(tmp_path_factory.mktemp("model") / "background.onnx")
    return deployed("zynq7", str(model), held=("background",))


def golden(program: Program, frames: IntArray, background: IntArray) -> dict[str, IntArray]:
    return program.run({"x": frames, "background": np.repeat(background[None], len(frames), axis=0)})


def assert_exact(board: Board, frames: IntArray, background: IntArray) -> None:
    found = board.batches.run({"x": frames})
    for name, values in golden(board.program, frames, background).items():
        np.testing.assert_array_equal(found[name], values)


def test_one_frame_in_memory_serves_all(folder: Path, tmp_path: Path) -> None:
    with local_board(folder, tmp_path) as board:
        inputs = board.random(9)
        with pytest.raises(BoardError, match=r"input 'background' is held, and has no values yet; call hold\('background'"):
            board.batches.run({"x": inputs["x"]})
        for background in inputs["background"][:2]:
            board.batches.hold("background", background)
            assert_exact(board, inputs["x"], background)
        with pytest.raises(BoardError, match="no input 'x' is held; this build holds background"):
            board.batches.hold("x", background)


def test_a_changed_bit_is_told(folder: Path, tmp_path: Path) -> None:
    with local_board(folder, tmp_path) as board:
        inputs = board.random(3)
        background = inputs["background"][0]
        board.batches.hold("background", background)
        held = board.batches.held["background"].buffer.address - BASE
        board.dram[held + 100] ^= 16
        with pytest.raises(BoardError, match="A frame of an input is not as it was packed"):
            board.batches.run({"x": inputs["x"]})
        board.batches.hold("background", background)
        assert_exact(board, inputs["x"], background)


def test_no_change_amid_batches(folder: Path, tmp_path: Path) -> None:
    with local_board(folder, tmp_path) as board:
        inputs = board.random(2)
        board.batches.hold("background", inputs["background"][0])
        board.batches.start({"x": inputs["x"]})
        with pytest.raises(BoardError, match="1 batches are on their way"):
            board.batches.hold("background", inputs["background"][1])
        board.batches.finish()


def test_pynq_and_the_cpu_agree(folder: Path, tmp_path: Path) -> None:
    """Through `AcceleratorOverlay`, with batches of several sizes, and through `Accelerator` on the CPU."""
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (5, 12, 16, 3)).astype(np.uint8)
    background = rng.integers(0, 256, (12, 16, 3)).astype(np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, background=background)
    on_board(tmp_path, "3.1.2", "held.py", next(folder.glob("*.bit")), tmp_path / "frames.npz")
    wanted = golden(Program.load(folder), frames, background)
    with np.load(tmp_path / "results.npz") as results:
        for size in (8, 3):
            for name, values in wanted.items():
                np.testing.assert_array_equal(results[f"{name} {size}"], values)
    with Accelerator(folder) as accelerator:
        with pytest.raises(HostError, match="is held, and has no values yet"):
            accelerator.run(frames)
        accelerator.hold("background", background)
        for name, values in accelerator.run(frames).items():
            np.testing.assert_array_equal(values, wanted[name])
        with pytest.raises(HostError, match=r"input 'background' has shape \(1, 16, 12, 3\)"):
            accelerator.hold("background", background.transpose(1, 0, 2))
        with pytest.raises(HostError, match="no input 'x' is held"):
            accelerator.hold("x", background)


@pytest.mark.parametrize(
    ("board", "held", "message"),
    [
        ("pynq-z2", ("w",), "the network has no input 'w' to hold; its inputs are x, background"),
        ("pynq-z2", ("x", "background"), "no input is left for frames"),
    ],
)
def test_what_cannot_be_held(board: str, held: tuple[str, ...], message: str, tmp_path: Path) -> None:
    model = background_model(tmp_path / "background.onnx")
    with pytest.raises(BuildError, match=message):
        compile_model(model, load_board(board), tmp_path / "build", Goal(), held=held)
    assert not (tmp_path / "build").exists()
