# SPDX-License-Identifier: Apache-2.0
"""CoDeNet (arXiv 2006.08357), configurations a to e, on two small devices: our figures beside what its authors published.

    python benchmarks/codenet.py                  every configuration and board: compiled, simulated, synthesised
    python benchmarks/codenet.py a/ultra96v2      this one; the others' figures stay as they are
    python benchmarks/codenet.py --no-synth       without Yosys, which takes an hour for each
    python benchmarks/codenet.py --table          only the page, from the stored figures

Writes benchmarks/results/codenet.json and the table of docs/codenet.md. Weights are random, as no trained ones can be had
here: cycles, bytes and resources depend on their shapes and widths (and on which weights are zero in none of our engines).
Frames are random, too; every output of every frame is compared with the golden program. The simulated board is the whole
block, Verilated, before a memory with latency, jitter and pauses; nothing was placed and routed, so frames a second are
those of the clock that the board is configured for.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from headrace_host.manifest import Build
from headrace_models.codenet import CoDeNet
from headrace_models.export import export_network, write_model
from headrace_models.recipes import CODENET
from headrace_models.styles import FloatStyle, QuantStyle, calibrate, fold_into
from headrace_sim.board.local import local_board
from pages import with_table

from headrace.boards import load_board
from headrace.build.synthesis import synthesize
from headrace.build.toolenv import cache_dir
from headrace.compile import Goal, compile_model
from headrace.deploy import deploy
from headrace.errors import FoldingError
from headrace.files import replacing

RESULTS = Path(__file__).resolve().parent / "results" / "codenet.json"
DOC = Path(__file__).resolve().parents[1] / "docs" / "codenet.md"
MARKS = ("<!-- table of codenet.py -->", "<!-- end of table -->")
OUTPUTS = ("heatmap", "size", "offset")
FILLING, COUNTED = 8, 4
"""Frames simulated before the pace is that of a full pipeline, and those whose pace counts; of slow networks, one."""
SLOW = 1_000_000
"""Cycles of a frame."""
MEMORY = {"read_latency": 60, "jitter": 40, "stall": 0.05}
"""Of the simulated board: cycles of the fabric's clock, and how often a channel pauses."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the authors report of a configuration on a ZU3EG at 250 MHz (README of their repository)."""

    frames_per_second: float
    cycles: float


PUBLISHED = {
    "a": Published(32.2, 7.76e6),
    "b": Published(26.9, 9.29e6),
    "c": Published(9.3, 26.9e6),
    "d": Published(5.2, 48.1e6),
    "e": Published(4.6, 54.3e6),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A configuration on a board."""

    name: str
    board: str
    cycles: int
    """Of a frame, that are asked for; 0: as few as fit."""
    fill: float
    """Part of the LUTs, what operators are charged for their borders included."""
    block: bool = True
    """Simulate the whole block with its memory; else the network alone, whose timing the compiler measures."""

    @property
    def title(self) -> str:
        """As on the command line."""
        return f"{self.name}/{self.board}"


TARGETS = (
    Target("a", "ultra96v2", 340_000, 0.85),
    Target("b", "ultra96v2", 340_000, 0.85),
    Target("c", "ultra96v2", 2_000_000, 0.85),
    Target("d", "ultra96v2", 0, 0.85),
    Target("e", "ultra96v2", 0, 0.85),
    Target("a", "pynq-z2", 800_000, 0.88),
    Target("b", "pynq-z2", 830_000, 0.9),
    Target("c", "pynq-z2", 0, 0.9),
    Target("d", "pynq-z2", 0, 0.9),
    Target("e", "pynq-z2", 0, 0.9),
    Target("d", "kv260", 5_000_000, 0.8, block=False),
    Target("e", "kv260", 5_000_000, 0.8, block=False),
)


def exported(name: str, folder: Path) -> Path:
    """A configuration with random weights, as QONNX: 4 bits (the stem 8), activations of 8."""
    shape = CODENET[name]
    path = folder / f"codenet-{name}.onnx"
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network, quantized = CoDeNet(shape, FloatStyle()), CoDeNet(shape, QuantStyle()).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and not module.weight.any():
            torch.nn.init.normal_(module.weight, std=0.02)  # offsets, which begin as zeros
    images = torch.rand(2, 3, shape.height, shape.width)
    with torch.no_grad():
        for _ in range(20):  # statistics for the normalisation
            network.train()(images)
    fold_into(network.eval(), quantized)
    calibrate(quantized, images)
    write_model(export_network(quantized, (1, 3, shape.height, shape.width), ("image",), OUTPUTS), path)
    return path


def on_simulated_board(build: Build, scratch: Path, counted: int = COUNTED) -> dict[str, Any]:
    """Cycles and bytes of a frame on the whole block with its memory; raises if an output differs from golden."""
    deploy(build, scratch / "deployed", simulated=True, note=print)
    with local_board(scratch / "deployed", scratch, patience_cycles=1 << 30) as board:
        board.model(**MEMORY)
        seen = []
        for count in (FILLING, FILLING + counted):
            cycles, traffic = board.fabric.cycles, board.fabric.traffic
            board.assert_exact(board.random(count, seed=count))
            moved = tuple(now - before for now, before in zip(board.fabric.traffic, traffic, strict=True))
            seen.append((board.fabric.cycles - cycles, *moved))
    few, more = seen
    each = [(b - a) / counted for a, b in zip(few, more, strict=True)]
    return {"frames": 2 * FILLING + counted, **dict(zip(("cycles", "read_bytes", "written_bytes"), each, strict=True))}


def folder_of(target: Target) -> Path:
    """Where its model and build are."""
    return cache_dir() / "codenet" / target.title


def measured(target: Target) -> dict[str, Any]:
    """All figures of a target but Yosys', or why there are none."""
    board, folder = load_board(target.board), folder_of(target)
    folder.mkdir(parents=True, exist_ok=True)
    goal = Goal(fill=target.fill, fps=board.clock_mhz * 1e6 / target.cycles if target.cycles else None)
    row: dict[str, Any] = {"target": target.title, "clock_mhz": board.clock_mhz, "device": board.resources.to_json()}
    try:
        manifest = compile_model(exported(target.name, folder), board, folder / "build", goal, print, lean=True)
    except FoldingError as error:
        return {**row, "refused": str(error)}
    build = Build.load(folder / "build")
    row |= {
        "build_id": build.build_id,
        "expected_cycles": manifest["performance"]["interval_cycles"],
        "network_cycles": manifest["performance"]["measured_interval_cycles"],
        "latency_cycles": manifest["performance"]["latency_cycles"],
        "expected": manifest["resources"]["estimated"],
    }
    if target.block:
        with tempfile.TemporaryDirectory() as scratch:
            counted = COUNTED if row["network_cycles"] < SLOW else 1
            row["board"] = on_simulated_board(build, Path(scratch), counted)
    return row


def synthesised(target: Target) -> dict[str, Any]:
    """What Yosys makes of a target's build."""
    return synthesize(Build.load(folder_of(target) / "build"), load_board(target.board).family, print).total.to_json()


def table(rows: list[dict[str, Any]]) -> str:
    """The markdown of the figures."""
    lines = [
        "| configuration, board | cycles a frame, simulated | frames/s at | published cycles | fewer by | LUT | DSP | BRAM36 "
        "| DRAM MB/s / port |\n|---|---|---|---|---|---|---|---|---|"
    ]
    for row in rows:
        theirs = PUBLISHED[row["target"][0]]
        if "refused" in row:
            lines.append(f"| {row['target']} | {row['refused'].split(';')[0]} | | {theirs.cycles:,.0f} | | | | | |")
            continue
        block, made = row.get("board"), row.get("made")
        cycles = block["cycles"] if block else row["network_cycles"]
        rate = row["clock_mhz"] * 1e6 / cycles
        traffic = "-"
        if block and (memory := load_board(row["target"].split("/")[1]).memory):
            moved = (block["read_bytes"] + block["written_bytes"]) * rate / 1e6
            traffic = f"{moved:,.0f} / {memory.data_bits / 8 * row['clock_mhz']:,.0f}"
        alone = "" if block else " (network alone)"
        cells = [
            f"{f'{made[key]:,g}' if made else '-'} / {row['expected'][key]:,g} / {row['device'][key]:,g}"
            for key in ("lut", "dsp", "bram36", "uram")
            if key != "uram" or key in row["expected"]
        ]
        if len(cells) > 3:
            cells[2:] = [f"{cells[2]}, UltraRAM {cells[3]}"]
        lines.append(
            f"| {row['target']} | {cycles:,.0f}{alone} | {rate:.1f} at {row['clock_mhz']:g} MHz | {theirs.cycles:,.0f} "
            f"| {theirs.cycles / cycles:.1f}x | {' | '.join(cells)} | {traffic} |"
        )
    return "\n".join([*lines, ""])


def store(rows: list[dict[str, Any]]) -> None:
    """Writes the figures."""
    with replacing(RESULTS) as partial:
        partial.write_text(json.dumps(rows, indent=1) + "\n")


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    titles = [target.title for target in TARGETS]
    parser.add_argument("targets", nargs="*", choices=[*titles, []], metavar="CONFIG/BOARD", help="all if none is given")
    parser.add_argument("--no-synth", action="store_true", help="keep what Yosys said before, if it is of the same build")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args()
    rows = {row["target"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.is_file() else {}
    for target in () if options.table else TARGETS:
        if not options.targets or target.title in options.targets:
            row = measured(target)
            before = rows.get(target.title, {})
            if "made" in before and before["build_id"] == row.get("build_id"):
                row = {"made": before["made"], **row}
            rows[target.title] = row
            store([rows[t] for t in titles if t in rows])
            if not options.no_synth and "refused" not in row:
                row["made"] = synthesised(target)
                store([rows[t] for t in titles if t in rows])
    shown = table([rows[title] for title in titles if title in rows])
    DOC.write_text(with_table(DOC.read_text(), MARKS, shown))
    print(shown)


if __name__ == "__main__":
    main()
