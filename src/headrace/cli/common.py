# SPDX-License-Identifier: Apache-2.0
"""What several commands share: options, progress, output."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from headrace_host.accelerator import DEVICES, checked_device
from headrace_host.errors import HostError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
COLUMNS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "BRAM36", "uram": "URAM"}
"""Of tables of resources."""
_DETAIL = 70
"""Characters of a tool's line that are shown."""


class FiniteRange(click.FloatRange):
    """A range of numbers that leaves out NaN, which passes every comparison of `click.FloatRange`, and infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; otherwise a usage error."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class _Device(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """What runs a build, as `headrace_host.accelerator.Accelerator` takes it."""

    name = "device"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002  # click's signature
        """Shown in the help."""
        return f"[{'|'.join(DEVICES)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The device; otherwise a usage error."""
        try:
            return checked_device(str(value))
        except HostError as error:
            self.fail(str(error), param, ctx)


DEVICE = _Device()


def json_option(command: F) -> F:
    """``--json``: machine-readable output, and nothing else, on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")(command)


def emit_json(data: Any) -> None:
    """Prints ``data`` as JSON."""
    click.echo(json.dumps(data, indent=1))


def console(*, quiet: bool) -> Console:
    """Standard output for people; silent with ``--json``."""
    return Console(quiet=quiet, highlight=False)


class Status:
    """Tells what is going on: call it with each thing that begins."""

    def __init__(self, say: Callable[[str], None], detail: Callable[[str], None]) -> None:
        self._say, self._detail, self._title = say, detail, ""

    def __call__(self, text: str) -> None:
        """Something begins."""
        self._title = text
        self._say(text)

    def detail(self, text: str) -> None:
        """How far it is; on terminals alone."""
        if text:
            self._detail(f"{self._title}: {text[:_DETAIL]}")


@contextmanager
def status(*, quiet: bool) -> Iterator[Status]:
    """Shows what is going on: a spinner with the elapsed time on a terminal, plain lines elsewhere, nothing if quiet."""
    err = Console(stderr=True, quiet=quiet, highlight=False)
    if not err.is_terminal:
        yield Status(lambda text: err.print(f"[dim]{escape(text)} ...[/dim]"), lambda _: None)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("")

        def show(text: str) -> None:
            progress.update(task, description=escape(text))

        yield Status(show, show)


@contextmanager
def counter(title: str, total: int | None, *, quiet: bool) -> Iterator[Callable[[int, str], None]]:
    """A progress bar on a terminal: call it with (done so far, detail)."""
    err = Console(stderr=True, quiet=quiet, highlight=False)
    if not err.is_terminal:
        yield lambda _done, _detail: None
        return
    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(title, total=total, detail="")
        yield lambda done, detail: progress.update(task, completed=done, detail=detail)
