# SPDX-License-Identifier: Apache-2.0
"""headrace train"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from headrace_models.recipes import recipe_named

from headrace.cli.common import PATH, console, counter
from headrace.errors import ToolError

if TYPE_CHECKING:
    from headrace_models.train import Progress


@click.command()
@click.argument("recipe")
@click.option("--data", "data_dir", type=PATH, default=Path("data/cbc"), show_default=True, help="Folder of the data set.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the trained weights, with the recipe.")
@click.option("-o", "--out", type=PATH, help="Folder of checkpoints.  [default: runs/RECIPE/seed-SEED]")
def train(recipe: str, data_dir: Path, seed: int, out: Path | None) -> None:
    """Train RECIPE: in float, then quantized. Run again after an interruption, it goes on where it stopped."""
    chosen = recipe_named(recipe)
    require_torch()
    from headrace_models.train import train as run

    folder = out or Path("runs") / recipe / f"seed-{seed}"
    total = chosen.float_phase.epochs + chosen.quant_phase.epochs
    with counter("training", total, quiet=False) as advance:

        def tell(step: Progress) -> None:
            done = step.epoch + (chosen.float_phase.epochs if step.phase == "quant" else 0)
            advance(done, f"{step.phase}, loss {step.loss:.3f}")

        checkpoint = run(chosen, seed=seed, data_dir=data_dir, out_dir=folder, progress=tell)
    console(quiet=False).print(f"{checkpoint}: export it with: headrace export {folder} -o {recipe}.onnx")


def require_torch() -> None:
    """Raises ToolError unless the training extra is installed."""
    try:
        import brevitas  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise ToolError(
            f"{error.name} is not installed; install the training extra: pip install torch==2.13.0 (its CPU build will do), "
            "then pip install 'headrace[train]'"
        ) from error
