# SPDX-License-Identifier: Apache-2.0
"""Weights that the accelerator reads from memory, again and again, because they find no room on the chip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from headrace_host.errors import BoardError, HostError
from headrace_host.manifest import STREAMED, Build
from headrace_sim.board.local import BASE, local_board
from qonnx_file import QonnxFile

from headrace.backend.ip import WEIGHTS
from headrace.boards import load_board
from headrace.compile import Goal, compile_model
from headrace.deploy import deploy
from headrace.engines.technology import Resources

FRAMES = 6


def large_model(path: Path) -> Path:
    """More weights than a small device has block RAM for."""
    file = QonnxFile(shape=(1, 3, 8, 8))
    x = file.image()
    for before, behind in ((3, 64), (64, 240), (240, 96), (96, 8)):
        x = file.quant(file.conv(x, file.weight((behind, before, 1, 1))), 0.5, signed=0)
    return file.save(path, x)


@pytest.fixture(scope="module", params=["pynq-z2", pytest.param("kv260", marks=pytest.mark.deep)])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deployed for a board with three block RAMs."""
    folder = tmp_path_factory.mktemp(request.param)
    board = load_board(request.param)
    small = replace(board, resources=Resources(lut=7_000, ff=24_000, dsp=60, bram36=3))
    compile_model(large_model(folder / "large.onnx"), small, folder / "large", Goal(fps=400), lean=True)
    deploy(Build.load(folder / "large"), folder / "deployed", simulated=True)
    return folder / "deployed"


def streamed_bytes(build: Build) -> int:
    """Of a frame."""
    return sum(e["frame_bytes"] for e in build.manifest["ip"]["tensors"] if e["side"] == "weights")


def test_every_frame_meets_all_weights(folder: Path, tmp_path: Path) -> None:
    build = Build.load(folder)
    assert build.manifest["weights"]
    with local_board(folder, tmp_path) as board:
        board.assert_exact(board.random(FRAMES))
        for model in ({"read_latency": 200, "jitter": 150}, {"stall": 0.4}, {"bytes_per_cycle": 1.5}):
            board.model(**model)
            board.assert_exact(board.random(3, seed=2))


def test_memory_brings_what_the_manifest_says(folder: Path, tmp_path: Path) -> None:
    build = Build.load(folder)
    with local_board(folder, tmp_path) as board:
        board.batches.run(board.random(4))
        before = board.fabric.traffic[0]
        board.batches.run(board.random(12, seed=3))
        read = (board.fabric.traffic[0] - before) / 12
    frame = sum(e["frame_bytes"] for e in build.manifest["ip"]["tensors"] if e["side"] == "input")
    expected = streamed_bytes(build) + frame
    assert expected <= read <= 1.05 * expected


def test_a_reset_begins_again_at_the_first_weights(folder: Path, tmp_path: Path) -> None:
    with local_board(folder, tmp_path) as board:
        for seed in (1, 2, 3):
            board.batches.start(board.random(4, seed=seed))
            board.fabric.run(700 * seed)
            board.batches.recover()
            board.assert_exact(board.random(2, seed=seed))


def test_weights_that_changed_in_memory_are_told(folder: Path, tmp_path: Path) -> None:
    with local_board(folder, tmp_path) as board:
        board.assert_exact(board.random(2))
        at = board.batches.slots[0].inputs[WEIGHTS].address - BASE
        board.dram[at + 77] ^= 4
        with pytest.raises(BoardError, match="input"):
            board.batches.run(board.random(8))
        board.dram[at + 77] ^= 4
        board.batches.recover()
        board.assert_exact(board.random(2))


def test_weights_of_another_build_are_refused(folder: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (changed / path.name).write_bytes(path.read_bytes())
    weights = bytearray((folder / STREAMED).read_bytes())
    weights[5] ^= 1
    (changed / STREAMED).write_bytes(weights)
    with pytest.raises(HostError, match=f"{STREAMED}: not of build"):
        Build.load(changed)
    (changed / STREAMED).unlink()
    with pytest.raises(HostError, match=f"{STREAMED}: missing from build"):
        Build.load(changed)
