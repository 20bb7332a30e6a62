# SPDX-License-Identifier: Apache-2.0
"""Makes the helpers beside this file importable from every test; a small compiled detector for those that need a build."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, and no example fails because the machine is busy.
settings.register_profile("headrace", deadline=None, derandomize=True)
settings.register_profile("deep", deadline=None, derandomize=True, max_examples=1000)
settings.load_profile("headrace")

_TESTS = str(Path(__file__).resolve().parent)
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="include the tests marked deep, and try more examples of the others")
    parser.addoption("--rtl-coverage", type=Path, metavar="DIR", help="leave counts of the RTL lines that benches reach in DIR")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--deep"):
        settings.load_profile("deep")
    if folder := config.getoption("--rtl-coverage"):
        from headrace_sim.runner import collect_coverage

        collect_coverage(folder)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--deep"):
        return
    deep = [item for item in items if item.get_closest_marker("deep")]
    items[:] = [item for item in items if not item.get_closest_marker("deep")]
    config.hook.pytest_deselected(items=deep)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The QONNX file of a detector that compiles in seconds."""
    from qonnx_file import small_detector

    return small_detector(tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture(scope="session")
def pristine_build(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small_model` compiled for the PYNQ-Z2, simulator included. Not to be changed."""
    from headrace_host.manifest import Build

    from headrace.boards import load_board
    from headrace.compile import Goal, compile_model
    from headrace.simulation import ensure_simulator

    folder = tmp_path_factory.mktemp("build") / "small"
    compile_model(small_model, load_board("pynq-z2"), folder, Goal(fps=200_000))
    ensure_simulator(Build.load(folder))
    return folder


@pytest.fixture
def small_build(pristine_build: Path, tmp_path: Path) -> Path:
    """A copy of `pristine_build` to do anything to."""
    return Path(shutil.copytree(pristine_build, tmp_path / "small"))


@pytest.fixture(scope="session")
def pristine_hls_build(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small_model` compiled with C++ kernels. Not to be changed."""
    from headrace.boards import load_board
    from headrace.compile import Goal, HlsOptions, compile_model

    folder = tmp_path_factory.mktemp("hls") / "small"
    compile_model(small_model, load_board("pynq-z2"), folder, Goal(fps=200_000), hls=HlsOptions())
    return folder


@pytest.fixture
def hls_build(pristine_hls_build: Path, tmp_path: Path) -> Path:
    """A copy of `pristine_hls_build` to do anything to."""
    return Path(shutil.copytree(pristine_hls_build, tmp_path / "small-hls"))


@pytest.fixture(scope="session")
def pristine_mixed_build(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small_model` compiled with two of its layers as C++ kernels. Not to be changed."""
    from hls_golden import LAYERS

    from headrace.boards import load_board
    from headrace.compile import Goal, HlsOptions, compile_model

    folder = tmp_path_factory.mktemp("mixed") / "small"
    compile_model(small_model, load_board("pynq-z2"), folder, Goal(fps=200_000), hls=HlsOptions(layers=LAYERS))
    return folder


@pytest.fixture
def mixed_build(pristine_mixed_build: Path, tmp_path: Path) -> Path:
    """A copy of `pristine_mixed_build` to do anything to."""
    return Path(shutil.copytree(pristine_mixed_build, tmp_path / "small-mixed"))


@pytest.fixture(scope="session")
def vivado_projects(small_model: Path, pristine_build: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Builds with Vivado projects by board, for either processing system. Not to be changed."""
    from headrace_host.manifest import Build

    from headrace.boards import load_board
    from headrace.build.vivado import write_project
    from headrace.compile import Goal, compile_model

    folder = tmp_path_factory.mktemp("vivado")
    builds = {"pynq-z2": folder / "small", "kv260": folder / "kria"}
    shutil.copytree(pristine_build, builds["pynq-z2"])
    compile_model(small_model, load_board("kv260"), builds["kv260"], Goal(fps=50_000))
    for build in builds.values():
        write_project(Build.load(build))
    return builds
