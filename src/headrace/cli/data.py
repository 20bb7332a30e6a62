# SPDX-License-Identifier: Apache-2.0
"""headrace data"""

from __future__ import annotations

from pathlib import Path

import click
from headrace_models.datasets import DATASETS, load
from headrace_models.fetch import fetch, verify
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from headrace.cli.common import PATH, console


@click.command()
@click.argument("name", type=click.Choice(list(DATASETS)))
@click.option("-o", "--out", type=PATH, help="Folder to put it in.  [default: data/NAME]")
@click.option("--data", "local", type=PATH, help="Check this local copy instead of downloading.")
def data(name: str, out: Path | None, local: Path | None) -> None:
    """Fetch the data set NAME and verify every file of it by checksum.

    cbc: 360 blood smears of 640 x 480 pixels with boxes of red cells, white cells and platelets (MIT licence). An
    interrupted download goes on where it stopped.

    voc, coco: not fetched. With --data, whether every list, picture and annotation that training and evaluation need is there.
    """
    if name != "cbc":
        _check(name, local)
        return
    if local is not None:
        verify(local)
        console(quiet=False).print(f"{local}: every file is there and unchanged")
        return
    target = out or Path("data") / name
    columns = (TextColumn("fetching"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        fetch(target, report=lambda done, whole: progress.update(task, completed=done, total=whole))
    console(quiet=False).print(f"{target}: every file is there and verified")


def _check(name: str, folder: Path | None) -> None:
    """Reads a data set that is not ours to fetch.

    Raises:
        DataError: something is missing or damaged.
        click.UsageError: no folder is given.
    """
    if folder is None:
        raise click.UsageError(f"{name} is not fetched; {DATASETS[name].remedy}")
    counts = {part: len(load(name, folder, part)) for part in DATASETS[name].parts}
    said = ", ".join(f"{count:,} pictures for {part}" for part, count in counts.items())
    console(quiet=False).print(f"{folder}: {said}; every list, picture and annotation is there")
