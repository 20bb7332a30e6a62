# SPDX-License-Identifier: Apache-2.0
"""headrace boards"""

from __future__ import annotations

import click
from rich.table import Table

from headrace.boards import board_names, load_board
from headrace.cli.common import console, emit_json, json_option


@click.command()
@json_option
def boards(as_json: bool) -> None:
    """List the boards that a network can be compiled for."""
    known = [load_board(name) for name in board_names()]
    if as_json:
        emit_json(
            [
                {
                    "name": b.name,
                    "title": b.title,
                    "part": b.part,
                    "clock_mhz": b.clock_mhz,
                    "resources": b.resources.to_json(),
                }
                for b in known
            ]
        )
        return
    table = Table("name", "board", "part", "clock MHz", "LUT", "DSP", "BRAM36", "URAM", title=None)
    for b in known:
        r = b.resources
        table.add_row(b.name, b.title, b.part, f"{b.clock_mhz:g}", f"{r.lut:,}", str(r.dsp), f"{r.bram36:g}", str(r.uram))
    console(quiet=False).print(table)
