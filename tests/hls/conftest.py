# SPDX-License-Identifier: Apache-2.0
"""A build of the small detector with C++ kernels."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from headrace.boards import load_board
from headrace.compile import Goal, HlsOptions, compile_model


@pytest.fixture(scope="session")
def pristine_hls_build(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small_model` compiled with C++ kernels. Not to be changed."""
    folder = tmp_path_factory.mktemp("hls") / "small"
    compile_model(small_model, load_board("pynq-z2"), folder, Goal(fps=200_000), hls=HlsOptions())
    return folder


@pytest.fixture
def hls_build(pristine_hls_build: Path, tmp_path: Path) -> Path:
    """A copy of `pristine_hls_build` to do anything to."""
    return Path(shutil.copytree(pristine_hls_build, tmp_path / "small"))
