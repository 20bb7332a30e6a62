# SPDX-License-Identifier: Apache-2.0
"""Makes the helpers beside this file (``nets``) importable from every test."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = str(Path(__file__).resolve().parent)
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)
