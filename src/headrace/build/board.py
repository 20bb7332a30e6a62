# SPDX-License-Identifier: Apache-2.0
"""Makes the files with which a build runs on the simulated board: bitstream and hardware handoff."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from headrace_host.boardfile import BoardInfo, write_boardfile
from headrace_host.manifest import Build

from headrace.backend.hwh import render_hwh
from headrace.backend.processors import address_map
from headrace.build.verilate import BOARD, build_simulator
from headrace.errors import BuildError
from headrace.files import replacing
from headrace.hls.simulation import part_files, parts_of


def write_simulated(build: Build, folder: Path, name: str, note: Callable[[str], None] = lambda _: None) -> None:
    """Writes ``NAME.bit`` and ``NAME.hwh`` of the simulated board into ``folder``.

    Raises:
        BuildError: the build's board has no processor beside the fabric.
        HostError: the build's sources changed since it was compiled.
        ToolError: Verilator or the compiler is absent or failed.
    """
    ip, board = build.manifest.get("ip"), build.manifest["board"]
    if not ip:
        raise BuildError(f"{build.folder}: {board['title']} has no processor beside the fabric; compile for a PYNQ board")
    build.verify_hardware()
    note("compiling the simulated board")
    kernels = {name: part_files(build, part) for name, part in parts_of(build).items()} if build.kernels() else {}
    model = build_simulator([build.folder / "rtl" / source for source in ip["sources"]], BOARD, kernels)
    clock, places = float(build.manifest["clock_mhz"]), address_map(ip["ps"])
    info = BoardInfo(build.build_id, ip["ps"], clock, places["block"], places["interrupts"])
    with replacing(folder / f"{name}.bit") as partial:
        write_boardfile(partial, info, model, build.rom_dir)
    tensors = [entry["tensor"] for entry in ip["tensors"]]
    with replacing(folder / f"{name}.hwh") as partial:
        partial.write_text(render_hwh(name, board["part"], ip["ps"], clock, tensors), encoding="utf-8")
