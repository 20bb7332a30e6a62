# SPDX-License-Identifier: Apache-2.0
"""Builds for boards with a serial line, and such a board at a pseudo-terminal."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from headrace_host.manifest import Build
from headrace_sim.serial_board import SerialBoard

from headrace.boards import load_board
from headrace.build.line import line_model
from headrace.compile import Goal, compile_model

BENCH = """
title = "A bench with a serial line"
part = "none"
family = "ecp5"
clock_mhz = 50
[resources]
lut = 53200
ff = 106400
dsp = 220
bram36 = 140
[serial]
baud = 3000000
"""
"""No pins are known: the block alone is simulated."""


@pytest.fixture(scope="session")
def serial_build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A model compiled for a board with pins, or for one without (``bench``)."""
    folder = tmp_path_factory.mktemp("serial")
    (folder / "bench.toml").write_text(BENCH)
    made: dict[tuple[Path, str], Path] = {}

    def of(model: Path, board: str = "ulx3s-85f") -> Path:
        name = str(folder / "bench.toml") if board == "bench" else board
        if (model, board) not in made:
            made[model, board] = folder / f"build{len(made)}"
            compile_model(model, load_board(name), made[model, board], Goal(fps=5000))
        return made[model, board]

    return of


@pytest.fixture
def at_port(tmp_path: Path) -> Callable[..., Iterator[SerialBoard]]:
    """Opens a board that holds a build."""

    @contextmanager
    def open_board(folder: Path, rate: float = 1.0) -> Iterator[SerialBoard]:
        """``rate``: of the host's end of the line, relative to the board's."""
        build = Build.load(folder)
        own = Path(shutil.copyfile(line_model(build), tmp_path / "own.so"))
        with SerialBoard(own, build.rom_dir, build.manifest["serial"]["cycles_per_bit"] / rate) as board:
            yield board

    return open_board  # type: ignore[return-value]
