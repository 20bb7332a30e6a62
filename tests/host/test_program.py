# SPDX-License-Identifier: Apache-2.0
"""The integer program: execution, inner tensors, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from headrace_host import golden
from headrace_host.accelerator import ProgramRunner
from headrace_host.errors import HostError
from headrace_host.program import Program
from nets import NetBuilder
from random_nets import random_network

from headrace.ir.graph import to_program
from headrace.passes.requantize import requantize
from headrace.passes.simplify import simplify


def small() -> Program:
    """quantize(conv(image)), whose input is reused by a second head."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((5, 6, 3))
    first = net.quantize(net.conv(x, 4, (3, 3), pad=(1, 1, 1, 1)), 0, 15)
    second = net.max_pool(x, (2, 2), (2, 2))
    return Program(*to_program(requantize(net.graph(first, second))[0]))


def save(program: Program, folder: Path) -> None:
    (folder / "program.json").write_text(json.dumps(program.spec))
    np.savez_compressed(folder / "weights.npz", **program.arrays)  # type: ignore[arg-type]


def image(frames: int = 2) -> golden.IntArray:
    return np.random.default_rng(1).integers(0, 256, (frames, 5, 6, 3))


def test_runs_node_by_node() -> None:
    program, x = small(), image()
    outputs = program.run({"image0": x})
    conv, quantizer, _ = program.spec["nodes"]
    acc = golden.conv2d(x, program.arrays["n0_conv.weight"], pad=(1, 1, 1, 1))
    a, name = quantizer["attrs"], quantizer["name"]
    expected = golden.requant(acc, program.arrays[f"{name}.mul"], program.arrays[f"{name}.add"], a["shift"], a["lo"], a["hi"])
    np.testing.assert_array_equal(outputs[quantizer["outputs"][0]], expected)
    assert set(outputs) == set(program.spec["outputs"])
    kept = program.run({"image0": x}, keep=[conv["outputs"][0], "image0"])
    np.testing.assert_array_equal(kept[conv["outputs"][0]], acc)
    np.testing.assert_array_equal(kept["image0"], x)


@pytest.mark.parametrize("seed", range(12))
def test_values_stay_within_the_declared_ranges(seed: int) -> None:
    """Interval analysis promises a range for every tensor of the graph; the hardware's widths rest on it."""
    graph = requantize(simplify(random_network(seed, steps=8)))[0]
    program = Program(*to_program(graph))
    rng = np.random.default_rng(seed)
    for extreme in (False, True):
        feeds = {}
        for name in graph.inputs:
            t = graph.tensors[name]
            shape = (3, *t.shape)
            feeds[name] = rng.choice([t.lo, t.hi], shape) if extreme else rng.integers(t.lo, t.hi + 1, shape)
        values = program.run(feeds, keep=graph.tensors)
        assert set(values) == set(graph.tensors)
        for name, x in values.items():
            tensor = graph.tensors[name]
            assert x.shape == (3, *tensor.shape)
            assert tensor.lo <= int(x.min()) <= int(x.max()) <= tensor.hi, name


def test_frames_of_a_batch_do_not_meet() -> None:
    program, x = small(), image(3)
    together = program.run({"image0": x})
    for i in range(3):
        for name, value in program.run({"image0": x[i : i + 1]}).items():
            np.testing.assert_array_equal(value[0], together[name][i])


def test_saved_and_loaded_it_computes_the_same(tmp_path: Path) -> None:
    program = small()
    save(program, tmp_path)
    for name, value in Program.load(tmp_path).run({"image0": image()}).items():
        np.testing.assert_array_equal(value, program.run({"image0": image()})[name])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 5, 6), np.uint8), r"shape \(2, 5, 6\); the network needs \(N, 5, 6, 3\)"),
        (np.zeros((1, 6, 5, 3), np.uint8), "has shape"),
        (np.zeros((1, 5, 6, 3), np.float32), "float32 values; the network reads integers"),
        (np.full((1, 5, 6, 3), 256), r"spans \[256, 256\]; the network reads \[0, 255\]"),
        (np.full((1, 5, 6, 3), -1), r"reads \[0, 255\]"),
    ],
)
def test_refuses_inputs_that_do_not_fit(x: golden.IntArray, message: str) -> None:
    with pytest.raises(HostError, match=message):
        small().run({"image0": x})


def test_names_a_missing_input() -> None:
    with pytest.raises(HostError, match="input 'image0' is missing"):
        small().run({})


def test_an_empty_batch_gives_empty_outputs() -> None:
    outputs = small().run({"image0": np.zeros((0, 5, 6, 3), np.uint8)})
    assert [len(v) for v in outputs.values()] == [0, 0]


@pytest.mark.parametrize("damage", ["no program", "no weights", "cut weights", "no JSON", "empty weights"])
def test_damaged_files_are_named(damage: str, tmp_path: Path) -> None:
    save(small(), tmp_path)
    program, weights = tmp_path / "program.json", tmp_path / "weights.npz"
    match damage:
        case "no program":
            program.unlink()
        case "no weights":
            weights.unlink()
        case "cut weights":
            weights.write_bytes(weights.read_bytes()[:200])
        case "no JSON":
            program.write_text("{")
        case _:
            weights.write_bytes(b"")
    with pytest.raises(HostError, match=f"{tmp_path}: no usable program"):
        Program.load(tmp_path)


def test_runner_shows_shapes_and_scales() -> None:
    runner = ProgramRunner(small())
    assert runner.input_shape == (1, 5, 6, 3)
    assert [output.shape for output in runner.outputs.values()] == [(5, 6, 4), (2, 3, 3)]
    assert set(runner.run(image())) == set(runner.outputs)


def test_runner_needs_one_input() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    both = net.concat(net.input((2, 2, 1)), net.input((2, 2, 1)))
    with pytest.raises(HostError, match="2 inputs"):
        ProgramRunner(Program(*to_program(net.graph(both))))
