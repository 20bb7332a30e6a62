# SPDX-License-Identifier: Apache-2.0
"""Builds for a made-up board with a serial line, and the board at a pseudo-terminal."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from headrace_host.manifest import Build
from headrace_sim.serial_board import SerialBoard

from headrace.boards import load_board
from headrace.build.verilate import LINE, build_simulator
from headrace.compile import Goal, compile_model

BOARD = """
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


@pytest.fixture(scope="session")
def serial_build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """A model compiled for the board."""
    folder = tmp_path_factory.mktemp("serial")
    (folder / "bench.toml").write_text(BOARD)
    made: dict[Path, Path] = {}

    def of(model: Path) -> Path:
        if model not in made:
            made[model] = folder / f"build{len(made)}"
            compile_model(model, load_board(str(folder / "bench.toml")), made[model], Goal(fps=5000))
        return made[model]

    return of


@pytest.fixture
def at_port(tmp_path: Path) -> Callable[..., Iterator[SerialBoard]]:
    """Opens a board that holds a build."""

    @contextmanager
    def open_board(folder: Path, rate: float = 1.0) -> Iterator[SerialBoard]:
        """``rate``: of the host's end of the line, relative to the board's."""
        build = Build.load(folder)
        line = build.manifest["serial"]
        library = build_simulator([folder / "rtl" / name for name in line["sources"]], LINE)
        own = Path(shutil.copyfile(library, tmp_path / "own.so"))
        with SerialBoard(own, build.rom_dir, line["cycles_per_bit"] / rate) as board:
            yield board

    return open_board  # type: ignore[return-value]
