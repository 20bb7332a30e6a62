# SPDX-License-Identifier: Apache-2.0
"""The guide "Adding an elementwise operator", followed to the letter: its file and its line make the operator work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from command_line import PROGRAM
from headrace_host.program import Program
from qonnx_file import QonnxFile

ROOT = Path(__file__).resolve().parents[2]
TITLE = "# Adding an elementwise operator"


def guide() -> tuple[Path, str, Path, str]:
    """File and text that the guide adds, and file and line of its registry."""
    section = (ROOT / "docs/extending.md").read_text().split(TITLE)[1].split("\n# Adding a board")[0]
    code, line = re.findall(r"```(?:python|text)\n(.*?)```", section, re.DOTALL)
    written = re.match(r"# (\S+\.py)\n", code)
    registry = re.search(r"`MODULES` of `(\S+\.py)`", section)
    assert written is not None
    assert registry is not None
    return Path(written[1]), code, Path(registry[1]), line


def overlay(folder: Path) -> None:
    """A copy of the package with the guide's changes; hardware and simulation harness as they are."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("hw", "sim", "host", "quant_models"):
        (folder / name).symlink_to(ROOT / name)
    added, code, registry, line = guide()
    assert not (folder / added).exists()
    (folder / added).write_text(code)
    text = (folder / registry).read_text()
    start = text.index("MODULES = (\n") + len("MODULES = (\n")
    (folder / registry).write_text(text[:start] + line + text[start:])


def run(folder: Path, *arguments: str) -> str:
    """Runs the command line of the overlay."""
    paths = [folder / "src", folder / "host", folder / "sim", folder / "quant_models"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*PROGRAM, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_operator_from_the_guide_compiles_and_simulates(tmp_path: Path) -> None:
    overlay(tmp_path)
    where = run_python(tmp_path, "import headrace; print(headrace.__file__)")
    assert Path(where.strip()).is_relative_to(tmp_path)
    f = QonnxFile(shape=(1, 3, 4, 5), extra_inputs={"y": (1, 1, 4, 5)})
    x, y = f.quant("x", 2.0**-4, bits=4.0), f.quant("y", 3 * 2.0**-6, bits=5.0)
    f.save(tmp_path / "model.onnx", f.node("AbsDiff", x, y, domain="headrace.ops"))
    run(tmp_path, "compile", "model.onnx", "-o", "built")
    assert "bit-exact" in run(tmp_path, "simulate", "built", "--stall", "0.3")

    rng = np.random.default_rng(0)
    a, b = rng.integers(-8, 8, (2, 4, 5, 3)), rng.integers(-16, 16, (2, 4, 5, 1))
    program = Program.load(tmp_path / "built")
    (got,) = program.run({"x": a, "y": b}).values()
    (scale,) = program.spec["tensors"][program.spec["outputs"][0]]["scale"]
    np.testing.assert_array_equal(got * scale, abs(a * 2.0**-4 - b * 3 * 2.0**-6))


def run_python(folder: Path, code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
