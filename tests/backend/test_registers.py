# SPDX-License-Identifier: Apache-2.0
"""The register map: consistent in itself, and the files that follow from it are up to date."""

from __future__ import annotations

from pathlib import Path

from headrace_host.registers import BY_NAME, MAP_BYTES, MAX_TENSORS, REGISTERS, TENSORS, register_map, tensor_offset

from headrace.backend.registers import DOCUMENT, PACKAGE, document, package

ROOT = Path(__file__).resolve().parents[2]


def test_written_files_are_up_to_date() -> None:
    remedy = "run: python -m headrace.backend.registers"
    assert (ROOT / PACKAGE).read_text() == package(), remedy
    assert (ROOT / DOCUMENT).read_text() == document(), remedy


def test_registers_do_not_overlap() -> None:
    offsets = [register.offset for register in register_map(MAX_TENSORS)]
    assert len(set(offsets)) == len(offsets)
    assert all(offset % 4 == 0 and 0 <= offset < MAP_BYTES for offset in offsets)
    assert max(register.offset for register in REGISTERS) < TENSORS == tensor_offset(0)


def test_fields_do_not_overlap() -> None:
    for register in REGISTERS:
        masks = [field.mask for field in register.fields]
        assert sum(masks) < 1 << 32
        assert all(a & b == 0 for i, a in enumerate(masks) for b in masks[:i]), register.name


def test_first_words_are_those_of_vitis() -> None:
    """UG1399: control, global enable, interrupt enable, interrupt status; arguments from 0x10."""
    assert [BY_NAME[name].offset for name in ("CTRL", "GIE", "IER", "ISR", "FRAMES")] == [0x00, 0x04, 0x08, 0x0C, 0x10]
    assert [BY_NAME["CTRL"].field(f"AP_{name}").first for name in ("START", "DONE", "IDLE", "READY")] == [0, 1, 2, 3]
