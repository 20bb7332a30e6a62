# SPDX-License-Identifier: Apache-2.0
"""python -m headrace_sim: runs a pynq script on the simulated board."""

from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

DESCRIPTION = """Runs a pynq script, unmodified, on a simulated board: the script's Overlay loads a bitstream made by
`headrace deploy BUILD --simulated --to DIR`, and drives the Verilated hardware in it."""


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    from headrace_sim.board.environment import VERSIONS

    parser = argparse.ArgumentParser("python -m headrace_sim", description=DESCRIPTION)
    parser.add_argument(
        "--pynq", choices=VERSIONS, help="run in an environment of its own with this version, made the first time"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache" / "headrace" / "pynq", help="folder of those environments"
    )
    parser.add_argument("-m", dest="module", action="store_true", help="SCRIPT is the name of a module")
    parser.add_argument("script", metavar="SCRIPT", help="a Python file")
    parser.add_argument("args", metavar="ARGS", nargs=argparse.REMAINDER, help="of the script")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Runs the script; returns the exit status."""
    options = _arguments(argv)
    if not options.module and not Path(options.script).is_file():
        print(f"error: {options.script}: no such file", file=sys.stderr)
        return 2
    if options.pynq:
        return _elsewhere(options)
    try:
        from headrace_sim.board.device import SimulatedDevice
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in ("pynq", "pynqmetadata"):
            print("error: pynq is not installed here; add --pynq VERSION (see --help)", file=sys.stderr)
            return 2
        raise
    from pynq.pl_server.device import Device

    device = next(d for d in Device.devices if isinstance(d, SimulatedDevice))
    sys.argv = [options.script, *options.args]
    try:
        if options.module:
            runpy.run_module(options.script, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(options.script).resolve().parent))
            runpy.run_path(options.script, run_name="__main__")
    finally:
        device.close()
    return 0


def _elsewhere(options: argparse.Namespace) -> int:
    from headrace_sim.board.environment import BoardEnvironmentError, child_environment, pynq_python

    try:
        python = pynq_python(options.pynq, options.cache)
    except BoardEnvironmentError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    command = [str(python), "-W", "ignore", "-m", "headrace_sim"]
    command += [*(["-m"] if options.module else []), options.script, *options.args]
    with tempfile.TemporaryDirectory(prefix="headrace-sim-") as folder:
        return subprocess.run(command, env=child_environment(Path(folder)), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
