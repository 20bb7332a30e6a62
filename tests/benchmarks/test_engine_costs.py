# SPDX-License-Identifier: Apache-2.0
"""The table of docs/engines.md is the one that the measured results give, and names engines that there are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from headrace_sim.runner import HW

from headrace.build.levels import LIMIT

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from cost_cases import CASES, Case
from engine_costs import DOC, MARKS, RESULTS, table
from measuring import engine_design, levels, synthesize
from pages import with_table

ROW = {
    "work": "pooling",
    "folding": "4 lanes",
    "module": "engine_pool",
    "headrace": {"lut": 1234, "ff": 20, "dsp": 0, "bram36": 0.5, "levels": 4.3, "mhz": 140.2, "cycles": 4096},
    "estimate": {"lut": 1300, "ff": 22, "dsp": 0, "bram36": 0.5, "cycles": 4096},
}
FINN = {"peer": "Pool", "finn": {"lut": 5, "ff": 6, "dsp": 7, "bram36": 8.0, "levels": 5.0, "cycles": 9}}


def test_the_page_shows_the_results() -> None:
    page = DOC.read_text()
    rows = json.loads(RESULTS.read_text())
    assert page == with_table(page, MARKS, table(rows)), "run: python benchmarks/engine_costs.py --table"


def test_the_results_are_of_engines_that_there_are() -> None:
    modules = {path.stem for path in HW.rglob("*.sv")}
    assert {row["module"] for row in json.loads(RESULTS.read_text())} <= modules


def test_every_case_is_measured_and_as_fast_as_estimated() -> None:
    rows = json.loads(RESULTS.read_text())
    assert [(row["work"], row["folding"], row["module"]) for row in rows] == [
        (case.work, case.folding, case.engine.module) for case in CASES
    ]
    assert [row["module"] for row in rows if row["headrace"]["cycles"] != row["estimate"]["cycles"]] == []


@pytest.mark.parametrize("module", ["engine_requant", "engine_pool", "engine_topk", "stream_repack", "stream_fifo"])
def test_what_is_recorded_is_made_of_this_rtl(module: str, tmp_path: Path) -> None:
    """The first case of some modules, synthesised again."""
    case = next(case for case in CASES if case.engine.module == module)
    design = engine_design(case.engine)
    for name, text in {**design.files, **design.data}.items():
        (tmp_path / name).write_text(text)
    made = {**synthesize(design, tmp_path).to_json(), "levels": levels(design, tmp_path)}
    row = next(row for row in json.loads(RESULTS.read_text()) if row["module"] == module)
    assert {name: row["headrace"][name] for name in made} == made, "run: python benchmarks/engine_costs.py"


def test_no_engine_takes_more_cycles_than_finns() -> None:
    rows = [row for row in json.loads(RESULTS.read_text()) if "finn" in row]
    assert len(rows) > 20
    assert [row["module"] for row in rows if row["headrace"]["cycles"] > row["finn"]["cycles"]] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.engine.module} {case.folding}")
def test_what_the_compiler_expects_is_near_what_yosys_makes(case: Case) -> None:
    """LUTs and flip-flops within a quarter, or 60: foldings are chosen by these estimates."""
    key = (case.work, case.folding, case.engine.module)
    rows = json.loads(RESULTS.read_text())
    (row,) = (row for row in rows if (row["work"], row["folding"], row["module"]) == key)
    measured, expected = row["headrace"], case.engine.resources().to_json()
    assert row["estimate"] == {**expected, "cycles": case.engine.cycles}, "run: python benchmarks/engine_costs.py"
    for name in ("lut", "ff"):
        assert abs(expected[name] - measured[name]) <= max(60, 0.25 * measured[name]), name
    assert expected["dsp"] == measured["dsp"]


def test_no_engine_has_too_much_between_registers() -> None:
    rows = json.loads(RESULTS.read_text())
    assert [
        (row["module"], row["folding"], row["headrace"]["levels"]) for row in rows if row["headrace"]["levels"] > LIMIT
    ] == []


def test_engines_reach_100_mhz_on_an_ecp5() -> None:
    """But for 128 multipliers in one engine, which lie far apart."""
    rows = json.loads(RESULTS.read_text())
    slow = [(row["module"], row["folding"]) for row in rows if 0 < row["headrace"]["mhz"] < 100]
    assert slow == [("engine_matvec", "16 x 16")]


def test_a_row_for_each_side() -> None:
    said = table([ROW | FINN])
    assert "### Pooling" in said
    assert "| 4 lanes | `engine_pool` | 1,234 | 20 | 0 | 0.5 | 4.3 | 140.2 | 4,096 | 1,300 | 22 |" in said
    assert "| 4 lanes | FINN Pool | 5 | 6 | 7 | 8 | 5 |  | 9 |  |  |" in said


def test_a_peer_of_two_engines_stands_once() -> None:
    said = table([ROW | FINN, ROW | FINN | {"module": "engine_reduce"}])
    assert said.count("FINN Pool") == 1


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        with_table("no marks", MARKS, "")
