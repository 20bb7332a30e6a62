# SPDX-License-Identifier: Apache-2.0
"""Speed of the C simulation of a network's HLS kernels, beside its RTL in Verilator and the golden program, in one run.

python benchmarks/csim_speed.py [MODEL] [--frames N]     one core each; compilers' time and foldings are not counted
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from headrace_host.manifest import Build
from headrace_host.program import Program

from headrace.boards import load_board
from headrace.compile import Goal, HlsOptions, compile_model
from headrace.feeds import random_frames
from headrace.hls.simulation import simulate_build
from headrace.models import resolve_model
from headrace.simulation import Simulation, ensure_simulator


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Prints a line for each way of running the network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="cellnet")
    parser.add_argument("--frames", type=int, default=8)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name) / "build"
        compile_model(resolve_model(options.model), load_board("pynq-z2"), folder, Goal(), hls=HlsOptions())
        build = Build.load(folder)
        feeds = random_frames(build.manifest["inputs"], options.frames, 1)
        simulator = ensure_simulator(build)
        program = Program.load(folder)
        program.run(feeds)
        golden = seconds(lambda: program.run(feeds))
        simulate_build(build, feeds)  # compiles
        csim = simulate_build(build, feeds).seconds
        with Simulation(build, simulator.library) as simulation:
            verilator = simulation.compare(feeds).seconds
    macs = build.manifest["macs"] * options.frames
    print(f"{options.model}, {options.frames} frames of {build.manifest['macs']:,} MAC")
    for what, taken in (("golden program (numpy)", golden), ("HLS kernels, C simulation", csim), ("RTL, Verilator", verilator)):
        print(f"{what:26} {taken:8.2f} s {macs / taken / 1e6:8,.0f} M MAC/s {taken / csim:8.2f} x the C simulation's time")


if __name__ == "__main__":
    main()
