# SPDX-License-Identifier: Apache-2.0
"""Reads a build directory: the one source of truth between compiler, simulator and host."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace_host.errors import HostError

SCHEMA = 1
MANIFEST = "manifest.json"
PROGRAM_FILES = ("program.json", "weights.npz")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Build:
    """A build directory and its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Build:
        """Reads ``folder/manifest.json`` and checks that the program beside it belongs to it.

        Raises:
            HostError: no build there, another schema, or files of another build.
        """
        path = folder / MANIFEST
        if not folder.is_dir():
            raise HostError(f"{folder}: no such build directory; make it with: headrace compile MODEL -o {folder}")
        if not path.is_file():
            raise HostError(f"{folder}: holds no {MANIFEST}, so it is no finished build; run headrace compile again")
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            schema, files = manifest["schema"], manifest["files"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HostError(f"{path}: damaged manifest ({error!r}); run headrace compile again") from error
        if schema != SCHEMA:
            raise HostError(f"{path}: manifest schema {schema}, this version reads {SCHEMA}; compile the model again")
        build = cls(folder, manifest)
        build.verify({name: files.get(name, "") for name in PROGRAM_FILES})
        return build

    def verify(self, files: Mapping[str, str]) -> None:
        """Checks files of the build against their digests.

        Raises:
            HostError: one is missing or changed since it was compiled.
        """
        for name, digest in files.items():
            path = self.folder / name
            if not path.is_file():
                raise HostError(f"{path}: missing from build {self.build_id}; run headrace compile again")
            if (found := file_digest(path)) != digest:
                raise HostError(
                    f"{path}: not of build {self.build_id} (sha256 {found[:12]}, manifest {digest[:12]}); "
                    "run headrace compile again"
                )

    @property
    def build_id(self) -> str:
        """Hash of everything that decides the hardware."""
        return str(self.manifest["build_id"])

    @property
    def rom_dir(self) -> Path:
        """Folder of the engines' memory contents."""
        return self.folder / "rtl" / "rom"

    @property
    def simulator(self) -> Path:
        """Where the Verilated network is kept once it has been built."""
        return self.folder / "sim" / f"{self.build_id}.so"
