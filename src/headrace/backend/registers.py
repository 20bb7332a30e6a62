# SPDX-License-Identifier: Apache-2.0
"""Writes what follows from the register map (`headrace_host.registers`): the RTL's package and the documentation.

python -m headrace.backend.registers     in a checkout, after a change of the map
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from headrace_host.registers import MAP_BYTES, MAP_VERSION, MAX_TENSORS, REGISTERS, TENSORS, Register, register_map

PACKAGE = "hw/rtl/top/headrace_regs_pkg.sv"
DOCUMENT = "docs/registers.md"
ADDRESS_BITS = (MAP_BYTES - 1).bit_length()


def package() -> str:
    """The SystemVerilog package: an offset for each register, and the lowest bit of each field."""
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// Written by `python -m headrace.backend.registers` from host/headrace_host/registers.py.",
        "",
        "/// Offsets of the registers of `headrace_ip`, and the lowest bits of their fields.",
        "/* verilator lint_off UNUSEDPARAM */",
        "package headrace_regs_pkg;",
        f"  localparam int unsigned MAP_VERSION = {MAP_VERSION};",
        f"  localparam int unsigned MAX_TENSORS = {MAX_TENSORS};",
        f"  localparam logic [{ADDRESS_BITS - 1}:0] TENSORS = {ADDRESS_BITS}'h{TENSORS:03x};",
    ]
    for register in REGISTERS:
        lines += ["", f"  localparam logic [{ADDRESS_BITS - 1}:0] {register.name} = {ADDRESS_BITS}'h{register.offset:03x};"]
        lines += [
            f"  localparam int unsigned {register.name}_{field.name.upper()} = {field.first};" for field in register.fields
        ]
        if register.reset and not register.fields:
            lines.append(f"  localparam logic [31:0] {register.name}_RESET = 32'd{register.reset};")
    return "\n".join([*lines, "endpackage", "/* verilator lint_on UNUSEDPARAM */", ""])


_ACCESS = {
    "rw": "read, write",
    "ro": "read",
    "cor": "cleared by reading",
    "w1c": "cleared by writing 1",
    "start": "set by writing 1",
}


def _rows(registers: Iterator[Register]) -> Iterator[str]:
    for register in registers:
        yield f"| 0x{register.offset:03X} | `{register.name}` | | {_ACCESS[register.access]} | {register.text} |"
        for field in register.fields:
            last = field.first + field.width - 1
            bits = f"{last}:{field.first}" if field.width > 1 else str(field.first)
            yield f"| | `{field.name}` | {bits} | {_ACCESS[field.access]} | {field.text} |"


def document() -> str:
    """The map as a page of the documentation, with the addresses of two tensors."""
    return "\n".join(
        [
            "# Registers of headrace_ip",
            "",
            "Written by `python -m headrace.backend.registers` from `host/headrace_host/registers.py`, the source of the RTL's",
            f"package and of the HWH file's registers too. Map version {MAP_VERSION}; 32-bit words, {MAP_BYTES} bytes in all.",
            "Control and interrupts lie where Vitis HLS puts them. Two things differ: interrupt status bits are cleared, not",
            "toggled, by writing one; and there is a queue of commands, so `AP_START` may be written again as soon as it reads",
            "zero.",
            "",
            "Every access is answered with OKAY: on a Zynq an error response is a bus error, which ends the program.",
            "Accesses to nothing are noted in `ERRORS`.",
            "",
            "| offset | register or field | bits | access | meaning |",
            "|---|---|---|---|---|",
            *_rows(register_map(2)),
            "",
            f"`ADDRESS_k` of further tensors follow, 8 bytes each, at most {MAX_TENSORS} in all.",
            "",
        ]
    )


def main(root: Path = Path()) -> None:
    """Writes both files below ``root``."""
    (root / PACKAGE).write_text(package(), encoding="utf-8")
    (root / DOCUMENT).write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
