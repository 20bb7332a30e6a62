# SPDX-License-Identifier: Apache-2.0
"""headrace synth"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from headrace_host.manifest import Build
from rich.table import Table

from headrace.backend.ecp5 import FAMILY
from headrace.build.cells import PRICES
from headrace.build.levels import LIMIT, Way
from headrace.build.synthesis import BLOCK, Synthesis, synthesize, ways_of
from headrace.cli.common import COLUMNS, PATH, console, emit_json, json_option, status
from headrace.simulation import record_step


@click.command()
@click.argument("folder", metavar="BUILD", type=PATH)
@click.option("--family", type=click.Choice(sorted(PRICES)), help="Synthesise for this one.  [default: the board's]")
@click.option("--levels", is_flag=True, help="Also synthesise all of it together, and tell the longest ways between registers.")
@json_option
def synth(folder: Path, family: str | None, levels: bool, as_json: bool) -> None:
    """Synthesise BUILD with Yosys, and tell what each engine takes of the device beside what was estimated.

    Nothing is placed: of a clock it says nothing. Yosys packs no registers into the DSPs of UltraScale+, so their LUTs and
    flip-flops come out too high there.
    """
    build = Build.load(folder)
    chosen = family or build.manifest["board"]["family"]
    with status(quiet=as_json) as note:
        found = synthesize(build, chosen, note, note.detail)
        ways = ways_of(build, chosen, note, note.detail) if levels else {}
    before = build.manifest["steps"].get("synth", {})
    record_step(build, "synth", {**before, chosen: found.to_json()})
    if as_json:
        told = {part: {"levels": way.levels, "start": way.start, "cells": list(way.cells)} for part, way in ways.items()}
        emit_json({"build": str(folder), "build_id": build.build_id, "family": chosen, **found.to_json(), "ways": told})
        return
    show(build, found)
    console(quiet=False).print(_clock(build, chosen))
    if levels:
        _show_ways(ways)


def show(build: Build, found: Synthesis) -> None:
    """Prints what was made beside what was expected, if that is known of the family."""
    manifest, estimates = build.manifest, dict[str, Mapping[str, Any]]()
    if same := found.family == manifest["board"]["family"]:
        estimates = {entry["name"]: entry["resources"] for entry in manifest["engines"]}
        estimates |= {BLOCK: manifest["resources"]["block"], "all": manifest["resources"]["estimated"]}
    shown = [key for key in COLUMNS if key != "uram" or found.total.uram]
    table = Table("made / expected", *(COLUMNS[key] for key in shown))
    for name, made in found.engines.items():
        table.add_row("around the network" if name == BLOCK else name, *_pairs(shown, made.to_json(), estimates.get(name)))
    table.add_section()
    table.add_row("all", *_pairs(shown, found.total.to_json(), estimates.get("all")))
    console(quiet=False).print(table)
    if not same:
        console(quiet=False).print(f"expected: known of {manifest['board']['family']} alone, for which it was compiled")


def _clock(build: Build, family: str) -> str:
    """What is known of the clock; Yosys knows nothing of it."""
    if family != FAMILY:
        return "clock: not known; that takes Vivado, which places and routes"
    facts = build.manifest["steps"].get("build", {})
    if family != build.manifest["board"]["family"] or "reached_mhz" not in facts:
        return "clock: not known before headrace build has placed and routed it"
    return f"clock: {facts['reached_mhz']:.1f} MHz, placed and routed ({facts['clock_mhz']:g} wanted)"


def _pairs(shown: Sequence[str], made: Mapping[str, float], expected: Mapping[str, float] | None) -> list[str]:
    return [f"{made.get(key, 0):,g} / " + (f"{expected.get(key, 0):,g}" if expected else "-") for key in shown]


def _show_ways(ways: Mapping[str, Way]) -> None:
    table = Table("ends in", "starts in", "levels", "cells")
    for part, way in sorted(ways.items(), key=lambda item: -item[1].levels)[:20]:
        runs = [(kind, len(list(same))) for kind, same in groupby(way.cells)]
        table.add_row(part, way.start, f"{way.levels:g}", " ".join(kind if n == 1 else f"{kind}x{n}" for kind, n in runs))
    out = console(quiet=False)
    out.print(table)
    long = sum(way.levels > LIMIT for way in ways.values())
    out.print(f"longest ways between registers: {long} of {len(ways)} parts end one of more than {LIMIT:g} levels")
