# SPDX-License-Identifier: Apache-2.0
"""A pynq device whose fabric is simulated. Importing this module makes it the device that pynq finds first."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pynq.interrupt
from headrace_host.boardfile import BoardInfo, unpack_boardfile
from headrace_host.errors import HostError
from pynq.buffer import PynqBuffer
from pynq.pl_server import embedded_device
from pynq.pl_server.device import Device
from pynqmetadata.frontends import Metadata

from headrace_sim.board.fabric import Fabric
from headrace_sim.board.parts import ClockRegisters, InterruptController, UioDevice

ARCHITECTURES = {"zynq7": "armv7l", "zynqmp": "aarch64"}
DRAM_BASES = {"zynq7": 0x1000_0000, "zynqmp": 0x8_0000_0000}
"""Where buffers lie: on Zynq UltraScale+ in the upper part of memory, so that addresses need more than 32 bits."""
DRAM_BYTES = 1 << 28
_PAGE = 4096
_GARBAGE = 0xA5
"""What new buffers hold, in memory and in the processor's view: nothing that a program could take for data."""


class _Region:
    """A piece of DRAM with the processor's view of it, apart from each other when cached."""

    def __init__(self, device: SimulatedDevice, offset: int, size: int, cached: bool) -> None:
        self.offset, self.size = offset, size
        self.memory = device.dram[offset : offset + size]
        self.memory[:] = _GARBAGE
        self.view = self.memory.copy() if cached else self.memory
        weakref.finalize(self, device.regions.pop, offset)


class SimulatedDevice(Device):  # type: ignore[misc]  # pynq has no types
    """A Zynq board with a simulated fabric; which Zynq, the bitstream says."""

    _probe_priority_ = 10

    @classmethod
    def _probe_(cls) -> list[SimulatedDevice]:
        return [cls()]

    def __init__(self) -> None:
        super().__init__("simulated")
        self.name = "simulated"
        self.capabilities = {"REGISTER_RW": True}
        self.arch = ARCHITECTURES["zynq7"]
        self.dram: npt.NDArray[np.uint8] = np.zeros(DRAM_BYTES, np.uint8)
        self.regions: dict[int, int] = {}
        """Sizes of the buffers in DRAM by their offsets."""
        self.fabric: Fabric | None = None
        self.info: BoardInfo | None = None
        self._uio = UioDevice()
        self._clocks = ClockRegisters("zynq7")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._parts: list[tuple[int, int, Any]] = []
        pynq.interrupt.get_uio_irq = lambda irq: self._uio.path  # noqa: ARG005  # what Linux would answer

    # ---- configuration

    def set_bitfile_name(self, bitfile_name: str) -> None:
        """Reads what the bitstream's files say; pynq asks for the clocks' registers before it downloads."""
        self._inspect(bitfile_name)
        super().set_bitfile_name(bitfile_name)

    def _inspect(self, bitfile_name: str) -> tuple[Path, Path]:
        folder = tempfile.TemporaryDirectory(prefix="headrace-board-")
        self.info, model, roms = unpack_boardfile(Path(bitfile_name), Path(folder.name))
        self.arch = ARCHITECTURES[self.info.ps]
        if self._clocks.ps != self.info.ps:
            self._clocks = ClockRegisters(self.info.ps)
        self._staged = folder, model, roms
        return model, roms

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:  # noqa: ARG002
        """What the .hwh beside the bitstream says, read by the parser that pynq uses on boards."""
        hwh = Path(bitfile_name).with_suffix(".hwh")
        if not hwh.is_file():
            raise HostError(f"{hwh}: missing; pynq needs it beside the bitstream")
        return embedded_device.RuntimeMetadataParser(Metadata(input=hwh))

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Configures the fabric with a simulated bitstream.

        Raises:
            HostError: the file is none.
        """
        self._inspect(bitstream.bitfile_name)
        assert self.info is not None
        folder, model, roms = self._staged
        if self.fabric:
            self.fabric.close()
        controller = InterruptController(self._uio.line)
        own = model.with_name(f"{os.getpid()}-{id(folder)}.so")
        shutil.copyfile(model, own)
        base = DRAM_BASES[self.info.ps]
        self.fabric = Fabric(own, roms, self.dram, base, controller.line)
        self._folder, self._parts = folder, [(*self.info.block, self.fabric), (*self.info.interrupts, controller)]
        super().post_download(bitstream, parser, self.name)

    def close(self) -> None:
        """Stops the fabric."""
        if self.fabric:
            self.fabric.close()
            self.fabric = None

    # ---- registers

    def _part(self, address: int) -> tuple[Any, int]:
        if self._clocks.holds(address):
            return self._clocks, address
        for first, size, part in self._parts:
            if first <= address < first + size:
                return part, address - first
        raise HostError(f"bus error: nothing is at address 0x{address:08X}")

    def read_registers(self, address: int, length: int) -> bytes:
        """Reads whole words."""
        words = []
        for at in range(address, address + length, 4):
            part, offset = self._part(at)
            words.append(part.read(offset).to_bytes(4, "little"))
        return b"".join(words)

    def write_registers(self, address: int, data: Sequence[int]) -> None:
        """Writes whole words."""
        raw = bytes(data)
        for k in range(0, len(raw), 4):
            part, offset = self._part(address + k)
            part.write(offset, int.from_bytes(raw[k : k + 4], "little"))

    # ---- memory

    def allocate(self, shape: Any, dtype: Any, cacheable: int = 1, **_: Any) -> PynqBuffer:
        """A buffer in DRAM. Cached ones show the fabric's writes after ``invalidate``, and theirs to it after ``flush``."""
        size = -(-int(np.prod(shape)) * np.dtype(dtype).itemsize // _PAGE) * _PAGE
        offset = self._place(max(size, _PAGE))
        self.regions[offset] = max(size, _PAGE)
        region = _Region(self, offset, max(size, _PAGE), bool(cacheable))
        address = DRAM_BASES[self.info.ps if self.info else "zynq7"] + offset
        return PynqBuffer(
            shape, dtype, device=self, device_address=address, bo=region, coherent=not cacheable, buffer=region.view
        )

    def _place(self, size: int) -> int:
        at = 0
        for offset in sorted(self.regions):
            if offset - at >= size:
                return at
            at = offset + self.regions[offset]
        if at + size > DRAM_BYTES:
            raise RuntimeError(f"Could not allocate {size} bytes: the simulated board has {DRAM_BYTES}")
        return at

    def flush(self, bo: _Region, offset: int, ptr: int, size: int) -> None:  # noqa: ARG002
        """Writes the processor's view to DRAM."""
        bo.memory[offset : offset + size] = bo.view[offset : offset + size]

    def invalidate(self, bo: _Region, offset: int, ptr: int, size: int) -> None:  # noqa: ARG002
        """Reads DRAM into the processor's view."""
        bo.view[offset : offset + size] = bo.memory[offset : offset + size]
