# SPDX-License-Identifier: Apache-2.0
"""Small networks built by headrace, beside the figures of other tools that need no vendor's software.

    python benchmarks/peers.py              all networks; writes the figures, and the table of docs/peers.md
    python benchmarks/peers.py resnet8      this one; the others' figures stay as they are

Two builds of each for a PYNQ-Z2: one that is at least as fast as NNgen's best with as few resources as that takes, and the
fastest that fits. Weights have 8 bits, as NNgen's have, and are random. Cycles are of whole networks in Verilator, three frames
and more, equal to golden in every bit; resources are Yosys' for 7 series, memory controller included. NNgen's figures were
measured before, with the same Verilator and an earlier Yosys; it is not run here.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from headrace_host.manifest import Build
from pages import with_table
from peer_networks import NETWORKS, exported

from headrace.boards import load_board
from headrace.build.synthesis import synthesize
from headrace.build.toolenv import cache_dir
from headrace.compile import Goal, compile_model
from headrace.files import replacing
from headrace.ir.ops import IntArray
from headrace.simulation import Simulation, ensure_simulator

RESULTS = Path(__file__).resolve().parent / "results" / "peers.json"
DOC = Path(__file__).resolve().parents[1] / "docs" / "peers.md"
MARKS = ("<!-- table of peers.py -->", "<!-- end of table -->")
BOARD = "pynq-z2"
FRAMES = 6
FILL = 0.85


@dataclass(frozen=True, slots=True)
class Stored:
    """What NNgen 1.3.4 made of a network; None where it was not measured."""

    folding: str
    """Parallel input x output channels."""
    cycles: int
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram36: float | None = None
    generate_s: float | None = None


NNGEN = {
    "tiny16": (
        Stored("1x1", 62_833, 18_027, 18_267, 11, 43, 13),
        Stored("2x2", 22_753, 23_583, 29_115, 40, 33, 5),
        Stored("4x4", 13_065, generate_s=19),
    ),
    "dsblock": (Stored("4x4", 36_689, generate_s=14),),
    "resnet8": (
        Stored("2x2", 599_289, generate_s=6),
        Stored("4x4", 367_929, generate_s=21),
        Stored("4x4, shifts tuned", 321_873, generate_s=18),
    ),
    "mbv1": (Stored("4x4", 1_708_977, generate_s=18),),
}
LEAST = {name: min(peer.cycles for peer in peers) for name, peers in NNGEN.items()}


def built(name: str, kind: str, cycles: int | None) -> dict[str, Any]:
    """Figures of a build of at most so many cycles a frame, or of the fastest."""
    board = load_board(BOARD)
    folder = cache_dir() / "peers" / f"{name}-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    model = exported(name, folder / "model.onnx")
    started = time.perf_counter()
    goal = Goal(fill=FILL, fps=board.clock_mhz * 1e6 / cycles if cycles else None)
    manifest = compile_model(model, board, folder / "build", goal, print)
    compiled = time.perf_counter()
    build = Build.load(folder / "build")
    library = ensure_simulator(build, print).library
    rng = np.random.default_rng(1)
    frames: dict[str, IntArray] = {
        e["tensor"]: rng.integers(e["lo"], e["hi"] + 1, (FRAMES, *e["shape"])) for e in manifest["inputs"]
    }
    with Simulation(build, library) as simulation:
        result = simulation.compare(frames).result
    return {
        "network": name,
        "kind": kind,
        "build_id": build.build_id,
        "cycles": result.cycles_per_frame,
        "latency_cycles": result.latency_cycles,
        "frames": FRAMES,
        "compile_s": round(compiled - started, 1),
        "expected": manifest["resources"]["estimated"],
        "made": synthesize(build, board.family, print).total.to_json(),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The markdown of the figures."""
    lines = ["| network | tool | cycles a frame | LUT | FF | DSP | BRAM36 | seconds |", "|---|---|---|---|---|---|---|---|"]
    for name, peers in NNGEN.items():
        for row in (row for row in rows if row["network"] == name):
            made = row["made"]
            cells = " | ".join(f"{made[key]:,g}" for key in ("lut", "ff", "dsp", "bram36"))
            lines.append(f"| {name} | **headrace**, {row['kind']} | {row['cycles']:,.0f} | {cells} | {row['compile_s']:.0f} |")
        for peer in peers:
            known = [peer.lut, peer.ff, peer.dsp, peer.bram36, peer.generate_s]
            cells = " | ".join("not measured" if value is None else f"{value:,g}" for value in known)
            lines.append(f"| {name} | NNgen {peer.folding} (stored) | {peer.cycles:,} | {cells} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", choices=[*NETWORKS, []], metavar="NETWORK", help="all if none is given")
    options = parser.parse_args()
    stored = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    rows = {(row["network"], row["kind"]): row for row in stored}
    for name in options.networks or NETWORKS:
        for kind, cycles in (("small", LEAST[name]), ("fast", None)):
            rows[name, kind] = built(name, kind, cycles)
            print(rows[name, kind])
    kept = [rows[name, kind] for name in NETWORKS for kind in ("small", "fast") if (name, kind) in rows]
    with replacing(RESULTS) as partial:
        partial.write_text(json.dumps(kept, indent=1) + "\n")
    DOC.write_text(with_table(DOC.read_text(), MARKS, table(kept)))
    print(table(kept))


if __name__ == "__main__":
    main()
