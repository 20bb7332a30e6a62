# SPDX-License-Identifier: Apache-2.0
"""Fits the cost model of a family of devices to what Yosys makes of whole networks and of single engines.

    python benchmarks/calibrate.py ecp5        writes src/headrace/engines/calibration.json anew, and prints what it changes
    python benchmarks/calibrate.py --check     prints how far the estimates are off, and writes nothing

For each kind of engine one factor for LUTs and one for flip-flops: what Yosys makes of its logic in all designs together, over
what the engine says. Memories, multipliers and block RAMs are not fitted. Builds and netlists are kept in the cache; the first
time, all of it takes most of an hour.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cost_cases import CASES
from headrace_host.manifest import Build
from measuring import engine_design, resources

from headrace.backend.design import build_design
from headrace.boards import load_board
from headrace.build.synthesis import synthesize as synthesize_build
from headrace.build.toolenv import cache_dir
from headrace.compile import Goal, compile_model, lower
from headrace.engines.base import Engine
from headrace.engines.technology import CALIBRATION, Resources, Technology, technology_of
from headrace.models import resolve_model
from headrace.operators.base import Fold

DESIGNS = {
    "xc7": (("cellnet", "pynq-z2", None), ("tiny", "pynq-z2", 5000.0)),
    "ecp5": (("cellnet-small", "ulx3s-85f", 30.0), ("tiny", "ulx3s-85f", 2000.0)),
}
"""Networks, boards, frames per second."""
LIMITS = (0.3, 4.0)
"""Of factors: what lies beyond comes from a few LUTs."""
COLUMNS = ("lut", "ff", "dsp", "bram36")


@dataclass(frozen=True)
class Sample:
    """An engine and what Yosys makes of it."""

    engine: Engine
    made: Resources


def network_samples(model: str, board_name: str, fps: float | None) -> list[Sample]:
    """All engines of a network."""
    board = load_board(board_name)
    folder = cache_dir() / "calibration" / f"{model}-{board_name}"
    compile_model(resolve_model(model), board, folder, Goal(fps=fps), print)
    build = Build.load(folder)
    found = synthesize_build(build, board.family, print)
    graph = lower(resolve_model(model)).graph
    folds = {layer["name"]: Fold(**layer["folding"]) for layer in build.manifest["layers"]}
    depths = {fifo["edge"]: fifo["depth"] for fifo in build.manifest["fifos"]}
    design = build_design(graph, folds, depths, technology=technology_of(board.family))
    return [Sample(i.engine, found.engines[i.engine.name]) for i in design.instances]


def engine_samples(technology: Technology) -> Iterator[Sample]:
    """Engines by themselves."""
    for case in CASES:
        yield Sample(case.engine, resources(engine_design(case.engine), technology.family))


def fitted(samples: list[Sample], technology: Technology) -> dict[str, list[float]]:
    """Factors of LUTs and flip-flops by cost name."""
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * 4)
    for sample in samples:
        memories, logic = sample.engine.memories(technology), sample.engine.logic(technology)
        for at, (made, stored, said) in enumerate(
            ((sample.made.lut, memories.lut, logic.lut), (sample.made.ff, memories.ff, logic.ff))
        ):
            sums[sample.engine.cost_name][2 * at] += made - stored
            sums[sample.engine.cost_name][2 * at + 1] += said
    return {name: [_factor(*row[:2]), _factor(*row[2:])] for name, row in sorted(sums.items()) if row[1] or row[3]}


def _factor(made: float, said: float) -> float:
    return round(min(max(made / said, LIMITS[0]), LIMITS[1]), 2) if said else 1.0


def compare(title: str, samples: list[Sample], technology: Technology) -> str:
    """A row: made, expected, ratio; of the network alone, as the blocks around it are not fitted."""
    made = sum((sample.made for sample in samples), Resources()).to_json()
    said = sum((sample.engine.resources(technology) for sample in samples), Resources()).to_json()
    cells = [f"{made[key]:,g} / {said[key]:,g} ({said[key] / made[key] - 1:+.1%})" if made[key] else "-" for key in COLUMNS]
    return "| " + " | ".join((title, *cells)) + " |"


def main() -> None:
    """Writes factors, or tells how good they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", nargs="*", choices=[*DESIGNS, []], help="of devices; all if none is given")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    print("| network | LUT made / expected | FF | DSP | BRAM36 |\n|---|---|---|---|---|")
    for family in options.family or DESIGNS:
        networks = {f"{model}, {board}": network_samples(model, board, fps) for model, board, fps in DESIGNS[family]}
        if not options.check:
            plain = replace(technology_of(family), factors={})
            singles = list(engine_samples(plain))
            known = json.loads(CALIBRATION.read_text())
            known[family] = fitted([s for samples in networks.values() for s in samples], plain)
            known[family] |= {n: f for n, f in fitted(singles, plain).items() if n not in known[family]}
            text = json.dumps(dict(sorted(known.items())), indent=1, sort_keys=True)
            CALIBRATION.write_text(re.sub(r"\[\s*([\d.]+),\s*([\d.]+)\s*\]", r"[\1, \2]", text) + "\n")
            technology_of.cache_clear()
        for title, samples in networks.items():
            print(compare(title, samples, technology_of(family)))


if __name__ == "__main__":
    main()
