# SPDX-License-Identifier: Apache-2.0
"""The Verilated board of a build that has a serial line."""

from __future__ import annotations

from pathlib import Path

from headrace_host.manifest import Build

from headrace.build.verilate import LINE, build_simulator, pins_harness
from headrace.errors import BuildError


def line_model(build: Build) -> Path:
    """The model of a build's board from its pins on, or of ``headrace_serial`` where they are not known; cached.

    Raises:
        BuildError: the build has no serial line.
        HostError: its sources changed since it was compiled.
        ToolError: Verilator or the compiler is absent or failed.
    """
    serial = build.manifest.get("serial")
    if not serial:
        raise BuildError(f"{build.folder}: this build has no serial line; compile it for a board that has one")
    build.verify_hardware()
    sources = [build.folder / "rtl" / source for source in serial["sources"]]
    if "board_top" not in serial:
        return build_simulator(sources, LINE)
    sources.append(build.folder / "rtl" / f"{serial['board_top']}.sv")
    return build_simulator(sources, pins_harness(serial["board_top"], serial["button_pressed"]))
