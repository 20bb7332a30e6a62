# SPDX-License-Identifier: Apache-2.0
"""python -m headrace_host: detection and measurements where nothing but this package is installed, such as on a board."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from headrace_host.accelerator import DEVICES, Accelerator, checked_device
from headrace_host.datasets import LAYOUTS, open_dataset
from headrace_host.detector import Detector, DetectorConfig
from headrace_host.draw import draw
from headrace_host.errors import HostError
from headrace_host.evaluation import evaluate
from headrace_host.live import Seen, record, watch
from headrace_host.manifest import Build
from headrace_host.metrics import METRICS
from headrace_host.sources import Source, is_video, open_source
from headrace_host.web.server import PageServer, Show


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m headrace_host", description="Runs a network that headrace compiled.")
    commands = parser.add_subparsers(dest="command", required=True)
    detect = commands.add_parser("detect", help="find objects in pictures, videos or a camera's pictures")
    detect.add_argument("sources", nargs="+", metavar="SOURCE", help="image files, folders, videos, or camera[:N]")
    detect.add_argument("build", type=Path, metavar="BUILD", help="folder that headrace deploy (or compile) made")
    detect.add_argument("--device", type=_device, default="board", help=f"{', '.join(DEVICES)}; default: board")
    detect.add_argument("-o", "--out", type=Path, default=Path("detections"), help="folder for the results")
    detect.add_argument("--threshold", type=float, help="lowest score shown (default: the model's)")
    detect.add_argument("--limit", type=_count, help="stop after so many pictures")
    evaluation = commands.add_parser("eval", help="average precision on annotated pictures")
    evaluation.add_argument("data", type=Path, metavar="DATA", help=f"data set: {LAYOUTS}")
    evaluation.add_argument("build", type=Path, metavar="BUILD", help="folder that headrace deploy (or compile) made")
    evaluation.add_argument("--device", type=_device, default="board", help=f"{', '.join(DEVICES)}; default: board")
    evaluation.add_argument("--split", help="default: test, val, Testing or val2017, whichever is there")
    evaluation.add_argument("--images", type=Path, help="folder of COCO's pictures, if they are not beside the annotations")
    evaluation.add_argument("--metric", choices=METRICS, help="default: as the data set's own")
    evaluation.add_argument("--limit", type=_count, help="only so many pictures")
    serve = commands.add_parser("serve", help="show live detections on a web page")
    serve.add_argument("sources", nargs="+", metavar="SOURCE", help="as of detect; what ends is shown again")
    serve.add_argument("build", type=Path, metavar="BUILD", help="folder that headrace deploy (or compile) made")
    serve.add_argument("--device", type=_device, default="board", help=f"{', '.join(DEVICES)}; default: board")
    serve.add_argument("--host", default="0.0.0.0", help="address to listen at (default: all)")
    serve.add_argument("--port", type=int, default=8080, help="default: 8080; 0 takes a free one")
    serve.add_argument("--pause", type=float, default=0.0, help="seconds between pictures")
    bench = commands.add_parser("bench", help="measure the board's rate, and the CPU's beside it")
    bench.add_argument("build", type=Path, metavar="BUILD", help="folder that headrace deploy made")
    bench.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    return parser


def _device(text: str) -> str:
    try:
        return checked_device(text)
    except HostError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status, 2 for what the user can mend."""
    options = _parser().parse_args(argv)
    try:
        result = {"detect": _detect, "bench": _bench, "serve": _serve, "eval": _eval}[options.command](options)
    except HostError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, indent=1))
    return 0


def _detect(options: argparse.Namespace) -> dict[str, Any]:
    build, config = _described(options.build)
    if options.threshold is not None:
        config = replace(config, score_threshold=options.threshold)
    source = open_source(options.sources)
    with Accelerator(options.build, options.device) as accelerator:
        detector = Detector(accelerator, config)
        moving = source.live or any(is_video(path) for path in source.paths)
        run = _record if moving else _pictures
        return {"build_id": build.build_id, "device": options.device, **run(detector, source, options)}


def _described(folder: Path) -> tuple[Build, DetectorConfig]:
    build = Build.load(folder)
    if not build.manifest["detector"]:
        raise HostError(f"{folder}: the model carries no detector description; detection needs one")
    return build, DetectorConfig.from_json(build.manifest["detector"])


def _serve(options: argparse.Namespace) -> dict[str, Any]:
    build, config = _described(options.build)
    source = open_source(options.sources)
    with Accelerator(options.build, options.device) as accelerator:
        show = Show(accelerator, Detector(accelerator, config), source, options.pause)
        server = PageServer(show, options.host, options.port)
        show.start()
        try:
            _stoppable()
            print(f"serving on http://{options.host}:{server.server_port}/ until Ctrl-C", file=sys.stderr, flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            server.server_close()
            show.stop()
        return {"build_id": build.build_id, "device": options.device, "pictures": show.state["pictures"]}


def _stoppable() -> None:
    """Takes SIGTERM for Ctrl-C, as services are stopped by it; and Ctrl-C, which is ignored in the background of a script."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def _tell(seen: Seen) -> None:
    found = ", ".join(f"{d.name} {d.score:.2f}" for d in seen.detections[:3]) or "nothing"
    print(f"{seen.picture.name}: {len(seen.detections)} found ({found}), {seen.fps:.1f} frames/s", file=sys.stderr)


def _record(detector: Detector, source: Source, options: argparse.Namespace) -> dict[str, Any]:
    batch = getattr(detector.accelerator, "batch_size", 1)
    summary = record(detector, source, options.out, 1 if source.live else batch, options.limit, _tell)
    return {
        "pictures": summary.pictures,
        "frames_per_second": round(summary.fps, 3),
        "found": summary.counts,
        "counters": summary.counters,
        "folder": str(options.out),
    }


def _pictures(detector: Detector, source: Source, options: argparse.Namespace) -> dict[str, Any]:
    options.out.mkdir(parents=True, exist_ok=True)
    found = {}
    for seen in watch(detector, source, getattr(detector.accelerator, "batch_size", 1), options.limit):
        target = options.out / f"{seen.number:04d}-{Path(seen.picture.name).stem}.png"
        draw(seen.picture.pixels, seen.detections, detector.config.classes).save(target, format="PNG")
        found[seen.picture.name] = len(seen.detections)
        _tell(seen)
    return {"pictures": len(found), "found": found, "folder": str(options.out)}


def _eval(options: argparse.Namespace) -> dict[str, Any]:
    build, config = _described(options.build)
    data = open_dataset(options.data, config.classes, options.split, options.images)
    samples, begun = data.samples[: options.limit], time.perf_counter()

    def tell(done: int) -> None:
        rate = done / (time.perf_counter() - begun)
        print(f"\r{done} of {len(samples)} pictures, {rate:.1f} a second", end="", file=sys.stderr, flush=True)

    with Accelerator(options.build, options.device) as accelerator:
        metric, batch = options.metric or data.kind, max(1, accelerator.batch_size)
        figures = evaluate(Detector(accelerator, config), samples, metric=metric, batch=batch, progress=tell)
    print(file=sys.stderr)
    return {
        "build_id": build.build_id,
        "device": options.device,
        "pictures": len(samples),
        "metric": metric,
        "figures": {name: None if value != value else round(value, 6) for name, value in figures.items()},
        "left_out": dict(sorted(data.left_out.items())),
    }


def _bench(options: argparse.Namespace) -> dict[str, Any]:
    build = Build.load(options.build)
    with Accelerator(options.build, "cpu") as cpu:
        frames = np.zeros((1, *cpu.input_shape[1:]), np.uint8)
        begun, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() - begun < options.seconds:
            cpu.run(frames)
            count += 1
        rate = count / (time.perf_counter() - begun)
    with Accelerator(options.build, "board") as board:
        measured = board.throughput_test(options.seconds)
    return {"build_id": build.build_id, "cpu[images/s]": rate, "board": measured}


if __name__ == "__main__":
    sys.exit(main())
