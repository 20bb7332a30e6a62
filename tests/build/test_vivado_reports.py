# SPDX-License-Identifier: Apache-2.0
"""Reading Vivado's reports: texts that follow the published formats, made for these tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from vivado_texts import hierarchy, timing, utilization

from headrace.build.vivado_reports import Slacks, read_engines, read_routed, read_slacks, read_usage
from headrace.engines.technology import Resources
from headrace.errors import ToolError


def kept(folder: Path, text: str) -> Path:
    path = folder / "some.rpt"
    path.write_text(text)
    return path


@pytest.mark.parametrize("ultrascale", [False, True])
def test_usage(tmp_path: Path, ultrascale: bool) -> None:
    found = read_usage(kept(tmp_path, utilization(ultrascale)))
    assert found == {"LUT": (21034, 53200), "FF": (24410, 106400), "DSP": (148, 220), "BRAM36": (63, 140)}


def test_usage_after_synthesis(tmp_path: Path) -> None:
    """Vivado marks the LUTs with a star there, and older versions have no column of prohibited sites."""
    text = utilization().replace("Slice LUTs ", "Slice LUTs*").replace("          0 |     53200", "    53200")
    text = text.replace("Prohibited | ", "").replace("|          0 |    106400", "|    106400")
    assert read_usage(kept(tmp_path, text))["LUT"] == (21034, 53200)
    assert read_usage(kept(tmp_path, text))["FF"] == (24410, 106400)


@pytest.mark.parametrize("ultrascale", [False, True])
def test_engines(tmp_path: Path, ultrascale: bool) -> None:
    path = kept(tmp_path, hierarchy(("conv", "fifo", "pool"), ultrascale))
    found = read_engines(path, ["conv", "pool", "gone"])
    assert found == {"conv": Resources(lut=100, ff=200), "pool": Resources(lut=102, ff=202, dsp=2, bram36=1.0)}
    assert read_engines(kept(tmp_path, "nothing"), ["conv"]) == {}


@pytest.mark.parametrize("wns", [1.203, 0.0, -0.482, -12.5])
def test_slacks(tmp_path: Path, wns: float) -> None:
    assert read_slacks(kept(tmp_path, timing(wns, whs=-0.003))) == Slacks(
        setup_ns=wns, hold_ns=-0.003, hold_way="from conv_2 to window_1"
    )


@pytest.mark.parametrize(("wns", "reached"), [(1.203, 113.675), (-0.482, 95.402)])
def test_the_critical_path(tmp_path: Path, wns: float, reached: float) -> None:
    (tmp_path / "used.rpt").write_text(utilization())
    routed, _ = read_routed(tmp_path / "used.rpt", kept(tmp_path, timing(wns)))
    assert (routed.clock_mhz, routed.reached_mhz, routed.meets) == (100, reached, wns >= 0)
    path = routed.path
    assert (path.start, path.end, path.cells, path.logic_ns, path.routing_ns) == ("conv_2", "quant_3", 9, 3.22, 5.491)
    assert routed.used["DSP"] == 148


@pytest.mark.parametrize("text", ["", "ERROR: [Common 17-39]\n", timing().replace("WNS(ns)", "XNS(ns)")])
def test_no_timing_summary(tmp_path: Path, text: str) -> None:
    with pytest.raises(ToolError, match=r"some\.rpt: no timing summary of Vivado"):
        read_slacks(kept(tmp_path, text))


def test_a_summary_without_paths(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no timing summary"):
        read_slacks(kept(tmp_path, timing().replace("      1.203", "         NA")))
    (tmp_path / "used.rpt").write_text(utilization())
    with pytest.raises(ToolError, match="tells of no path between registers"):
        read_routed(tmp_path / "used.rpt", kept(tmp_path, timing().replace("Slack (", "slack (")))


@pytest.mark.parametrize("lost", ["Slice LUTs", "Slice Registers", "DSPs", "Block RAM Tile"])
def test_no_report_of_utilization(tmp_path: Path, lost: str) -> None:
    with pytest.raises(ToolError, match=f"it tells no {lost}"):
        read_usage(kept(tmp_path, utilization().replace(f"| {lost}", "| Something else")))
    with pytest.raises(ToolError, match="cannot read"):
        read_usage(tmp_path / "nothing.rpt")
