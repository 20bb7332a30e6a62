# SPDX-License-Identifier: Apache-2.0
"""headrace build"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from headrace_host.manifest import Build
from rich.table import Table

from headrace.boards import load_board
from headrace.build.open_flow import make_bitstream
from headrace.build.vivado import make_vivado_bitstream
from headrace.cli.common import PATH, console, emit_json, json_option, status
from headrace.errors import BuildError
from headrace.files import BITSTREAMS


@click.command()
@click.argument("folder", metavar="BUILD", type=PATH)
@click.option("--board", help="What it is for; checked, as a build is compiled for one board.")
@click.option("--seed", type=click.IntRange(0), show_default="1", help="Of an ECP5's placer: another may be faster.")
@click.option("--ooc", is_flag=True, help="With Vivado: only synthesise the block by itself, for its figures.")
@json_option
def build(folder: Path, board: str | None, seed: int | None, ooc: bool, as_json: bool) -> None:
    """Make the bitstream of BUILD: synthesis, placement and routing, timing, packing.

    For boards with a Lattice ECP5 this needs no vendor's tool: Yosys, nextpnr and Project Trellis come from pip
    (headrace[synth]). The same build and seed give the same bytes.

    For PYNQ boards it writes a project for Vivado, BUILD/bitstream/vivado, and runs Vivado on it. Where Vivado is not
    installed, it says with which command the project is built elsewhere (exit code 3).

    BUILD/bitstream holds the bitstream, and what the tools wrote and said. A step that is done is not repeated while what it
    was made from stays the same; so an interrupted command goes on where it was. A design that misses its clock is an error
    that names the engines on the critical path (exit code 1).
    """
    loaded = Build.load(folder)
    of = loaded.manifest["board"]
    if board is not None and load_board(board).name != of["name"]:
        raise BuildError(
            f"{folder}: compiled for {of['name']}, not {board}; compile it anew: "
            f"headrace compile {loaded.manifest['model']['file']} --board {board} -o ANOTHER"
        )
    if ooc and "ip" not in loaded.manifest:
        raise BuildError(f"{folder}: --ooc is for boards whose bitstreams Vivado makes, and {of['title']} is none")
    if seed is not None and "ip" in loaded.manifest:
        raise BuildError(f"{folder}: --seed is of an ECP5's placer; Vivado's takes none")
    with status(quiet=as_json) as note:
        if "ip" in loaded.manifest:
            facts = make_vivado_bitstream(loaded, ooc=ooc, note=note, detail=note.detail)
        else:
            facts = make_bitstream(loaded, seed=1 if seed is None else seed, note=note, detail=note.detail)
    if as_json:
        emit_json({"build": str(folder), "build_id": loaded.build_id, **facts})
    else:
        _show(folder, loaded, facts)


def _show(folder: Path, build: Build, facts: dict[str, Any]) -> None:
    out = console(quiet=False)
    path = facts["path"]
    made = folder / BITSTREAMS / facts["file"] if "file" in facts else f"{folder}, its block by itself, ways guessed:"
    out.print(f"[bold]{made}[/bold]  build {build.build_id} for {build.manifest['board']['title']}")
    out.print(
        f"runs at {facts['reached_mhz']:.1f} MHz ({facts['clock_mhz']:g} wanted); critical path from {path['start']} to "
        f"{path['end']}: {path['logic_ns']:.1f} ns in {path['cells']} cells, {path['routing_ns']:.1f} ns between them"
    )
    table = Table("cells", "used", "of", "")
    for kind, used in facts["used"].items():
        if used:
            available = facts["available"][kind]
            table.add_row(kind, f"{used:,}", f"{available:,}", f"{used / available:.0%}")
    out.print(table)
