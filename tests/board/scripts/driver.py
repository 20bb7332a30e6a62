# SPDX-License-Identifier: Apache-2.0
"""Our driver under pynq: every way of running frames. Prints what it saw."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from headrace_host.accelerator import Accelerator
from headrace_host.overlay import AcceleratorOverlay

bitfile, frames_file = sys.argv[1:]
frames = np.load(frames_file)
with Accelerator(bitfile.rpartition("/")[0], device="board") as accelerator:
    results = accelerator.run(frames)
np.savez(frames_file.replace("frames.npy", "results.npz"), **results)  # type: ignore[arg-type]


def same(other: dict[str, Any], at: slice = slice(None)) -> bool:
    return all(np.array_equal(other[name], results[name][at]) for name in results)


overlay = AcceleratorOverlay(bitfile, batch_size=3)
seen: dict[str, Any] = {"stream": [], "ishape": overlay.ishape_normal, "idt": str(overlay.idt)}
for k, part in enumerate(overlay.stream(frames[i : i + 3] for i in range(0, len(frames), 3))):
    seen["stream"].append(same(part, slice(3 * k, 3 * k + 3)))
seen["execute"] = same(dict(zip(overlay.outputs, overlay.execute(frames), strict=True)))
seen["async"] = same(asyncio.get_event_loop().run_until_complete(overlay.run_async(frames[1:4])), slice(1, 4))
overlay.copy_input_data_to_device(frames[2:5])
overlay.execute_on_buffers(asynch=True)
overlay.wait_until_finished()
copies = [np.empty(shape, dtype) for shape, dtype in zip(overlay.oshape_normal, overlay.odt, strict=True)]
for k, copy in enumerate(copies):
    overlay.copy_output_data_from_device(copy, k)
seen["buffers"] = same(dict(zip(overlay.outputs, copies, strict=True)), slice(2, 5))
real, seconds, rate = overlay.predict(frames, profile=True)
scaled = [results[name] * output.scale + output.offset for name, output in overlay.outputs.items()]
seen["predict"] = all(np.array_equal(a, b) for a, b in zip(real, scaled, strict=True)) and rate > 0 < seconds
overlay.batch_size = 8
seen["throughput"] = overlay.throughput_test(3.0)
for _ in zip(range(2), overlay.stream(frames[:2] for _ in range(6)), strict=False):
    pass  # the caller loses interest while batches are on their way
seen["after losing interest"] = same(overlay.run(frames))
seen["counters"] = overlay.counters()
print(json.dumps(seen))
