# SPDX-License-Identifier: Apache-2.0
"""Precompiled headers: to read what small sources include takes longer than to compile them."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from headrace.build.toolenv import cache_dir, content_key, make_alone

HEADER = "precompiled.hpp"


def precompiled(text: str, command: Sequence[str], run: Callable[[Sequence[str]], None]) -> Path:
    """A header with this text, compiled for ``command``: the compiler and its options. It is to be included first.

    Where options differ, g++ reads the text instead.

    Args:
        run: runs a command, and raises if it fails.
    """
    version = subprocess.run([command[0], "-dumpfullversion"], capture_output=True, text=True, check=False).stdout
    folder = cache_dir() / "headers" / content_key([version, text, *command])
    if folder.is_dir():
        return folder / HEADER
    folder.parent.mkdir(parents=True, exist_ok=True)
    with make_alone(folder), tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as name:
        if not folder.is_dir():
            made = Path(name) / "made"
            made.mkdir()
            (made / HEADER).write_text(text)
            run([*command, "-x", "c++-header", str(made / HEADER)])
            made.rename(folder)
    return folder / HEADER
