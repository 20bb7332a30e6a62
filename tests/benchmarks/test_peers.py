# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/peers.md: figures that were not measured here are marked, and those of the page are the results'."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import nngen_peers
import peers
from pages import with_table
from peer_networks import NETWORKS
from peer_table import best, table

from headrace.errors import ToolError

OURS: dict[str, Any] = {
    "network": "tiny16",
    "tool": "headrace",
    "build": "small",
    "cycles": 12_000.25,
    "latency_cycles": 15_000,
    "seconds": 20.4,
    "verilate_s": 9.9,
    "made": {"lut": 20_000, "ff": 9000, "dsp": 90, "bram36": 20.5},
}
THEIRS: dict[str, Any] = {
    "network": "tiny16",
    "tool": "NNgen",
    "build": "4x4",
    "cycles": 13_000,
    "seconds": 19,
    "verilate_s": 100,
    "made": {"lut": 40_000, "ff": 50_000, "dsp": 80, "bram36": 30},
}


def test_stored_figures_are_marked() -> None:
    lines = table(["tiny16"], [OURS]).splitlines()
    assert "| tiny16 | **headrace**, small | 12,000 | 15,000 | 20,000 | 9,000 | 90 | 20.5 | 20.4 | 9.9 |" in lines
    assert "| tiny16 | NNgen 1x1 (stored) | 62,833 | 62,833 | 18,027 | 18,267 | 11 | 43 | 13 | not measured |" in lines
    assert sum("(stored)" in line for line in lines) == len(nngen_peers.STORED["tiny16"]) + 1
    unknown = [f"{ours} / not measured" for ours in ("20,000", "90", "20.5")]
    assert f"| tiny16 | 4x4 (stored) | 12,000 / 13,065 | {' | '.join(unknown)} |" in lines


def test_measured_figures_stand_in_place_of_stored_ones() -> None:
    text = table(["tiny16", "mbv1"], [OURS, THEIRS])
    assert "| tiny16 | NNgen 4x4 | 13,000 | 13,000 | 40,000 | 50,000 | 80 | 30 | 19 | 100 |" in text
    assert "| tiny16 | 4x4 | 12,000 / 13,000 | 20,000 / 40,000 | 90 / 80, **10 more** | 20.5 / 30 |" in text
    assert [line.split(" | ")[0] for line in text.splitlines() if "(stored)" in line] == ["| mbv1"]
    assert best("tiny16", [OURS, THEIRS, {**THEIRS, "build": "2x2", "cycles": 14_000}]) is THEIRS


def test_a_synthesis_that_failed_is_said_to_be_unknown() -> None:
    assert table(["tiny16"], [{**THEIRS, "made": None}]).count("not measured") == 4


def test_the_page_shows_the_results() -> None:
    page, rows = peers.DOC.read_text(), json.loads(peers.RESULTS.read_text())
    assert with_table(page, peers.MARKS, table(list(NETWORKS), rows)) == page


def test_without_nngen_one_line_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["peers.py", "--tool", "NNgen", "tiny16"])
    assert peers.main() == 2
    assert capsys.readouterr().err == f"error: NNgen is not installed; install it with: {nngen_peers.INSTALL}\n"


def test_a_tool_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('first'); raise SystemExit('went wrong')"]
    with pytest.raises(ToolError, match=r"failed: went wrong \(full log: .*log\)"):
        nngen_peers.called(command, tmp_path, 60, tmp_path / "log")
    with pytest.raises(ToolError, match="took longer than 0 s"):
        nngen_peers.called([sys.executable, "-c", "import time; time.sleep(9)"], tmp_path, 0.1, tmp_path / "log")
