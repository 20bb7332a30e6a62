# SPDX-License-Identifier: Apache-2.0
"""Plain pynq, without a driver of ours: Overlay, allocate, register_map, interrupts. Prints what it saw."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import pynq
from headrace_host.layout import MemoryLayout, check_start

bitfile, frames_file = sys.argv[1:]
manifest = json.loads((Path(bitfile).parent / "manifest.json").read_text())
described = {entry["tensor"]: entry for entry in manifest["inputs"] + manifest["outputs"]}
frames = np.load(frames_file)
overlay = pynq.Overlay(bitfile)
ip = overlay.headrace_ip_0
registers = ip.register_map
seen = {
    "version": pynq.__version__,
    "build": f"{int(registers.BUILD_HI):08x}{int(registers.BUILD_LO):08x}",
    "idle": int(registers.CTRL.AP_IDLE),
    "clock": pynq.Clocks.fclk0_mhz,
}
buffers = {}
for index, entry in enumerate(manifest["ip"]["tensors"]):
    tensor = described[entry["tensor"]]
    layout = MemoryLayout.of(tensor["shape"], tensor["bits"], tensor["signed"], manifest["ip"]["data_bits"] // 8)
    buffer = pynq.allocate((len(frames), layout.frame_bytes), "u1")
    buffers[entry["tensor"]] = layout, buffer
    setattr(registers, f"ADDRESS_{index}_LO", buffer.device_address & 0xFFFFFFFF)
    setattr(registers, f"ADDRESS_{index}_HI", buffer.device_address >> 32)
layout, source = buffers[manifest["inputs"][0]["tensor"]]
layout.pack(frames, source)
layout.seal(np.asarray(source), check_start(99, len(frames)))
source.flush()
registers.FRAMES, registers.TAG = len(frames), 99
registers.IER.done, registers.GIE.Enable = 1, 1


async def work() -> None:
    registers.CTRL.AP_START = 1
    await ip.irq.wait()


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(work(), 100))
seen |= {"done": int(registers.CTRL.AP_DONE), "errors": int(registers.ERRORS), "frames": int(registers.FRAMES_DONE)}
results = {}
for name, (layout, buffer) in buffers.items():
    if buffer is not source:
        stale = layout.intact(np.asarray(buffer), check_start(99, len(frames))).any()
        buffer.invalidate()
        seen[f"stale {name}"] = bool(stale)
        seen[f"intact {name}"] = bool(layout.intact(np.asarray(buffer), check_start(99, len(frames))).all())
        results[name] = layout.unpack(np.asarray(buffer))
np.savez(frames_file.replace("frames.npy", "results.npz"), **results)  # type: ignore[arg-type]
print(json.dumps(seen))
