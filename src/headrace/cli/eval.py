# SPDX-License-Identifier: Apache-2.0
"""headrace eval"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from headrace_host.accelerator import DEVICES, Accelerator, ProgramRunner
from headrace_host.detector import DetectorConfig
from headrace_host.manifest import MANIFEST, Build
from headrace_host.program import Program
from headrace_models.cbc import load_split
from headrace_models.evaluate import accelerator_network, evaluate
from headrace_models.recipes import recipe_named
from rich.table import Table

from headrace.cli.common import PATH, console, counter, emit_json, json_option, status
from headrace.cli.detect import detector_config
from headrace.cli.export import load_quantized
from headrace.cli.train import require_torch
from headrace.compile import lower
from headrace.errors import ModelError
from headrace.ir.graph import to_program
from headrace.models import resolve_model
from headrace.simulation import ensure_simulator

if TYPE_CHECKING:
    from headrace_models.evaluate import Network


@click.command("eval")
@click.argument("model")
@click.option("--data", "data_dir", type=PATH, default=Path("data/cbc"), show_default=True, help="Folder of the data set.")
@click.option(
    "--precision",
    type=click.Choice(["integer", "quantized", "float"]),
    default="integer",
    show_default=True,
    help="Integer program; or, from a training run, the quantized or the float torch network.",
)
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True, help="sim needs a build directory.")
@click.option("--run", type=PATH, help="Training folder, for --precision quantized and float; MODEL is then the recipe.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N test images.")
@json_option
def eval_command(
    model: str,
    data_dir: Path,
    precision: str,
    device: str,
    run: Path | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Average precision (AP50) of MODEL on the Testing images, per class and mean.

    MODEL is a zoo model's name, a QONNX file, a build directory, or (with --run) a recipe.
    """
    samples = load_split(data_dir, "Testing")[:limit]
    with status(quiet=as_json) as note:
        network, (height, width) = _network(model, precision, device, run, note)
    done = 0
    with counter("evaluating", len(samples), quiet=as_json) as advance:

        def tell(count: int) -> None:
            nonlocal done
            done += count
            advance(done, "")

        figures = evaluate(network, samples, width=width, height=height, progress=tell)
    report = {
        "model": model,
        "precision": precision,
        "device": device,
        "images": len(samples),
        "ap50": figures["mean"],
        "per_class": {name: value for name, value in figures.items() if name != "mean"},
    }
    if as_json:
        emit_json(report)
    else:
        _show(report)


def _network(model: str, precision: str, device: str, run: Path | None, note: Any) -> tuple[Network, tuple[int, int]]:
    """What to evaluate, and the (height, width) of its input."""
    if precision != "integer":
        return _torch_network(model, precision, run)
    if (Path(model) / MANIFEST).is_file():
        build = Build.load(Path(model))
        if device == "sim":
            ensure_simulator(build, note)
        runner: Accelerator | ProgramRunner = Accelerator(build.folder, device)
        config = detector_config(build, None)
    else:
        if device != "cpu":
            raise click.UsageError(f"--device {device} needs a build directory: headrace compile {model} first")
        note("reading the model")
        path = resolve_model(model)
        lowered = lower(path)
        stored = lowered.model.metadata.get("detector")
        if not stored:
            raise ModelError(f"{path}: carries no detector description (metadata headrace.detector), so boxes are undefined")
        config = DetectorConfig.from_json(stored)
        runner = ProgramRunner(Program(*to_program(lowered.graph)))
    return accelerator_network(runner, config), (runner.input_shape[1], runner.input_shape[2])


def _torch_network(recipe_name: str, precision: str, run: Path | None) -> tuple[Network, tuple[int, int]]:
    if run is None:
        raise click.UsageError(f"--precision {precision} needs --run, the folder that `headrace train` filled")
    recipe = recipe_named(recipe_name)
    require_torch()
    from headrace_models import checkpoint
    from headrace_models.inference import as_network
    from headrace_models.train import build_float

    is_float = precision == "float"
    network = build_float(recipe, checkpoint.load(run / "float.pt")) if is_float else load_quantized(recipe, run)
    return as_network(network), (recipe.shape.height, recipe.shape.width)


def _show(report: Mapping[str, Any]) -> None:
    table = Table("class", "AP50", title=f"{report['model']}, {report['precision']}, {report['images']} images")
    for name, value in report["per_class"].items():
        table.add_row(name, f"{value:.4f}")
    table.add_row("[bold]mean[/bold]", f"[bold]{report['ap50']:.4f}[/bold]")
    console(quiet=False).print(table)
