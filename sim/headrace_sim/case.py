# SPDX-License-Identifier: Apache-2.0
"""What the pytest half of a bench hands to the half that runs inside the simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_CASE_FILE = "case.json"
_ARRAYS_FILE = "arrays.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One simulation: the module's ``parameters``, and ``data`` and ``arrays`` for the bench."""

    parameters: Mapping[str, Any]
    data: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    folder: Path


def write_case(case: Case) -> Path:
    """Write ``case`` into its folder; return the path that `read_case` takes."""
    text = json.dumps({"parameters": dict(case.parameters), "data": dict(case.data)})
    (case.folder / _CASE_FILE).write_text(text)
    np.savez(case.folder / _ARRAYS_FILE, allow_pickle=False, **dict(case.arrays))
    return case.folder / _CASE_FILE


def read_case(path: Path) -> Case:
    """Read what `write_case` wrote at ``path``."""
    content = json.loads(path.read_text())
    with np.load(path.parent / _ARRAYS_FILE) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return Case(parameters=content["parameters"], data=content["data"], arrays=arrays, folder=path.parent)


_case_here: list[Path] = []


@contextmanager
def case_at(path: Path) -> Iterator[None]:
    """Within a ``with`` block, the case at ``path`` is the current one: for tests run outside a simulator."""
    _case_here.append(path)
    try:
        yield
    finally:
        _case_here.pop()


def current_case() -> Case:
    """Return the case of the running simulation, named by the plusarg ``+case=PATH``."""
    if _case_here:
        return read_case(_case_here[-1])
    import cocotb  # only there inside a simulator

    return read_case(Path(str(cocotb.plusargs["case"])))
