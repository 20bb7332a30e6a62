# SPDX-License-Identifier: Apache-2.0
"""python refusal.py BITFILE [BATCH_SIZE]: opens an overlay that must be refused; prints how."""

from __future__ import annotations

import json
import sys

from headrace_host.errors import HostError
from headrace_host.overlay import AcceleratorOverlay

try:
    AcceleratorOverlay(sys.argv[1], *map(int, sys.argv[2:]))
    print(json.dumps("not refused"))
except HostError as error:
    print(json.dumps(str(error)))
