# SPDX-License-Identifier: Apache-2.0
"""headrace deploy"""

from __future__ import annotations

from pathlib import Path

import click
from headrace_host.manifest import Build
from rich.table import Table

from headrace.cli.common import PATH, console, emit_json, json_option, status
from headrace.deploy import deploy as write_folder


@click.command()
@click.argument("build", type=PATH)
@click.option("--to", "out", type=PATH, required=True, help="Folder to write; one that was deployed before is replaced.")
@click.option("--simulated", is_flag=True, help="With a bitstream for the simulated board: python -m headrace_sim SCRIPT.")
@json_option
def deploy(build: Path, out: Path, simulated: bool, as_json: bool) -> None:
    """Make the folder that a PYNQ board needs to run BUILD: bitstream, handoff file, manifest, program, driver.

    Copy it to the board and install the wheel in it (pip install headrace_host-*.whl).
    """
    loaded = Build.load(build)
    with status(quiet=as_json) as note:
        written = write_folder(loaded, out, simulated=simulated, note=note)
    if as_json:
        emit_json({"folder": str(out), "build_id": loaded.build_id, "simulated": simulated, "files": written})
        return
    table = Table("file", "is")
    for name, what in written.items():
        table.add_row(name, what)
    console(quiet=False).print(table)
