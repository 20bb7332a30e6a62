# SPDX-License-Identifier: Apache-2.0
"""AP50 of cellnet over several seeds: float, quantized (Brevitas) and integer (golden executor), side by side.

    python benchmarks/cellnet_accuracy.py --data data/cbc --out runs/cellnet

Trains the seeds that `OUT/seed-N` does not hold yet. The integer network is the exported QONNX file, imported and executed by
the compiler. Prints a Markdown table and writes the figures to quant_models/headrace_models/results/cellnet.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from headrace_host.accelerator import ProgramRunner
from headrace_host.program import Program
from headrace_models.export import export
from headrace_models.recipes import CELLNET, Recipe
from headrace_models.study import study

from headrace.cli.export import load_quantized
from headrace.compile import lower
from headrace.ir.graph import to_program

REPORT = Path(__file__).parents[1] / "quant_models" / "headrace_models" / "results" / "cellnet.json"


def integer_network(recipe: Recipe, run: Path) -> ProgramRunner:
    """The exported network of a run, on the golden executor."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(load_quantized(recipe, run), path)
        lowered = lower(path)
    return ProgramRunner(Program(*to_program(lowered.graph)))


def main() -> None:
    """Trains what is missing, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/cbc"))
    parser.add_argument("--out", type=Path, default=Path("runs/cellnet"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    figures = study(
        CELLNET,
        seeds=options.seeds,
        data_dir=options.data,
        out_dir=options.out,
        report=REPORT,
        more={"integer": integer_network},
        progress=lambda seed, step: print(f"seed {seed}: {step.phase} {step.epoch}/{step.epochs}", flush=True),
    )
    classes = list(figures["float"])
    print("| | " + " | ".join(classes) + " |\n|---|" + "---|" * len(classes))
    for precision in ("float", "quantized", "integer"):
        cells = (f"{v['mean']:.3f} ± {v['std']:.3f}" for v in figures[precision].values())
        print(f"| {precision} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
