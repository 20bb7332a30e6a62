# SPDX-License-Identifier: Apache-2.0
"""Makes the benches under ``sim`` importable, here and in the simulator's own process."""

from __future__ import annotations

import sys
from pathlib import Path

_SIM = str(Path(__file__).resolve().parents[2] / "sim")
if _SIM not in sys.path:
    sys.path.insert(0, _SIM)
