# SPDX-License-Identifier: Apache-2.0
"""python held.py BITFILE FRAMES: runs frames with an input held, in batches of two sizes; leaves results.npz beside FRAMES."""

import json
import sys
from pathlib import Path

import numpy as np
from headrace_host.overlay import AcceleratorOverlay

bitfile, path = sys.argv[1], Path(sys.argv[2])
given = np.load(path)
results = {}
with AcceleratorOverlay(bitfile) as overlay:
    overlay.hold("background", given["background"])
    for size in (8, 3):
        overlay.batch_size = size
        results.update({f"{name} {size}": values for name, values in overlay.run(given["frames"]).items()})
np.savez(path.with_name("results.npz"), **results)  # type: ignore[arg-type]
print(json.dumps(sorted(results)))
