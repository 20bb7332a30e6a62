# SPDX-License-Identifier: Apache-2.0
"""Runs a build: on the CPU (its integer program, planned for speed), on the Verilated network, or on a board."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headrace_host.cpu import PlannedProgram
from headrace_host.errors import HostError
from headrace_host.golden import IntArray
from headrace_host.manifest import Build
from headrace_host.program import Program
from headrace_host.serial_link import SerialLink
from headrace_host.simulator import NetworkSimulator, SimulationError, SimulationResult, StreamSpec

DEVICES = ("cpu", "sim", "board", "serial:PORT")
"""What runs a build; PORT is such as /dev/ttyUSB0 or COM3."""
LINE_SECONDS = 0.02
"""That reading from a serial port waits at most."""


@dataclass(frozen=True)
class Output:
    """An output tensor: (H, W, C) integers whose real value is ``integer * scale + offset``."""

    shape: tuple[int, int, int]
    scale: Any
    offset: Any


def _number_or_channels(values: list[float]) -> Any:
    return values[0] if len(values) == 1 else np.asarray(values)


def checked_device(device: str) -> str:
    """The device, as it is.

    Raises:
        HostError: it is none.
    """
    if device not in DEVICES[:-1] and not (device.startswith("serial:") and device != "serial:"):
        raise HostError(f"unknown device '{device}'; this version runs on {', '.join(DEVICES)}")
    return device


class Interface:
    """What an accelerator tells of a program: the input that takes frames, those that are held, and outputs."""

    def __init__(self, program: Program, held: Sequence[str] = ()) -> None:
        moving = [str(name) for name in program.spec["inputs"] if name not in held]
        if len(moving) != 1:
            raise HostError(
                f"the network has {len(moving)} inputs ({', '.join(moving)}); an accelerator takes one, and holds others"
            )
        self.input_name = moving[0]
        tensors = program.spec["tensors"]
        h, w, c = tensors[self.input_name]["shape"]
        self.input_shape: tuple[int, int, int, int] = (1, h, w, c)
        self.outputs: dict[str, Output] = {
            name: Output(
                tuple(tensors[name]["shape"]),
                _number_or_channels(tensors[name]["scale"]),
                _number_or_channels(tensors[name]["offset"]),
            )
            for name in program.spec["outputs"]
        }


class ProgramRunner(Interface):
    """An integer program on the CPU, behind the interface of an accelerator."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._planned = PlannedProgram(program)

    def run(self, batch: IntArray) -> dict[str, IntArray]:
        """Integer outputs (N, H, W, C) by name of a batch (N, H, W, C).

        Raises:
            HostError: wrong shape, type or range.
        """
        return self._planned.run({self.input_name: batch})


class Accelerator:
    """One compiled network on one device.

    Args:
        build: a build directory.
        device: ``cpu`` runs the integer program, ``sim`` the Verilated RTL, cycle by cycle, ``board`` the bitstream of a
            deployed build through pynq, ``serial:PORT`` a board at that serial port; all give the same integers.
        progress: on ``sim``, called with (frames done, cycles simulated).

    Raises:
        HostError: the build is missing or damaged, the device unknown, the simulator not built, pynq or pyserial not
            installed, or the port cannot be opened.
        BoardError: what the board holds is not what was deployed.
    """

    def __init__(self, build: str | Path, device: str = "cpu", progress: Callable[[int, int], None] | None = None) -> None:
        checked_device(device)
        self.build = Build.load(Path(build))
        self.device = device
        self._progress = progress
        self.program = Program.load(self.build.folder)
        told = Interface(self.program, self.build.held)
        self.input_name, self.input_shape, self.outputs = told.input_name, told.input_shape, told.outputs
        self._held: dict[str, IntArray] = {}
        self._planned = PlannedProgram(self.program) if device == "cpu" else None
        self._simulator = self._open_simulator() if device == "sim" else None
        self._overlay = self._open_overlay() if device == "board" else None
        self._port: Any = None
        self._link: SerialLink | None = None
        if device.startswith("serial:"):
            self._port, self._link = self._open_link()
        self.last_simulation: SimulationResult | None = None
        """Timing of the last run on ``sim``."""

    def _open_simulator(self) -> NetworkSimulator:
        build = self.build
        if not build.simulator.is_file():
            raise HostError(
                f"{build.folder}: build {build.build_id} has no simulator yet; run: headrace simulate {build.folder}"
            )
        build.verify_hardware()
        inputs, outputs = ([StreamSpec.from_json(e) for e in build.manifest[side]] for side in ("inputs", "outputs"))
        return NetworkSimulator(build.simulator, build.rom_dir, inputs, outputs)

    def _open_overlay(self) -> Any:
        try:
            from headrace_host.overlay import AcceleratorOverlay
        except ModuleNotFoundError as error:
            raise HostError(
                f"device 'board' needs pynq, which is not here ({error}); run on a PYNQ board, or with python -m headrace_sim"
            ) from error
        bitfile = self.build.folder / f"{self.build.manifest['name']}.bit"
        if not bitfile.is_file():
            raise HostError(f"{bitfile}: missing; make a folder for the board with: headrace deploy BUILD --to DIR")
        return AcceleratorOverlay(str(bitfile))

    def _open_link(self) -> tuple[Any, SerialLink]:
        if "serial" not in self.build.manifest:
            raise HostError(f"{self.build.folder}: this build has no serial line; compile it for a board that has one")
        try:
            import serial
        except ModuleNotFoundError as error:
            raise HostError("device 'serial' needs pyserial; install it with: pip install pyserial") from error
        name = self.device.partition(":")[2]
        try:
            port = serial.Serial(name, int(self.build.manifest["serial"]["baud"]), timeout=LINE_SECONDS)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise HostError(f"{name}: cannot open the serial port ({' '.join(str(error).split())[:120]})") from error
        try:
            return port, SerialLink(port, self.build.manifest)
        except BaseException:
            port.close()
            raise

    def hold(self, name: str, values: IntArray) -> None:
        """Sets an input that was held at compile time, for all frames from now on.

        Args:
            name: of the input.
            values: integers (H, W, C).

        Raises:
            HostError: no such input is held; wrong shape, type or range.
        """
        if self._overlay is not None:
            self._overlay.hold(name, values)
            return
        if name not in self.build.held:
            raise HostError(f"no input '{name}' is held; this build holds {', '.join(self.build.held) or 'none'}")
        self.program.check_input(name, values[None])
        self._held[name] = values[None].copy()

    def _inputs(self, batch: IntArray) -> dict[str, IntArray]:
        """The frames and, for each of them, what is held."""
        missing = [name for name in self.build.held if name not in self._held]
        if missing:
            raise HostError(f"input '{missing[0]}' is held, and has no values yet; call hold('{missing[0]}', values) first")
        held = {name: np.repeat(values, len(batch), axis=0) for name, values in self._held.items()}
        return {self.input_name: batch, **held}

    def run(self, batch: IntArray) -> dict[str, IntArray]:
        """Runs a batch of frames.

        Args:
            batch: integers (N, H, W, C), for image networks uint8 pixels.

        Returns:
            integer outputs (N, H, W, C) by name; ``outputs[name]`` says what they mean.

        Raises:
            HostError: wrong shape, type or range, or the simulated hardware failed.
        """
        if self._planned is not None:
            return self._planned.run(self._inputs(batch))
        if self._overlay is not None:
            results: dict[str, IntArray] = self._overlay.run(batch)
            return results
        self.program.check_input(self.input_name, batch)
        if self._link is not None:
            return self._link.run({self.input_name: batch})
        assert self._simulator is not None, "every other device is a simulator"
        try:
            result = self._simulator.run(self._inputs(batch), progress=self._progress)
        except SimulationError as error:
            raise HostError(f"{self.build.folder}: {error}") from error
        self.last_simulation = result
        return result.outputs

    def stream(self, batches: Iterable[IntArray]) -> Iterator[dict[str, IntArray]]:
        """Runs batches (n, H, W, C) as they come; gives the outputs of each, in order.

        On ``board`` several are on their way at once, and n is at most its batch size.

        Raises:
            HostError: as of `run`.
        """
        return self._overlay.stream(batches) if self._overlay is not None else map(self.run, batches)

    @property
    def batch_size(self) -> int:
        """Frames that are best run at once."""
        return int(self._overlay.batch_size) if self._overlay is not None else 1

    def throughput_test(self, seconds: float = 2.0) -> dict[str, float]:
        """On ``board``: see `headrace_host.overlay.AcceleratorOverlay.throughput_test`.

        Raises:
            HostError: another device.
        """
        if self._overlay is None:
            raise HostError(f"device '{self.device}' has no throughput test; it measures a board")
        return dict(self._overlay.throughput_test(seconds))

    def counters(self) -> dict[str, int]:
        """On ``board``, the counters of the fabric; elsewhere none."""
        return dict(self._overlay.counters()) if self._overlay is not None else {}

    def close(self) -> None:
        """Frees the device."""
        if self._simulator is not None:
            self._simulator.close()
        if self._overlay is not None:
            self._overlay.close()
        if self._port is not None:
            self._port.close()

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
