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
@click.option("--data", "data_dir", type=PATH, help="Folder of the recipe's data set.  [default: data/ and its name: data/cbc]")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the trained weights, with the recipe.")
@click.option("-o", "--out", type=PATH, help="Folder of checkpoints.  [default: runs/RECIPE/seed-SEED]")
@click.option("--start", type=PATH, help="A float checkpoint of CoDeNet's authors, which takes the float phase's place.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of torch; weights differ in last bits.")
@click.option("--device", default="cpu", show_default=True, help="Of torch, such as cuda.")
def train(
    recipe: str, data_dir: Path | None, seed: int, out: Path | None, start: Path | None, threads: int, device: str
) -> None:
    """Train RECIPE: in float, then quantized. Run again after an interruption, it goes on where it stopped.

    cellnet, cellnet-small, tiny and codenet-cbc learn blood cells (`headrace data cbc`). codenet-a-voc to codenet-e-voc learn
    Pascal VOC (--data is its VOCdevkit, with VOC2007 and VOC2012), codenet-a-coco to codenet-e-coco COCO (--data holds
    annotations, train2017 and val2017), which people get themselves. smoke, codenet-smoke and codenet-voc-smoke take seconds.
    """
    chosen = recipe_named(recipe)
    require_torch()
    from headrace_models.train import train as run

    folder = out or Path("runs") / recipe / f"seed-{seed}"
    total = chosen.float_phase.epochs + chosen.quant_phase.epochs
    with counter("training", total, quiet=False) as advance:

        def tell(step: Progress) -> None:
            done = step.epoch + (chosen.float_phase.epochs if step.phase == "quant" else 0)
            advance(done, f"{step.phase}, loss {step.loss:.3f}")

        data = data_dir or Path("data") / chosen.dataset
        checkpoint = run(
            chosen, seed=seed, data_dir=data, out_dir=folder, start=start, progress=tell, threads=threads, device=device
        )
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
