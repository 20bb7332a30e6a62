# SPDX-License-Identifier: Apache-2.0
"""headrace export"""

from __future__ import annotations

import logging
from pathlib import Path

import click
from headrace_models.recipes import Recipe, recipe_named

from headrace.cli.common import PATH, console, status
from headrace.cli.train import require_torch


@click.command()
@click.argument("run", type=PATH)
@click.option("--recipe", help="Recipe that the run was trained with; refused if it is another.")
@click.option("-o", "--out", type=PATH, required=True, help="The QONNX file to write.")
def export(run: Path, recipe: str | None, out: Path) -> None:
    """Write the quantized network of RUN (a folder that `headrace train` filled) as QONNX.

    The same checkpoint gives the same bytes.
    """
    wanted = recipe_named(recipe) if recipe else None
    require_torch()
    from headrace_models import checkpoint
    from headrace_models.export import export as write

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of a torchvision that nobody needs
    with status(quiet=False) as note:
        note("exporting")
        trained = wanted or recipe_named(checkpoint.load(_quantized(run)).recipe["name"])
        write(load_quantized(trained, run), out, classes=trained.classes)
    console(quiet=False).print(f"{out}: {out.stat().st_size:,} bytes; compile it with: headrace compile {out}")


def load_quantized(recipe: Recipe, run: Path):  # type: ignore[no-untyped-def]  # a torch module; torch may be absent
    """The quantized network of a training run, on its exact grids.

    Raises:
        CheckpointError: the run is unfinished, damaged or of another recipe.
    """
    from headrace_models import checkpoint
    from headrace_models.exact import snap_biases, snap_weights
    from headrace_models.train import build_quantized

    model = build_quantized(recipe, checkpoint.load(_quantized(run)))
    snap_weights(model)
    snap_biases(model)
    return model


def _quantized(run: Path) -> Path:
    return run / "quant.pt" if run.is_dir() else run
