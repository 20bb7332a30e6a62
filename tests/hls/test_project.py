# SPDX-License-Identifier: Apache-2.0
"""The Vitis HLS project of a build: what is in it, how it reads, that its testbench runs and finds faults."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import files_of
from headrace_host.manifest import MANIFEST
from headrace_host.program import Program
from hls_check import check_kernels, compile_testbench
from hls_golden import SHOWN, stored
from nets import NetBuilder, lowered
from network_check import check, folds_for

from headrace.backend.design import build_design
from headrace.boards import load_board
from headrace.compile import Goal, HlsOptions, compile_model
from headrace.ir.graph import to_program

MAX_LINES = 200


NAMES = (
    "size_t",
    "timezone",
    "assert",
    "headrace",
    "kernels",
    "ap_int",
    "main",
    "errno",
    "frames",
    "in",
    "out",
    "hls",
    "stream",
)


def test_layers_may_be_called_as_anything_else(tmp_path: Path) -> None:
    """As types, functions and macros of C++ and its library, and as the project's own names."""
    net = NetBuilder(np.random.default_rng(5))
    x = net.input((6, 5, 2))
    for _ in range(len(NAMES) // 2 + 1):
        x = net.quantize(net.conv(x, 2, (1, 1)), 0, 7)
    graph = lowered(net.graph(x))
    names = dict(zip((node.name for node in graph.nodes), NAMES, strict=False))
    graph = replace(graph, nodes=tuple(replace(node, name=names.get(node.name, node.name)) for node in graph.nodes))
    assert {node.name for node in graph.nodes} >= set(NAMES)
    feeds = {
        n: np.random.default_rng(1).integers(t.lo, t.hi + 1, (2, *t.shape)) for n in graph.inputs for t in [graph.tensors[n]]
    }
    folds = folds_for(graph, 0.1)
    check_kernels(graph, build_design(graph, folds), feeds, Program(*to_program(graph)).run(feeds))
    check(graph, folds, tmp_path, seed=1, stalls=((0.3, 1),), layers=NAMES[:5])


def test_the_testbench_agrees_and_finds_a_wrong_word(hls_build: Path, tmp_path: Path) -> None:
    hls = hls_build / "hls"
    testbench = compile_testbench(hls, tmp_path)
    done = subprocess.run([testbench, hls / "data"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "bit-exact: 2 frames" in done.stdout
    outputs = [p for p in (hls / "data").glob("*.bin") if not p.name.startswith("in_")]
    spoiled = bytearray(outputs[0].read_bytes())
    spoiled[4] ^= 1
    outputs[0].write_bytes(bytes(spoiled))
    done = subprocess.run([testbench, hls / "data"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r"word 1 of \d+ \(frame 0\) is .*, golden", done.stdout)
    outputs[0].unlink()
    done = subprocess.run([testbench, hls / "data"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot read" in done.stderr


def test_files_are_short_and_named_in_the_scripts(pristine_hls_build: Path) -> None:
    hls = pristine_hls_build / "hls"
    for path in hls.rglob("*"):
        if path.suffix in (".cpp", ".hpp", ".tcl", ".cfg", ".md") and path.parent.name != "tables":
            assert len(path.read_text().splitlines()) <= MAX_LINES, path
    sources = {p.name for p in hls.glob("*.cpp")} - {"testbench.cpp"}
    assert set(re.findall(r"^syn\.file=(.+)$", (hls / "hls_config.cfg").read_text(), re.MULTILINE)) == sources
    (listed,) = re.findall(r"foreach source \{(.+)\} \{", (hls / "run_hls.tcl").read_text())
    assert set(listed.split()) == sources
    board = load_board("pynq-z2")
    assert f"set_part {board.part}" in (hls / "run_hls.tcl").read_text()
    assert f"part={board.part}" in (hls / "hls_config.cfg").read_text()


def test_a_layer_is_found_by_its_name(pristine_hls_build: Path) -> None:
    """Each engine but FIFOs has a file of its name, which names the header that holds its loops."""
    manifest = json.loads((pristine_hls_build / MANIFEST).read_text())
    hls = pristine_hls_build / "hls"
    for engine in manifest["engines"]:
        if engine["module"] != "stream_fifo":
            (header,) = re.findall(r'#include "(headrace/\w+\.hpp)"', (hls / "kernels" / f"{engine['name']}.hpp").read_text())
            assert "#pragma HLS pipeline II=1 style=flp" in (hls / header).read_text()


@pytest.mark.parametrize("name", SHOWN)
def test_generated_files_read_as_stored(name: str, pristine_hls_build: Path) -> None:
    text = (pristine_hls_build / "hls" / name).read_text()
    assert text == stored(name).read_text()


def test_the_same_model_gives_the_same_bytes(pristine_hls_build: Path, small_model: Path, tmp_path: Path) -> None:
    compile_model(small_model, load_board("pynq-z2"), tmp_path / "small", Goal(fps=200_000), hls=HlsOptions())
    assert files_of(tmp_path / "small") == files_of(pristine_hls_build)


def test_the_manifest_says_what_was_not_done(pristine_hls_build: Path) -> None:
    manifest = json.loads((pristine_hls_build / MANIFEST).read_text())
    hls = manifest["hls"]
    assert hls["synthesised"] is False
    assert hls["top"] == "headrace_top"
    assert hls["interval_cycles"] <= 1.01 * manifest["performance"]["interval_cycles"]
    assert all((pristine_hls_build / "hls" / source).is_file() for source in hls["sources"])
    assert "Synthesis was not run" in (pristine_hls_build / "hls/README.md").read_text()
