# SPDX-License-Identifier: Apache-2.0
"""Runs commands in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import Result, Run

from headrace.cli import main


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Calls `main` in an empty working directory; returns exit code, standard output and standard error."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")

    def call(*args: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["headrace", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            main()
        out, err = capsys.readouterr()
        return int(exit_info.value.code or 0), out, err

    return call
