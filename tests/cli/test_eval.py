# SPDX-License-Identifier: Apache-2.0
"""headrace eval: the same figures from a model's file, from its build, and by either metric's own rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from annotated import write_coco
from command_line import Run
from headrace_models.datasets import CBC


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return write_coco(tmp_path / "data", [*CBC.classes[:2], "unicorn"])


def test_a_model_and_its_build_are_as_good(run: Run, data: Path) -> None:
    assert run("compile", "tiny", "-o", "build")[0] == 0
    reports = [json.loads(run("eval", model, "--data", data, "--json")[1]) for model in ("tiny", "build")]
    assert [report.pop("model") for report in reports] == ["tiny", "build"]
    assert reports[0] == reports[1]
    report = reports[0]
    assert (report["metric"], report["device"], report["precision"]) == ("coco", "cpu", "integer")
    assert report["left_out"]["unicorn"] > 0
    assert report["figures"]["Platelets"] is None
    assert 0 < report["figures"]["AP50"] < 1


def test_what_people_see(run: Run, data: Path) -> None:
    status, out, _ = run("eval", "tiny", "--data", data, "--metric", "voc", "--limit", 2)
    assert status == 0
    assert "2 images" in out
    assert "no object" in out
    assert "left out, as the network does not know them: unicorn (" in out
