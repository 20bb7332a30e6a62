# SPDX-License-Identifier: Apache-2.0
"""Drives ``headrace_ip`` through its registers, whoever gives access to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from headrace_host.errors import BoardError
from headrace_host.registers import BY_NAME, MAP_VERSION, tensor_offset

LONGEST_SLEEP = 0.005
LOOK_SECONDS = 0.25
"""Between looks at the registers while an interrupt is awaited."""
_WRAP = 1 << 32


class Registers(Protocol):
    """Access to the block's 32-bit registers, such as pynq's ``MMIO``."""

    def read(self, offset: int) -> int:
        """The word at a byte offset."""

    def write(self, offset: int, value: int) -> None:
        """Writes the word at a byte offset."""


class Block:
    """One ``headrace_ip``: identity, commands, completion, errors.

    Args:
        registers: of the block.
        manifest: of the build that it should hold.
        patience_cycles: cycles of the fabric without a finished frame after which it counts as stuck; None: four times
            what the first frame takes, and 200,000.

    Raises:
        BoardError: the fabric holds something else, or a build of another id.
    """

    def __init__(self, registers: Registers, manifest: Mapping[str, Any], patience_cycles: int | None = None) -> None:
        self._registers = registers
        self._tensors: Sequence[Mapping[str, Any]] = manifest["ip"]["tensors"]
        performance = manifest["performance"]
        self._clock_hz = float(manifest["clock_mhz"]) * 1e6
        self._interval = float(performance["measured_interval_cycles"])
        first = performance["latency_cycles"] + self._interval
        self.patience_cycles = patience_cycles or int(4 * first + 200_000)
        self._identify(str(manifest["build_id"]))
        self.submitted = 0
        """Commands since the last reset."""
        self._at_rest = False
        self.reset()

    def read(self, name: str) -> int:
        """A register by its name; 64 bits for ``CYCLES``, ``BUSY`` and others that have two halves."""
        if name in BY_NAME:
            return int(self._registers.read(BY_NAME[name].offset))
        low = int(self._registers.read(BY_NAME[f"{name}_LO"].offset))
        return low | int(self._registers.read(BY_NAME[f"{name}_HI"].offset)) << 32

    def write(self, name: str, value: int) -> None:
        """Writes a register."""
        self._registers.write(BY_NAME[name].offset, value)

    def _identify(self, build_id: str) -> None:
        version, fields = self.read("VERSION"), BY_NAME["VERSION"]
        found = fields.field("map").of(version)
        if found != MAP_VERSION:
            raise BoardError(
                f"the fabric's register map is version {found}, this driver's {MAP_VERSION}; build the bitstream anew"
            )
        loaded = f"{self.read('BUILD'):016x}"
        if loaded != build_id:
            raise BoardError(
                f"the bitstream is of build {loaded}, the manifest beside it of build {build_id}; deploy both from one build"
            )

    def submit(self, addresses: Sequence[int], frames: int, tag: int) -> int:
        """Queues a command; waits while the queue is full. Returns its number, to wait for.

        Args:
            addresses: of each tensor's first frame, inputs first.
            frames: at least 1.
            tag: of the frames' check words.

        Raises:
            BoardError: the block reports an error, or is stuck.
        """
        if not self._at_rest:  # the last reset did not come to its end
            self.reset()
        start = BY_NAME["CTRL"].field("AP_START").mask
        self._until(lambda: not self.read("CTRL") & start)
        for index, address in enumerate(addresses):
            self._registers.write(tensor_offset(index), address & 0xFFFFFFFF)
            self._registers.write(tensor_offset(index) + 4, address >> 32)
        self.write("FRAMES", frames)
        self.write("TAG", tag)
        self.write("CTRL", start)
        self.submitted += 1
        return self.submitted

    def wait(self, command: int) -> None:
        """Waits until a command is done.

        Raises:
            BoardError: the block reports an error, or is stuck; it says what the registers tell.
        """
        self._until(lambda: self.is_done(command))

    async def wait_async(self, command: int, interrupt: Callable[[], Awaitable[Any]]) -> None:
        """Waits until a command is done, while other coroutines run.

        Args:
            interrupt: waits for the block's interrupt, such as pynq's ``Interrupt.wait``. If it does not come, the registers
                are looked at every `LOOK_SECONDS`.

        Raises:
            BoardError: as of `wait`.
        """
        progress = _Progress(self)
        while not self.is_done(command):
            waiting = asyncio.ensure_future(interrupt())
            await asyncio.wait({waiting}, timeout=LOOK_SECONDS)
            waiting.cancel()
            self.check()
            progress.look()
        self.check()

    def enable_interrupts(self, on: bool) -> None:
        """Lets the block's interrupt out for commands done and for errors, or holds it back."""
        fields = BY_NAME["IER"]
        self.write("IER", (fields.field("done").mask | fields.field("error").mask) if on else 0)
        self.write("ISR", 0xFFFFFFFF)
        self.write("GIE", int(on))

    def is_done(self, command: int) -> bool:
        """Whether a command is done."""
        ahead = (command - self.read("COMMANDS_DONE")) % _WRAP
        return ahead == 0 or ahead >= _WRAP // 2

    def _until(self, reached: Any) -> None:
        progress = _Progress(self)
        pause = min(LONGEST_SLEEP, self._interval / self._clock_hz / 4)
        while True:
            done = reached()
            self.check()
            if done:
                return
            progress.look()
            time.sleep(pause)

    def check(self) -> None:
        """Raises if the block has met an error since the last reset.

        Raises:
            BoardError: names each error.
        """
        if self.read("ERRORS"):
            raise BoardError(self.diagnosis("the accelerator reports an error"))

    def diagnosis(self, what: str) -> str:
        """What the registers say about a failure, in words."""
        errors, status = self.read("ERRORS"), self.read("STATUS")
        said = [f.text.rstrip(".") for f in BY_NAME["ERRORS"].fields if f.of(errors)]
        if errors & 0xF:
            said.append(f"The burst was at address 0x{self.read('ERROR_ADDRESS'):X}")
        said += [f.text.rstrip(".") for f in BY_NAME["STATUS"].fields if f.width == 1 and f.of(status)]
        said.append(
            f"Frames done {self.read('FRAMES_DONE')}, commands {self.read('COMMANDS_DONE')} of {self.submitted}, "
            f"cycle {self.read('CYCLES')}"
        )
        return f"{what}. {'. '.join(said)}."

    def reset(self) -> None:
        """Soft reset: ends what is on the bus, drops everything else, clears counters and errors.

        Where it fails, the next command tries it again.

        Raises:
            BoardError: memory does not answer, so the bus cannot be brought to rest.
        """
        self._at_rest = False
        self.write("RESET", 1)
        begun = self.read("CYCLES")
        while self.read("RESET"):
            if self.read("CYCLES") - begun > self.patience_cycles:
                raise BoardError(
                    self.diagnosis("the accelerator cannot be reset; load the bitstream again, or restart the board")
                )
        self.write("ERRORS", 0xFFFFFFFF)
        self.write("ISR", 0xFFFFFFFF)
        self.submitted, self._at_rest = 0, True

    def counters(self) -> dict[str, int]:
        """Cycle and frame counters since the last reset (``cycles``: since the fabric was configured)."""
        wide = ("CYCLES", "BUSY", "INPUT_STALL", "OUTPUT_STALL")
        return {name.lower(): self.read(name) for name in (*wide, "FRAMES_DONE", "COMMANDS_DONE", "INTERVAL")}


class _Progress:
    """Notices when a block gets nowhere: time is that of the fabric, which is slower in simulation."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._frames = self._since = self._cycles = -1

    def look(self) -> None:
        """Takes note of the counters.

        Raises:
            BoardError: no frame was finished for long, or the counters went back.
        """
        cycles, frames = self._block.read("CYCLES"), self._block.read("FRAMES_DONE")
        if cycles < self._cycles:
            raise BoardError(self._block.diagnosis("the fabric was reset or configured anew in the middle of the work"))
        if frames != self._frames:
            self._frames, self._since = frames, cycles
        self._cycles = cycles
        if cycles - self._since > self._block.patience_cycles:
            raise BoardError(
                self._block.diagnosis(f"the accelerator is stuck: no frame was finished in {cycles - self._since:,} cycles")
            )
