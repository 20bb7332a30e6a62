# SPDX-License-Identifier: Apache-2.0
"""headrace simulate"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from headrace_host.manifest import Build

from headrace.build.netlist import netlist_simulator
from headrace.cli.common import PATH, FiniteRange, console, counter, emit_json, json_option, status
from headrace.feeds import image_frames, random_frames
from headrace.hls.simulation import simulate_build
from headrace.ir.ops import IntArray
from headrace.simulation import Simulation, Simulator, ensure_simulator, record_step


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
@click.option("--csim", is_flag=True, help="Run the C++ kernels of the build by themselves instead of the RTL.")
@click.option("--netlist", is_flag=True, help="Simulate what Yosys makes of the network, with models of the device's cells.")
@click.option("--family", help="Of the cells of the netlist: xc7 or ecp5.  [default: the board's]")
@json_option
def simulate(
    build: Path,
    images: Path | None,
    frames: int,
    stall: float,
    seed: int,
    csim: bool,
    netlist: bool,
    family: str | None,
    as_json: bool,
) -> None:
    """Simulate the network of BUILD cycle by cycle and compare every output bit with the golden program.

    On a difference, names the first differing layer, pixel and channel with both values, and exits with 1.

    Layers that are C++ kernels (compile --hls) take part as they lie in BUILD/hls, changed ones included.

    With --netlist, synthesise the network first, and simulate the netlist: for small networks, as there are no models of block
    memories.

    With --csim, compile and run the C++ kernels alone: the network's, or each layer's on its golden inputs. It knows no clock.
    """
    if csim and stall:
        raise click.UsageError("--csim knows no clock, so nothing can stall; leave --stall out")
    loaded = Build.load(build)
    inputs = loaded.manifest["inputs"]
    feed = image_frames(str(build), inputs, images, frames) if images else random_frames(inputs, frames, seed)
    if csim and netlist:
        raise click.UsageError("--csim and --netlist are two simulations; choose one")
    if family and not netlist:
        raise click.UsageError("--family is for netlists; add --netlist")
    if csim:
        _csim(loaded, feed, frames, as_json)
        return
    with status(quiet=as_json) as note:
        if netlist:
            chosen = family or loaded.manifest["board"]["family"]
            simulator = Simulator(library=netlist_simulator(loaded, chosen, note, note.detail), changed=())
        else:
            simulator = ensure_simulator(loaded, note)
    with (
        Simulation(loaded, simulator.library, taps=not netlist) as simulation,
        counter("simulating", frames, quiet=as_json) as advance,
    ):
        comparison = simulation.compare(
            feed, stall=stall, seed=seed, progress=lambda done, cycles: advance(done, f"{cycles:,} cycles")
        )
    facts = {"build": str(build), "build_id": loaded.build_id, **comparison.to_json(), "changed": list(simulator.changed)}
    recorded = {k: facts[k] for k in ("bit_exact", "frames", "stall", "seed", "cycles_per_frame", "latency_cycles", "changed")}
    record_step(loaded, "netlist" if netlist else "simulate", recorded)
    if as_json:
        emit_json(facts)
    else:
        _show(facts)


def _csim(build: Build, feed: dict[str, IntArray], frames: int, as_json: bool) -> None:
    with status(quiet=as_json) as note:
        comparison = simulate_build(build, feed, note)
    facts = {"build": str(build.folder), "build_id": build.build_id, "frames": frames, **comparison.to_json()}
    record_step(build, "csim", {k: facts[k] for k in ("bit_exact", "frames", "changed")})
    if as_json:
        emit_json(facts)
        return
    out = console(quiet=False)
    _show_changed(facts)
    out.print(
        f"[green]bit-exact[/green] in C simulation: {frames} frames in {comparison.seconds:.2f} s, "
        f"{comparison.macs_per_second / 1e6:,.0f} M MAC/s"
    )


def _show_changed(facts: dict[str, Any]) -> None:
    if facts["changed"]:
        console(quiet=False).print(f"changed since it was compiled: {', '.join(facts['changed'])}")


def _show(facts: dict[str, Any]) -> None:
    _show_changed(facts)
    interval = facts["cycles_per_frame"]
    steady = f"{interval:,.0f} cycles per frame in steady state, " if interval else ""
    console(quiet=False).print(
        f"[green]bit-exact[/green]: {facts['frames']} frames in {facts['cycles']:,} cycles, {steady}"
        f"latency {facts['latency_cycles']:,}; {facts['sim_cycles_per_second']:,.0f} cycles simulated per second"
    )
