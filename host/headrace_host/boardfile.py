# SPDX-License-Identifier: Apache-2.0
"""Bitstreams of the simulated board: a Verilated ``headrace_ip`` and its memory contents in one file.

To pynq it is a ``.bit`` file like any other. Inside it is a ZIP archive: ``board.json`` says what it is, ``board.so`` is the
model (of this machine's kind), ``rom/`` holds the engines' memory files.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from headrace_host.errors import HostError

BOARD_ABI = 2
"""Version of the functions of sim/harness/board_sim.cpp and of what stands in the file; raise it whenever they change."""
_INFO, _MODEL, _ROM = "board.json", "board.so", "rom/"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same inputs give the same bytes


@dataclass(frozen=True)
class BoardInfo:
    """What a simulated bitstream is."""

    build_id: str
    ps: str
    """Processing system beside the fabric: ``zynq7`` or ``zynqmp``."""
    clock_mhz: float
    block: tuple[int, int]
    """First address and size of the block's registers, whatever the handoff file says."""
    interrupts: tuple[int, int]
    """The same of the interrupt controller."""
    abi: int = BOARD_ABI


def write_boardfile(path: Path, info: BoardInfo, model: Path, roms: Path) -> None:
    """Writes a simulated bitstream."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        members: Mapping[str, bytes] = {
            _INFO: json.dumps(asdict(info)).encode(),
            _MODEL: model.read_bytes(),
            **{_ROM + rom.name: rom.read_bytes() for rom in sorted(roms.iterdir())},
        }
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED, 1)


def unpack_boardfile(path: Path, folder: Path) -> tuple[BoardInfo, Path, Path]:
    """Unpacks a simulated bitstream into ``folder``; returns what it is, its model, and the folder of its memory files.

    Raises:
        HostError: the file is none, is damaged, or is of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read(_INFO))
            if content["abi"] == BOARD_ABI:
                content |= {part: tuple(map(int, content[part])) for part in ("block", "interrupts")}
                info = BoardInfo(**content)
                archive.extractall(folder)
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise HostError(
            f"{path}: no bitstream of the simulated board ({error}); make one with: headrace deploy BUILD --simulated --to DIR"
        ) from error
    if content["abi"] != BOARD_ABI:
        raise HostError(
            f"{path}: made for version {content['abi']} of the simulated board, this is {BOARD_ABI}; deploy the build again"
        )
    return info, folder / _MODEL, folder / _ROM
