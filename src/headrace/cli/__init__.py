# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per command."""

from __future__ import annotations

import sys

import click
from headrace_host.errors import HostError
from headrace_models.errors import ModelError

from headrace import __version__
from headrace.cli.boards import boards
from headrace.cli.build import build
from headrace.cli.check import check
from headrace.cli.compile import compile_command
from headrace.cli.data import data
from headrace.cli.deploy import deploy
from headrace.cli.detect import detect
from headrace.cli.doctor import doctor
from headrace.cli.eval import eval_command
from headrace.cli.export import export
from headrace.cli.simulate import simulate
from headrace.cli.synth import synth
from headrace.cli.train import train
from headrace.errors import HeadraceError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="headrace")
def cli() -> None:
    """Quantized neural networks as bit-exact FPGA dataflow engines.

    \b
    A first tour:
      headrace compile cellnet --board pynq-z2 -o build/cellnet
      headrace simulate build/cellnet --frames 2
      headrace detect IMAGES build/cellnet --device sim
    """


for command in (
    train,
    export,
    eval_command,
    compile_command,
    simulate,
    synth,
    build,
    check,
    deploy,
    detect,
    data,
    boards,
    doctor,
):
    cli.add_command(command)


def main() -> None:
    """Runs the command line; anything that the user can mend is one line on standard error and exit code 2."""
    try:
        status = cli.main(prog_name="headrace", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()} (see --help)", err=True)
        sys.exit(2)
    except HeadraceError as error:
        click.echo(f"error: {_one_line(error)}", err=True)
        sys.exit(error.exit_code)
    except (HostError, ModelError) as error:
        click.echo(f"error: {_one_line(error)}", err=True)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {where}{error.strerror or error}", err=True)
        sys.exit(2)
    sys.exit(status if isinstance(status, int) else 0)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
