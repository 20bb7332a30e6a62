# SPDX-License-Identifier: Apache-2.0
"""Shows that the benches find faults: each mutant of a module makes its bench fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.runner import HW, BenchBuildError, BenchError, replaced_sources
from mutation.bus_mutants import BUS_MUTANTS
from mutation.mutants import MUTANTS, Mutant
from mutation.serial_mutants import SERIAL_MUTANTS

ALL = (*MUTANTS, *BUS_MUTANTS, *SERIAL_MUTANTS)


def mutate(mutant: Mutant, folder: Path) -> Path:
    """The file of the changed module, under ``folder``."""
    text = next(HW.rglob(f"{mutant.module}.sv")).read_text()
    found = text.count(mutant.right)
    assert found == 1, (
        f"{mutant.module}.sv holds '{mutant.right}' {found} times, not once: bring tests/mutation/mutants.py up to date"
    )
    changed = folder / f"{mutant.module}.sv"
    changed.write_text(text.replace(mutant.right, mutant.wrong))
    return changed


def _name(mutant: Mutant) -> str:
    return f"{mutant.module}: {mutant.right.strip()} -> {mutant.wrong.strip()}".replace("\n", " ")


@pytest.mark.parametrize("mutant", [m if m.quick else pytest.param(m, marks=pytest.mark.deep) for m in ALL], ids=_name)
def test_the_bench_finds_it(mutant: Mutant, tmp_path: Path) -> None:
    (tmp_path / "rtl").mkdir()
    (tmp_path / "run").mkdir()
    changed = mutate(mutant, tmp_path / "rtl")
    with replaced_sources({mutant.module: changed}), pytest.raises(BenchError) as failure:
        mutant.bench.run(tmp_path / "run")
    assert not isinstance(failure.value, BenchBuildError), f"the mutant does not compile, so no bench saw it: {failure.value}"


@pytest.mark.parametrize("mutant", ALL, ids=_name)
def test_the_change_applies(mutant: Mutant, tmp_path: Path) -> None:
    mutate(mutant, tmp_path)


BENCHES = {m.bench.name: m.bench for m in ALL}


@pytest.mark.deep
@pytest.mark.parametrize("name", BENCHES)
def test_the_bench_passes_without_it(name: str, tmp_path: Path) -> None:
    BENCHES[name].run(tmp_path)
