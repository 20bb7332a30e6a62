# SPDX-License-Identifier: Apache-2.0
"""pynq's own code, and our driver under it, on the simulated board: both lines of pynq, both processing systems."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from board_runs import on_board, photographs
from headrace_host.manifest import Build
from headrace_host.program import Program

Deployed = Callable[..., Path]
# pynq 4 has dropped Zynq-7000.
COMBINATIONS = [("3.1.2", "zynq7"), ("3.1.2", "zynqmp"), ("4.0.0", "zynqmp")]
CLOCKS = {"zynq7": 100.0, "zynqmp": 187.5}


def assert_golden(deployed: Path, frames: Path) -> None:
    """What a script left beside ``frames`` is what the integer program gives."""
    program = Program.load(deployed)
    golden = program.run({program.spec["inputs"][0]: np.load(frames)})
    with np.load(frames.with_name("results.npz")) as found:
        assert set(found) == set(golden)
        for name, values in golden.items():
            np.testing.assert_array_equal(found[name], values)


def save_frames(deployed: Path, folder: Path) -> Path:
    height, width, _ = json.loads((deployed / "manifest.json").read_text())["inputs"][0]["shape"]
    np.save(folder / "frames.npy", photographs(height, width))
    return folder / "frames.npy"


@pytest.mark.parametrize(("version", "ps"), COMBINATIONS)
def test_plain_pynq(version: str, ps: str, deployed: Deployed, tmp_path: Path) -> None:
    """Overlay, register_map, allocate and interrupts, as pynq has them; nothing is seen before it is invalidated."""
    folder = deployed(ps)
    frames = save_frames(folder, tmp_path)
    seen = on_board(tmp_path, version, "overlay.py", folder / "tiny.bit", frames)
    assert seen["version"] == version
    assert seen["build"] == Build.load(folder).build_id
    assert (seen["idle"], seen["done"], seen["errors"], seen["frames"]) == (1, 1, 0, 8)
    assert seen["clock"] == pytest.approx(CLOCKS[ps], rel=1e-4)
    assert [seen[f"stale {name}"] for name in ("heatmap", "box")] == [False, False]
    assert [seen[f"intact {name}"] for name in ("heatmap", "box")] == [True, True]
    assert_golden(folder, frames)


@pytest.mark.parametrize(("version", "ps"), COMBINATIONS)
def test_our_driver(version: str, ps: str, deployed: Deployed, tmp_path: Path) -> None:
    folder = deployed(ps)
    frames = save_frames(folder, tmp_path)
    seen = on_board(tmp_path, version, "driver.py", folder / "tiny.bit", frames)
    assert_golden(folder, frames)
    assert seen["stream"] == [True, True, True]
    for way in ("execute", "async", "buffers", "predict", "after losing interest"):
        assert seen[way], way
    assert (seen["ishape"], seen["idt"]) == ([3, 64, 64, 3], "uint8")
    assert seen["throughput"]["busy"] >= 0.95
    assert seen["counters"]["frames_done"] == 8
    assert seen["counters"]["input_stall"] < 1000


def test_pynq_4_on_zynq_7000_is_refused_in_one_line(deployed: Deployed, tmp_path: Path) -> None:
    said = on_board(tmp_path, "4.0.0", "refusal.py", deployed("zynq7") / "tiny.bit")
    assert said == "pynq 4.0.0 has dropped Zynq-7000, for which this build is; install 'pynq>=3.1,<4'"


def test_a_handoff_file_of_another_design(deployed: Deployed, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(deployed("zynq7"), tmp_path / "mixed"))
    handoff = folder / "tiny.hwh"
    handoff.write_text(handoff.read_text().replace("headrace.org:ip:headrace_ip:1.0", "xilinx.com:ip:axi_dma:7.1"))
    assert "tiny.hwh: not what was deployed with build" in on_board(tmp_path, "3.1.2", "refusal.py", folder / "tiny.bit")
    (folder / "deploy.json").unlink()  # as if the design were the user's own
    said = on_board(tmp_path, "3.1.2", "refusal.py", folder / "tiny.bit")
    assert said.startswith("the .hwh file names 0 blocks of headrace.org:ip:headrace_ip:1.0, one is needed; it has: ")
    assert "headrace_ip_0 (xilinx.com:ip:axi_dma:7.1)" in said


def test_a_handoff_file_with_other_addresses(deployed: Deployed, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(deployed("zynq7"), tmp_path / "moved"))
    handoff = folder / "tiny.hwh"
    handoff.write_text(handoff.read_text().replace("0x40000", "0x43C00"))
    (folder / "deploy.json").unlink()
    said = on_board(tmp_path, "3.1.2", "refusal.py", folder / "tiny.bit")
    assert said == "bus error: nothing is at address 0x43C0001C"


def test_more_than_memory_holds(deployed: Deployed, tmp_path: Path) -> None:
    said = on_board(tmp_path, "3.1.2", "refusal.py", deployed("zynq7") / "tiny.bit", 100_000)
    assert re.match(r"cannot allocate [\d,]+ bytes for a batch \(.*\); choose a smaller batch_size", said)


@pytest.mark.parametrize("name", ["tiny.hwh", "manifest.json", "weights.npz"])
def test_a_missing_file(name: str, deployed: Deployed, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(deployed("zynq7"), tmp_path / "cut"))
    (folder / name).unlink()
    said = on_board(tmp_path, "3.1.2", "refusal.py", folder / "tiny.bit")
    assert name in said


def test_a_bitstream_of_no_simulated_board(deployed: Deployed, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(deployed("zynq7"), tmp_path / "real"))
    (folder / "tiny.bit").write_bytes(bytes(1000))
    assert "tiny.bit: not what was deployed with build" in on_board(tmp_path, "3.1.2", "refusal.py", folder / "tiny.bit")
    (folder / "deploy.json").unlink()
    said = on_board(tmp_path, "3.1.2", "refusal.py", folder / "tiny.bit")
    assert "tiny.bit: no bitstream of the simulated board" in said
    assert "headrace deploy BUILD --simulated --to DIR" in said


@pytest.mark.deep
def test_cellnet(deployed: Deployed, tmp_path: Path) -> None:
    folder = deployed("zynq7", "cellnet")
    frames = save_frames(folder, tmp_path)
    on_board(tmp_path, "3.1.2", "overlay.py", folder / "cellnet.bit", frames, seconds=1200)
    assert_golden(folder, frames)
