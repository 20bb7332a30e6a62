# SPDX-License-Identifier: Apache-2.0
"""The web page, served from the simulated board and looked at with a headless browser."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from headrace_host.manifest import Build
from headrace_sim.board.environment import child_environment, pynq_python
from PIL import Image

from headrace.build.toolenv import cache_dir
from headrace.models import zoo_images

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install it with: apt-get install chromium")


class Page(HTMLParser):
    """The texts of elements with an id, all that lies within them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.images: dict[str, dict[str, str | None]] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "img":
            self.images[found["id"] or ""] = found
        elif tag not in ("meta", "br", "link", "hr"):
            self._open.append((tag, found.get("id")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name:
                self.texts[name] = f"{self.texts.get(name, '')} {data}".strip()


@pytest.fixture
def address(deployed: Callable[..., Path], tmp_path: Path) -> Iterator[str]:
    """Of the page, with the simulated board behind it."""
    python = pynq_python("3.1.2", cache_dir() / "pynq")
    (tmp_path / "links").mkdir()
    command = [str(python), "-W", "ignore", "-m", "headrace_sim", "-m", "headrace_host", "serve"]
    command += [str(zoo_images()), str(deployed("zynq7")), "--host", "127.0.0.1", "--port", "0", "--pause", "0.05"]
    server = subprocess.Popen(command, env=child_environment(tmp_path / "links"), stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        line = server.stderr.readline()
        match = re.search(r"http://[\d.:]+/", line)
        assert match, line + server.stderr.read()
        yield match[0]
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)
        finally:
            server.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_when_it_is_told(number: int, deployed: Callable[..., Path]) -> None:
    """Also where signals are ignored at the start, as in the background of a script."""
    command = [sys.executable, "-m", "headrace_host", "serve", str(zoo_images()), str(deployed("zynq7")), "--device", "cpu"]
    quiet = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command, "--host", "127.0.0.1", "--port", "0"]
    server = subprocess.Popen(quiet, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        assert "until Ctrl-C" in server.stderr.readline()
        server.send_signal(number)
        out, err = server.communicate(timeout=60)
    finally:
        server.kill()
    assert (server.returncode, err) == (0, "")
    assert json.loads(out)["device"] == "cpu"


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


@needs_chromium
def test_what_people_see(address: str, deployed: Callable[..., Path], tmp_path: Path) -> None:
    shot = tmp_path / "page.png"
    get(f"{address}picture.jpg")  # the first is there
    for patience in (6000, 20_000, 60_000):  # milliseconds; busy machines need more until the figures are there
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", f"--timeout={patience}"]
        options += [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}", "--dump-dom", address]
        done = subprocess.run([str(CHROMIUM), *options], capture_output=True, text=True, timeout=120, check=True)
        page = Page(done.stdout)
        if {"agrees", "counters"} <= set(page.texts):
            break
    build = Build.load(deployed("zynq7"))
    assert f"tiny on PYNQ-Z2, build {build.build_id}, 100 MHz" in page.texts["build"]
    assert page.texts["agrees"] == "yes, all"
    assert float(page.texts["fps"]) > 0
    assert re.search(r"24,414\.1/s at 4,096 cycles", page.texts["fabric"])
    assert re.search(r"RBC: \d+ now", page.texts["found"])
    assert re.search(r"frames done [1-9]", page.texts["counters"])
    assert "error" not in page.texts
    with Image.open(shot) as image:
        colours = image.convert("RGB").resize((60, 45)).getcolors(10_000)
        assert colours is not None
        assert len(colours) > 300, "a photograph is to be seen"


def test_what_programs_see(address: str) -> None:
    with Image.open(BytesIO(get(f"{address}picture.jpg"))) as image:
        assert image.format == "JPEG"
    state = json.loads(get(f"{address}state.json"))
    assert state["cpu_agrees"] is True
    assert state["counters"]["frames_done"] >= state["pictures"] >= 1
    assert {"class", "score", "box"} == set(state["detections"][0])
    with urllib.request.urlopen(f"{address}stream", timeout=60) as stream:
        head = stream.read(400)
    assert head.startswith(b"--picture\r\nContent-Type: image/jpeg\r\n")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{address}secret")
