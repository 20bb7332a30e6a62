# SPDX-License-Identifier: Apache-2.0
"""A Verilated board at the end of a serial line: a pseudo-terminal that any program opens as its serial port.

    python -m headrace_sim.serial_board BUILD

says which port the board of a build is at, and runs it until it is interrupted; then, beside it, for example

    headrace detect IMAGES BUILD --device serial:PORT
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import select
import shutil
import sys
import tempfile
import threading
import tty
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

CYCLES = 4000
"""That pass between two looks at the terminal."""
_BUFFER = 1 << 16


class SerialBoardError(Exception):
    """An assertion of the RTL failed; the message stands in the program's output."""


@dataclass
class Noise:
    """What the line does to each byte, by probability, in both directions."""

    lost: float = 0.0
    changed: float = 0.0
    added: float = 0.0
    """Before it, a byte of no one's."""

    def on(self, data: bytes, rng: random.Random) -> bytes:
        """What becomes of bytes."""
        if not (self.lost or self.changed or self.added):
            return data
        out = bytearray()
        for byte in data:
            if rng.random() < self.added:
                out.append(rng.randrange(256))
            if rng.random() < self.lost:
                continue
            out.append(byte ^ (1 << rng.randrange(8)) if rng.random() < self.changed else byte)
        return bytes(out)


class SerialBoard:
    """Runs a board's model, and carries bytes between it and a pseudo-terminal.

    Args:
        library: the model, of the harness ``serial_sim.cpp``. Each board needs a file of its own.
        roms: folder of its memory files.
        cycles_per_bit: of the host's end of the line.
        seed: of the noise.
    """

    def __init__(self, library: Path, roms: Path, cycles_per_bit: float, seed: int = 1) -> None:
        self.noise = Noise()
        self._rng = random.Random(seed)
        self._lib = _load(library)
        self._handle = ctypes.c_void_p(self._lib.hs_new(str(roms).encode(), cycles_per_bit))
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        """What a program opens."""
        self._slave = slave  # held open, so that the terminal outlives a program that closes it
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="serial board", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        received = (ctypes.c_uint8 * _BUFFER)()
        while not self._ended.is_set():
            ready, _, _ = select.select([self._master], [], [], 0)
            data = self.noise.on(os.read(self._master, _BUFFER), self._rng) if ready else b""
            with self._lock:
                if data:
                    self._lib.hs_send(self._handle, data, len(data))
                count = self._lib.hs_run(self._handle, CYCLES, received, _BUFFER)
            if count < 0:
                self._failed = True
                return
            if count:
                os.write(self._master, self.noise.on(bytes(received[:count]), self._rng))

    @property
    def cycles(self) -> int:
        """Of the board's clock."""
        return int(self._lib.hs_cycles(self._handle))

    def power_cycle(self) -> None:
        """The board as after configuration."""
        with self._lock:
            self._lib.hs_reset(self._handle)

    def wait(self) -> None:
        """Until an assertion of the RTL fails."""
        self._thread.join()

    def close(self) -> None:
        """Ends.

        Raises:
            SerialBoardError: an assertion of the RTL failed meanwhile.
        """
        self._ended.set()
        self._thread.join()
        self._lib.hs_free(self._handle)
        os.close(self._slave)
        os.close(self._master)
        if self._failed:
            raise SerialBoardError("an assertion of the RTL failed")

    def __enter__(self) -> SerialBoard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _load(library: Path) -> Any:
    lib = ctypes.CDLL(str(library), mode=os.RTLD_LOCAL)
    handle, signed = ctypes.c_void_p, ctypes.c_int64
    signatures: dict[str, tuple[list[Any], Any]] = {
        "hs_new": ([ctypes.c_char_p, ctypes.c_double], handle),
        "hs_free": ([handle], None),
        "hs_reset": ([handle], None),
        "hs_send": ([handle, ctypes.c_char_p, signed], None),
        "hs_run": ([handle, signed, ctypes.c_void_p, signed], signed),
        "hs_cycles": ([handle], signed),
    }
    for name, (arguments, result) in signatures.items():
        function = getattr(lib, name)
        function.argtypes, function.restype = arguments, result
    return lib


def main(arguments: list[str] | None = None) -> int:
    """Runs the board of a build until it is interrupted."""
    from headrace_host.errors import HostError
    from headrace_host.manifest import Build

    from headrace.build.line import line_model
    from headrace.errors import HeadraceError

    parser = argparse.ArgumentParser(prog="python -m headrace_sim.serial_board", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("build", type=Path, help="folder of a build for a board with a serial line")
    chosen = parser.parse_args(arguments)
    try:
        build = Build.load(chosen.build)
        print("compiling the board", file=sys.stderr, flush=True)
        model = line_model(build)
    except (HostError, HeadraceError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        own = Path(shutil.copyfile(model, Path(folder) / "board.so"))
        try:
            with SerialBoard(own, build.rom_dir, build.manifest["serial"]["cycles_per_bit"]) as board:
                print(f"{build.manifest['board']['title']} with build {build.build_id} is at {board.port}", flush=True)
                board.wait()
        except KeyboardInterrupt:
            return 0
        except SerialBoardError as error:
            print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
