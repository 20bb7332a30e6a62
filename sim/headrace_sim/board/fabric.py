# SPDX-License-Identifier: Apache-2.0
"""The fabric and its memory: a Verilated block whose clock runs while Python does other things."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from headrace_host.errors import HostError
from headrace_host.registers import BY_NAME

CHANNELS = {"ar": 1, "r": 2, "aw": 4, "w": 8, "b": 16, "clock": 32, "lite": 64}
"""Parts of the board that can be stuck: the five channels to memory, the fabric's clock, the processor's way to registers."""
RESPONSES = {"slverr": 2, "decerr": 3}
SLICE_CYCLES = 500
"""Cycles between two looks at who wants the fabric."""
ACCESS_LIMIT = 10_000
"""Cycles that an access to a register may take."""
ACCESS_CYCLES = 20
"""Cycles that pass besides, on the way from the processor and back."""
QUIET_SECONDS = 0.0003
"""So long after an access the clock runs on by itself; a processor's accesses in a row take few cycles, however slow Python."""
ALWAYS = 0xFFFFFFFF


class FabricError(HostError):
    """An assertion of the hardware failed, or a register access was not answered."""


class _Model(ctypes.Structure):
    """Mirrors ``Model`` in sim/harness/board_sim.cpp."""

    _fields_ = (
        ("read_latency", ctypes.c_int64),
        ("write_latency", ctypes.c_int64),
        ("jitter", ctypes.c_int64),
        ("bytes_per_cycle", ctypes.c_double),
        ("stall", ctypes.c_double),
        ("seed", ctypes.c_uint64),
        ("stuck", ctypes.c_uint32),
        ("wrong_last", ctypes.c_uint32),
        ("error_first", ctypes.c_uint64),
        ("error_last", ctypes.c_uint64),
        ("error_reads", ctypes.c_uint32),
        ("error_writes", ctypes.c_uint32),
        ("error", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    )


@dataclass
class MemoryModel:
    """How memory behaves; times in cycles of the fabric's clock."""

    read_latency: int = 40
    """From an address to its first word."""
    write_latency: int = 20
    """From a burst's last word to its response."""
    jitter: int = 20
    """Latencies grow by a random amount up to this."""
    bytes_per_cycle: float = 0.0
    """Bandwidth of reads and writes together; 0 without limit."""
    stall: float = 0.0
    """Probability that a channel pauses in a cycle."""
    seed: int = 1
    stuck: set[str] = field(default_factory=set)
    """Of `CHANNELS`: those that do not answer."""
    wrong_last: bool = False
    """RLAST comes a word early."""
    error: str = "slverr"
    """Of `RESPONSES`: how the bursts below are answered."""
    error_first: int = 0
    error_last: int = (1 << 64) - 1
    """Addresses of those bursts."""
    error_reads: int = 0
    """How many bursts of reads are answered so; `ALWAYS`: each."""
    error_writes: int = 0

    def to_c(self) -> _Model:
        """As the harness takes it."""
        values: dict[str, Any] = asdict(self)
        values["stuck"] = sum(CHANNELS[name] for name in self.stuck)
        values["error"] = RESPONSES[self.error]
        return _Model(**values, reserved=0)


class Fabric:
    """A configured fabric. Its clock runs in a thread of its own as long as there is work.

    Args:
        library: the model, `board.so` of a simulated bitstream. Each fabric needs a file of its own.
        roms: folder of its memory files.
        memory: DRAM as bytes, from address ``base`` on.
        on_interrupt: called with the level of the interrupt line, from the fabric's thread, when it changes.
    """

    def __init__(
        self,
        library: Path,
        roms: Path,
        memory: npt.NDArray[np.uint8],
        base: int,
        on_interrupt: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._lib = self._load(library)
        self._handle = ctypes.c_void_p(self._lib.hb_new(str(roms).encode()))
        self._memory = memory
        self._on_interrupt = on_interrupt
        self._wake = threading.Condition()
        self._busy = self._closed = self._level = False
        self._accessed = 0.0
        self.model = MemoryModel()
        self._lib.hb_memory(self._handle, memory.ctypes.data, base, memory.size)
        self.apply()
        self._lib.hb_reset(self._handle)
        self._thread = threading.Thread(target=self._run, name="fabric clock", daemon=True)
        self._thread.start()

    @staticmethod
    def _load(library: Path) -> Any:
        lib = ctypes.CDLL(str(library), mode=os.RTLD_LOCAL)
        handle, signed, word = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32
        signatures: dict[str, tuple[list[Any], Any]] = {
            "hb_new": ([ctypes.c_char_p], handle),
            "hb_free": ([handle], None),
            "hb_memory": ([handle, handle, ctypes.c_uint64, ctypes.c_uint64], None),
            "hb_model": ([handle, ctypes.POINTER(_Model)], None),
            "hb_reset": ([handle], None),
            "hb_run": ([handle, signed, ctypes.c_int], signed),
            "hb_interrupt": ([handle], ctypes.c_int),
            "hb_failed": ([handle], ctypes.c_int),
            "hb_cycles": ([handle], signed),
            "hb_moved": ([handle, ctypes.c_int], signed),
            "hb_read": ([handle, word, ctypes.POINTER(word), signed], ctypes.c_int),
            "hb_write": ([handle, word, word, signed], ctypes.c_int),
        }
        for name, (arguments, result) in signatures.items():
            function = getattr(lib, name)
            function.argtypes, function.restype = arguments, result
        return lib

    def apply(self) -> None:
        """Makes memory behave as ``model`` says from now on."""
        with self._wake:
            self._lib.hb_model(self._handle, ctypes.byref(self.model.to_c()))

    def power_cycle(self) -> None:
        """The fabric as after a new configuration; what it was doing is gone, memory keeps its contents."""
        with self._wake:
            self._lib.hb_reset(self._handle)
            self._after()

    @property
    def cycles(self) -> int:
        """Of the fabric's clock since it was configured."""
        return int(self._lib.hb_cycles(self._handle))

    @property
    def traffic(self) -> tuple[int, int]:
        """Bytes that were read from memory, and written to it."""
        return int(self._lib.hb_moved(self._handle, 0)), int(self._lib.hb_moved(self._handle, 1))

    def read(self, offset: int) -> int:
        """Reads a register.

        Raises:
            FabricError: it is not answered (on a board the processor would stand still), or an assertion failed before.
        """
        value = ctypes.c_uint32()
        with self._wake:
            missing = self._lib.hb_read(self._handle, offset, ctypes.byref(value), ACCESS_LIMIT)
            self._check("read", offset, bool(missing))
            self._after()
        return value.value

    def write(self, offset: int, value: int) -> None:
        """Writes a register.

        Raises:
            FabricError: as of `read`.
        """
        with self._wake:
            missing = self._lib.hb_write(self._handle, offset, value, ACCESS_LIMIT)
            self._check("write", offset, bool(missing))
            self._busy = True
            self._after()
            self._wake.notify_all()

    def run(self, cycles: int) -> None:
        """Lets the clock run for so many cycles before anything else happens."""
        with self._wake:
            self._lib.hb_run(self._handle, cycles, -1)
            self._tell()

    def close(self) -> None:
        """Stops the clock and frees the model."""
        if self._closed:
            return
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._thread.join()
        self._lib.hb_free(self._handle)

    def _check(self, what: str, offset: int, missing: bool) -> None:
        if self._lib.hb_failed(self._handle):
            raise FabricError(f"an assertion of the hardware failed by cycle {self.cycles} (see the message above)")
        if missing:
            raise FabricError(f"the fabric does not answer a {what} of register 0x{offset:03X}; a board would hang here")

    def _after(self) -> None:
        """The way back to the processor; tells a change of the interrupt line."""
        self._lib.hb_run(self._handle, ACCESS_CYCLES, -1)
        self._tell()
        self._accessed = time.monotonic()

    def _tell(self) -> None:
        level = bool(self._lib.hb_interrupt(self._handle))
        if level != self._level:
            self._level = level
            self._on_interrupt(level)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._busy or self._closed):
                    self._wake.wait()
                while not self._closed and time.monotonic() - self._accessed < QUIET_SECONDS:
                    self._wake.wait(QUIET_SECONDS)
                if self._closed:
                    return
                self._lib.hb_run(self._handle, SLICE_CYCLES, int(not self._level))
                self._tell()
                self._busy = self._is_busy()
            time.sleep(0)  # gives way: else the lock would go to this thread again and again

    def _is_busy(self) -> bool:
        """Whether the clock has anything to do; a fabric at rest need not be simulated."""
        if self._lib.hb_failed(self._handle):
            return False
        value = ctypes.c_uint32()
        for name in ("STATUS", "RESET"):
            if self._lib.hb_read(self._handle, BY_NAME[name].offset, ctypes.byref(value), ACCESS_LIMIT) or value.value & ~0x180:
                return True
        return False
