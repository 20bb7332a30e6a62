# SPDX-License-Identifier: Apache-2.0
"""AP50 of trained cellnets side by side: float, quantized (Brevitas) and integer (golden executor).

    python benchmarks/cellnet_accuracy.py runs/cellnet/seed-0 runs/cellnet/seed-1 --data data/cbc

Each argument is a folder that `headrace train` filled. The integer network is the exported QONNX file, imported and
executed by the compiler. Prints a Markdown table and writes the figures to quant_models/headrace_models/results/cellnet.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from headrace_host.accelerator import ProgramRunner
from headrace_host.detector import DetectorConfig
from headrace_host.program import Program
from headrace_models import checkpoint as checkpoints
from headrace_models.cbc import Sample, load_split
from headrace_models.evaluate import Network, accelerator_network, evaluate
from headrace_models.export import export
from headrace_models.inference import as_network
from headrace_models.recipes import Recipe, recipe_named
from headrace_models.train import build_float

from headrace.cli.export import load_quantized
from headrace.compile import lower
from headrace.ir.graph import to_program

RESULTS = Path(__file__).parents[1] / "quant_models" / "headrace_models" / "results"
PRECISIONS = ("float", "quantized", "integer")
Figures = dict[str, float]


def integer_network(recipe: Recipe, run: Path) -> Network:
    """The exported network of a run, on the golden executor."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(load_quantized(recipe, run), path)
        lowered = lower(path)
    config = DetectorConfig.from_json(lowered.model.metadata["detector"])
    return accelerator_network(ProgramRunner(Program(*to_program(lowered.graph))), config)


def measure(recipe: Recipe, run: Path, samples: Sequence[Sample]) -> dict[str, Figures]:
    """Average precisions by precision and class of one run."""
    networks = {
        "float": as_network(build_float(recipe, checkpoints.load(run / "float.pt"))),
        "quantized": as_network(load_quantized(recipe, run)),
        "integer": integer_network(recipe, run),
    }
    width, height = recipe.shape.width, recipe.shape.height
    return {
        name: {key: round(v, 4) for key, v in evaluate(network, samples, width=width, height=height).items()}
        for name, network in networks.items()
    }


def summary(runs: Mapping[str, Mapping[str, Figures]]) -> dict[str, dict[str, Figures]]:
    """Mean and sample standard deviation over the runs."""
    out: dict[str, dict[str, Figures]] = {}
    for precision in PRECISIONS:
        rows = [run[precision] for run in runs.values()]
        columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        ddof = 1 if len(rows) > 1 else 0
        out[precision] = {
            key: {"mean": round(float(v.mean()), 4), "std": round(float(v.std(ddof=ddof)), 4)} for key, v in columns.items()
        }
    return out


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data/cbc"))
    parser.add_argument("--recipe", default="cellnet")
    options = parser.parse_args()
    recipe = recipe_named(options.recipe)
    samples = load_split(options.data, "Testing")
    runs = {}
    for run in options.runs:
        seed = str(checkpoints.load(run / "quant.pt").seed)
        runs[seed] = measure(recipe, run, samples)
        print(f"seed {seed}: " + ", ".join(f"{p} {runs[seed][p]['mean']:.4f}" for p in PRECISIONS), flush=True)
    total = summary(runs)
    figures = {"metric": "AP at IoU 0.5, 60 Testing images, all-point interpolation", "seeds": runs, "summary": total}
    (RESULTS / f"{recipe.name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    classes = list(total["float"])
    print("| | " + " | ".join(classes) + " |\n|---|" + "---|" * len(classes))
    for precision in PRECISIONS:
        cells = (f"{v['mean']:.3f} ± {v['std']:.3f}" for v in total[precision].values())
        print(f"| {precision} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
