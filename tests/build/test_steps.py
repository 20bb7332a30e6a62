# SPDX-License-Identifier: Apache-2.0
"""Steps of external tools: what is repeated, what is kept, what is said of failures. The tool is a package made here."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.build.steps import RECORD, PackageStep, Steps
from headrace.errors import BuildError, ToolError

TOOL = """
import os
import pathlib
import time

def run(arguments):
    source, target, fault = arguments
    print("Info: reading", source, flush=True)
    if fault == "takes long":
        pathlib.Path(__file__).with_name("pid").write_text(str(os.getpid()))
        time.sleep(60)
    text = pathlib.Path(source).read_text()
    if fault == "fails":
        print("Warning: this error: is none")
        print("ERROR: no such cell")
        return 3
    if fault != "makes nothing":
        pathlib.Path(target).write_text(text.upper())
    with open(pathlib.Path(__file__).with_name("runs"), "a") as runs:
        runs.write("x")
    return 0
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that grows with each run of the tool."""
    (tmp_path / "a_tool").mkdir()
    (tmp_path / "a_tool" / "__init__.py").write_text(TOOL)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))
    versions = {"a-tool": "1"}
    known = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: versions.get(name) or known(name))
    return tmp_path / "a_tool" / "runs"


@pytest.fixture
def step(tool: Path, tmp_path: Path) -> PackageStep:  # noqa: ARG001  # the package that it runs
    (tmp_path / "in.txt").write_text("text")
    return PackageStep(
        name="shouting", package="a-tool", function="run", arguments=("in", "out", "works"), inputs={"in": tmp_path / "in.txt"},
        outputs=("out",),
    )  # fmt: skip


def runs(tool: Path) -> int:
    return len(tool.read_text()) if tool.exists() else 0


def test_a_step_runs_once(step: PackageStep, tool: Path, tmp_path: Path) -> None:
    told: list[str] = []
    lines: list[str] = []
    for again in (False, True):
        with Steps(tmp_path / "made", told.append, lines.append) as steps:
            assert steps.run(step) is not again
    assert runs(tool) == 1
    assert (tmp_path / "made" / "out").read_text() == "TEXT"
    assert (tmp_path / "made" / "shouting.log").read_text() == "Info: reading in\n"
    assert (told, lines) == (["shouting", "shouting: done before"], ["Info: reading in"])
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [".lock", "out", "shouting.log", RECORD]


@pytest.mark.parametrize("change", ["input", "argument", "output", "no output", "record", "version"])
def test_what_makes_it_run_again(
    change: str, step: PackageStep, tool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    with Steps(made) as steps:
        steps.run(step)
    if change == "input":
        (tmp_path / "in.txt").write_text("other")
    elif change == "argument":
        step = replace(step, arguments=("in", "out", "works well"))
    elif change == "output":
        (made / "out").write_text("TORN")
    elif change == "no output":
        (made / "out").unlink()
    elif change == "record":
        (made / RECORD).write_text("[")
    else:
        monkeypatch.setattr(importlib.metadata, "version", lambda _: "2")
    with Steps(made) as steps:
        assert steps.run(step)
    assert runs(tool) == 2
    assert (made / "out").read_text() == ("OTHER" if change == "input" else "TEXT")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("fails", r"shouting failed: ERROR: no such cell \(full log: .*shouting.log\)"),
        ("makes nothing", r"shouting failed: it made no out \(full log: .*shouting.log\)"),
    ],
)
def test_a_failure_keeps_what_was_there(fault: str, message: str, step: PackageStep, tmp_path: Path) -> None:
    with Steps(tmp_path / "made") as steps:
        steps.run(step)
        with pytest.raises(ToolError, match=message):
            steps.run(replace(step, arguments=("in", "out", fault)))
        assert (tmp_path / "made" / "out").read_text() == "TEXT"
        assert not steps.run(step)  # the record is of what lies there
    assert not list((tmp_path / "made").glob(".step-*"))


def test_what_a_killed_process_leaves_is_swept(step: PackageStep, tmp_path: Path) -> None:
    left = tmp_path / "made" / ".step-killed"
    left.mkdir(parents=True)
    (left / "out").write_text("half")
    with Steps(tmp_path / "made") as steps:
        steps.run(step)
    assert not left.exists()


KILLED = """
import importlib.metadata, sys
from pathlib import Path
from headrace.build.steps import PackageStep, Steps
importlib.metadata.version = lambda name: "1"
folder = Path(sys.argv[1])
with Steps(folder / "made") as steps:
    steps.run(PackageStep(
        name="long", package="a-tool", function="run", arguments=("in", "out", "takes long"),
        inputs={"in": folder / "in.txt"}, outputs=("out",),
    ))
"""


def test_a_tool_ends_with_the_process_that_waits_for_it(step: PackageStep, tool: Path, tmp_path: Path) -> None:
    del step  # its input is there
    waiting = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    pid = tool.with_name("pid")
    assert _within(20, lambda: pid.exists() and pid.read_text())
    waiting.kill()
    waiting.wait()
    assert _within(10, lambda: not _is_alive(int(pid.read_text())))


def _within(seconds: float, holds: Callable[[], object]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        Steps(tmp_path / "made"),
        pytest.raises(BuildError, match="another process is at work here"),
        Steps(tmp_path / "made"),
    ):
        pass


def test_a_tool_that_is_not_installed(step: PackageStep) -> None:
    with pytest.raises(ToolError, match=r"no-such-tool is not installed; install it with: pip install 'headrace\[synth\]'"):
        replace(step, package="no-such-tool").key()


def test_the_order_of_inputs_is_nothing(step: PackageStep, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("more")
    inputs: Mapping[str, Path] = {"more": tmp_path / "more.txt", **step.inputs}
    assert replace(step, inputs=inputs).key() == replace(step, inputs=dict(sorted(inputs.items()))).key() != step.key()
