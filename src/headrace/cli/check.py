# SPDX-License-Identifier: Apache-2.0
"""headrace check"""

from __future__ import annotations

from pathlib import Path

import click
from headrace_host.manifest import Build

from headrace.build.csim import ap_types
from headrace.cli.common import PATH, emit_json, json_option
from headrace.hls.check import check_sources
from headrace.hls.simulation import HLS, part_files, parts_of

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
    loaded = Build.load(build)
    count, found = 0, []
    for part in parts_of(loaded).values():
        folder = build / part.folder
        names = [name for name in part_files(loaded, part) if not name.startswith(UNCHECKED)]
        count += len(names)
        found += check_sources([folder / name for name in names], ap_types(), folder)
    if as_json:
        below = (build / HLS).resolve()
        emit_json(
            [{"file": str(v.file.relative_to(below)), "line": v.line, "rule": v.rule, "message": v.message} for v in found]
        )
    else:
        for violation in found:
            click.echo(violation)
        click.echo(f"{len(found)} faults in {count} files" if found else f"no faults in {count} files")
    context.exit(1 if found else 0)
