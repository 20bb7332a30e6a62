# SPDX-License-Identifier: Apache-2.0
"""Photographs detected through a serial line on the Verilated board, from the pins of its FPGA on, beside the CPU."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import PROGRAM
from headrace_host.manifest import Build
from headrace_sim.serial_board import Noise

from headrace.boards import load_board
from headrace.compile import Goal, compile_model
from headrace.models import resolve_model

IMAGES = Path(__file__).parents[2] / "quant_models/headrace_models/zoo/images"


@pytest.mark.parametrize(
    ("model", "goal", "images", "noise"),
    [
        pytest.param("tiny", Goal(), 1, Noise(lost=1e-4, changed=1e-4, added=1e-4), id="tiny"),
        pytest.param("cellnet-small", Goal(fps=30), 1, Noise(), id="cellnet-small", marks=pytest.mark.deep),
    ],
)
def test_detections_are_those_of_the_cpu(
    model: str, goal: Goal, images: int, noise: Noise, at_port: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "build"
    compile_model(resolve_model(model), load_board("ulx3s-85f"), folder, goal)
    paths = sorted(IMAGES.glob("*.jpg"))[:images]
    with at_port(folder) as board:
        board.noise = noise
        found = _detected(*paths, folder, "--device", f"serial:{board.port}", "--check", "-o", tmp_path / "board")
    assert found["build_id"] == Build.load(folder).build_id
    beside = _detected(*paths, folder, "--device", "cpu", "-o", tmp_path / "cpu")
    assert [image["detections"] for image in found["images"]] == [image["detections"] for image in beside["images"]]
    assert all(image["detections"] for image in found["images"])


def _detected(*arguments: str | Path) -> dict[str, Any]:
    command = [*PROGRAM, "detect", *(str(argument) for argument in arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report
