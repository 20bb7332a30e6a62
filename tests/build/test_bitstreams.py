# SPDX-License-Identifier: Apache-2.0
"""What lies in bitstreams/ belongs together; `make check-bitstreams` makes it anew and compares every byte."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from headrace_host.manifest import file_digest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bitstreams"))
from rebuild import ENTRIES, PAGE, Entry, differing, with_table  # noqa: E402


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.board}/{entry.model}")
def test_what_lies_there(entry: Entry) -> None:
    manifest = json.loads((entry.folder / "manifest.json").read_text(encoding="utf-8"))
    made = manifest["steps"]["build"]
    assert (manifest["name"], manifest["board"]["name"]) == (entry.model, entry.board)
    assert made["file"] == f"{entry.model}.bit"
    assert made["sha256"] == file_digest(entry.folder / made["file"])
    assert made["meets"]
    report = json.loads((entry.folder / "report.json").read_text(encoding="utf-8"))
    (clock,) = report["fmax"].values()
    assert (clock["achieved"], clock["constraint"]) == (made["reached_mhz"], made["clock_mhz"])


def test_a_difference_is_told(tmp_path: Path) -> None:
    (entry, *_) = ENTRIES
    made = {path.name: tmp_path / path.name for path in entry.folder.iterdir()}
    for name, path in made.items():
        path.write_bytes((entry.folder / name).read_bytes())
    assert differing(entry, made) == []
    made[f"{entry.model}.bit"].write_bytes(b"\0")
    (tmp_path / "manifest.json").write_text("{}")
    told = "\n".join(differing(entry, made))
    assert f"{entry.model}.bit: " in told
    assert "manifest.json: " in told
    assert "report.json" not in told


def test_the_page_shows_what_lies_there() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "run: python bitstreams/rebuild.py --store"
