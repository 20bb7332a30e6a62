# SPDX-License-Identifier: Apache-2.0
"""Each family of networks on the CPU path: the reference's integers, with a kernel for each layer."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from cpu_check import check_program, layers_of
from headrace_host.program import Program
from headrace_models.families import FAMILIES, export_family, settled

from headrace.compile import lower
from headrace.ir.graph import to_program


@pytest.mark.parametrize("name", FAMILIES)
def test_family_on_the_cpu(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    onnx.save(export_family(family, settled(family)), tmp_path / "net.onnx")
    program = Program(*to_program(lower(tmp_path / "net.onnx").graph))
    assert "Reference" not in layers_of(program)
    check_program(program, frames=3)
