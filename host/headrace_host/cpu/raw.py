# SPDX-License-Identifier: Apache-2.0
"""Functions of numpy without their Python wrappers, which take longer than small layers do.

`np.clip` and `np.einsum` call these and give the same results, should a version of numpy keep them elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np


def _found(*places: tuple[str, str]) -> Callable[..., Any] | None:
    """The first of some names in modules that there is."""
    for module, name in places:
        try:
            function: Callable[..., Any] = getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
        return function
    return None


# numpy 2 and later, and before
clip: Callable[..., Any] = _found(("numpy._core.umath", "clip"), ("numpy.core.umath", "clip")) or np.clip
einsum: Callable[..., Any] = _found(("numpy._core.multiarray", "c_einsum"), ("numpy.core.multiarray", "c_einsum")) or np.einsum
