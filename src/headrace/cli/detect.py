# SPDX-License-Identifier: Apache-2.0
"""headrace detect"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click
from headrace_host.accelerator import Accelerator
from headrace_host.detector import Detection, Detector, DetectorConfig
from headrace_host.draw import draw
from headrace_host.images import read_image
from headrace_host.live import entry, record
from headrace_host.manifest import Build
from headrace_host.sources import Source, is_video, open_source
from rich.table import Table

from headrace.cli.common import DEVICE, PATH, FiniteRange, console, counter, emit_json, json_option, status
from headrace.errors import BuildError, DataError, MismatchError
from headrace.files import replacing, save_json
from headrace.simulation import ensure_simulator

CHUNK = 16
"""Pictures in memory at once; on ``sim`` they follow each other without a gap."""


@click.command()
@click.argument("paths", metavar="IMAGES... BUILD", nargs=-1, required=True, type=PATH)
@click.option("--device", type=DEVICE, default="cpu", show_default=True, help="Where the network runs.")
@click.option("-o", "--out", type=PATH, default=Path("detections"), show_default=True, help="Folder for pictures and JSON.")
@click.option("--threshold", type=FiniteRange(0, 1), help="Lowest score shown.  [default: the model's]")
@click.option("--check", is_flag=True, help="Also run on the CPU and fail unless every detection is the same.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many pictures.")
@json_option
def detect(
    paths: tuple[Path, ...],
    device: str,
    out: Path,
    threshold: float | None,
    check: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """Find objects in IMAGES with the network of BUILD.

    IMAGES are files or folders: prints a table, writes OUT/detections.json and an annotated picture for each image.

    Or videos, or a camera (camera, camera:1, /dev/video0), which need OpenCV: writes OUT/detections.jsonl and an
    annotated video (of a camera: OUT/latest.jpg, until Ctrl-C or --limit), and prints the frame rate.

    On a PYNQ board, BUILD is the folder that headrace deploy made, and the command python -m headrace_host detect.
    """
    if len(paths) < 2:
        raise click.UsageError("give at least one image and, last, a build directory")
    build = Build.load(paths[-1])
    source = open_source([str(path) for path in paths[:-1]])
    if source.live or any(is_video(path) for path in source.paths):
        if check:
            raise click.UsageError("--check compares pictures; leave it out for videos and cameras")
        _record(build, source, device, out, threshold, limit, as_json)
        return
    images = list(source.paths[:limit])
    targets = picture_paths(images, out)
    for path in images:
        read_image(path)  # a damaged one is told before anything is written
    config = detector_config(build, threshold)
    changed = _prepare(build, device, as_json)
    out.mkdir(parents=True, exist_ok=True)
    with counter(f"detecting on {device}", len(images), quiet=as_json) as advance:
        found, cycles = _detect(build, config, images, targets, device, check, advance)
    report = {
        "build_id": build.build_id,
        "device": device,
        "changed": list(changed),
        "cycles_per_frame": cycles,
        "images": [
            {"file": str(path), "picture": target.name, "detections": [entry(d) for d in detections]}
            for path, target, detections in zip(images, targets, found, strict=True)
        ],
    }
    save_json(out / "detections.json", report)
    if as_json:
        emit_json(report)
    else:
        _show(images, found, config.classes, device, out, check)


def _prepare(build: Build, device: str, as_json: bool) -> tuple[str, ...]:
    """Makes the simulator if it is needed; names the C++ files in it that were changed by hand."""
    if device != "sim":
        return ()
    with status(quiet=as_json) as note:
        changed = ensure_simulator(build, note).changed
        if changed:
            note(f"changed since it was compiled: {', '.join(changed)}")
    return changed


def _record(
    build: Build, source: Source, device: str, out: Path, threshold: float | None, limit: int | None, as_json: bool
) -> None:
    """Videos and cameras."""
    config = detector_config(build, threshold)
    if any(out.resolve() == path.resolve().parent for path in source.paths):
        raise BuildError(f"{out}: holds the video itself; choose another -o")
    _prepare(build, device, as_json)
    with Accelerator(build.folder, device) as accelerator, counter(source.name, source.count, quiet=as_json) as advance:
        summary = record(
            Detector(accelerator, config),
            source,
            out,
            accelerator.batch_size,
            limit,
            lambda seen: advance(seen.number, f"{seen.fps:.1f} frames/s"),
        )
    facts = {
        "build_id": build.build_id,
        "device": device,
        "pictures": summary.pictures,
        "frames_per_second": round(summary.fps, 3),
        "found": summary.counts,
        "counters": summary.counters,
        "folder": str(out),
    }
    if as_json:
        emit_json(facts)
        return
    found = ", ".join(f"{count} {name}" for name, count in summary.counts.items()) or "nothing"
    console(quiet=False).print(
        f"{summary.pictures} pictures at {summary.fps:.1f} frames/s on {device}: {found}; in [bold]{out}[/bold]"
    )


def picture_paths(images: Sequence[Path], out: Path) -> list[Path]:
    """Where the annotated picture of each image goes: ``out/STEM.png``, with a number behind STEM if that is taken.

    Raises:
        DataError: it would replace one of the images.
    """
    taken: set[str] = set()
    targets = []
    for path in images:
        names = (f"{path.stem}_{i}.png" if i > 1 else f"{path.stem}.png" for i in itertools.count(1))
        name = next(name for name in names if name.casefold() not in taken)  # some file systems ignore case
        taken.add(name.casefold())
        targets.append(out / name)
    originals = {(status.st_dev, status.st_ino) for status in (path.stat() for path in images)}
    for target in targets:
        if target.exists() and (target.stat().st_dev, target.stat().st_ino) in originals:
            raise DataError(f"{target}: is one of the images and would be overwritten; choose another -o")
    return targets


def _detect(
    build: Build,
    config: DetectorConfig,
    images: Sequence[Path],
    targets: Sequence[Path],
    device: str,
    check: bool,
    advance: Callable[[int, str], None],
) -> tuple[list[list[Detection]], float | None]:
    """Runs all images, chunk by chunk, and writes the annotated pictures; returns detections and cycles per frame."""
    found: list[list[Detection]] = []
    cycles: float | None = None

    def tell(done: int, simulated: int) -> None:
        advance(len(found) + done, f"{simulated:,} cycles")

    with ExitStack() as stack:
        accelerator = stack.enter_context(Accelerator(build.folder, device, tell))
        detector = Detector(accelerator, config)
        reference = Detector(stack.enter_context(Accelerator(build.folder, "cpu")), config) if check else None
        for start in range(0, len(images), CHUNK):
            pictures = [read_image(path) for path in images[start : start + CHUNK]]
            detections = detector.detect(pictures)
            if accelerator.last_simulation and cycles is None:
                cycles = accelerator.last_simulation.cycles_per_frame
            if reference is not None:
                _compare(images[start:], reference.detect(pictures), detections, device, build)
            for target, picture, objects in zip(targets[start:], pictures, detections, strict=False):
                with replacing(target) as partial:
                    draw(picture, objects, config.classes).save(partial, format="PNG")
            found += detections
            advance(len(found), "")
    return found, cycles


def detector_config(build: Build, threshold: float | None) -> DetectorConfig:
    """How to decode the build's outputs.

    Raises:
        BuildError: the model was exported without a detector's description.
    """
    stored = build.manifest["detector"]
    if not stored:
        raise BuildError(
            f"{build.folder}: the model carries no detector description (metadata headrace.detector); "
            "detection needs a network exported by headrace_models"
        )
    config = DetectorConfig.from_json(stored)
    return config if threshold is None else replace(config, score_threshold=threshold)


def _compare(
    images: Sequence[Path],
    expected: Sequence[Sequence[Detection]],
    found: Sequence[Sequence[Detection]],
    device: str,
    build: Build,
) -> None:
    for path, a, b in zip(images, expected, found, strict=False):
        if a != b:
            raise MismatchError(f"{path}: cpu and {device} find different boxes; run headrace simulate {build.folder}")


def _show(
    images: Sequence[Path],
    found: Sequence[Sequence[Detection]],
    classes: Sequence[str],
    device: str,
    out: Path,
    check: bool,
) -> None:
    labels = sorted({d.label for detections in found for d in detections})  # of the 80 of COCO few occur
    table = Table("image", *(classes[label] for label in labels), "best scores")
    for path, detections in zip(images, found, strict=True):
        counts = [str(sum(d.label == label for d in detections)) for label in labels]
        best = ", ".join(f"{d.name} {d.score:.2f}" for d in detections[:3])
        table.add_row(path.name, *counts, best)
    printer = console(quiet=False)
    printer.print(table)
    same = "; every detection is the same on cpu" if check else ""
    printer.print(f"device {device}{same}; annotated pictures and detections.json in [bold]{out}[/bold]")
