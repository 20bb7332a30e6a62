# SPDX-License-Identifier: Apache-2.0
"""Shows that a proof sees a fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim.formal import Proof, ProofError, check
from headrace_sim.runner import HW, replaced_sources


def assert_refuted(module: str, right: str, wrong: str, refuted_by: str, proof: Proof, folder: Path) -> None:
    """``proof`` fails in one of the assertions ``refuted_by`` when ``wrong`` stands in ``module`` for ``right``."""
    text = next(HW.rglob(f"{module}.sv")).read_text()
    assert text.count(right) == 1, f"{module} holds '{right}' {text.count(right)} times"
    changed = folder / "changed" / f"{module}.sv"
    changed.parent.mkdir()
    changed.write_text(text.replace(right, wrong))
    with replaced_sources({module: changed}), pytest.raises(ProofError, match=f"Assert failed in .*({refuted_by})"):
        check(proof, folder=folder)
