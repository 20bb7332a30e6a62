# SPDX-License-Identifier: Apache-2.0
"""Hardware that is wrong on purpose: `headrace simulate` says where it first differs, and never hangs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headrace_host.errors import HostError
from headrace_host.manifest import MANIFEST, Build, file_digest, seal
from headrace_host.program import Program
from headrace_host.simulator import NetworkSimulator, SimulationError, StreamSpec
from nets import NetBuilder, lowered

from headrace.backend.design import build_design
from headrace.backend.rtl import write_rtl
from headrace.build.fifo_sizing import open_simulator
from headrace.build.verilate import build_simulator, harness_of
from headrace.cli import main
from headrace.feeds import random_frames
from headrace.operators.base import Fold
from headrace.simulation import first_difference

Simulate = Callable[..., tuple[int, str]]


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Simulate:
    """Runs ``headrace simulate``; returns its exit code and standard error."""

    def call(*args: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["headrace", "simulate", *map(str, args), "--json"])
        with pytest.raises(SystemExit) as exit_info:
            main()
        return int(exit_info.value.code or 0), capfd.readouterr().err

    return call


def accept(build: Path, *names: str) -> None:
    """Makes the manifest agree with changed files, so that only the simulation can tell."""
    manifest = json.loads((build / MANIFEST).read_text())
    for name in names:
        manifest["files"][name] = file_digest(build / name)
    (build / MANIFEST).write_text(json.dumps(seal(manifest)))


def flip_lowest_bit(rom: Path, line: int) -> None:
    words = rom.read_text().splitlines()
    words[line] = f"{int(words[line], 16) ^ 1:0{len(words[line])}x}"
    rom.write_text("\n".join(words) + "\n")


def expected_difference(before: Program, after: Program, frames: dict[str, Any], tensor: str) -> str:
    """The message that names where ``tensor`` first differs between two programs, in raster order."""
    golden, wrong = (p.run(frames, keep=[tensor])[tensor] for p in (before, after))
    frame, row, column, channel = np.argwhere(golden != wrong)[0].tolist()
    return (
        f"frame {frame}, pixel ({row}, {column}), channel {channel}: "
        f"golden {golden[frame, row, column, channel]}, simulated {wrong[frame, row, column, channel]}"
    )


def layers(build: Path, op: str) -> list[dict[str, Any]]:
    return [layer for layer in json.loads((build / MANIFEST).read_text())["layers"] if layer["op"] == op]


@pytest.mark.parametrize("index", [0, 1])
def test_a_wrong_weight_is_traced_to_its_layer(index: int, small_build: Path, simulate: Simulate) -> None:
    """Flips weight (0, 0) of output channel 0; the first quantized tensor behind that layer is where it shows."""
    conv = layers(small_build, "conv")[index]
    quantized = next(x for x in layers(small_build, "requant") if x["inputs"] == conv["outputs"])
    rom = small_build / "rtl" / "rom" / f"{conv['name']}.hex"
    before = Program.load(small_build)
    flip_lowest_bit(rom, 0)
    accept(small_build, f"rtl/rom/{rom.name}")
    weights = {name: array.copy() for name, array in before.arrays.items()}
    weights[f"{conv['name']}.weight"][0, 0, 0, 0] ^= 1  # tap 0 of channel 0 is the lowest field of word 0
    after = Program(before.spec, weights)
    frames = random_frames(Build.load(small_build).manifest["inputs"], 2, seed=1)
    code, err = simulate(small_build)
    assert code == 1
    assert err.count("\n") == 1
    shown = {conv["outputs"][0]: conv["name"], quantized["outputs"][0]: quantized["name"]}
    found = re.search(r"first differing layer '(\w+)' \(tensor (\w+), read by \w+\): (.*)", err)
    assert found, err
    assert shown[found[2]] == found[1]
    assert found[3] == expected_difference(before, after, frames, found[2])


def test_a_wrong_requantizer_is_traced_and_layers_before_it_are_not_blamed(small_build: Path, simulate: Simulate) -> None:
    last = layers(small_build, "requant")[-1]
    rom = small_build / "rtl" / "rom" / f"{last['name']}.hex"
    words = rom.read_text().splitlines()
    rom.write_text("\n".join("0" * len(word) for word in words) + "\n")
    accept(small_build, f"rtl/rom/{rom.name}")
    code, err = simulate(small_build, "--stall", "0.3")
    assert code == 1
    assert f"first differing layer '{last['name']}' (tensor {last['outputs'][0]}, read by output)" in err
    assert re.search(r"frame \d+, pixel \(\d+, \d+\), channel \d+: golden -?\d+, simulated 0\n", err)


def test_a_golden_that_is_wrong_shows_as_well(small_build: Path, simulate: Simulate) -> None:
    program = json.loads((small_build / "program.json").read_text())
    first = next(node for node in program["nodes"] if node["op"] == "requant")
    first["attrs"]["hi"] = 1
    (small_build / "program.json").write_text(json.dumps(program))
    accept(small_build, "program.json")
    code, err = simulate(small_build)
    assert code == 1
    assert f"first differing layer '{first['name']}'" in err
    assert re.search(r"golden 1, simulated \d+", err)


def test_hardware_that_swallows_a_beat_is_a_deadlock_and_not_a_hang(small_build: Path, simulate: Simulate) -> None:
    """The stem's quantizer claims to be ready for ever, so beats are lost, and the last frame never ends."""
    top = small_build / "rtl" / "headrace_network.sv"
    text = top.read_text()
    wire = re.search(r"\.ready_o\((t_\w+_ready)\),\n\s+\.data_i\(t_\w+_data\),\n\s+\.valid_o", text)
    assert wire
    lost = re.sub(rf"\.valid_i\({wire[1].replace('_ready', '_valid')}\)", ".valid_i(1'b0)", text)
    assert lost != text
    top.write_text(lost)
    for simulator in (small_build / "sim").glob("*.so"):
        simulator.unlink()
    accept(small_build, "rtl/headrace_network.sv")
    code, err = simulate(small_build)
    assert code == 1
    assert re.search(r"deadlock in cycle \d+: input beats taken \w+ \d+/\d+; output beats given heatmap \d+/\d+, box", err)


def test_a_fifo_too_shallow_for_a_skip_is_a_deadlock(tmp_path: Path) -> None:
    """The short branch of a residual connection must hold the rows for which the long one's window waits."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((8, 8, 2))
    long = net.quantize(net.conv(x, 2, (5, 5), pad=(2, 2, 2, 2)), 0, 255)
    graph = lowered(net.graph(net.add(x, long)))
    folds = {node.name: Fold(lanes=2, taps=1, pe=2) for node in graph.nodes}
    skip = f"{x}->{graph.nodes[-1].name}.0"
    design = build_design(graph, folds, {skip: 64})
    library = build_simulator([tmp_path / name for name in write_rtl(design, tmp_path, "skip")], harness_of(design))
    frames = {x: np.random.default_rng(0).integers(0, 256, (2, 8, 8, 2))}
    with open_simulator(graph, design, library, tmp_path / "rom") as simulator:
        index = next(edge.fifo.index for edge in design.edges if edge.key == skip)
        simulator.run(frames, idle_limit=5_000)
        needed = simulator.fifo_peak(index)
        simulator.limit_fifo(index, needed)
        simulator.run(frames, idle_limit=5_000)
        simulator.limit_fifo(index, 4)
        with pytest.raises(SimulationError, match=rf"deadlock in cycle \d+: input beats taken {x} \d+/128"):
            simulator.run(frames, idle_limit=5_000)
        partial = simulator.run(frames, idle_limit=5_000, partial=True)
        assert partial.frame_ends == ()
        assert partial.cycles < 6_000


def test_differences_are_described_by_pixel_channel_and_values() -> None:
    spec = StreamSpec("t", (2, 3, 5), lanes=2, bits=8, signed=True)
    golden = np.random.default_rng(0).integers(-128, 128, (3, 2, 3, 5))
    assert first_difference(spec, spec.pack(golden), golden) == ""
    wrong = golden.copy()
    wrong[1, 1, 0, 3] = -golden[1, 1, 0, 3] - 1
    wrong[2] = 0
    message = f"frame 1, pixel (1, 0), channel 3: golden {golden[1, 1, 0, 3]}, simulated {wrong[1, 1, 0, 3]}"
    assert first_difference(spec, spec.pack(wrong), golden) == message


def test_a_lane_that_should_be_zero_is_told_apart() -> None:
    spec = StreamSpec("t", (1, 2, 3), lanes=2, bits=8, signed=False)
    golden = np.ones((1, 1, 2, 3), np.int64)
    words = spec.pack(golden)
    words[3, 0] |= 7 << 8
    assert first_difference(spec, words, golden) == "frame 0, pixel (0, 1): a lane beyond channel 2 is not zero"


def test_a_stream_that_broke_off_agrees_as_far_as_it_goes() -> None:
    spec = StreamSpec("t", (2, 2, 1), lanes=1, bits=4, signed=False)
    golden = np.arange(4).reshape(1, 2, 2, 1)
    assert first_difference(spec, spec.pack(golden)[:3], golden) == ""


def test_inputs_of_unlike_lengths_are_refused(pristine_build: Path) -> None:
    build = Build.load(pristine_build)
    inputs, outputs = ([StreamSpec.from_json(e) for e in build.manifest[side]] for side in ("inputs", "outputs"))
    with NetworkSimulator(build.simulator, build.rom_dir, inputs, outputs) as simulator:
        simulator.inputs = (inputs[0], replace(inputs[0], tensor="other"))
        frames = random_frames(build.manifest["inputs"], 2, 0)[inputs[0].tensor]
        with pytest.raises(HostError, match=r"different numbers of frames: \[1, 2\]"):
            simulator.run({inputs[0].tensor: frames, "other": frames[:1]})
