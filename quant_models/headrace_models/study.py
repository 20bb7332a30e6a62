# SPDX-License-Identifier: Apache-2.0
"""Trains a recipe with several seeds and records the accuracy of each network, float and quantized.

    study(CELLNET, seeds=(0, 1, 2), data_dir=Path("cbc"), out_dir=Path("runs/cellnet"), report=Path("cellnet.json"))

The test pictures are looked at once, after the last epoch of each run; no epoch or seed is chosen by them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from headrace_host.detector import Accelerator
from headrace_host.metrics import TITLES

from headrace_models import checkpoint as checkpoints
from headrace_models.datasets import load
from headrace_models.evaluate import evaluate
from headrace_models.exact import snap_biases, snap_weights
from headrace_models.inference import TorchNetwork
from headrace_models.recipes import Recipe
from headrace_models.train import Progress, build_float, build_quantized, train

Builder = Callable[[Recipe, Path], Accelerator]
"""Makes a network from a recipe and the folder of a finished run."""

DIGITS = 4
"""Decimal places of recorded figures."""


def study(
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    data_dir: Path,
    out_dir: Path,
    report: Path,
    metric: str = "voc",
    more: Mapping[str, Builder] | None = None,
    progress: Callable[[int, Progress], None] | None = None,
) -> dict[str, Any]:
    """Train and measure each seed in ``out_dir/seed-N``; write and return the figures. Goes on after an interruption.

    ``progress`` gets the seed and what training tells. The quantized network is measured as it is exported. ``more``
    builds further networks to measure from a run's folder (the integer one needs the compiler, unknown to this package).
    ``metric`` is a key of `headrace_host.metrics.METRICS`.

    Raises:
        DataError: the data set is incomplete.
        CheckpointError: ``out_dir`` holds runs of another recipe.
    """
    runs = {}
    for seed in seeds:

        def tell(step: Progress, seed: int = seed) -> None:
            if progress is not None:
                progress(seed, step)

        folder = out_dir / f"seed-{seed}"
        train(recipe, seed=seed, data_dir=data_dir, out_dir=folder, progress=tell)
        runs[str(seed)] = measure(recipe, folder, data_dir, more, metric=metric)
    figures = {
        "recipe": asdict(recipe),
        "metric": f"{TITLES[metric]}, of the data set's testing pictures",
        "seeds": runs,
        **{name: _summary([run[name] for run in runs.values()]) for name in ("float", "quantized", *(more or {}))},
    }
    write_json(figures, report)
    return figures


def measure(
    recipe: Recipe, folder: Path, data_dir: Path, more: Mapping[str, Builder] | None = None, *, metric: str = "voc"
) -> dict[str, dict[str, float]]:
    """Return the average precisions of the networks of a finished run, on the testing pictures: float, quantized, ``more``."""
    samples = load(recipe.dataset, data_dir, "testing", complete=recipe.images is None)
    quantized = build_quantized(recipe, checkpoints.load(folder / "quant.pt"))
    snap_weights(quantized)
    snap_biases(quantized)
    networks: dict[str, Accelerator] = {
        "float": TorchNetwork(build_float(recipe, checkpoints.load(folder / "float.pt")), recipe),
        "quantized": TorchNetwork(quantized, recipe),
        **{name: build(recipe, folder) for name, build in (more or {}).items()},
    }
    how: Any = {"shape": recipe.shape, "classes": recipe.classes, "metric": metric}
    return {name: _rounded(evaluate(network, samples, **how)) for name, network in networks.items()}


def write_json(figures: Mapping[str, Any], path: Path) -> None:
    """Write figures readably and atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def _summary(runs: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation (of the sample) over the seeds, by class."""
    ddof = 1 if len(runs) > 1 else 0
    table = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    return {name: _rounded({"mean": float(v.mean()), "std": float(v.std(ddof=ddof))}) for name, v in table.items()}


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in figures.items()}
