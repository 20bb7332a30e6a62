# SPDX-License-Identifier: Apache-2.0
"""What stands between fabric and program on a Zynq: clock registers, the interrupt controller, and Linux's UIO device."""

from __future__ import annotations

import os
import pty
import threading
import tty
from collections.abc import Callable

IRQ_ENABLE = b"\x00\x00\x00\x01"


_PLL = {
    "zynq7": {0xF8000100: 0x1A000, 0xF8000104: 0x15000, 0xF8000108: 0x14000},  # ARM, DDR, I/O: 26, 21, 20 x 50 MHz
    "zynqmp": {0xFF5E0020: 0x02D00, 0xFF5E0030: 0x02D00, 0xFD1A0020: 0x14800, 0xFD1A002C: 0x14000, 0xFD1A0038: 0x14000},
}
_CLOCK_RANGES = {
    "zynq7": ((0xF8000000, 0x1000),),
    "zynqmp": ((0xFF5E0000, 0x1000), (0xFD1A0000, 0x1000)),
}


class ClockRegisters:
    """Words that pynq reads and writes to set PL clocks; PLLs as the boot loader leaves them (AMD UG585, UG1087)."""

    def __init__(self, ps: str) -> None:
        self.ps = ps
        self._words = dict(_PLL[ps])
        self._ranges = _CLOCK_RANGES[ps]

    def holds(self, address: int) -> bool:
        """Whether the address is of such a word."""
        return any(first <= address < first + size for first, size in self._ranges)

    def read(self, address: int) -> int:
        """A word; zero where none was written."""
        return self._words.get(address, 0)

    def write(self, address: int, value: int) -> None:
        """Keeps a word."""
        self._words[address] = value


class InterruptController:
    """AMD's AXI interrupt controller (PG099) with one level-sensitive input.

    Args:
        on_output: called with the level of its own interrupt line after each change.
    """

    ISR, IPR, IER, IAR, SIE, CIE, MER = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x1C

    def __init__(self, on_output: Callable[[bool], None]) -> None:
        self._lock = threading.RLock()
        self._on_output = on_output
        self._line = False
        self._pending = self._enabled = self._master = 0

    def line(self, level: bool) -> None:
        """The input's level."""
        with self._lock:
            self._line = level
            self._settle()

    def read(self, offset: int) -> int:
        """A register."""
        with self._lock:
            values = {
                self.ISR: self._pending,
                self.IPR: self._pending & self._enabled,
                self.IER: self._enabled,
                self.MER: self._master,
            }
            return values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Writes a register."""
        with self._lock:
            if offset == self.IER:
                self._enabled = value & 1
            elif offset == self.SIE:
                self._enabled |= value & 1
            elif offset == self.CIE:
                self._enabled &= ~value
            elif offset == self.IAR:
                self._pending &= ~value
            elif offset == self.MER:
                self._master = value & 3
            self._settle()

    def _settle(self) -> None:
        if self._line:
            self._pending |= 1
        self._on_output(bool(self._pending & self._enabled) and bool(self._master & 1))


class UioDevice:
    """A /dev/uio file: a program writes 1 to let the next interrupt through, and reads 4 bytes when it came."""

    def __init__(self) -> None:
        self._control, self._file = pty.openpty()
        tty.setraw(self._file)
        self.path = os.ttyname(self._file)
        self._lock = threading.Lock()
        self._level = self._unmasked = False
        self._count = 0
        threading.Thread(target=self._listen, name="uio", daemon=True).start()

    def line(self, level: bool) -> None:
        """The interrupt's level."""
        with self._lock:
            self._level = level
            self._fire()

    def _listen(self) -> None:
        while True:
            try:
                received = os.read(self._control, 4)
            except OSError:
                return
            with self._lock:
                self._unmasked = received == IRQ_ENABLE
                self._fire()

    def _fire(self) -> None:
        if self._level and self._unmasked:
            self._unmasked = False
            self._count += 1
            os.write(self._control, self._count.to_bytes(4, "little"))
