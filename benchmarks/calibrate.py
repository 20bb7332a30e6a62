# SPDX-License-Identifier: Apache-2.0
"""Compares what the compiler expects of whole networks with what Yosys makes of them, and fits the expectation.

    python benchmarks/calibrate.py            all families; writes the figures, and the table of docs/bitstreams.md
    python benchmarks/calibrate.py ecp5       this one; the others' figures stay as they are
    python benchmarks/calibrate.py --fit      also writes src/headrace/engines/calibration.json anew, of ECP5 (the engines' own
                                              formulas are of 7 series, and serve UltraScale+ too); foldings may change by
                                              it, so run it again

For each kind of engine one factor for LUTs and one for flip-flops: what Yosys makes of its logic in all designs together, over
what the engine says. Memories, multipliers and block RAMs are not fitted. Builds and netlists are kept in the cache; the first
time, all of it takes two hours.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cost_cases import CASES
from headrace_host.manifest import Build
from measuring import engine_design, resources
from pages import with_table

from headrace.backend.design import build_design
from headrace.boards import Board, load_board
from headrace.build.synthesis import synthesize as synthesize_build
from headrace.build.toolenv import cache_dir
from headrace.compile import Goal, compile_model, lower
from headrace.engines.base import Engine
from headrace.engines.technology import CALIBRATION, Resources, Technology, technology_of
from headrace.files import replacing
from headrace.models import resolve_model
from headrace.operators.base import Fold

FITTED = ("ecp5",)
"""Families whose factors `--fit` writes."""
RESULTS = Path(__file__).resolve().parent / "results" / "networks.json"
DOC = Path(__file__).resolve().parents[1] / "docs" / "bitstreams.md"
MARKS = ("<!-- table of calibrate.py -->", "<!-- end of table -->")


@dataclass(frozen=True, slots=True)
class Network:
    """A network on a board, or on one that would hold several times as much."""

    model: str
    board_name: str
    fps: float | None = None
    times: int = 1

    @property
    def title(self) -> str:
        """For people."""
        larger = f", were it {self.times} times its size" if self.times > 1 else ""
        return f"{self.model} on {self.board_name}{larger}"

    @property
    def board(self) -> Board:
        """With the resources that it is to have."""
        board = load_board(self.board_name)
        return replace(board, resources=board.resources.times(self.times))


NETWORKS = {
    "xc7": (Network("cellnet", "pynq-z2"), Network("tiny", "pynq-z2", 5000)),
    "xcup": (Network("cellnet", "ultra96v2"), Network("tiny", "ultra96v2", 5000)),
    "ecp5": (
        Network("cellnet-small", "ulx3s-85f", 30),
        Network("tiny", "ulx3s-85f", 2000),
        Network("cellnet", "ulx3s-85f", 200, times=2),
    ),
}
LIMITS = (0.3, 4.0)
"""Of factors: what lies beyond comes from a few LUTs."""


@dataclass(frozen=True)
class Sample:
    """An engine and what Yosys makes of it."""

    engine: Engine
    made: Resources


@dataclass(frozen=True, slots=True)
class Choices:
    """What the compiler chose for a network."""

    folds: Mapping[str, Mapping[str, Any]]
    """By layer."""
    depths: Mapping[str, int]
    """Of FIFOs, by edge."""

    def engines(self, network: Network) -> list[Engine]:
        """What is made by them."""
        graph = lower(resolve_model(network.model)).graph
        folds = {name: Fold(**fold) for name, fold in self.folds.items()}
        technology = technology_of(network.board.family)
        return [i.engine for i in build_design(graph, folds, self.depths, technology=technology).instances]


def synthesised(network: Network) -> tuple[Choices, list[Sample]]:
    """All engines of a network."""
    board = network.board
    folder = cache_dir() / "calibration" / f"{network.model}-{network.board_name}"
    compile_model(resolve_model(network.model), board, folder, Goal(fps=network.fps), print)
    build = Build.load(folder)
    found = synthesize_build(build, board.family, print)
    choices = Choices(
        folds={layer["name"]: layer["folding"] for layer in build.manifest["layers"]},
        depths={fifo["edge"]: fifo["depth"] for fifo in build.manifest["fifos"]},
    )
    return choices, [Sample(engine, found.engines[engine.name]) for engine in choices.engines(network)]


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


def fit(family: str, samples: list[Sample]) -> None:
    """Writes the factors of a family."""
    plain = replace(technology_of(family), factors={})
    known = json.loads(CALIBRATION.read_text())
    known[family] = fitted(samples, plain)
    known[family] |= {n: f for n, f in fitted(list(engine_samples(plain)), plain).items() if n not in known[family]}
    text = json.dumps(dict(sorted(known.items())), indent=1, sort_keys=True)
    CALIBRATION.write_text(re.sub(r"\[\s*([\d.]+),\s*([\d.]+)\s*\]", r"[\1, \2]", text) + "\n")
    technology_of.cache_clear()


def expected(network: Network, engines: Iterable[Engine]) -> dict[str, float]:
    """What the compiler thinks of them; of the network alone, as the blocks around it are not fitted."""
    technology = technology_of(network.board.family)
    return sum((engine.resources(technology) for engine in engines), Resources()).to_json()


def figures(network: Network, choices: Choices, samples: list[Sample]) -> dict[str, Any]:
    """Made and expected, and what was chosen."""
    return {
        "network": network.title,
        "family": network.board.family,
        "made": sum((sample.made for sample in samples), Resources()).to_json(),
        "expected": expected(network, (sample.engine for sample in samples)),
        "choices": json.dumps(asdict(choices), sort_keys=True),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The markdown of the figures."""
    lines = ["| network | family | LUT made / expected | FF | DSP | BRAM36 |", "|---|---|---|---|---|---|"]
    for row in rows:
        pairs = [(row["made"][key], row["expected"][key]) for key in ("lut", "ff", "dsp", "bram36")]
        cells = [f"{made:,g} / {said:,g} ({said / made - 1:+.1%})" if made else "-" for made, said in pairs]
        lines.append(f"| {row['network']} | {row['family']} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", nargs="*", choices=[*NETWORKS, []], help="of devices; all if none is given")
    parser.add_argument("--fit", action="store_true", help="write the factors too")
    options = parser.parse_args()
    rows = {row["network"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.is_file() else {}
    for family in options.family or NETWORKS:
        found = [(network, *synthesised(network)) for network in NETWORKS[family]]
        if options.fit and family in FITTED:
            fit(family, [sample for *_, samples in found for sample in samples])
        rows |= {network.title: figures(network, choices, samples) for network, choices, samples in found}
    titles = [network.title for networks in NETWORKS.values() for network in networks]
    kept = [rows[title] for title in titles if title in rows]
    with replacing(RESULTS) as partial:
        partial.write_text(json.dumps(kept, indent=1) + "\n")
    DOC.write_text(with_table(DOC.read_text(), MARKS, table(kept)))
    print(table(kept))


if __name__ == "__main__":
    main()
