# SPDX-License-Identifier: Apache-2.0
"""Small networks built by headrace and by NNgen, which needs no vendor's software either.

    python benchmarks/peers.py --install-nngen      make NNgen's environment first, in the cache
    python benchmarks/peers.py                      all networks; writes the figures, and the tables of docs/peers.md
    python benchmarks/peers.py resnet8              this one; the others' figures stay as they are
    python benchmarks/peers.py --tool NNgen mbv1    by this tool only
    python benchmarks/peers.py --no-synth           without Yosys for NNgen's, which takes up to an hour for each
    python benchmarks/peers.py --table              only the page, from the figures that there are

Two builds of each by headrace, for a PYNQ-Z2: one that is at least as fast as NNgen's best with as few resources as that takes,
and the fastest that fits. Weights have 8 bits, as NNgen's have, and are random. Cycles are of whole blocks in Verilator with a
simulated memory, every output equal to golden; resources are Yosys' for 7 series, memory controllers included. Where NNgen's
environment has not been made, its figures are those that were stored before, and marked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nngen_peers
from codenet import on_simulated_board
from headrace_host.manifest import Build
from pages import with_table
from peer_networks import NETWORKS, exported
from peer_table import FAST, SMALL, best, table

from headrace.boards import load_board
from headrace.build.synthesis import synthesize
from headrace.build.toolenv import cache_dir
from headrace.build.verilate import build_simulator, model_key
from headrace.compile import Goal, compile_model
from headrace.errors import HeadraceError, ToolError
from headrace.feeds import random_frames
from headrace.files import replacing
from headrace.simulation import Simulation, harness_of_build

RESULTS = Path(__file__).resolve().parent / "results" / "peers.json"
DOC = Path(__file__).resolve().parents[1] / "docs" / "peers.md"
MARKS = ("<!-- table of peers.py -->", "<!-- end of table -->")
BOARD = "pynq-z2"
TOOLS = ("headrace", "NNgen")
FRAMES = 6
FILL = 0.85

Rows = dict[tuple[str, str, str], dict[str, Any]]


def built(name: str, kind: str, cycles: int | None) -> dict[str, Any]:
    """Figures of a build of at most so many cycles a frame, or of the fastest."""
    board = load_board(BOARD)
    folder = cache_dir() / "peers" / f"{name}-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    model = exported(name, folder / "model.onnx")
    goal = Goal(fill=FILL, fps=board.clock_mhz * 1e6 / cycles if cycles else None)
    with tempfile.TemporaryDirectory() as empty, patch.dict(os.environ, HEADRACE_CACHE=empty):
        started = time.perf_counter()
        manifest = compile_model(model, board, folder / "build", goal, print)
        seconds = time.perf_counter() - started
    build = Build.load(folder / "build")
    library, verilate_s = verilated(build)
    with Simulation(build, library) as simulation:
        result = simulation.compare(random_frames(manifest["inputs"], FRAMES, 1)).result
    with tempfile.TemporaryDirectory() as scratch:
        on_board = on_simulated_board(build, Path(scratch))
    return {
        "network": name,
        "tool": "headrace",
        "build": kind,
        "build_id": build.build_id,
        "cycles": on_board["cycles"],
        "read_bytes": on_board["read_bytes"],
        "network_cycles": result.cycles_per_frame,
        "latency_cycles": result.latency_cycles,
        "seconds": round(seconds, 1),
        "verilate_s": round(verilate_s, 1),
        "expected": manifest["resources"]["estimated"],
        "made": synthesize(build, board.family, print).total.to_json(),
    }


def verilated(build: Build) -> tuple[Path, float]:
    """A build's Verilated network, compiled by one process though it may be in the cache, and the seconds that it took."""
    sources = [build.folder / "rtl" / name for name in build.manifest["rtl"]["sources"]]
    harness = harness_of_build(build)
    (cache_dir() / "networks" / f"{model_key(sources, harness)}.so").unlink(missing_ok=True)
    started = time.perf_counter()
    return build_simulator(sources, harness, jobs=1), time.perf_counter() - started


def by_nngen(name: str, options: argparse.Namespace, rows: Rows) -> Iterator[dict[str, Any]]:
    """Figures of NNgen's builds; none where its environment is not there."""
    python = nngen_peers.python_of(nngen_peers.environment())
    if python is None:
        print(f"{name}: NNgen is not installed, its figures are the stored ones; install it with: {nngen_peers.INSTALL}")
        return
    how = nngen_peers.Measuring(python=python, limit=options.limit, synth=not options.no_synth)
    counts = options.parallel or nngen_peers.FOLDINGS[name]
    yield from (nngen_peers.measured(name, n, how, rows.get((name, "NNgen", f"{n}x{n}"), {})) for n in counts)


def by_headrace(name: str, options: argparse.Namespace, rows: Rows) -> Iterator[dict[str, Any]]:
    """Figures of our builds."""
    targets = {SMALL: int(best(name, list(rows.values()))["cycles"]), FAST: None}
    yield from (built(name, kind, cycles) for kind, cycles in targets.items() if options.build in (kind, None))


def read() -> Rows:
    """The figures that there are."""
    stored = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    return {(row["network"], row["tool"], row["build"]): row for row in stored}


def add(rows: Rows, found: Iterable[dict[str, Any]]) -> None:
    """Add figures to the others as they come, and write all of them, and the page."""
    for row in found:
        rows[row["network"], row["tool"], row["build"]] = row
        print(row, flush=True)
        write(rows)


def write(rows: Rows) -> None:
    """The results and the page."""
    order = list(NETWORKS)
    kept = sorted(rows.values(), key=lambda row: (order.index(row["network"]), TOOLS.index(row["tool"]), -row["cycles"]))
    with replacing(RESULTS) as partial:
        partial.write_text(json.dumps(kept, indent=1) + "\n")
    DOC.write_text(with_table(DOC.read_text(), MARKS, table(order, kept)))


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", choices=[*NETWORKS, []], metavar="NETWORK", help="all if none is given")
    parser.add_argument("--tool", choices=TOOLS, help="both if none is given")
    parser.add_argument("--build", choices=(SMALL, FAST), help="of headrace's; both if none is given")
    parser.add_argument("--parallel", type=int, action="append", help="channels at a time of NNgen's builds; may be repeated")
    parser.add_argument("--limit", type=float, default=3600, help="seconds that each of NNgen's steps may take")
    parser.add_argument("--no-synth", action="store_true", help="no Yosys for NNgen: keep what it said of the same Verilog")
    parser.add_argument("--install-nngen", action="store_true", help="make NNgen's environment, and nothing else")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    return parser.parse_args()


def run(options: argparse.Namespace) -> None:
    """What the command line asks for.

    Raises:
        HeadraceError: a build or a tool failed, or only NNgen was asked for and is not there.
    """
    if options.install_nngen:
        print(nngen_peers.install())
        return
    if options.tool == "NNgen" and nngen_peers.python_of(nngen_peers.environment()) is None:
        raise ToolError(f"NNgen is not installed; install it with: {nngen_peers.INSTALL}")
    rows = read()
    for name in () if options.table else options.networks or NETWORKS:
        if options.tool != "headrace":
            add(rows, by_nngen(name, options, rows))
        if options.tool != "NNgen":
            add(rows, by_headrace(name, options, rows))
    write(rows)
    print(table(list(NETWORKS), list(rows.values())))


def main() -> int:
    """See the module's docstring."""
    try:
        run(arguments())
    except HeadraceError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
