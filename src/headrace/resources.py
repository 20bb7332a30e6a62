# SPDX-License-Identifier: Apache-2.0
"""Where the package's hardware sources, templates and boards live: in a wheel, an editable install or a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """Folder ``hw``, ``hls_templates`` or ``sim``: inside an installed wheel, else at the checkout's root."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parents[1] / name
