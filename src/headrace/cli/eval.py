# SPDX-License-Identifier: Apache-2.0
"""headrace eval"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from headrace_host.accelerator import Accelerator, ProgramRunner
from headrace_host.datasets import LAYOUTS, open_dataset
from headrace_host.detector import Detector, DetectorConfig
from headrace_host.evaluation import evaluate
from headrace_host.manifest import MANIFEST, Build
from headrace_host.metrics import METRICS, TITLES
from headrace_host.program import Program
from headrace_models.evaluate import detector_config as torch_config
from headrace_models.recipes import Recipe, recipe_named
from rich.table import Table

from headrace.cli.common import DEVICE, PATH, console, counter, emit_json, json_option, status
from headrace.cli.detect import detector_config
from headrace.cli.export import load_quantized
from headrace.cli.train import require_torch
from headrace.compile import lower
from headrace.errors import ModelError
from headrace.ir.graph import to_program
from headrace.models import resolve_model
from headrace.simulation import ensure_simulator

if TYPE_CHECKING:
    from headrace_models.inference import TorchNetwork


_METRIC_HELP = (
    "VOC's AP50 (voc: area under the curve; voc07: mean of 11 points, as CenterNet's and CoDeNet's authors report) or COCO's "
    "AP; by default voc or coco, as the data set's own."
)


@click.command("eval")
@click.argument("model")
@click.option("--data", type=PATH, default=Path("data/cbc"), show_default=True, help=f"Data set: {LAYOUTS}.")
@click.option("--split", help="Such as val2017; by default test, val, Testing or val2017, whichever is there.")
@click.option("--images", type=PATH, help="Folder of COCO's pictures, if they are not beside the annotations.")
@click.option("--metric", type=click.Choice(list(METRICS)), help=_METRIC_HELP)
@click.option(
    "--precision",
    type=click.Choice(["integer", "quantized", "float"]),
    default="integer",
    show_default=True,
    help="Integer program; or, from a training run, the quantized or the float torch network.",
)
@click.option("--device", type=DEVICE, default="cpu", show_default=True, help="sim needs a build directory.")
@click.option("--run", type=PATH, help="Training folder, for --precision quantized and float; MODEL is then the recipe.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N pictures.")
@json_option
def eval_command(
    model: str,
    data: Path,
    split: str | None,
    images: Path | None,
    metric: str | None,
    precision: str,
    device: str,
    run: Path | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Average precision of MODEL on annotated pictures, per class and mean.

    MODEL is a zoo model's name, a QONNX file, a build directory, or (with --run) a recipe.
    """
    with status(quiet=as_json) as note:
        detector = _detector(model, precision, device, run, note)
        found = open_dataset(data, detector.config.classes, split, images)
    samples = found.samples[:limit]
    with counter("evaluating", len(samples), quiet=as_json) as advance:
        figures = evaluate(detector, samples, metric=metric or found.kind, progress=lambda done: advance(done, ""))
    report = {
        "model": model,
        "precision": precision,
        "device": device,
        "images": len(samples),
        "metric": metric or found.kind,
        "figures": {name: None if value != value else value for name, value in figures.items()},
        "left_out": dict(sorted(found.left_out.items())),
    }
    if as_json:
        emit_json(report)
    else:
        _show(report)


def _detector(model: str, precision: str, device: str, run: Path | None, note: Any) -> Detector:
    """What to evaluate."""
    if precision != "integer":
        recipe = recipe_named(model)
        config = torch_config(shape=recipe.shape, classes=recipe.classes)
        return Detector(_torch_network(recipe, precision, run), config)
    if (Path(model) / MANIFEST).is_file():
        build = Build.load(Path(model))
        if device == "sim":
            ensure_simulator(build, note)
        return Detector(Accelerator(build.folder, device), detector_config(build, None))
    if device != "cpu":
        raise click.UsageError(f"--device {device} needs a build directory: headrace compile {model} first")
    note("reading the model")
    path = resolve_model(model)
    lowered = lower(path)
    stored = lowered.model.metadata.get("detector")
    if not stored:
        raise ModelError(f"{path}: carries no detector description (metadata headrace.detector), so boxes are undefined")
    return Detector(ProgramRunner(Program(*to_program(lowered.graph))), DetectorConfig.from_json(stored))


def _torch_network(recipe: Recipe, precision: str, run: Path | None) -> TorchNetwork:
    if run is None:
        raise click.UsageError(f"--precision {precision} needs --run, the folder that `headrace train` filled")
    require_torch()
    from headrace_models import checkpoint
    from headrace_models.inference import TorchNetwork
    from headrace_models.train import build_float

    is_float = precision == "float"
    return TorchNetwork(
        build_float(recipe, checkpoint.load(run / "float.pt")) if is_float else load_quantized(recipe, run), recipe
    )


def _show(report: Mapping[str, Any]) -> None:
    table = Table(
        "class", TITLES[report["metric"]], title=f"{report['model']}, {report['precision']}, {report['images']} images"
    )
    for name, value in report["figures"].items():
        style = "bold" if name == "mean" else ""
        table.add_row(name, "no object" if value is None else f"{value:.4f}", style=style)
    console(quiet=False).print(table)
    if report["left_out"]:
        names = ", ".join(f"{name} ({count})" for name, count in report["left_out"].items())
        console(quiet=False).print(f"left out, as the network does not know them: {names}")
