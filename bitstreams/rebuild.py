# SPDX-License-Identifier: Apache-2.0
"""Makes the bitstreams of this folder anew, and compares them byte for byte with those that lie here.

    python bitstreams/rebuild.py            compare; exit code 1 where something differs
    python bitstreams/rebuild.py --store    replace them, and the table of README.md

Half an hour each on two cores; an interrupted run goes on where it was, under build/bitstreams.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILDS = HERE.parent / "build" / "bitstreams"
PAGE = HERE / "README.md"
BEGIN, END = "<!-- table: rebuild.py -->\n", "<!-- end -->\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A bitstream of this folder."""

    model: str
    board: str
    options: tuple[str, ...]
    """Of ``headrace compile``."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return HERE / self.board / self.model

    @property
    def build(self) -> Path:
        """Where it is made."""
        return BUILDS / self.board / self.model


ENTRIES = (Entry(model="cellnet-small", board="ulx3s-85f", options=("--fps", "30")),)


def make(entry: Entry) -> dict[str, Path]:
    """Compiles and builds one; returns the files that are kept of it."""
    program = [sys.executable, "-c", "from headrace.cli import main; main()"]
    for arguments in (
        ["compile", entry.model, "--board", entry.board, *entry.options, "-o", str(entry.build)],
        ["build", str(entry.build), "--board", entry.board],
    ):
        if status := subprocess.run([*program, *arguments], check=False).returncode:
            sys.exit(status)
    made = entry.build / "bitstream"
    bitstream = made / f"{entry.model}.bit"
    return {bitstream.name: bitstream, "manifest.json": entry.build / "manifest.json", "report.json": made / "report.json"}


def with_table(page: str) -> str:
    """The page with the table of what lies here in place of the one that it has."""
    before, _, rest = page.partition(BEGIN)
    rows = [
        "| file | build | made with | frames/s | MHz asked | MHz reached | cells of the device |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in ENTRIES:
        manifest = json.loads((entry.folder / "manifest.json").read_text(encoding="utf-8"))
        made = manifest["steps"]["build"]
        kinds = ("TRELLIS_COMB", "TRELLIS_FF", "MULT18X18D", "DP16KD")
        cells = ", ".join(f"{made['used'][kind]:,} of {made['available'][kind]:,} {kind}" for kind in kinds)
        options = " ".join(("headrace compile", entry.model, "--board", entry.board, *entry.options))
        speed = manifest["performance"]["frames_per_second"]
        path = f"{entry.board}/{entry.model}/{made['file']}"
        clock = f"{made['clock_mhz']:g} | {made['reached_mhz']:.1f}"
        rows.append(f"| `{path}` | `{manifest['build_id']}` | `{options}` | {speed:.1f} | {clock} | {cells} |")
    return before + BEGIN + "\n".join(rows) + "\n" + END + rest.partition(END)[2]


def differing(entry: Entry, made: dict[str, Path]) -> list[str]:
    """What is not the same as in the folder."""
    wrong = []
    for name, path in made.items():
        kept = entry.folder / name
        if not kept.is_file():
            wrong.append(f"{kept}: missing")
        elif kept.read_bytes() != path.read_bytes():
            sizes = f"{kept.stat().st_size:,} bytes, made anew {path.stat().st_size:,}"
            wrong.append(f"{kept}: {sizes}, of which byte {_first_difference(kept, path):,} is the first other one")
    return wrong


def _first_difference(kept: Path, made: Path) -> int:
    ours, new = kept.read_bytes(), made.read_bytes()
    return next((at for at, (a, b) in enumerate(zip(ours, new, strict=False)) if a != b), min(len(ours), len(new)))


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="store_true", help="replace what lies here")
    store = parser.parse_args().store
    wrong = []
    for entry in ENTRIES:
        made = make(entry)
        if store:
            entry.folder.mkdir(parents=True, exist_ok=True)
            for name, path in made.items():
                shutil.copyfile(path, entry.folder / name)
                print(entry.folder / name)
        different = [] if store else differing(entry, made)
        wrong += different
        if different:
            other = entry.build.with_name(f"{entry.build.name}.differs")
            shutil.rmtree(other, ignore_errors=True)
            entry.build.rename(other)
            print(f"what was made is in {other}")
        else:
            shutil.rmtree(entry.build)  # so that the next run makes it anew
    if store:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for line in wrong:
        print(line)
    if not (wrong or store):
        print(f"{len(ENTRIES)} made anew: the same bytes")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
