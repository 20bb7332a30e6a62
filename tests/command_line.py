# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

Result = tuple[int, str, str]
"""Exit code, standard output, standard error."""
Run = Callable[..., Result]
PROGRAM = [sys.executable, "-c", "from headrace.cli import main; main()"]


def assert_refused(result: Result, message: str, code: int = 2) -> None:
    """One line of error, no traceback, nothing on standard output."""
    status, out, err = result
    lines = [line for line in err.splitlines() if not line.endswith(" ...")]  # progress notes
    assert status == code, err
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert re.search(message, lines[0]), lines[0]
    assert out == ""


def left_in(folder: Path) -> list[str]:
    """Names of what a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
