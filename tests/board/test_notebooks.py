# SPDX-License-Identifier: Apache-2.0
"""The notebooks, executed from top to bottom on the simulated board; and the wheel that brings them to a board."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from board_runs import on_board
from headrace_sim.board.environment import pynq_python

from headrace.build.toolenv import cache_dir
from headrace.deploy import WHEEL, write_wheel

Deployed = Callable[..., Path]


@pytest.mark.parametrize(("version", "ps"), [("3.1.2", "zynq7"), ("4.0.0", "zynqmp")])
def test_detection(version: str, ps: str, deployed: Deployed, tmp_path: Path) -> None:
    notebook = deployed(ps) / "notebooks" / "detection.ipynb"
    seen = on_board(tmp_path, version, "notebook.py", notebook, "same", "throughput")
    assert seen["same"] is True
    assert seen["throughput"]["busy"] > 0.9


def test_registers(deployed: Deployed, tmp_path: Path) -> None:
    notebook = deployed("zynq7") / "notebooks" / "registers.ipynb"
    seen = on_board(tmp_path, "3.1.2", "notebook.py", notebook, "counters", "steps", "told")
    assert seen["counters"]["frames_done"] == 4
    assert seen["steps"] > 0, "other coroutines run while the accelerator works"
    assert "Memory answered a read with DECERR: nothing is at that address" in seen["told"]


def test_notebooks_are_without_outputs() -> None:
    for path in (Path(__file__).parents[2] / "host" / "headrace_host" / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")], path


def test_the_wheel_installs_and_pynq_delivers_its_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    write_wheel(tmp_path / WHEEL)
    write_wheel(tmp_path / f"again-{WHEEL}")
    assert (tmp_path / WHEEL).read_bytes() == (tmp_path / f"again-{WHEEL}").read_bytes()
    python = pynq_python("3.1.2", cache_dir() / "pynq")
    own = tmp_path / "own"
    subprocess.run([python, "-m", "venv", "--system-site-packages", "--without-pip", own], check=True)
    inner = own / "bin" / "python"
    packages = subprocess.run(
        [inner, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
    ).stdout.strip()
    outer = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
    ).stdout.strip()
    (Path(packages) / "outer.pth").write_text(outer + "\n")
    install = f"{python} -m pip --python {inner} install --quiet --no-deps --no-index {tmp_path / WHEEL}"
    subprocess.run(install.split(), check=True)
    code = (
        "import importlib.metadata as m, headrace_host, pathlib;"
        "print([e.value for e in m.entry_points(group='pynq.notebooks')], pathlib.Path(headrace_host.__file__).parent);"
        "from pynqutils.setup_utils import ExtensionsManager, deliver_notebooks;"
        "deliver_notebooks('any', ExtensionsManager('pynq.notebooks').paths[0], 'out', 'headrace', True)"
    )
    said = subprocess.run([inner, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert said.startswith(f"['headrace_host.notebooks'] {own}")
    assert {"detection.ipynb", "registers.ipynb"} <= {path.name for path in (tmp_path / "out" / "headrace").iterdir()}
