# SPDX-License-Identifier: Apache-2.0
"""Average precision on the device is that of the CPU path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from annotated import write_coco
from board_runs import host_on_board
from headrace_host.__main__ import main
from headrace_host.images import find_images

from headrace.models import zoo_images


def test_the_device_is_as_good_as_the_cpu(
    deployed: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = deployed("zynq7")
    data = write_coco(tmp_path, json.loads((folder / "manifest.json").read_text())["detector"]["classes"])
    assert main(["eval", str(data), str(folder), "--device", "cpu"]) == 0
    cpu = json.loads(capsys.readouterr().out)
    board = host_on_board(tmp_path, "3.1.2", "eval", data, folder)
    assert (cpu.pop("device"), board.pop("device")) == ("cpu", "board")
    assert board == cpu
    assert (cpu["metric"], cpu["pictures"]) == ("coco", len(find_images([zoo_images()])))
    assert 0 < cpu["figures"]["AP50"] < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no data set; known layouts are"),
        (["made.json", "--images", "elsewhere"], "made.json: cannot read"),
    ],
)
def test_what_is_refused(
    arguments: list[str], message: str, deployed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", arguments[0], str(deployed("zynq7")), *arguments[1:], "--device", "cpu"]) == 2
    assert message in capsys.readouterr().err
