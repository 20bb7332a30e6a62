# SPDX-License-Identifier: Apache-2.0
"""The register map of ``headrace_ip``: the one source of the RTL's package, the driver, the HWH file and the documentation.

The first words and the bits in them are those of a Vitis HLS kernel's AXI4-Lite interface (AMD UG1399, "S_AXILITE Control
Register Map"), with two differences: interrupt status bits are cleared, not toggled, by writing one; and there is a queue,
so ``ap_start`` may be written again as soon as it reads zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAP_VERSION = 1
"""Value of the low half of ``VERSION``; raised with each change that an older driver would misunderstand."""
TENSORS = 0x100
"""Offset of the first tensor's address; each takes 8 bytes, the inputs first, then the outputs."""
MAP_BYTES = 0x1000
"""Size of the register space."""
MAX_TENSORS = (MAP_BYTES - TENSORS) // 8
MAX_PER_SIDE = 255
"""Inputs, and outputs: as many as VERSION can tell."""

READ_WRITE, READ_ONLY, CLEAR_ON_READ, WRITE_ONE_TO_CLEAR, START = "rw", "ro", "cor", "w1c", "start"
"""``start``: writing one sets it, hardware clears it."""


@dataclass(frozen=True)
class Field:
    """Bits ``first`` to ``first + width - 1`` of a register."""

    name: str
    first: int
    width: int
    access: str
    text: str

    @property
    def mask(self) -> int:
        """The field's bits in the register."""
        return ((1 << self.width) - 1) << self.first

    def of(self, value: int) -> int:
        """The field in a register's value."""
        return (value & self.mask) >> self.first


@dataclass(frozen=True)
class Register:
    """A 32-bit word of the register space."""

    name: str
    offset: int
    access: str
    text: str
    fields: tuple[Field, ...] = ()
    reset: int = 0

    def field(self, name: str) -> Field:
        """The field of that name."""
        return next(field for field in self.fields if field.name == name)


def _bits(access: str, *named: tuple[str, str], first: int = 0) -> tuple[Field, ...]:
    return tuple(Field(name, first + k, 1, access, text) for k, (name, text) in enumerate(named))


def _halves(name: str, offset: int, text: str) -> tuple[Register, Register]:
    return (
        Register(f"{name}_LO", offset, READ_ONLY, f"{text}: bits 31 to 0. Reading it keeps bits 63 to 32 for {name}_HI."),
        Register(
            f"{name}_HI",
            offset + 4,
            READ_ONLY,
            f"{text}: bits 63 to 32, as they were when {name}_LO was read; to be read before another lower half.",
        ),
    )


_INTERRUPTS = (
    ("done", "A command is done."),
    ("ready", "A command was taken into the queue."),
    ("error", "A bit of ERRORS rose."),
)

REGISTERS: tuple[Register, ...] = (
    Register(
        "CTRL",
        0x00,
        READ_WRITE,
        "Control and status in the manner of Vitis HLS.",
        (
            Field("AP_START", 0, 1, START, "Put a command into the queue; reads one until the queue has taken it."),
            Field("AP_DONE", 1, 1, CLEAR_ON_READ, "A command was done since the last reading."),
            Field("AP_IDLE", 2, 1, READ_ONLY, "No command is waiting or being worked on."),
            Field("AP_READY", 3, 1, CLEAR_ON_READ, "A command was taken into the queue since the last reading."),
        ),
        reset=4,
    ),
    Register("GIE", 0x04, READ_WRITE, "Global interrupt enable.", _bits(READ_WRITE, ("Enable", "Lets interrupts out."))),
    Register("IER", 0x08, READ_WRITE, "Interrupts that are let out.", _bits(READ_WRITE, *_INTERRUPTS)),
    Register(
        "ISR",
        0x0C,
        WRITE_ONE_TO_CLEAR,
        "Interrupts that came, whether let out or not.",
        _bits(WRITE_ONE_TO_CLEAR, *_INTERRUPTS),
    ),
    Register("FRAMES", 0x10, READ_WRITE, "Frames of the next command, at least 1."),
    Register(
        "RESET",
        0x14,
        READ_WRITE,
        "Soft reset.",
        _bits(
            START,
            (
                "reset",
                "Finish the bursts on the bus, drop everything else and clear the counters; reads one until that is done.",
            ),
        ),
    ),
    Register(
        "WATCHDOG",
        0x18,
        READ_WRITE,
        "Cycles without any answer from memory after which a timeout is reported; 0 for never.",
        reset=1 << 20,
    ),
    Register(
        "VERSION",
        0x1C,
        READ_ONLY,
        "What this block is.",
        (
            Field("map", 0, 16, READ_ONLY, "Version of this register map."),
            Field("inputs", 16, 8, READ_ONLY, "Input tensors."),
            Field("outputs", 24, 8, READ_ONLY, "Output tensors."),
        ),
    ),
    Register("BUILD_LO", 0x20, READ_ONLY, "The build's id: bits 31 to 0."),
    Register("BUILD_HI", 0x24, READ_ONLY, "The build's id: bits 63 to 32."),
    Register(
        "STATUS",
        0x28,
        READ_ONLY,
        "What is going on in this cycle.",
        (
            *_bits(
                READ_ONLY,
                ("reading", "An input is not read to the end of its commands."),
                ("writing", "Bursts of an output's commands are still to begin."),
                ("read_open", "Memory owes data."),
                ("write_open", "Memory owes write responses."),
                ("ar_waits", "Memory does not take a read address."),
                ("aw_waits", "Memory does not take a write address."),
                ("w_waits", "Memory does not take write data."),
                ("input_waits", "The network waits for input."),
                ("output_waits", "The network waits for room at its output."),
            ),
            Field("commands", 16, 8, READ_ONLY, "Commands in the queue or being worked on."),
        ),
    ),
    Register(
        "ERRORS",
        0x2C,
        WRITE_ONE_TO_CLEAR,
        "Errors since they were last cleared.",
        _bits(
            WRITE_ONE_TO_CLEAR,
            ("read_slverr", "Memory answered a read with SLVERR."),
            ("read_decerr", "Memory answered a read with DECERR: nothing is at that address."),
            ("write_slverr", "Memory answered a write with SLVERR."),
            ("write_decerr", "Memory answered a write with DECERR: nothing is at that address."),
            ("read_timeout", "Memory did not answer a read for WATCHDOG cycles."),
            ("write_timeout", "Memory did not answer a write for WATCHDOG cycles."),
            ("protocol", "RLAST did not come with the last word of a burst, or an answer came unasked."),
            ("bad_input", "A frame of an input is not as it was packed, by its check word."),
            ("bad_register", "A register was accessed that does not exist, or one was written that is read only."),
            (
                "bad_command",
                "A command was refused: no frames, an address within a word or beyond the bus, or anything of it written while "
                "AP_START stood or the core was in reset.",
            ),
        ),
    ),
    *_halves("ERROR_ADDRESS", 0x30, "Address of the first burst that memory answered with an error, since ERRORS were cleared"),
    *_halves("CYCLES", 0x38, "Clock cycles since the fabric's reset"),
    *_halves("BUSY", 0x40, "Cycles in which a command was worked on, since reset"),
    *_halves("INPUT_STALL", 0x48, "Cycles in which the network waited for an input that a command was to bring, since reset"),
    *_halves("OUTPUT_STALL", 0x50, "Cycles in which the network waited for room at an output, since reset"),
    Register("FRAMES_DONE", 0x58, READ_ONLY, "Frames whose outputs are all in memory, since reset (wraps)."),
    Register("COMMANDS_DONE", 0x5C, READ_ONLY, "Commands done since reset (wraps)."),
    Register("TAG", 0x64, READ_WRITE, "Tag of the next command, part of its frames' check words."),
    Register("INTERVAL", 0x60, READ_ONLY, "Cycles between the last two frames done."),
)
BY_NAME = {register.name: register for register in REGISTERS}


def tensor_offset(index: int) -> int:
    """Offset of the address of tensor ``index``; its high half lies 4 bytes further."""
    return TENSORS + 8 * index


def register_map(tensors: int) -> Iterator[Register]:
    """All registers of a block with that many tensors."""
    yield from REGISTERS
    for k in range(tensors):
        what = f"Address of tensor {k} for the next command, inputs first: bits"
        yield Register(f"ADDRESS_{k}_LO", tensor_offset(k), READ_WRITE, f"{what} 31 to 0.")
        yield Register(f"ADDRESS_{k}_HI", tensor_offset(k) + 4, READ_WRITE, f"{what} 63 to 32.")
