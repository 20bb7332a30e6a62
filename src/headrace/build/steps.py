# SPDX-License-Identifier: Apache-2.0
"""Long work of external tools as steps: each is logged, and not repeated while what it works on stays the same."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from headrace_host.manifest import file_digest

from headrace.build.toolenv import content_key
from headrace.errors import BuildError, ToolError
from headrace.files import save_json

RECORD = "steps.json"
"""File that says what each step was made from, and what it made."""
_MESSAGE = 300
_LEASH = "import os, sys, threading; threading.Thread(target=lambda: os._exit(os.read(0, 1) == b''), daemon=True).start(); "
"""Python that ends its process, however busy, when its input ends: of a killed process no tool works on for an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One run of a tool in a folder of its own, where its inputs lie."""

    name: str
    """Names its log too."""
    arguments: tuple[str, ...]
    inputs: Mapping[str, Path]
    """Files by the name that they have there, which may go through folders."""
    outputs: tuple[str, ...]
    """Names of the files that it makes there."""

    @property
    def tool(self) -> tuple[str, ...]:
        """What runs, in which version.

        Raises:
            ToolError: it is not installed.
        """
        raise NotImplementedError

    @property
    def command(self) -> list[str]:
        """What starts it."""
        raise NotImplementedError

    @property
    def stdin(self) -> int:
        """What it reads: nothing, if not told otherwise."""
        return subprocess.DEVNULL

    def key(self) -> str:
        """Hash of all that decides its outputs.

        Raises:
            ToolError: the tool is not installed.
        """
        digests = [f"{name} {file_digest(path)}" for name, path in sorted(self.inputs.items())]
        return content_key([*self.tool, *self.arguments, *digests])


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageStep(Step):
    """Of a tool that pip installs."""

    package: str
    """Distribution that the tool comes from; its version counts."""
    function: str
    """Of the package, which runs the tool with a list of arguments."""

    @property
    def tool(self) -> tuple[str, ...]:
        """Distribution, version, function.

        Raises:
            ToolError: the distribution is not installed.
        """
        try:
            version = importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            raise ToolError(f"{self.package} is not installed; install it with: pip install 'headrace[synth]'") from None
        return self.package, version, self.function

    @property
    def command(self) -> list[str]:
        """In this Python, wherever its scripts lie."""
        module = self.package.replace("-", "_")
        start = f"{_LEASH}import {module}; sys.exit({module}.{self.function}(sys.argv[1:]))"
        return [sys.executable, "-c", start, *self.arguments]

    @property
    def stdin(self) -> int:
        """A pipe, whose end tells it that the process that waits for it is gone."""
        return subprocess.PIPE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramStep(Step):
    """Of a program on this machine."""

    program: Path
    version: str
    """As the program tells it."""

    @property
    def tool(self) -> tuple[str, ...]:
        """Name and version: where it is installed does not count."""
        return self.program.name, self.version

    @property
    def command(self) -> list[str]:
        """With its arguments."""
        return [str(self.program), *self.arguments]


class Steps:
    """The steps of one folder; use it in a ``with`` block.

    Args:
        folder: of records, logs and outputs.
        note: is told which step runs.
        detail: is given each line that a tool prints.

    Raises:
        BuildError: another process is at work in the folder.
    """

    def __init__(
        self, folder: Path, note: Callable[[str], None] = lambda _: None, detail: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder, self._note, self._detail = folder, note, detail
        self._lock = FileLock(folder / ".lock")

    def __enter__(self) -> Steps:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BuildError(f"{self.folder}: another process is at work here; wait for it, or end it") from None
        for left in self.folder.glob(".step-*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def run(self, step: Step) -> bool:
        """Runs a step, unless its outputs are there and made from the same; returns whether it ran.

        Raises:
            ToolError: the tool is absent or failed; the message names its log.
        """
        key = step.key()
        if self._is_done(step, key):
            self._note(f"{step.name}: done before")
            return False
        self._note(step.name)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".step-") as name:
            scratch = Path(name)
            for target, source in step.inputs.items():
                (scratch / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, scratch / target)
            self._run(step, scratch)
            for output in step.outputs:
                (scratch / output).replace(self.folder / output)
        made = {output: file_digest(self.folder / output) for output in step.outputs}
        save_json(self.folder / RECORD, {**self._record(), step.name: {"key": key, "outputs": made}})
        return True

    def _is_done(self, step: Step, key: str) -> bool:
        found = self._record().get(step.name)
        if not isinstance(found, dict) or found.get("key") != key or set(found.get("outputs", ())) != set(step.outputs):
            return False
        made = {self.folder / name: digest for name, digest in found["outputs"].items()}
        return all(path.is_file() and file_digest(path) == digest for path, digest in made.items())

    def _record(self) -> dict[str, Any]:
        try:
            record = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _run(self, step: Step, scratch: Path) -> None:
        log = self.folder / f"{step.name}.log"
        with log.open("w", encoding="utf-8", buffering=1) as kept:
            process = subprocess.Popen(
                step.command, cwd=scratch, stdin=step.stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace",
            )  # fmt: skip
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    kept.write(line)
                    self._detail(line.strip())
                status = process.wait()
            finally:
                process.kill()
                process.wait()
        missing = [name for name in step.outputs if not (scratch / name).is_file()]
        if status or missing:
            raise ToolError(f"{step.name} failed: {_reason(log, status, missing)} (full log: {log})")


def _reason(log: Path, status: int, missing: Sequence[str]) -> str:
    lines = log.read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if line.upper().startswith("ERROR")] or [line for line in lines if "rror:" in line]
    if wrong:
        return wrong[0].strip()[:_MESSAGE]
    return f"exit status {status}" if status else f"it made no {missing[0]}"
