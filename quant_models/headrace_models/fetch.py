# SPDX-License-Identifier: Apache-2.0
"""Downloads the Complete Blood Count data set and verifies every file. Needs no torch.

The upstream archive is fixed to one commit; `cbc_sha256.txt` beside this module lists the files that are used and
their SHA-256. An interrupted download goes on where it stopped; the data set appears under its final name only when it is
whole.
"""

import base64
import hashlib
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath

from headrace_models.errors import DataError

COMMIT = "ac6f9ff39760a6deb7b64077eef597393cfa73d3"
URL = f"https://codeload.github.com/MahmudulAlam/Complete-Blood-Cell-Count-Dataset/zip/{COMMIT}"
CHUNK_BYTES = 1 << 16
TIMEOUT_S = 30

Report = Callable[[int, int | None], None]
"""Told of the bytes downloaded so far and, if the server says so, of all."""


def checksums() -> dict[str, bytes]:
    """Return the SHA-256 of each file by its path inside the data set."""
    digests = {}
    for line in (files("headrace_models") / "cbc_sha256.txt").read_text(encoding="ascii").splitlines():
        match line.split():
            case ["LICENSE", digest]:
                digests["LICENSE"] = _decode(digest)
            case [("Training" | "Testing") as split, number, picture, annotation]:
                digests[f"{split}/Images/BloodImage_{number}.jpg"] = _decode(picture)
                digests[f"{split}/Annotations/BloodImage_{number}.xml"] = _decode(annotation)
    return digests


def verify(data_dir: Path) -> None:
    """Check every file of a data set.

    Raises:
        DataError: a file is missing or differs; the first few are named.
    """
    bad = [path for path, digest in checksums().items() if _digest(data_dir / path) != digest]
    if bad:
        raise DataError(
            f"{data_dir}: {len(bad)} of {len(checksums())} files are missing or damaged, first {', '.join(bad[:3])};"
            " remove the folder and run `headrace data` again"
        )


def fetch(data_dir: Path, *, url: str = URL, report: Report | None = None) -> Path:
    """Make sure that ``data_dir`` holds the whole, verified data set, downloading what is missing; return it.

    Raises:
        DataError: the network or the disk fails, or what came is not the data set; what was downloaded is kept for another try
            unless it is damaged.
    """
    if data_dir.is_dir():
        verify(data_dir)
        return data_dir
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    archive = data_dir.with_name(data_dir.name + ".zip.partial")
    unpacked = data_dir.with_name(data_dir.name + ".unpacked")
    try:
        _download(url, archive, report or _silent)
        shutil.rmtree(unpacked, ignore_errors=True)
        _unpack(archive, unpacked, checksums())
    except (urllib.error.URLError, OSError) as error:
        raise DataError(f"{url}: {error}; what has come so far is in {archive}, run the command again") from error
    unpacked.replace(data_dir)
    archive.unlink()
    return data_dir


def _silent(done: int, total: int | None) -> None:
    del done, total


def _download(url: str, archive: Path, report: Report) -> None:
    have = archive.stat().st_size if archive.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to fetch
            return
        raise
    with response:
        resumed = response.status == 206
        length = response.headers.get("Content-Length")
        have = have if resumed else 0
        total = have + int(length) if length else None
        with archive.open("ab" if resumed else "wb") as out:
            while chunk := response.read(CHUNK_BYTES):
                out.write(chunk)
                have += len(chunk)
                report(have, total)
    if total is not None and have < total:
        raise OSError(f"the connection ended after {have} of {total} bytes")


def _unpack(archive: Path, folder: Path, wanted: Mapping[str, bytes]) -> None:
    """Write the wanted files of the archive below ``folder``, verified; the archive's top folder is left out."""
    try:
        with zipfile.ZipFile(archive) as source:
            names = {str(PurePosixPath(*PurePosixPath(name).parts[1:])): name for name in source.namelist()}
            for path, digest in wanted.items():
                if path not in names:
                    raise DataError(f"the archive has no {path}; {archive.name} was removed")
                content = source.read(names[path])
                if hashlib.sha256(content).digest() != digest:
                    raise DataError(f"{path} differs from its checksum; {archive.name} was removed")
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    except (zipfile.BadZipFile, DataError) as error:
        archive.unlink()
        if isinstance(error, DataError):
            raise
        raise DataError(f"what was downloaded is not a zip archive ({error}); it was removed, try again") from error


def _digest(path: Path) -> bytes | None:
    return hashlib.sha256(path.read_bytes()).digest() if path.is_file() else None


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=")
