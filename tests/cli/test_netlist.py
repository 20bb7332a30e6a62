# SPDX-License-Identifier: Apache-2.0
"""``headrace simulate --netlist``: what Yosys makes of a network computes the same integers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Run, assert_refused
from headrace_host.manifest import MANIFEST
from qonnx_file import QonnxFile

import headrace.build.netlist as netlist


@pytest.fixture
def least_build(tmp_path: Path, run: Run) -> Path:
    """A network that is synthesised in little time."""
    file = QonnxFile(shape=(1, 1, 4, 4))
    model = file.save(tmp_path / "least.onnx", file.quant(file.conv(file.image(), file.weight((2, 1, 3, 3))), 0.37, bits=4.0))
    assert run("compile", model, "--board", "pynq-z2", "--fps", 1000, "-o", tmp_path / "least")[0] == 0
    return tmp_path / "least"


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
def test_the_netlist_is_exact(family: str, small_build: Path, run: Run) -> None:
    status, out, err = run("simulate", small_build, "--netlist", "--family", family, "--frames", 3, "--stall", 0.2, "--json")
    assert status == 0, err
    assert json.loads(out)["bit_exact"]
    assert json.loads((small_build / MANIFEST).read_text())["steps"]["netlist"]["frames"] == 3


@pytest.mark.parametrize(("board", "cell"), [("pynq-z2", "DSP48E1"), ("ulx3s-85f", "MULT18X18D")])
def test_with_multipliers(board: str, cell: str, tmp_path: Path, run: Run) -> None:
    file = QonnxFile(shape=(1, 3, 6, 7))
    wide = file.quant(file.conv(file.image(), file.weight((6, 3, 3, 3))), 2.0**-3 * 1.37, bits=8.0)
    model = file.save(tmp_path / "dsp.onnx", wide)
    assert run("compile", model, "--board", board, "--fps", 200_000, "-o", "dsp")[0] == 0
    status, out, err = run("simulate", "dsp", "--netlist", "--stall", 0.3)
    assert status == 0, err
    assert "bit-exact" in out
    (cells,) = Path("dsp/synthesis").glob("*/cells.json")
    assert f'"{cell}"' in cells.read_text()


def test_a_wrong_netlist_is_found(least_build: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    right = netlist.cell_models

    def wrong(family: str) -> str:
        changed = right(family).replace("assign Z =", "assign Z = ~", 1)
        assert changed != right(family)
        return changed

    monkeypatch.setattr(netlist, "cell_models", wrong)
    status, _, err = run("simulate", least_build, "--netlist", "--family", "ecp5")
    assert status == 1
    assert "simulation differs from golden" in err or "deadlock in cycle" in err, err


def test_what_is_refused(least_build: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_refused(run("simulate", least_build, "--netlist", "--family", "xcup"), "no models of the cells of family 'xcup'")
    assert_refused(run("simulate", least_build, "--family", "xc7"), "--family is for netlists; add --netlist")
    assert_refused(run("simulate", least_build, "--netlist", "--csim"), "--csim and --netlist are two simulations")
    monkeypatch.setattr(netlist, "cell_models", lambda _: "module LUT6;\nendmodule\n")
    assert_refused(
        run("simulate", least_build, "--netlist"), r"the netlist holds BUFG, CARRY4, FDRE.*, of which there is no model"
    )
