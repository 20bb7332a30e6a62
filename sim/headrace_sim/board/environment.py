# SPDX-License-Identifier: Apache-2.0
"""Environments of their own for pynq: it needs numpy below 2, and to build without the newest setuptools."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import headrace_host

import headrace_sim

VERSIONS = ("3.1.2", "4.0.0")
"""Newest of both lines: 3.1 for Zynq-7000 and UltraScale+, 4.0 for UltraScale+ alone."""
# pynq 3.1's parsers stumble over pycparser 3, its build over setuptools 81; PynqBuffer breaks with numpy 2.
_BUILD = ("setuptools<=80", "wheel", "pycparser<3")
# Beside pynq 3.1, as near to its boards' images (numpy 1.21, pillow 9.0) as there are wheels for this Python.
_LIBRARIES = {
    "3.1.2": (
        "numpy==1.21.6; python_version < '3.11'",
        "numpy==1.23.2; python_version == '3.11'",
        "numpy<2; python_version > '3.11'",
        "pillow==9.0.1; python_version < '3.11'",
        "pillow==9.3.0; python_version == '3.11'",
        "pillow>=10; python_version > '3.11'",
    ),
    "4.0.0": ("numpy<2", "pillow>=10"),
}


class BoardEnvironmentError(Exception):
    """An environment could not be made; one line says why."""


def pynq_python(version: str, cache: Path) -> Path:
    """The interpreter of an environment with this version of pynq, made under ``cache`` the first time.

    Raises:
        BoardEnvironmentError: venv or pip failed; the message names the log.
    """
    packages = [*_BUILD, *_LIBRARIES[version]]
    key = hashlib.sha256("\n".join([sys.version, version, *packages]).encode()).hexdigest()[:12]
    folder = cache / f"pynq-{version}-{key}"
    python, done = folder / "bin" / "python", folder / "done"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{folder.name}.lock").open("w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.is_file():
            return python
        log = cache / f"{folder.name}.log"
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        with log.open("w") as output:
            for command in (
                [sys.executable, "-m", "venv", "--clear", str(folder)],
                [*pip, *packages],
                [*pip, "--no-build-isolation", f"pynq=={version}"],
            ):
                if subprocess.run(command, stdout=output, stderr=output, check=False).returncode:
                    raise BoardEnvironmentError(
                        f"cannot make an environment for pynq {version}: '{' '.join(command)}' failed, see {log}"
                    )
        done.touch()
    return python


def child_environment(folder: Path) -> dict[str, str]:
    """Variables with which another interpreter finds ``headrace_host`` and ``headrace_sim``, and nothing else of ours.

    Args:
        folder: for links to them.
    """
    for package in (headrace_host, headrace_sim):
        source = Path(next(iter(package.__path__))).resolve()
        link = folder / source.name
        if not link.is_symlink():
            link.symlink_to(source, target_is_directory=True)
    return {**os.environ, "PYTHONPATH": str(folder)}
