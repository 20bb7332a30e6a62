# SPDX-License-Identifier: Apache-2.0
"""headrace simulate"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from headrace_host.detector import letterbox
from headrace_host.manifest import Build

from headrace.cli.common import PATH, FiniteRange, console, counter, emit_json, json_option, status
from headrace.errors import BuildError
from headrace.images import find_images, read_image
from headrace.ir.ops import IntArray
from headrace.simulation import Simulation, ensure_simulator, random_frames, record_step


@click.command()
@click.argument("build", type=PATH)
@click.option("--images", type=PATH, help="Folder of images to feed; without it, random pixels over the whole range.")
@click.option("--frames", type=click.IntRange(1), default=2, show_default=True, help="Frames to simulate, one after the other.")
@click.option(
    "--stall",
    type=FiniteRange(0, 0.95),
    default=0.0,
    show_default=True,
    help="Probability that an input beat is withheld, or an output not ready, in any cycle.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of stalls and random pixels.")
@json_option
def simulate(build: Path, images: Path | None, frames: int, stall: float, seed: int, as_json: bool) -> None:
    """Simulate the network of BUILD cycle by cycle and compare every output bit with the golden program.

    On a difference, names the first differing layer, pixel and channel with both values, and exits with 1.
    """
    loaded = Build.load(build)
    feed = image_frames(loaded, images, frames) if images else random_frames(loaded, frames, seed)
    with status(quiet=as_json) as note:
        ensure_simulator(loaded, note)
    with Simulation(loaded) as simulation, counter("simulating", frames, quiet=as_json) as advance:
        comparison = simulation.compare(
            feed, stall=stall, seed=seed, progress=lambda done, cycles: advance(done, f"{cycles:,} cycles")
        )
    facts = {"build": str(build), "build_id": loaded.build_id, **comparison.to_json()}
    recorded = {k: facts[k] for k in ("bit_exact", "frames", "stall", "seed", "cycles_per_frame", "latency_cycles")}
    record_step(loaded, "simulate", recorded)
    if as_json:
        emit_json(facts)
    else:
        _show(facts)


def _show(facts: dict[str, Any]) -> None:
    interval = facts["cycles_per_frame"]
    steady = f"{interval:,.0f} cycles per frame in steady state, " if interval else ""
    console(quiet=False).print(
        f"[green]bit-exact[/green]: {facts['frames']} frames in {facts['cycles']:,} cycles, {steady}"
        f"latency {facts['latency_cycles']:,}; {facts['sim_cycles_per_second']:,.0f} cycles simulated per second"
    )


def image_frames(build: Build, folder: Path, count: int) -> dict[str, IntArray]:
    """The first ``count`` images of a folder, letterboxed to the network's input; repeated when there are fewer.

    Raises:
        BuildError: the network does not read 8-bit RGB images.
        DataError: no images, or a damaged one.
    """
    inputs = build.manifest["inputs"]
    h, w, c = inputs[0]["shape"]
    if len(inputs) != 1 or c != 3 or inputs[0]["range"] != [0, 255]:
        raise BuildError(f"{build.folder}: the network does not read one 8-bit RGB image; simulate without --images")
    paths = find_images([folder])[:count]
    pixels = [letterbox(read_image(path), h, w)[0] for path in paths]
    return {inputs[0]["tensor"]: np.stack([pixels[i % len(pixels)] for i in range(count)])}
