# SPDX-License-Identifier: Apache-2.0
"""The accelerator as a PYNQ overlay. Needs pynq: on a board, or with the simulated board of ``headrace_sim``.

    from headrace_host.overlay import AcceleratorOverlay
    overlay = AcceleratorOverlay("cellnet.bit")        # cellnet.hwh, manifest.json, program.json, weights.npz beside it
    heads = overlay.run(pixels)                        # uint8 (N, H, W, 3) -> integers by output

Besides, it answers to the method names of FINN's and hls4ml's drivers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pynq
from pynq import Overlay, allocate

from headrace_host.accelerator import Interface
from headrace_host.batches import Batches, Buffer, Held, Slot, streamed_weights
from headrace_host.block import Block
from headrace_host.errors import BoardError
from headrace_host.golden import IntArray
from headrace_host.manifest import Build
from headrace_host.program import Program


class AcceleratorOverlay(Overlay):  # type: ignore[misc]  # pynq has no types
    """Downloads a bitstream and runs its network.

    Args:
        bitfile_name: the ``.bit`` file of a deployed build, its manifest and program beside it.
        batch_size: most frames of one command.
        slots: batches on their way at once.
        patience_cycles: see `headrace_host.block.Block`.
        options: further arguments of ``pynq.Overlay``, such as ``device`` and ``download``.

    Raises:
        HostError: files are missing, or not of one build.
        BoardError: bitstream and manifest are of different builds, or the block does not answer as it should.
    """

    def __init__(
        self,
        bitfile_name: str,
        batch_size: int = 8,
        slots: int = 3,
        patience_cycles: int | None = None,
        **options: Any,
    ) -> None:
        build = Build.load(Path(bitfile_name).resolve().parent)
        if "ip" not in build.manifest:
            raise BoardError(f"{build.folder}: this build has no block for a board; compile it for a PYNQ board")
        if build.manifest["ip"]["ps"] == "zynq7" and int(pynq.__version__.split(".")[0]) >= 4:
            raise BoardError(f"pynq {pynq.__version__} has dropped Zynq-7000, for which this build is; install 'pynq>=3.1,<4'")
        name = Path(bitfile_name).name
        build.verify_deployed(name, str(Path(name).with_suffix(".hwh")))
        super().__init__(str(bitfile_name), **options)
        self.build = build
        self.program = Program.load(build.folder)
        told = Interface(self.program, build.held)
        self.input_name, self.input_shape, self.outputs = told.input_name, told.input_shape, told.outputs
        self.block_name = self._find(str(build.manifest["ip"]["vlnv"]))
        self.block = Block(getattr(self, self.block_name), build.manifest, patience_cycles)
        self._slots = slots
        self._held: dict[str, Held] | None = None
        self._weights: dict[str, Buffer] | None = None
        self.batch_size = batch_size

    def _find(self, vlnv: str) -> str:
        """The name under which the block stands in the design, whatever the designer called it."""
        names = [name for name, details in self.ip_dict.items() if details["type"] == vlnv]
        if len(names) != 1:
            found = ", ".join(f"{name} ({details['type']})" for name, details in self.ip_dict.items())
            raise BoardError(f"the .hwh file names {len(names)} blocks of {vlnv}, one is needed; it has: {found}")
        return str(names[0])

    @property
    def batch_size(self) -> int:
        """Most frames of one command; setting it makes new buffers."""
        return self.batches.batch_size

    @batch_size.setter
    def batch_size(self, value: int) -> None:
        def place(shape: tuple[int, int]) -> Buffer:
            try:
                buffer = allocate(shape=shape, dtype=np.uint8, target=self.device)
            except (RuntimeError, MemoryError) as error:
                need = int(np.prod(shape))
                raise BoardError(
                    f"cannot allocate {need:,} bytes for a batch ({error}); choose a smaller batch_size"
                ) from error
            return Buffer(buffer, int(buffer.device_address))

        if self._weights is None:
            self._weights = streamed_weights(self.build, place)
        self.batches = Batches(self.block, self.build.manifest, place, value, self._slots, self._held, self._weights)
        self._held = self.batches.held
        self._filled: Slot | None = None

    # ---- frames in, outputs out

    def hold(self, name: str, values: IntArray) -> None:
        """Sets an input that was held at compile time, for all frames from now on.

        Args:
            name: of the input.
            values: integers (H, W, C).

        Raises:
            HostError: wrong shape, type or range.
            BoardError: no such input is held, or batches are on their way.
        """
        if name in self.build.held:
            self.program.check_input(name, values[None])
        self.batches.hold(name, values)

    def run(self, frames: IntArray) -> dict[str, IntArray]:
        """Runs any number of frames (N, H, W, C); returns integer outputs (N, H, W, C) by name.

        Raises:
            HostError: wrong shape, type or range.
            BoardError: the accelerator failed; it is reset, and may be used again.
        """
        self.program.check_input(self.input_name, frames)
        return self.batches.run({self.input_name: frames})

    def stream(self, batches: Iterable[IntArray]) -> Iterator[dict[str, IntArray]]:
        """Runs batches (n, H, W, C), n at most ``batch_size``, as they come; gives the outputs of each, in order.

        The fabric works on a batch while the caller makes the next one and uses the outputs of the last one.
        """

        def checked() -> Iterator[Mapping[str, IntArray]]:
            for batch in batches:
                self.program.check_input(self.input_name, batch)
                yield {self.input_name: batch}

        return self.batches.stream(checked())

    def counters(self) -> dict[str, int]:
        """See `headrace_host.block.Block.counters`."""
        return self.block.counters()

    async def run_async(self, frames: IntArray) -> dict[str, IntArray]:
        """Runs at most ``batch_size`` frames; other coroutines run until the accelerator's interrupt comes.

        Raises:
            BoardError: as of `run`; a lost interrupt only costs time.
        """
        self.program.check_input(self.input_name, frames)
        self.block.enable_interrupts(True)
        self.batches.start({self.input_name: frames})
        try:
            await self.block.wait_async(self.block.submitted, getattr(self, self.block_name).irq.wait)
        except BaseException:
            self.batches.recover()
            raise
        finally:
            self.block.enable_interrupts(False)
        return self.batches.finish()

    # ---- as FINN's driver

    @property
    def ishape_normal(self) -> tuple[int, ...]:
        """Shape of a batch of inputs."""
        return (self.batch_size, *self.input_shape[1:])

    @property
    def oshape_normal(self) -> list[tuple[int, ...]]:
        """Shapes of a batch of each output."""
        return [(self.batch_size, *layout.shape) for layout in self.batches.outputs.values()]

    @property
    def idt(self) -> np.dtype[Any]:
        """Of inputs."""
        return self.batches.inputs[self.input_name].dtype

    @property
    def odt(self) -> list[np.dtype[Any]]:
        """Of each output."""
        return [layout.dtype for layout in self.batches.outputs.values()]

    def execute(self, input_npy: IntArray) -> IntArray | list[IntArray]:
        """Runs frames (N, H, W, C); returns the output, or a list of them where there are several."""
        results = list(self.run(input_npy).values())
        return results[0] if len(results) == 1 else results

    def copy_input_data_to_device(self, data: IntArray) -> None:
        """Packs a batch into the first slot, for `execute_on_buffers`."""
        self.program.check_input(self.input_name, data)
        self._filled = self.batches.fill({self.input_name: data})

    def execute_on_buffers(self, asynch: bool = False, batch_size: int | None = None) -> None:
        """Runs what `copy_input_data_to_device` packed.

        Args:
            asynch: return at once; `wait_until_finished` waits.
            batch_size: only the first frames of it.

        Raises:
            BoardError: nothing was packed, or not as many frames.
        """
        if self._filled is None:
            raise BoardError("nothing to execute; call copy_input_data_to_device first")
        if batch_size not in (None, self._filled.frames):
            raise BoardError(f"{self._filled.frames} frames were packed, {batch_size} are to be executed")
        self.batches.launch(self._filled)
        if not asynch:
            self.wait_until_finished()

    def wait_until_finished(self) -> None:
        """Waits for `execute_on_buffers`."""
        self._results = self.batches.finish()

    def copy_output_data_from_device(self, data: IntArray, ind: int = 0) -> None:
        """Copies output number ``ind`` of the last `execute_on_buffers` to ``data``."""
        np.copyto(data, list(self._results.values())[ind])

    def throughput_test(self, seconds: float = 2.0) -> dict[str, float]:
        """Runs one batch again and again, without packing or unpacking: what the fabric and its memory give.

        Returns:
            frames per second (``throughput[images/s]``), milliseconds for a batch (``runtime[ms]``), cycles per frame, share of
            the slowest engine's cycles in them (``busy``), bandwidths in MB/s, clock in MHz, batch size.

        Raises:
            BoardError: the accelerator failed; it is reset, and may be used again.
        """
        slot = self.batches.fill({self.input_name: np.zeros((self.batch_size, *self.input_shape[1:]), self.idt)})
        try:
            passed, commands, counted = self._again_and_again(slot, seconds)
        except BaseException:
            self.batches.recover()
            raise
        done = counted["frames_done"]
        cycles = counted["cycles"] / done
        moved = {False: 0, True: 0}
        for entry in self.build.manifest["ip"]["tensors"]:
            moved[entry["side"] == "output"] += entry["frame_bytes"]
        return {
            "runtime[ms]": 1000 * passed / commands,
            "throughput[images/s]": done / passed,
            "cycles_per_frame": cycles,
            "busy": self.build.manifest["performance"]["interval_cycles"] / cycles,
            "DRAM_in_bandwidth[MB/s]": moved[False] * done / passed / 1e6,
            "DRAM_out_bandwidth[MB/s]": moved[True] * done / passed / 1e6,
            "fclk[mhz]": float(self.build.manifest["clock_mhz"]),
            "batch_size": self.batch_size,
        }

    def _again_and_again(self, slot: Slot, seconds: float) -> tuple[float, int, dict[str, int]]:
        """Runs a batch for some seconds, two commands queued; returns seconds, commands, and what the counters rose by."""
        tag = int(slot.starts[0] >> np.uint64(32))
        for _ in range(2):  # fills the pipeline
            last = self.block.submit(slot.addresses, slot.frames, tag)
        self.block.wait(last - 1)
        before, begun, commands = self.block.counters(), time.perf_counter(), 0
        while commands == 0 or time.perf_counter() - begun < seconds:
            last = self.block.submit(slot.addresses, slot.frames, tag)
            self.block.wait(last - 1)
            commands += 1
        passed, after = time.perf_counter() - begun, self.block.counters()
        self.block.wait(last)
        return passed, commands, {name: after[name] - count for name, count in before.items()}

    # ---- as hls4ml's driver

    def predict(self, X: IntArray, profile: bool = False) -> Any:  # noqa: N803  # hls4ml's name
        """Runs frames; real values (integer * scale + offset), and with ``profile`` also (seconds, frames/s)."""
        begun = time.perf_counter()
        results = self.run(X)
        passed = time.perf_counter() - begun
        real = [values * self.outputs[name].scale + self.outputs[name].offset for name, values in results.items()]
        outputs = real[0] if len(real) == 1 else real
        if not profile:
            return outputs
        return outputs, passed, len(X) / passed

    def close(self) -> None:
        """Brings the accelerator to rest."""
        self.batches.recover()

    def __enter__(self) -> AcceleratorOverlay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
