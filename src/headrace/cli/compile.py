# SPDX-License-Identifier: Apache-2.0
"""headrace compile"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from headrace.boards import load_board
from headrace.cli.common import COLUMNS, PATH, FiniteRange, console, emit_json, json_option, status
from headrace.compile import Goal, HlsOptions, compile_model
from headrace.models import resolve_model


@click.command("compile")
@click.argument("model")
@click.option("--board", default="pynq-z2", show_default=True, help="Name (see `headrace boards`) or TOML file of the board.")
@click.option("--clock", type=FiniteRange(min=0, min_open=True), help="Clock of the fabric in MHz.  [default: the board's]")
@click.option("--fps", type=FiniteRange(min=0, min_open=True), help="Frames per second to reach with the fewest resources.")
@click.option(
    "--fill",
    type=FiniteRange(0, 1, min_open=True),
    default=0.7,
    show_default=True,
    help="Fraction of the board's LUTs and flip-flops that may be used.",
)
@click.option(
    "--backend",
    type=click.Choice(["rtl", "hls"]),
    default="rtl",
    show_default=True,
    help="hls: write C++ for Vitis HLS beside the RTL, with a testbench.",
)
@click.option(
    "--hls",
    "layers",
    multiple=True,
    metavar="LAYER",
    help="With --backend rtl: make this layer of C++ for Vitis HLS. Give it again for further layers.",
)
@click.option(
    "--hold",
    "held",
    multiple=True,
    metavar="INPUT",
    help="This input stays the same from frame to frame (a mask, a background): memory holds it once, and the block reads it "
    "again for each frame. Give it again for further inputs.",
)
@click.option(
    "--lean",
    is_flag=True,
    help="Spare block RAM: weights may be read from the board's memory again and again, and line buffers have fewer rows.",
)
@click.option("--images", type=PATH, help="Folder of images for the testbenches of the C++.  [default: those of headrace]")
@click.option("-o", "--out", type=PATH, help="Build directory.  [default: build/MODEL]")
@json_option
def compile_command(
    model: str,
    board: str,
    clock: float | None,
    fps: float | None,
    fill: float,
    backend: str,
    layers: tuple[str, ...],
    held: tuple[str, ...],
    lean: bool,
    images: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Turn the QONNX file (or zoo model) MODEL into dataflow engines for a board.

    The build directory holds the SystemVerilog of the network, its memory contents, the integer program that the CPU
    runs, and manifest.json, which describes all of it. FIFO depths are found by simulating the network.

    With --backend hls it also holds a Vitis HLS project: hls/README.md says what is where. With --hls LAYER it holds a
    project for each such layer, in hls/LAYER, and the network's SystemVerilog takes in the IP that Vitis HLS makes of it.
    """
    if layers and backend == "hls":
        raise click.UsageError("--backend hls makes all layers of C++; leave --hls out, or choose --backend rtl")
    if images is not None and backend != "hls" and not layers:
        raise click.UsageError("--images are for the testbenches of C++; choose --backend hls or --hls, or leave --images out")
    path = resolve_model(model)
    target = load_board(board)
    if clock is not None:
        target = replace(target, clock_mhz=clock)
    folder = out or Path("build") / path.stem
    with status(quiet=as_json) as note:
        hls = HlsOptions(layers=layers, images=images) if backend == "hls" or layers else None
        manifest = compile_model(path, target, folder, Goal(fill=fill, fps=fps), note, hls=hls, held=held, lean=lean)
    if as_json:
        emit_json(summary(manifest, folder))
    else:
        _show(manifest, folder)


def summary(manifest: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The manifest's figures that a script is likely to want."""
    keys = ("build_id", "name", "board", "clock_mhz", "performance", "folding", "resources")
    hls = manifest.get("hls")
    certificates = manifest["certificates"]
    return {
        "build": str(folder),
        **{key: manifest[key] for key in keys},
        **({"hls": _hls_summary(hls)} if hls else {}),
        "streamed_weights": [s["wire"].removeprefix("w_") for s in manifest.get("weights", [])],
        "frame_traffic_bytes": traffic(manifest),
        "certificates": {
            "requantizers": len(certificates),
            "exact": sum(c["exact"] for c in certificates),
            "float32_exact": sum(c["float32_exact"] for c in certificates),
            "differing_values": sum(c["differing_values"] for c in certificates),
        },
    }


def traffic(manifest: dict[str, Any]) -> int | None:
    """Bytes that a frame moves to and from the board's memory, if it has one."""
    return sum(entry["frame_bytes"] for entry in manifest["ip"]["tensors"]) if "ip" in manifest else None


def _hls_summary(hls: dict[str, Any]) -> dict[str, Any]:
    if "layers" in hls:
        keys: tuple[str, ...] = ("vectors", "synthesised")
        return {"layers": [layer["name"] for layer in hls["layers"]], **{key: hls[key] for key in keys}}
    return {key: hls[key] for key in ("interval_cycles", "latency_cycles", "vectors", "synthesised")}


def _show(manifest: dict[str, Any], folder: Path) -> None:
    out = console(quiet=False)
    facts = summary(manifest, folder)
    p, r, c = facts["performance"], facts["resources"], facts["certificates"]
    out.print(f"[bold]{folder}[/bold]  build {facts['build_id']} for {facts['board']['title']} ({facts['board']['part']})")
    out.print(
        f"one frame every {p['measured_interval_cycles']:,.0f} cycles (slowest engine {p['slowest_engine']}: "
        f"{p['interval_cycles']:,}), latency {p['latency_cycles']:,}; "
        f"{p['frames_per_second']:.1f} frames/s at {facts['clock_mhz']:g} MHz if timing closes"
    )
    if bound := facts["folding"]["bound_cycles"]:
        out.print(f"fewest cycles a frame by estimates, of any folding within the board, --fill and what FIFOs take: {bound:,}")
    if "layers" in facts.get("hls", {}):
        out.print(
            f"C++ kernels in {folder}/hls: layers {', '.join(facts['hls']['layers'])}; not synthesised here (no Vitis HLS), so "
            "their resources are those of the RTL in whose place they stand"
        )
    elif "hls" in facts:
        out.print(
            f"C++ kernels in {folder}/hls: one frame every {facts['hls']['interval_cycles']:,.0f} cycles by their iterations; "
            "not synthesised here (no Vitis HLS)"
        )
    if facts["streamed_weights"]:
        layers, moved = facts["streamed_weights"], facts["frame_traffic_bytes"]
        out.print(
            f"weights of {len(layers)} layers are read from memory again and again ({', '.join(layers)}): with all tensors "
            f"{moved:,} bytes a frame, {moved * p['frames_per_second'] / 1e6:,.0f} MB/s"
        )
    table = Table("", *(COLUMNS[key] for key in r["board"]))
    for title, row in (("estimated", r["estimated"]), ("board", r["board"])):
        table.add_row(title, *(f"{row.get(key, 0):,g}" for key in r["board"]))
    out.print(table)
    out.print(
        f"{c['exact']} of {c['requantizers']} requantizers proven exact, {c['float32_exact']} also in float32"
        + (f"; {c['differing_values']} accumulator values round differently (by 1)" if c["differing_values"] else "")
    )
