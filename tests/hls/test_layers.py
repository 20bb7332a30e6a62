# SPDX-License-Identifier: Apache-2.0
"""Layers of C++ kernels in networks of RTL: in simulation, in synthesis' eyes, and their projects."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from deep import deep_but
from headrace_host.manifest import MANIFEST
from hls_check import compile_testbench
from hls_golden import LAYER_FILES, LAYERS, stored
from nets import lowered
from network_check import check, random_folds
from random_nets import random_network

from headrace.backend.rtl import NETWORK
from headrace.build.toolenv import verilator_command, verilator_env
from headrace.errors import BuildError
from headrace.hls.layer import MAX_AXIS_BITS, hls_layers, mixed_design
from headrace.ir.graph import Graph
from headrace.operators import fold_options, map_node


def mixed(seed: int) -> Graph:
    return lowered(random_network(seed, steps=4))


@pytest.mark.parametrize("seed", deep_but([18], [1, 8, 9, 12, 16, 18, 19, 22]))
def test_every_layer_may_be_kernels(seed: int, tmp_path: Path) -> None:
    """Split, joined and moved streams, several outputs: all layers, under stalls, at the pace of the slowest engine."""
    graph = mixed(seed)
    check(graph, random_folds(graph, seed), tmp_path, seed, layers=[node.name for node in graph.nodes])


@pytest.mark.deep
@pytest.mark.parametrize("seed", [7, 11, 16, 19])
def test_some_layers_may_be_kernels(seed: int, tmp_path: Path) -> None:
    graph = mixed(seed)
    check(graph, random_folds(graph, seed), tmp_path, seed, layers=[node.name for node in graph.nodes][seed % 2 :: 2])


def test_their_cycles_are_counted() -> None:
    """A line buffer of kernels fills anew in each frame, which takes longer than in the engine that goes on."""
    graph = mixed(0)
    folds = random_folds(graph, 0)
    (deform,) = (node.name for node in graph.nodes if node.op.kind == "deform_depthwise")
    (layer,) = hls_layers(mixed_design(graph, folds, layers=[deform]))
    slowest = max(engine.cycles for engine in layer.chain)
    assert slowest < layer.cycles < 2 * slowest


def test_refuses_what_is_not_there_or_too_wide() -> None:
    graph = mixed(7)
    folds = dict(random_folds(graph, 7))
    first = graph.nodes[0]
    with pytest.raises(
        BuildError, match=rf"--hls {first.name}x: there is no such layer; there are \d+, among them {first.name}"
    ):
        mixed_design(graph, folds, layers=[f"{first.name}x"])
    wide = replace(folds[first.name], pe=1 + MAX_AXIS_BITS // map_node(graph, first, fold_options(graph, first)[0]).out_bits)
    with pytest.raises(BuildError, match=rf"--hls {first.name}: a beat has \d+ bits, an AXI4-Stream 4096 at most"):
        mixed_design(graph, {**folds, first.name: wide}, layers=[first.name])


def stub(layer: dict[str, object]) -> str:
    """The ports that Vitis HLS gives the IP, and nothing behind them."""
    ports = [
        "input ap_clk",
        "input ap_rst_n",
        "input ap_start",
        "output ap_done",
        "output ap_idle",
        "output ap_ready",
        "input ap_continue",
    ]
    for side, ways in (("inputs", ("input", "output")), ("outputs", ("output", "input"))):
        for n, stream in enumerate(layer[side]):  # type: ignore[var-annotated,arg-type]
            top = -(-stream["lanes"] * stream["bits"] // 8) * 8 - 1
            name = f"{side[:-1].removesuffix('put')}{n}"
            ports += [f"{ways[0]} [{top}:0] {name}_TDATA", f"{ways[0]} {name}_TVALID", f"{ways[1]} {name}_TREADY"]
    return f"(* blackbox *) module {layer['top']}_0 ({', '.join(ports)}); endmodule\n"


@pytest.mark.parametrize("synthesis", [False, True])
def test_their_modules_are_lint_clean(synthesis: bool, pristine_mixed_build: Path, tmp_path: Path) -> None:
    manifest = json.loads((pristine_mixed_build / MANIFEST).read_text())
    stubs = tmp_path / "ip.sv"
    waived = "/* verilator lint_off UNUSED */\n/* verilator lint_off UNDRIVEN */\n"
    stubs.write_text(waived + "".join(map(stub, manifest["hls"]["layers"])))
    sources = [str(pristine_mixed_build / "rtl" / name) for name in manifest["rtl"]["sources"]]
    command = [*verilator_command(), "--lint-only", "-Wall", "-Wno-DECLFILENAME", "--no-timing", "--top-module", NETWORK]
    if synthesis:
        command += ["-DSYNTHESIS", str(stubs)]
    done = subprocess.run([*command, *sources], env=verilator_env(), capture_output=True, text=True, check=False)
    found = [line for line in done.stderr.splitlines() if line.startswith("%") and "Exiting due to" not in line]
    assert [line for line in found if "_hls.sv" in line or "ip.sv" in line or line.startswith("%Error")] == []


def test_the_projects_testbench_agrees_and_finds_a_wrong_word(mixed_build: Path, tmp_path: Path) -> None:
    for layer in json.loads((mixed_build / MANIFEST).read_text())["hls"]["layers"]:
        folder = mixed_build / "hls" / layer["name"]
        (tmp_path / layer["name"]).mkdir()
        testbench = compile_testbench(folder, tmp_path / layer["name"])
        done = subprocess.run([testbench, folder / "data"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert "bit-exact: 2 frames" in done.stdout
        expected = folder / "data" / "out0.bin"
        spoiled = bytearray(expected.read_bytes())
        spoiled[-1] ^= 1
        expected.write_bytes(bytes(spoiled))
        done = subprocess.run([testbench, folder / "data"], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert re.search(r"out0: word (\d+) of \d+ \(frame 1\) is .*, golden", done.stdout)


@pytest.mark.parametrize("name", LAYER_FILES)
def test_generated_files_read_as_stored(name: str, pristine_mixed_build: Path) -> None:
    assert (pristine_mixed_build / name).read_text() == stored(name).read_text()


def test_the_manifest_and_the_scripts_name_what_is_there(pristine_mixed_build: Path) -> None:
    manifest = json.loads((pristine_mixed_build / MANIFEST).read_text())
    hls = manifest["hls"]
    assert [layer["name"] for layer in hls["layers"]] == list(LAYERS)
    assert hls["synthesised"] is False
    for layer in hls["layers"]:
        folder = pristine_mixed_build / "hls" / layer["name"]
        assert f"{layer['module']}.sv" in manifest["rtl"]["sources"]
        assert f"set_top {layer['top']}\n" in (folder / "run_hls.tcl").read_text()
        assert f"void {layer['top']}(" in (folder / "top.cpp").read_text()
        assert all((folder / source).is_file() for source in layer["sources"])
        assert "Synthesis was not run" in (folder / "README.md").read_text()
