# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/peers.md, from measured figures and from those that were stored before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nngen_peers import STORED

Row = Mapping[str, Any]
RESOURCES = ("lut", "ff", "dsp", "bram36")
UNKNOWN = "not measured"
SMALL, FAST = "small", "fast"
"""Builds of headrace."""


def peers_of(network: str, rows: Sequence[Row]) -> list[Row]:
    """NNgen's builds of a network: those that were measured, or else the stored ones."""
    found = [row for row in rows if row["network"] == network and row["tool"] == "NNgen"]
    return found or [stored.row(network) for stored in STORED.get(network, ())]


def best(network: str, rows: Sequence[Row]) -> Row:
    """NNgen's build of the fewest cycles."""
    return min(peers_of(network, rows), key=lambda row: int(row["cycles"]))


def number(value: float | None) -> str:
    """With commas; what is not known is said."""
    return UNKNOWN if value is None else f"{value:,g}" if value < 1000 else f"{value:,.0f}"


def line(row: Row) -> str:
    """One build."""
    ours = row["tool"] == "headrace"
    tool = f"**headrace**, {row['build']}" if ours else f"NNgen {row['build']}{' (stored)' if row.get('stored') else ''}"
    made: Row = row.get("made") or {}
    resources = [number(made.get(key)) for key in RESOURCES]
    cells = [number(row["cycles"]), number(row.get("latency_cycles", row["cycles"])), *resources]
    return " | ".join([f"| {row['network']}", tool, *cells, number(row.get("seconds")), number(row.get("verilate_s")) + " |"])


def verdict(network: str, rows: Sequence[Row]) -> str | None:
    """The small build beside NNgen's best; None where there is none."""
    ours = next((row for row in rows if row["network"] == network and row.get("build") == SMALL), None)
    if ours is None:
        return None
    theirs = best(network, rows)
    cells = [network, f"{theirs['build']}{' (stored)' if theirs.get('stored') else ''}"]
    cells.append(compared(ours["cycles"], theirs["cycles"]))
    known: Row = theirs.get("made") or {}
    cells += [compared(ours["made"][key], known.get(key)) for key in ("lut", "dsp", "bram36")]
    return f"| {' | '.join(cells)} |"


def compared(ours: float, theirs: float | None) -> str:
    """Both figures, and whether ours is at most theirs."""
    if theirs is None:
        return f"{number(ours)} / {UNKNOWN}"
    said = "" if ours <= theirs else f", **{number(round(ours - theirs, 1))} more**"
    return f"{number(ours)} / {number(theirs)}{said}"


def table(networks: Sequence[str], rows: Sequence[Row]) -> str:
    """The markdown of all figures, and of how the small builds compare."""
    lines = [
        "| network | build | cycles a frame | latency | LUT | FF | DSP | BRAM36 | generation, s | Verilation, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for network in networks:
        ours = [row for row in rows if row["network"] == network and row["tool"] == "headrace"]
        lines += [line(row) for row in [*ours, *peers_of(network, rows)]]
    compared_lines = [said for network in networks if (said := verdict(network, rows))]
    if compared_lines:
        lines += ["", "The small build / NNgen's build of the fewest cycles:", ""]
        lines += ["| network | NNgen's | cycles a frame | LUT | DSP | BRAM36 |", "|---|---|---|---|---|---|", *compared_lines]
    return "\n".join([*lines, ""])
