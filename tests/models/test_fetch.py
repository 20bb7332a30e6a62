# SPDX-License-Identifier: Apache-2.0
"""Downloading the data set, against a server on this machine."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from headrace_models import fetch as fetching
from headrace_models.errors import DataError

CONTENT = {"LICENSE": b"terms", "Training/Images/a.jpg": b"\xff" * 200_000, "Training/Annotations/a.xml": b"<annotation/>"}


def _archive(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"upstream-abc/{name}", data)
        archive.writestr("upstream-abc/Validation/unused.jpg", b"not wanted")
    return buffer.getvalue()


@dataclass
class Server:
    url: str
    body: bytes
    cut_at: int | None = None
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server(url="", body=_archive(CONTENT))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            rest = state.body[start:]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: state.cut_at] if state.cut_at is not None else rest)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}/data.zip"
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield state
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(autouse=True)
def _few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {name: hashlib.sha256(data).digest() for name, data in CONTENT.items()}
    monkeypatch.setattr(fetching, "checksums", lambda: digests)


def test_fetches_verifies_and_reports(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = fetching.fetch(tmp_path / "cbc", url=server.url, report=lambda done, total: seen.append((done, total)))
    assert (folder / "Training/Images/a.jpg").read_bytes() == CONTENT["Training/Images/a.jpg"]
    assert not (folder / "Validation").exists()
    assert seen[-1] == (len(server.body), len(server.body))
    assert [p.name for p in tmp_path.iterdir()] == ["cbc"]


def test_second_call_downloads_nothing(server: Server, tmp_path: Path) -> None:
    fetching.fetch(tmp_path / "cbc", url=server.url)
    fetching.fetch(tmp_path / "cbc", url=server.url)
    assert len(server.ranges) == 1


def test_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.cut_at = 70_000
    with pytest.raises(DataError, match="run the command again"):
        fetching.fetch(tmp_path / "cbc", url=server.url)
    assert not (tmp_path / "cbc").exists()
    server.cut_at = None
    fetching.fetch(tmp_path / "cbc", url=server.url)
    assert server.ranges == [None, "bytes=70000-"]
    fetching.verify(tmp_path / "cbc")


def test_wrong_content_is_named_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.body = _archive({**CONTENT, "LICENSE": b"other terms"})
    with pytest.raises(DataError, match="LICENSE differs"):
        fetching.fetch(tmp_path / "cbc", url=server.url)
    assert not (tmp_path / "cbc").exists()
    assert not (tmp_path / "cbc.zip.partial").exists()


def test_what_is_no_archive_is_removed(server: Server, tmp_path: Path) -> None:
    server.body = b"<html>sorry</html>"
    with pytest.raises(DataError, match="not a zip archive"):
        fetching.fetch(tmp_path / "cbc", url=server.url)
    assert not list(tmp_path.glob("*.partial"))


def test_damaged_data_set_is_noticed(server: Server, tmp_path: Path) -> None:
    folder = fetching.fetch(tmp_path / "cbc", url=server.url)
    (folder / "Training/Images/a.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 3 files .* Training/Images/a.jpg"):
        fetching.fetch(folder, url=server.url)


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run the command again"):
        fetching.fetch(tmp_path / "cbc", url="http://127.0.0.1:9/data.zip")
