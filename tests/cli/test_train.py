# SPDX-License-Identifier: Apache-2.0
"""headrace train, export and eval on a made-up Pascal VOC, and what is said of a folder that is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from annotated import write_voc
from command_line import Run, assert_refused
from headrace_models.datasets import VOC


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    return write_voc(tmp_path)


def test_voc_from_folder_to_figures(run: Run, devkit: Path) -> None:
    status, out, _ = run("data", "voc", "--data", devkit)
    assert (status, "8 pictures for training, 3 pictures for testing" in " ".join(out.split())) == (0, True)
    for _ in range(2):  # the second time there is nothing left to do
        status, out, err = run("train", "codenet-voc-smoke", "--data", devkit.parent, "-o", "run")
        assert status == 0, err
    assert run("export", "run", "-o", "voc.onnx")[0] == 0
    reports = []
    for model, how in (("voc.onnx", ()), ("codenet-voc-smoke", ("--run", "run", "--precision", "quantized"))):
        status, out, err = run("eval", model, "--data", devkit, *how, "--json")
        assert status == 0, err
        reports.append(json.loads(out))
        assert (reports[-1]["metric"], reports[-1]["images"]) == ("voc", 3)
        assert list(reports[-1]["figures"]) == [*VOC.classes, "mean"]
    assert reports[0]["figures"] == reports[1]["figures"]
    status, out, _ = run(
        "eval", "codenet-voc-smoke", "--run", "run", "--precision", "float", "--data", devkit, "--metric", "voc07"
    )
    assert status == 0
    assert "AP50, 11 points" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("train", "codenet-a-voc", "--data", "nowhere"), r"nowhere/VOC2007/JPEGImages is missing; expected Pascal VOC"),
        (("train", "codenet-a-voc"), r"data/voc/VOC2007/JPEGImages is missing"),
        (("train", "cellnet"), r"data/cbc/Training/Images is missing; .* `headrace data cbc`"),
        (("train", "codenet-a-voc", "--start", "nowhere.pth"), r"nowhere\.pth is not a readable checkpoint"),
        (("train", "tiny", "--start", "nowhere.pth"), "recipe 'tiny' trains no CoDeNet"),
        (("train", "codenet-a-voc", "--device", "abacus"), "torch has no device 'abacus' here"),
        (("data", "voc"), "voc is not fetched; unpack trainval and test of 2007"),
        (("data", "voc", "--data", "nowhere"), "nowhere/VOC2007/JPEGImages is missing"),
        (("eval", "cellnet", "--data", "nowhere", "--metric", "voc08"), "Invalid value for '--metric'"),
    ],
)
def test_what_is_refused(run: Run, args: tuple[str, ...], message: str) -> None:
    assert_refused(run(*args), message)


def test_a_folder_with_holes(run: Run, devkit: Path) -> None:
    (devkit / "VOC2012" / "Annotations" / "2012_trainval01.xml").unlink()
    assert_refused(run("train", "codenet-voc-smoke", "--data", devkit), r"2012_trainval01\.xml: missing")
    (devkit / "VOC2007" / "JPEGImages" / "2007_test01.jpg").unlink()
    assert_refused(run("eval", "cellnet", "--data", devkit), "1 of 3 pictures are missing, the first is 2007_test01")
