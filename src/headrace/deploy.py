# SPDX-License-Identifier: Apache-2.0
"""Makes the folder that a board needs of a build: bitstream, handoff, manifest, program, driver."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import headrace_host
from headrace_host.manifest import DEPLOYED, MANIFEST, PROGRAM_FILES, STREAMED, Build, file_digest

from headrace import __version__
from headrace.backend.devicetree import render_dtbo
from headrace.build.board import write_simulated
from headrace.errors import BuildError
from headrace.files import BITSTREAMS, check_target, save_json
from headrace.models import zoo_images

WHEEL = f"headrace_host-{__version__}-py3-none-any.whl"
LINUX = "linux"
"""Folder of the device tree overlay; pynq would load one that lies beside the bitstream, and drives the same devices itself."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same inputs give the same bytes
_METADATA = f"""Metadata-Version: 2.1
Name: headrace-host
Version: {__version__}
Summary: Runs networks compiled by headrace: detection on the CPU, in simulation, and on the board
License: Apache-2.0
Requires-Python: >=3.10
Requires-Dist: numpy>=1.21
Requires-Dist: pillow>=9
"""
_KIND = "Wheel-Version: 1.0\nGenerator: headrace\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def deploy(build: Build, out: Path, *, simulated: bool, note: Callable[[str], None] = lambda _: None) -> dict[str, str]:
    """Writes the folder ``out``; it appears only when it is whole. Returns its files and what each is.

    Args:
        simulated: with a bitstream of the simulated board in place of a real one.

    Raises:
        BuildError: the build has no bitstream, or ``out`` is something else's.
        ToolError: Verilator or the compiler is absent or failed.
    """
    _check_folder(out)
    name = str(build.manifest["name"])
    scratch = out.absolute().with_name(f".{out.absolute().name}.{uuid4().hex[:8]}.partial")
    try:
        scratch.mkdir(parents=True)
        if simulated:
            write_simulated(build, scratch, name, note)
        else:
            _copy_bitstream(build, scratch, name)
        for file in (MANIFEST, *build.data_files):
            shutil.copyfile(build.folder / file, scratch / file)
        write_wheel(scratch / WHEEL)
        if "ip" in build.manifest:
            ip, clock = build.manifest["ip"], float(build.manifest["clock_mhz"])
            (scratch / LINUX).mkdir()
            (scratch / LINUX / f"{name}.dtbo").write_bytes(render_dtbo(name, ip["ps"], clock, ip["data_bits"]))
            notebooks = str(files(headrace_host) / "notebooks")
            shutil.copytree(notebooks, scratch / "notebooks", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        if build.manifest["detector"]:
            shutil.copytree(zoo_images(), scratch / "images")
        held = {path.name: file_digest(path) if path.is_file() else None for path in sorted(scratch.iterdir())}
        save_json(scratch / DEPLOYED, {"build_id": build.build_id, "files": held})
        if out.exists():
            shutil.rmtree(out)
        scratch.rename(out)
    except OSError as error:
        raise BuildError(f"{out}: cannot write ({error.strerror or error}); free space or choose another --to") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _described(build, name, simulated)


def _described(build: Build, name: str, simulated: bool) -> dict[str, str]:
    kind = "simulated board" if simulated else str(build.manifest["board"]["title"])
    told = {f"{name}.bit": f"bitstream for the {kind}"}
    if "ip" in build.manifest:
        told |= {
            f"{name}.hwh": "what pynq reads of the design",
            f"{LINUX}/{name}.dtbo": "what Linux reads of it, where another loader than pynq's is used",
        }
    told |= {MANIFEST: "what the driver reads of the build", " ".join(PROGRAM_FILES): "the same network for the CPU"}
    if STREAMED in build.data_files:
        told[STREAMED] = "weights that the accelerator reads from memory"
    told[WHEEL] = "the driver: pip install it " + ("on the board" if "ip" in build.manifest else "where the serial line ends")
    if "ip" in build.manifest:
        told["notebooks/"] = "Jupyter notebooks that use all this"
    if build.manifest["detector"]:
        told["images/"] = "photographs to try it with"
    return told


def _check_folder(out: Path) -> None:
    """Raises unless ``out`` is new, empty, or holds what was deployed before and nothing else."""
    if not out.is_dir() or not any(out.iterdir()):
        check_target(out)
        return
    try:
        ours = {DEPLOYED, *json.loads((out / DEPLOYED).read_text(encoding="utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    if strange := sorted(path.name for path in out.iterdir() if path.name not in ours):
        raise BuildError(f"{out}: holds {strange[0]}, which was not deployed there; move it away or choose another --to")


def _copy_bitstream(build: Build, folder: Path, name: str) -> None:
    ready = build.folder / BITSTREAMS
    for suffix in (".bit",) if "serial" in build.manifest else (".bit", ".hwh"):
        source = ready / f"{name}{suffix}"
        if not source.is_file():
            raise BuildError(f"{source}: missing; {_how_made(build)}")
        shutil.copyfile(source, folder / source.name)
    made = build.manifest["steps"].get("build")
    if "serial" in build.manifest and (made is None or made["sha256"] != file_digest(folder / f"{name}.bit")):
        raise BuildError(f"{ready / name}.bit: not of build {build.build_id}; {_how_made(build)}")


def _how_made(build: Build) -> str:
    how = f"make it with: headrace build {build.folder}"
    if "serial" in build.manifest:
        return how
    return f"{how} (it needs Vivado). For the simulated board add --simulated"


def write_wheel(path: Path) -> None:
    """Writes the driver as a wheel (PyPA "Binary distribution format" 1.0)."""
    root = Path(str(files(headrace_host)))
    info = f"headrace_host-{__version__}.dist-info"
    members: dict[str, bytes] = {
        f"headrace_host/{source.relative_to(root).as_posix()}": source.read_bytes()
        for source in sorted(root.rglob("*"))
        if source.is_file() and "__pycache__" not in source.parts
    }
    members |= {
        f"{info}/METADATA": _METADATA.encode(),
        f"{info}/WHEEL": _KIND.encode(),
        f"{info}/entry_points.txt": b"[pynq.notebooks]\nheadrace = headrace_host.notebooks\n",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*members.items(), (f"{info}/RECORD", _record(members, f"{info}/RECORD"))]:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def _record(members: Mapping[str, bytes], own: str) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for name, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow([name, f"sha256={digest}", len(content)])
    rows.writerow([own, "", ""])
    return text.getvalue().encode()
