# SPDX-License-Identifier: Apache-2.0
"""Scripts on the simulated board, under pynq."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from headrace_host.detector import letterbox
from headrace_host.images import find_images, read_image
from headrace_sim.board.environment import child_environment, pynq_python

from headrace.build.toolenv import cache_dir
from headrace.ir.ops import IntArray
from headrace.models import zoo_images

SCRIPTS = Path(__file__).parent / "board" / "scripts"


def photographs(height: int, width: int) -> IntArray:
    """Eight photographs (8, H, W, 3) of the CBC set."""
    paths = find_images([zoo_images(), Path(__file__).parent / "hls" / "images"])
    assert len(paths) == 8
    return np.stack([letterbox(read_image(path), height, width)[0] for path in paths])


def on_board(folder: Path, version: str, script: str, *arguments: object, seconds: float = 300) -> Any:
    """Runs a script on the simulated board as users do; returns the JSON that it printed last."""
    return json.loads(_printed(folder, version, (SCRIPTS / script, *arguments), seconds).splitlines()[-1])


def host_on_board(folder: Path, version: str, *arguments: object, seconds: float = 300) -> Any:
    """Runs ``python -m headrace_host`` there; returns the JSON that it printed."""
    return json.loads(_printed(folder, version, ("-m", "headrace_host", *arguments), seconds))


def _printed(folder: Path, version: str, arguments: Sequence[object], seconds: float) -> str:
    python = pynq_python(version, cache_dir() / "pynq")
    links = folder / "links"
    links.mkdir(exist_ok=True)
    command = [str(python), "-W", "ignore", "-m", "headrace_sim", *map(str, arguments)]
    done = subprocess.run(command, env=child_environment(links), capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
