# SPDX-License-Identifier: Apache-2.0
"""``headrace synth``: what Yosys makes of each engine, beside what was estimated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Run, assert_refused
from headrace_host.manifest import MANIFEST, Build

from headrace.build.cells import PRICES, prices_of
from headrace.build.synthesis import Synthesis
from headrace.build.timing import part_of
from headrace.cli.synth import show
from headrace.engines.technology import Resources
from headrace.errors import ToolError


def test_each_engine_has_its_figures(small_build: Path, run: Run) -> None:
    status, out, err = run("synth", small_build, "--levels", "--json")
    assert status == 0, err
    found = json.loads(out)
    manifest = json.loads((small_build / MANIFEST).read_text())
    assert manifest["steps"]["synth"]["xc7"] == {"total": found["total"], "engines": found["engines"]}
    assert set(found["engines"]) == {entry["name"] for entry in manifest["engines"]} | {"block"}
    for key in ("lut", "ff", "dsp", "bram36"):
        assert sum(engine[key] for engine in found["engines"].values()) == found["total"][key]
    network = sum(engine["lut"] for name, engine in found["engines"].items() if name != "block")
    said = manifest["resources"]
    assert network == pytest.approx(said["estimated"]["lut"] - said["block"]["lut"], rel=0.4)  # a very small network
    assert found["engines"]["block"]["lut"] == pytest.approx(said["block"]["lut"], rel=0.1)
    parts = set(found["ways"])
    assert {entry["name"] for entry in manifest["engines"] if entry["module"] == "engine_matvec"} <= parts
    assert all(0 <= way["levels"] < 12 for way in found["ways"].values())
    status, out, err = run("synth", small_build, "--levels")
    assert "figures: done before" in err
    assert "levels: done before" in err
    assert "around the network" in out
    assert "clock: not known; that takes Vivado" in out
    assert "longest ways between registers" in out


def test_other_families_have_no_expectations(small_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = Build.load(small_build)
    name = build.manifest["engines"][0]["name"]
    for family, expected in (("ecp5", "7 / -"), ("xc7", f"7 / {build.manifest['engines'][0]['resources']['lut']:,}")):
        show(build, Synthesis(family=family, engines={name: Resources(lut=7)}))
        out = capsys.readouterr().out
        assert expected in out
        assert ("expected: known of xc7 alone" in out) == (family == "ecp5")


def test_what_is_refused(small_build: Path, run: Run) -> None:
    assert_refused(run("synth", small_build, "--family", "ice40"), "'ice40' is not one of")
    source = small_build / "rtl" / "stream_fifo.sv"
    source.write_text(source.read_text() + "\n")
    assert_refused(run("synth", small_build), "stream_fifo.sv: not of build")


def test_prices() -> None:
    with pytest.raises(ToolError, match="family 'ice40' is none that is synthesised here; known: xc7, xcup, ecp5"):
        prices_of("ice40")
    with pytest.raises(ToolError, match="no price is known of the cells GTX, WIBBLE"):
        PRICES["xc7"].resources({"LUT6": 2, "WIBBLE": 1, "GTX": 1, "$scopeinfo": 3})
    cells = {"LUT4": 3, "CCU2C": 2, "TRELLIS_DPR16X4": 1, "TRELLIS_FF": 5, "DP16KD": 1, "MULT18X18D": 4, "PFUMX": 9}
    assert PRICES["ecp5"].resources(cells).to_json() == {"lut": 13, "ff": 5, "dsp": 4, "bram36": 0.5}


@pytest.mark.parametrize(
    ("cell", "part"),
    [
        ("u_serial.u_network.u_stem_window.u_store.x", "stem_window"), ("u_link.$auto$1", "link"), ("$abc$1", "$abc$1"),
        ("\\u_network.u_conv_2 .y", "conv_2"),
    ],
)  # fmt: skip
def test_parts_of_names(cell: str, part: str) -> None:
    assert part_of(cell) == part
