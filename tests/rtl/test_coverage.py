# SPDX-License-Identifier: Apache-2.0
"""Coverage counts: the format is read, points are summed, and what no bench reached is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from headrace_sim import runner
from headrace_sim.coverage import (
    CoverageError,
    Point,
    constant_functions,
    line_numbers,
    merge,
    missed_lines,
    read_counts,
    report,
)

SOURCE = """\
module engine_none;
  function automatic int twice(int a);
    return 2 * a;
  endfunction
  always_comb begin
    if (a) b = 1;
    else b = 0;
  end
endmodule
"""


def point(line: int, kind: str, what: str, count: int, lines: str = "") -> str:
    """One line of a file of counts."""
    fields = {"f": "/any/engine_none.sv", "l": str(line), "t": kind, "page": f"v_{kind}/engine_none", "o": what}
    if lines:
        fields["S"] = lines
    return "C '" + "".join(f"\x01{name}\x02{value}" for name, value in fields.items()) + f"' {count}\n"


def test_sums_points_and_names_what_was_missed(tmp_path: Path) -> None:
    runs = [
        point(5, "line", "block", 7, "5,8") + point(6, "branch", "if", 0) + point(7, "branch", "else", 7, "7"),
        point(6, "branch", "if", 0) + point(2, "line", "block", 0, "2-4") + point(3, "toggle", "a:0->1", 0),
    ]
    for k, text in enumerate(runs):
        (tmp_path / f"{k}.dat").write_text("# SystemC::Coverage-3\n" + text)
    (tmp_path / "engine_none.sv").write_text(SOURCE)
    counts = merge(sorted(tmp_path.glob("*.dat")))
    assert counts[Point("engine_none", 7, "branch", "else", "7")] == 7
    assert missed_lines(counts, "engine_none") == [2, 3, 4, 6]
    assert constant_functions(counts, "engine_none", SOURCE) == {"twice": range(2, 5)}
    said = report(counts, {"engine_none": tmp_path / "engine_none.sv"})
    assert "| engine_none | 1 / 1 | 1 / 2 | none |" in said
    assert "branch at 6 (if): `if (a) b = 1;`" in said
    assert "at elaboration only, or never: twice" in said


def test_ranges_of_lines() -> None:
    assert line_numbers("3-5,9") == [3, 4, 5, 9]


def test_refuses_what_it_does_not_know() -> None:
    with pytest.raises(CoverageError, match="line 2 is no coverage point"):
        read_counts("# comment\nD 3\n")


@pytest.mark.deep
def test_a_bench_leaves_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_coverage_folder", [])
    runner.collect_coverage(tmp_path / "counts")
    (tmp_path / "run").mkdir()
    runner.run_bench(
        "stream_fork", bench="headrace_sim.benches.stream_fork", folder=tmp_path / "run", parameters={"Width": 3, "Outputs": 2}
    )
    counts = merge((tmp_path / "counts").glob("*.dat"))
    assert counts
    assert not missed_lines(counts, "stream_fork")
