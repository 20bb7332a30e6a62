# SPDX-License-Identifier: Apache-2.0
"""The folding optimiser beside a greedy rule over divisors: the fewest cycles a frame that each fits on a board.

    python benchmarks/foldings.py                 every network and board
    python benchmarks/foldings.py cellnet dla     these; the others' figures stay as they are
    python benchmarks/foldings.py --table         only the page, from the stored figures

Writes benchmarks/results/foldings.json and the tables of docs/folding.md. The rule is that of benchmarks/greedy.py, on the
same engines, estimates, budgets and reserves. Cycles are those of the slowest engine. CoDeNet is folded lean, at the fill of
benchmarks/codenet.py; everything else as `headrace compile` folds it by default.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import codenet
import onnx
import peer_networks
from greedy import Ladders, budget_for, greedy_fold
from headrace_models.families import FAMILIES, export_family, settled
from headrace_models.recipes import CODENET
from pages import with_table

from headrace.boards import Board, load_board
from headrace.compile import lower
from headrace.engines.technology import Resources
from headrace.errors import FoldingError
from headrace.files import replacing
from headrace.ir.graph import Graph
from headrace.passes.fold import fold

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results" / "foldings.json"
DOC = ROOT / "docs" / "folding.md"
SUMMARY = ("<!-- summary of foldings.py -->", "<!-- end of summary -->")
MARKS = ("<!-- table of foldings.py -->", "<!-- end of table -->")
ZOO = ROOT / "quant_models" / "headrace_models" / "zoo"
EIGHTH = "pynq-z2 / 8"
SMALL_BOARDS = ("ultra96v2", "pynq-z2", EIGHTH, "ulx3s-85f")
LARGE_BOARDS = ("ultra96v2", "pynq-z2")
FILL, LARGE_FILL = 0.7, 0.85
ANY = 1e6
"""Block RAMs of a board that has enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One that is folded."""

    name: str
    group: str
    export: Callable[[Path], Path]
    """Writes its model into a folder."""
    lean: bool = False

    @property
    def boards(self) -> tuple[str, ...]:
        """Those that it is folded for."""
        return LARGE_BOARDS if self.lean else SMALL_BOARDS

    @property
    def fill(self) -> float:
        """Part of the board's LUTs."""
        return LARGE_FILL if self.lean else FILL


def _family(name: str) -> Callable[[Path], Path]:
    def export(folder: Path) -> Path:
        path = folder / f"{name}.onnx"
        onnx.save(export_family(FAMILIES[name], settled(FAMILIES[name])), path)
        return path

    return export


def _zoo(path: Path) -> Callable[[Path], Path]:
    return lambda _: path


def _peer(name: str) -> Callable[[Path], Path]:
    return lambda folder: peer_networks.exported(name, folder / f"{name}.onnx")


def _codenet(name: str) -> Callable[[Path], Path]:
    return lambda folder: codenet.exported(name, folder)


NETWORKS = (
    *(Network(name=path.stem, group="zoo", export=_zoo(path)) for path in sorted(ZOO.glob("*.onnx"))),
    *(Network(name=name, group="peers", export=_peer(name)) for name in peer_networks.NETWORKS),
    *(Network(name=name, group="families", export=_family(name)) for name in FAMILIES),
    *(Network(name=f"codenet-{name}", group="CoDeNet", export=_codenet(name), lean=True) for name in CODENET),
)


def board_of(name: str) -> Board:
    """A board, or an eighth of one."""
    if name != EIGHTH:
        return load_board(name)
    whole = load_board("pynq-z2")
    r = whole.resources
    part = Resources(lut=r.lut // 8, ff=r.ff // 8, dsp=r.dsp // 8, bram36=r.bram36 / 8)
    return replace(whole, name=EIGHTH, resources=part)


def fewest(graph: Graph, board: Board, fill: float, *, lean: bool = False) -> int | None:
    """Cycles of the optimiser's folding; None if none fits."""
    try:
        return fold(graph, board, fill=fill, lean=lean).interval
    except FoldingError:
        return None


def fewest_greedy(graph: Graph, board: Board, fill: float, *, lean: bool = False) -> int | None:
    """Those of the rule's."""
    found = greedy_fold(Ladders(graph, board, lean=lean), budget_for(graph, board, fill, lean=lean))
    return found.cycles if found else None


def compared(network: Network, graph: Graph, board_name: str) -> dict[str, Any]:
    """Figures of a network on a board, and where block RAM is what is short, on one with as much as they like."""
    board, fill, lean = board_of(board_name), network.fill, network.lean
    row: dict[str, Any] = {"network": network.name, "group": network.group, "board": board_name, "nodes": len(graph.nodes)}
    started = time.process_time()  # of this one thread: whatever else the machine does
    row["cycles"] = fewest(graph, board, fill, lean=lean)
    row["fold_s"] = round(time.process_time() - started, 2)
    row["greedy"] = fewest_greedy(graph, board, fill, lean=lean)
    row["floor"] = Ladders(graph, board).floor
    roomy = replace(board, resources=replace(board.resources, bram36=ANY))
    unlimited = fewest_greedy(graph, roomy, fill)
    if unlimited != row["greedy"]:
        row["any_bram"] = {"cycles": fewest(graph, roomy, fill), "greedy": unlimited}
    return row


def _cell(cycles: int | None) -> str:
    return "does not fit" if cycles is None else f"{cycles:,}"


def _times(cycles: int | None, greedy: int | None) -> str:
    return f"{greedy / cycles:.2f}" if cycles and greedy else ""


def table(rows: list[dict[str, Any]]) -> str:
    """Every figure, as markdown."""
    lines = [
        "| network | board | headrace | greedy | times | headrace, any block RAM | greedy, any block RAM | times | seconds |\n"
        "|---|---|---|---|---|---|---|---|---|"
    ]
    for row in rows:
        pairs = [(row["cycles"], row["greedy"])]
        pairs += [(row["any_bram"]["cycles"], row["any_bram"]["greedy"])] if "any_bram" in row else []
        cells = [f"{_cell(ours)} | {_cell(greedy)} | {_times(ours, greedy)}" for ours, greedy in pairs]
        cells += [" | | "] * (2 - len(cells))
        lines.append(f"| {row['network']} | {row['board']} | {' | '.join(cells)} | {row['fold_s']:.1f} |")
    return "\n".join([*lines, ""])


def summary(rows: list[dict[str, Any]]) -> str:
    """How often and by how much the optimiser wins, as markdown."""
    lines = [
        "| networks | board | cases | both as fast as possible | else equal | fewer cycles | by up to | only headrace fits "
        "| neither fits | greedy better |\n|---|---|---|---|---|---|---|---|---|---|"
    ]
    roomy = [{**row, **row["any_bram"], "group": f"{row['group']}, any block RAM"} for row in rows if "any_bram" in row]
    cases = [*rows, *roomy]
    for group, board in dict.fromkeys((row["group"], row["board"]) for row in cases):
        some = [row for row in cases if (row["group"], row["board"]) == (group, board)]
        neither = [row for row in some if not row["cycles"] and not row["greedy"]]
        only = [row for row in some if row["cycles"] and not row["greedy"]]
        both = [row["greedy"] / row["cycles"] for row in some if row["cycles"] and row["greedy"]]
        losses = sum(times < 1 for times in both) + sum(not row["cycles"] and bool(row["greedy"]) for row in some)
        fastest = sum(row["cycles"] is not None and row["greedy"] == row["cycles"] == row["floor"] for row in some)
        most = max(both, default=1.0)
        lines.append(
            f"| {group} | {board} | {len(some)} | {fastest} | {both.count(1.0) - fastest} | {sum(times > 1 for times in both)} "
            f"| {f'{most:.2f}x' if most > 1 else ''} | {len(only)} | {len(neither)} | {losses} |"
        )
    return "\n".join([*lines, ""])


def write_page(rows: list[dict[str, Any]]) -> None:
    """The tables of the page."""
    text = with_table(DOC.read_text(), SUMMARY, summary(rows))
    DOC.write_text(with_table(text, MARKS, table(rows)))


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    titles = [network.name for network in NETWORKS]
    parser.add_argument("networks", nargs="*", choices=[*titles, []], metavar="NETWORK", help="all if none is given")
    parser.add_argument("--table", action="store_true", help="fold nothing")
    options = parser.parse_args()
    stored = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    known = {(row["network"], row["board"]): row for row in stored}
    order = [(network.name, board) for network in NETWORKS for board in network.boards]
    chosen = [network for network in NETWORKS if not options.networks or network.name in options.networks]
    for network in () if options.table else chosen:
        with TemporaryDirectory() as folder:
            graph = lower(network.export(Path(folder))).graph
        for board in network.boards:
            known[network.name, board] = compared(network, graph, board)
            print(known[network.name, board], flush=True)
            with replacing(RESULTS) as partial:
                partial.write_text(json.dumps([known[key] for key in order if key in known], indent=1) + "\n")
    rows = [known[key] for key in order if key in known]
    write_page(rows)
    print(summary(rows))


if __name__ == "__main__":
    main()
