# SPDX-License-Identifier: Apache-2.0
"""Serves the page: pictures as motion JPEG, figures as JSON. Nothing but the standard library."""

from __future__ import annotations

import io
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import numpy as np

from headrace_host.accelerator import Accelerator, ProgramRunner
from headrace_host.detector import Detector, letterbox
from headrace_host.draw import draw
from headrace_host.errors import HostError
from headrace_host.live import Seen, entry, watch
from headrace_host.sources import Picture, Source

CPU_EVERY_SECONDS = 3.0
"""How often a picture is run on the CPU as well, to compare; it takes time from the rest."""
_BOUNDARY = "picture"


class Show:
    """Runs detection in a thread, and keeps the newest picture and figures for those who look.

    Args:
        accelerator: runs the network.
        detector: decodes it.
        source: pictures; those that end are shown again from the first.
        pause: seconds between pictures, for sources that are faster than eyes.
    """

    def __init__(self, accelerator: Accelerator, detector: Detector, source: Source, pause: float = 0.0) -> None:
        self._accelerator, self._detector, self._source, self._pause = accelerator, detector, source, pause
        self._cpu = ProgramRunner(accelerator.program)
        self._changed = threading.Condition()
        self._picture = b""
        self._state: dict[str, Any] = {"pictures": 0, "device": accelerator.device, "build": _build_facts(accelerator)}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="detection", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the present picture."""
        self._stop.set()
        self._thread.join()

    @property
    def state(self) -> dict[str, Any]:
        """The newest figures."""
        with self._changed:
            return dict(self._state)

    def pictures(self) -> Iterator[bytes]:
        """Annotated pictures as JPEG, each once, the newest first seen."""
        number = 0
        while not self._stop.is_set():
            with self._changed:
                if self._state["pictures"] <= number:
                    self._changed.wait(timeout=1.0)
                    continue
                number, picture = self._state["pictures"], self._picture
            yield picture

    def _again(self) -> Iterator[Picture]:
        for _ in itertools.count():
            for picture in self._source.pictures():
                if self._stop.wait(self._pause):
                    return
                yield picture

    def _run(self) -> None:
        endless = _Endless(self._source, self._again)
        counts: Counter[str] = Counter()
        next_cpu, cpu = time.monotonic(), {"cpu_seconds": None, "cpu_agrees": None}
        try:
            for seen in watch(self._detector, endless):
                if time.monotonic() >= next_cpu:
                    cpu = self._compare(seen)
                    next_cpu = time.monotonic() + CPU_EVERY_SECONDS
                counts.update(detection.name for detection in seen.detections)
                self._publish(seen, counts, cpu)
        except HostError as error:
            with self._changed:
                self._state["error"] = str(error)
                self._changed.notify_all()

    def _compare(self, seen: Seen) -> dict[str, Any]:
        """The same picture on the CPU: how long it takes, and whether it gives the same."""
        height, width = self._accelerator.input_shape[1:3]
        pixels = letterbox(seen.picture.pixels, height, width)[0]
        begun = time.perf_counter()
        self._cpu.run(np.stack([pixels]))
        passed = time.perf_counter() - begun
        found = Detector(self._cpu, self._detector.config).detect([seen.picture.pixels])[0]
        return {"cpu_seconds": passed, "cpu_agrees": found == seen.detections}

    def _publish(self, seen: Seen, counts: Counter[str], cpu: dict[str, Any]) -> None:
        image = io.BytesIO()
        draw(seen.picture.pixels, seen.detections, self._detector.config.classes).save(image, format="JPEG", quality=85)
        counters = self._accelerator.counters()
        with self._changed:
            self._picture = image.getvalue()
            self._state |= {
                "pictures": seen.number,
                "name": seen.picture.name,
                "fps": seen.fps,
                "detections": [entry(detection) for detection in seen.detections],
                "counts": dict(counts),
                "counters": counters,
                **cpu,
            }
            self._changed.notify_all()


class _Endless(Source):
    """A source whose pictures come from elsewhere."""

    def __init__(self, source: Source, pictures: Any) -> None:
        super().__init__(source.name, live=True)
        object.__setattr__(self, "_pictures", pictures)

    def pictures(self) -> Iterator[Picture]:
        """The pictures."""
        return iter(self._pictures())  # type: ignore[attr-defined]


def _build_facts(accelerator: Accelerator) -> dict[str, Any]:
    manifest = accelerator.build.manifest
    interval, clock = float(manifest["performance"]["measured_interval_cycles"]), float(manifest["clock_mhz"])
    return {
        "id": accelerator.build.build_id,
        "name": manifest["name"],
        "board": manifest["board"]["title"],
        "clock_mhz": clock,
        "interval_cycles": interval,
        "fabric_fps": clock * 1e6 / interval,
    }


class PageServer(ThreadingHTTPServer):
    """Answers ``/``, ``/state.json``, ``/picture.jpg`` and ``/stream``."""

    daemon_threads = True

    def __init__(self, show: Show, host: str, port: int) -> None:
        self.show = show
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise HostError(f"cannot serve on {host} port {port} ({error.strerror}); choose another --port") from error


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:  # the standard library's name
        """Answers a request."""
        try:
            path = self.path.partition("?")[0]
            if path == "/":
                self._send("text/html; charset=utf-8", files(__package__).joinpath("index.html").read_bytes())
            elif path == "/state.json":
                self._send("application/json", json.dumps(self.server.show.state).encode())
            elif path == "/picture.jpg":
                self._send("image/jpeg", next(self.server.show.pictures()))
            elif path == "/stream":
                self._stream()
            else:
                self.send_error(404, "there is /, /state.json, /picture.jpg and /stream")
        except (ConnectionError, StopIteration):
            self.close_connection = True  # whoever looked has gone

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.end_headers()
        for picture in self.server.show.pictures():
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            self.wfile.write(head.encode() + picture + b"\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the terminal belongs to the command."""
