# SPDX-License-Identifier: Apache-2.0
"""The cache in use by several at once: each entry is made by one of them, the others wait for it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import Timeout

from headrace.build import csim
from headrace.build.precompiled import precompiled
from headrace.build.toolenv import make_alone

HOLDER = """
import sys, time
from pathlib import Path
from headrace.build.toolenv import make_alone
with make_alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path / "cache"))


def slow(work: Callable[..., None], calls: list[object]) -> Callable[..., None]:
    def run(*arguments: object) -> None:
        calls.append(arguments)
        time.sleep(0.3)
        work(*arguments)

    return run


def test_one_compiles_and_the_others_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(csim, "_compile", slow(csim._compile, calls))
    monkeypatch.setattr(csim, "_precompiled", lambda *_: "stdint.h")
    files = {"main.cpp": "int main() { return 0; }"}
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: csim.compile_csim(files, ["main.cpp"]), range(4)))
    assert len(set(made)) == 1
    assert len(calls) == 2  # one object, one executable
    subprocess.run([made[0]], check=True)


def test_one_precompiles(tmp_path: Path) -> None:
    calls: list[object] = []

    def run(command: Sequence[str]) -> None:
        subprocess.run(command, check=True)

    with ThreadPoolExecutor(4) as pool:
        headers = list(pool.map(lambda _: precompiled("// nothing\n", ["g++"], slow(run, calls)), range(4)))
    assert len(set(headers)) == 1
    assert len(calls) == 1
    assert headers[0].with_suffix(".hpp.gch").is_file()
    assert not list((tmp_path / "cache" / "headers").glob("building-*"))


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "entry")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Timeout), make_alone(tmp_path / "entry").acquire(timeout=0.1):
            pass
        holder.kill()
        holder.wait()
    with make_alone(tmp_path / "entry").acquire(timeout=10):
        pass
