# SPDX-License-Identifier: Apache-2.0
"""Deployed builds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from headrace_host.manifest import Build
from headrace_sim.board.local import Board, local_board

from headrace.boards import load_board
from headrace.compile import Goal, compile_model
from headrace.deploy import deploy
from headrace.models import resolve_model

BOARDS = {"zynq7": "pynq-z2", "zynqmp": "kv260"}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A model, the tiny detector if not told otherwise, deployed for the simulated board with a processing system."""
    made: dict[tuple[str, str], Path] = {}

    def of(ps: str, model: str = "tiny", held: tuple[str, ...] = ()) -> Path:
        if (ps, model) not in made:
            folder = tmp_path_factory.mktemp(ps)
            compile_model(resolve_model(model), load_board(BOARDS[ps]), folder / Path(model).stem, Goal(), held=held)
            deploy(Build.load(folder / Path(model).stem), folder / "deployed", simulated=True)
            made[ps, model] = folder / "deployed"
        return made[ps, model]

    return of


@pytest.fixture
def board(deployed: Callable[..., Path], small_model: Path, tmp_path: Path) -> Iterator[Board]:
    """A board with a network that runs in milliseconds."""
    with local_board(deployed("zynq7", str(small_model)), tmp_path) as ready:
        yield ready
