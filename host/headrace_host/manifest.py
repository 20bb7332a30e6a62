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
from headrace_host.simulator import HARNESS_ABI

SCHEMA = 1
MANIFEST = "manifest.json"
PROGRAM_FILES = ("program.json", "weights.npz")
STREAMED = "streamed.bin"
"""Weights that the accelerator reads from memory, as they lie there; only builds that stream some have it."""
DEPLOYED = "deploy.json"
"""Lists the files of a deployed folder, with their digests."""
CXX_SUFFIXES = (".hpp", ".cpp", ".h")
VITIS = "vitis"
"""How the names of Vitis HLS' own folders begin, in the scripts of a project."""
UNSEALED = ("digest", "steps")
"""Keys that the manifest's own digest leaves out; commands add steps to a finished build."""

Types = Mapping[str, Any]

_BODY: Types = {
    "build_id": str,
    "digest": str,
    "files": dict,
    "inputs": list,
    "outputs": list,
    "fifos": list,
    "layers": list,
    "certificates": list,
    "performance": dict,
    "rtl": dict,
    "steps": dict,
    "detector": object,  # whatever the model carried; its reader judges it
}
_STREAM: Types = {
    "tensor": str,
    "shape": list,
    "lanes": int,
    "bits": int,
    "signed": bool,
    "range": list,
    "scale": list,
    "offset": list,
    "wire": str,
}
_FIFO: Types = {**_STREAM, "index": int, "depth": int, "reader": str}
_PERFORMANCE: Types = {"interval_cycles": int, "measured_interval_cycles": (int, float), "latency_cycles": int}


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cxx_files(project: Path) -> dict[str, bytes]:
    """The C++ files of a Vitis HLS project by name, without the folders that Vitis HLS makes in it."""
    found = {}
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project)
        if path.suffix in CXX_SUFFIXES and path.is_file() and not name.parts[0].startswith(VITIS):
            found[name.as_posix()] = path.read_bytes()
    return found


def seal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest as JSON stores it, with the ``digest`` that `Build.load` asks for.

    The digest is the SHA-256 of the manifest as JSON with sorted keys and no spaces, without the keys `UNSEALED`.
    """
    stored: dict[str, Any] = json.loads(json.dumps(manifest))
    return {**stored, "digest": _body_digest(stored)}


def _body_digest(manifest: Mapping[str, Any]) -> str:
    body = {key: value for key, value in manifest.items() if key not in UNSEALED}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Build:
    """A build directory and its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Build:
        """Reads ``folder/manifest.json`` and checks that it is whole and that the program beside it belongs to it.

        Raises:
            HostError: no build there, another schema, a changed manifest, or files of another build.
        """
        path = folder / MANIFEST
        if not folder.is_dir():
            raise HostError(f"{folder}: no such build directory; make it with: headrace compile MODEL -o {folder}")
        if not path.is_file():
            raise HostError(f"{folder}: holds no {MANIFEST}, so it is no finished build; run headrace compile again")
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            schema = manifest["schema"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise HostError(f"{path}: damaged manifest ({error!r}); run headrace compile again") from error
        if schema != SCHEMA:
            raise HostError(f"{path}: manifest schema {schema}, this version reads {SCHEMA}; compile the model again")
        _check_manifest(path, manifest)
        build = cls(folder, manifest)
        build.verify({name: manifest["files"].get(name, "") for name in build.data_files})
        return build

    @property
    def data_files(self) -> tuple[str, ...]:
        """What the network computes with: the program, and the weights that stream in, if any."""
        return (*PROGRAM_FILES, STREAMED) if STREAMED in self.manifest["files"] else PROGRAM_FILES

    @property
    def streamed(self) -> bytes:
        """The weights that stream in; empty if there are none.

        Raises:
            HostError: the file cannot be read.
        """
        if STREAMED not in self.data_files:
            return b""
        try:
            return (self.folder / STREAMED).read_bytes()
        except OSError as error:
            raise HostError(f"{self.folder / STREAMED}: cannot read ({error.strerror or error})") from error

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

    def verify_deployed(self, *names: str) -> None:
        """Checks files of a deployed folder against their digests, if the folder was made by ``headrace deploy``.

        Raises:
            HostError: one is missing, or another than was deployed.
        """
        path = self.folder / DEPLOYED
        if not path.is_file():
            return  # put together by hand
        try:
            recorded = dict(json.loads(path.read_text(encoding="utf-8"))["files"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HostError(f"{path}: damaged ({error!r:.80}); deploy the build again") from error
        for name in names:
            file = self.folder / name
            if not file.is_file():
                raise HostError(f"{file}: missing; deploy the build again")
            if name in recorded and file_digest(file) != recorded[name]:
                raise HostError(
                    f"{file}: not what was deployed with build {self.build_id}; deploy it again, or delete {DEPLOYED} if the "
                    "design is your own"
                )

    def verify_hardware(self) -> None:
        """Checks the SystemVerilog and the memory contents against their digests.

        Raises:
            HostError: a file is missing or changed since it was compiled.
        """
        self.verify({name: digest for name, digest in self.manifest["files"].items() if name.startswith("rtl/")})

    @property
    def build_id(self) -> str:
        """Hash of everything that decides the hardware."""
        return str(self.manifest["build_id"])

    @property
    def held(self) -> tuple[str, ...]:
        """Inputs that stay the same from frame to frame."""
        tensors = self.manifest.get("ip", {}).get("tensors", [])
        return tuple(entry["tensor"] for entry in tensors if entry["side"] == "held")

    @property
    def rom_dir(self) -> Path:
        """Folder of the engines' memory contents."""
        return self.folder / "rtl" / "rom"

    @property
    def simulator(self) -> Path:
        """Where the Verilated network is kept once it has been built.

        Layers that are C++ kernels may be changed by hand, so their simulators bear the hash of what the kernels are now.
        """
        return self.simulator_of(self.kernels())

    def kernels(self) -> dict[str, dict[str, bytes]]:
        """The C++ files of the layers that are kernels in a network of RTL, as they are now, by the name of the layer."""
        hls = self.manifest.get("hls")
        layers = hls.get("layers", []) if isinstance(hls, dict) else []
        return {layer["name"]: cxx_files(self.folder / "hls" / layer["name"]) for layer in layers}

    def simulator_of(self, kernels: Mapping[str, Mapping[str, bytes]]) -> Path:
        """Where the Verilated network with these kernels is kept."""
        digest = hashlib.sha256()
        for layer, files in sorted(kernels.items()):
            for name, content in sorted(files.items()):
                digest.update(f"{layer}/{name} {hashlib.sha256(content).hexdigest()}\n".encode())
        suffix = f"-{digest.hexdigest()[:16]}" if kernels else ""
        return self.folder / "sim" / f"{self.build_id}{suffix}-{HARNESS_ABI}.so"


def _check_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Raise `HostError` unless the manifest has what its readers use, and is as compiled."""
    _check_types(path, "it", manifest, _BODY)
    if (found := _body_digest(manifest)) != manifest["digest"]:
        raise HostError(
            f"{path}: changed since it was compiled (sha256 {found[:12]}, recorded {manifest['digest'][:12]}); "
            "run headrace compile again"
        )
    for side in ("inputs", "outputs"):
        for entry in manifest[side]:
            _check_types(path, f"one of its {side}", entry, _STREAM)
    for entry in manifest["fifos"]:
        _check_types(path, "one of its fifos", entry, _FIFO)
    for entry in manifest["layers"]:
        _check_types(path, "one of its layers", entry, {"name": str, "op": str, "inputs": list, "outputs": list})
    _check_types(path, "its performance", manifest["performance"], _PERFORMANCE)
    _check_types(path, "its rtl", manifest["rtl"], {"top": str, "sources": list})
    for name in manifest["files"]:
        _check_types(path, "its files", manifest["files"], {name: str})


def _check_types(path: Path, what: str, entry: object, types: Types) -> None:
    """Raise `HostError` unless ``entry`` is a dictionary with all keys of ``types``, of those types."""
    if not isinstance(entry, dict):
        raise HostError(f"{path}: damaged manifest ({what} is no dictionary); run headrace compile again")
    for key, kind in types.items():
        if key not in entry:
            raise HostError(f"{path}: damaged manifest ({what} lacks '{key}'); run headrace compile again")
        if not isinstance(entry[key], kind):
            raise HostError(
                f"{path}: damaged manifest ({what} has a wrong '{key}', {entry[key]!r:.40}); run headrace compile again"
            )
