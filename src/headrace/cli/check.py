# SPDX-License-Identifier: Apache-2.0
"""headrace check"""

from __future__ import annotations

from pathlib import Path

import click

from headrace.build.csim import ap_types
from headrace.cli.common import PATH, emit_json, json_option
from headrace.errors import BuildError
from headrace.hls.check import check_sources
from headrace.hls.simulation import HLS, folder_files

UNCHECKED = ("testbench.cpp", "sim/")
"""What runs on the computer only."""


@click.command()
@click.argument("build", type=PATH)
@json_option
@click.pass_context
def check(context: click.Context, build: Path, as_json: bool) -> None:
    """Check the C++ kernels of BUILD, changed ones included, for what Vitis HLS refuses or silently makes slow.

    Prints a line for each fault and exits with 1 if there are any. It does not synthesise anything.
    """
    folder = build / HLS
    if not (folder / "network.cpp").is_file():
        raise BuildError(f"{build}: holds no C++ kernels; compile it with --backend hls")
    names = [name for name in folder_files(folder) if not name.startswith(UNCHECKED)]
    found = check_sources([folder / name for name in names], ap_types(), folder)
    if as_json:
        emit_json(
            [
                {"file": str(v.file.relative_to(folder.resolve())), "line": v.line, "rule": v.rule, "message": v.message}
                for v in found
            ]
        )
    else:
        for violation in found:
            click.echo(violation)
        click.echo(f"{len(found)} faults in {len(names)} files" if found else f"no faults in {len(names)} files")
    context.exit(1 if found else 0)
