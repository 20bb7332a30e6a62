# SPDX-License-Identifier: Apache-2.0
"""Writes files so that readers see the whole of them or nothing, and keeps builds from replacing what is not theirs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from headrace_host.manifest import MANIFEST

from headrace.errors import BuildError

SIMULATORS = "sim"
BITSTREAMS = "bitstream"
SYNTHESES = "synthesis"
"""Folders of a build that commands fill after compilation."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a name beside ``path`` that is nobody else's, to write to; afterwards that file takes the place of ``path``.

    If anything fails on the way, an interruption included, the new file goes and ``path`` stays as it was.
    """
    partial = path.with_name(f".{path.name}.{uuid4().hex[:12]}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def save_json(path: Path, data: Mapping[str, Any]) -> None:
    """Writes JSON readably, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def write_files(files: Mapping[str, str], folder: Path) -> None:
    """Writes texts by their names below ``folder``."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def check_target(out: Path) -> None:
    """Checks that a build may be written to ``out``: to a new or empty folder, or in place of a build and nothing else.

    Raises:
        BuildError: a file is in the way, the folder above cannot be written, or something that is no build would be lost.
    """
    if out.exists() and not out.is_dir():
        raise BuildError(f"{out}: is a file; choose another -o")
    if out.is_dir() and any(out.iterdir()):
        _check_replaceable(out)
    above = next(p for p in Path(os.path.abspath(out)).parents if os.path.lexists(p))  # noqa: PTH100 # as in compile
    if not above.is_dir():
        raise BuildError(f"{out}: {above} is not a folder; choose another -o")
    if not os.access(above, os.W_OK | os.X_OK):
        raise BuildError(f"{out}: cannot write the build ({above} is not writable); choose another -o")


def _check_replaceable(out: Path) -> None:
    """Raises unless ``out`` holds a build, of whatever version, and no file that came from elsewhere."""
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        known = {MANIFEST, *manifest["files"]}
        ours = isinstance(manifest["schema"], int) and isinstance(manifest["build_id"], str)
    except (OSError, ValueError, KeyError, TypeError):
        ours, known = False, set()
    if not ours:
        raise BuildError(f"{out}: holds files that are not a headrace build; choose another -o or empty it")
    for folder, _, names in os.walk(out):
        for name in names:
            path = (Path(folder) / name).relative_to(out)
            if (
                path.as_posix() not in known
                and path.parts[0] not in (SIMULATORS, BITSTREAMS, SYNTHESES)
                and not _is_leftover(path)
            ):
                raise BuildError(f"{out}: holds {path}, which the build there did not write; move it away or choose another -o")


def _is_leftover(path: Path) -> bool:
    """Whether this is the manifest of a `replacing` that was killed."""
    return path.match(f".{MANIFEST}.*.partial")
