# SPDX-License-Identifier: Apache-2.0
"""headrace detect"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from headrace_host.accelerator import DEVICES, Accelerator
from headrace_host.detector import Detection, Detector, DetectorConfig
from headrace_host.draw import draw
from headrace_host.manifest import Build
from rich.table import Table

from headrace.cli.common import PATH, console, counter, emit_json, json_option, status
from headrace.compile import save_json
from headrace.errors import BuildError, MismatchError
from headrace.images import find_images, read_image
from headrace.simulation import ensure_simulator


@click.command()
@click.argument("paths", metavar="IMAGES... BUILD", nargs=-1, required=True, type=PATH)
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True, help="Where the network runs.")
@click.option("-o", "--out", type=PATH, default=Path("detections"), show_default=True, help="Folder for pictures and JSON.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Lowest score shown.  [default: the model's]")
@click.option("--check", is_flag=True, help="Also run on the CPU and fail unless every detection is the same.")
@json_option
def detect(paths: tuple[Path, ...], device: str, out: Path, threshold: float | None, check: bool, as_json: bool) -> None:
    """Find objects in IMAGES (files or folders) with the network of BUILD.

    Prints a table, writes OUT/detections.json and an annotated picture for each image.
    """
    if len(paths) < 2:
        raise click.UsageError("give at least one image and, last, a build directory")
    build = Build.load(paths[-1])
    images = find_images(paths[:-1])
    pictures = [read_image(path) for path in images]
    config = detector_config(build, threshold)
    if device == "sim":
        with status(quiet=as_json) as note:
            ensure_simulator(build, note)
    with (
        counter(f"detecting on {device}", len(images), quiet=as_json) as advance,
        Accelerator(build.folder, device, lambda done, cycles: advance(done, f"{cycles:,} cycles")) as accelerator,
    ):
        found = Detector(accelerator, config).detect(pictures)
        timing = accelerator.last_simulation
    if check:
        _check(build, config, pictures, found, device)
    report = {
        "build_id": build.build_id,
        "device": device,
        "cycles_per_frame": timing.cycles_per_frame if timing else None,
        "images": [
            {"file": str(path), "detections": [_entry(d) for d in detections]}
            for path, detections in zip(images, found, strict=True)
        ],
    }
    out.mkdir(parents=True, exist_ok=True)
    save_json(out / "detections.json", report)
    for path, picture, detections in zip(images, pictures, found, strict=True):
        target = out / f"{path.stem}.png"
        partial = target.with_name(f".{target.name}.partial")
        draw(picture, detections, config.classes).save(partial, format="PNG")
        partial.replace(target)
    if as_json:
        emit_json(report)
    else:
        _show(images, found, config.classes, device, out, check)


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
    return DetectorConfig.from_json(stored if threshold is None else {**stored, "score_threshold": threshold})


def _check(build: Build, config: DetectorConfig, pictures: Sequence[Any], found: list[list[Detection]], device: str) -> None:
    with Accelerator(build.folder, "cpu") as accelerator:
        expected = Detector(accelerator, config).detect(pictures)
    if expected != found:
        first = next(i for i, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b)
        raise MismatchError(f"image {first}: cpu and {device} find different boxes; run headrace simulate {build.folder}")


def _entry(d: Detection) -> dict[str, Any]:
    return {"class": d.name, "score": round(d.score, 6), "box": [round(v, 3) for v in d.box]}


def _show(
    images: Sequence[Path],
    found: Sequence[Sequence[Detection]],
    classes: Sequence[str],
    device: str,
    out: Path,
    check: bool,
) -> None:
    table = Table("image", *classes, "best scores")
    for path, detections in zip(images, found, strict=True):
        counts = [str(sum(d.label == i for d in detections)) for i in range(len(classes))]
        best = ", ".join(f"{d.name} {d.score:.2f}" for d in detections[:3])
        table.add_row(path.name, *counts, best)
    printer = console(quiet=False)
    printer.print(table)
    same = "; every detection is the same on cpu" if check else ""
    printer.print(f"device {device}{same}; annotated pictures and detections.json in [bold]{out}[/bold]")
