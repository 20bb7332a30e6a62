# SPDX-License-Identifier: Apache-2.0
"""Whole programs on the CPU path: equal to the reference, in slices, from several threads, and as picky about inputs."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdq_nets
from cpu_check import check_program, feeds_of, layers_of
from headrace_host.accelerator import Accelerator
from headrace_host.cpu import PlannedProgram, executor, finish, memory
from headrace_host.cpu import planner as planning
from headrace_host.errors import HostError
from headrace_host.program import Program
from nets import NetBuilder
from random_nets import random_network

from headrace.compile import lower
from headrace.ir.graph import to_program
from headrace.models import resolve_model
from headrace.operators.constant import Constant
from headrace.passes.requantize import requantize
from headrace.passes.simplify import simplify

Array = np.ndarray[Any, Any]


def program_of(net: NetBuilder, *outputs: str) -> Program:
    return Program(*to_program(requantize(net.graph(*outputs))[0]))


def small(inputs: int = 1) -> Program:
    """Depthwise and dense layers with padding, two heads."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.concat(*(net.input((9, 7, 3)) for _ in range(inputs))) if inputs > 1 else net.input((9, 7, 3))
    y = net.quantize(net.conv(x, 8, (3, 3), pad=(1, 1, 1, 1)), 0, 255)
    z = net.quantize(net.conv(y, 0, (3, 3), pad=(1, 1, 1, 1), depthwise=True), 0, 255)
    return program_of(net, net.quantize(net.conv(z, 5), -8, 7), net.quantize(net.add(y, z), 0, 15))


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operator, small maps and large ones: all thresholds between kinds of memory and kernels are moved about."""
    monkeypatch.setattr(finish, "TILE", (1 << 16, 500, 3000)[seed % 3])
    monkeypatch.setattr(memory, "CLEARED", (1 << 15, 60)[seed % 2])
    monkeypatch.setattr(planning, "NARROW_ELEMENTS", (4096, 1)[seed // 2 % 2])
    graph = requantize(simplify(random_network(seed, steps=10)))[0]
    check_program(Program(*to_program(graph)), frames=3, seed=seed)


def test_cellnet_has_a_kernel_for_each_layer() -> None:
    program = Program(*to_program(lower(resolve_model("cellnet")).graph))
    assert "Reference" not in layers_of(program)
    planned, x = PlannedProgram(program), feeds_of(program, 3, 7)
    expected, got = program.run(x), planned.run(x)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)
        assert got[name].dtype == value.dtype


@pytest.mark.parametrize("name", qdq_nets.NETS)
@pytest.mark.parametrize("options", [{}, {"signed_input": True, "per_channel": True}])
def test_networks_of_8_bit_weights(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Of onnxruntime's quantizer: zero points, factors of 24 bits."""
    check_program(Program(*to_program(lower(qdq_nets.quantized(tmp_path / "net.onnx", name, 1, **options)).graph)), frames=5)


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 16, 37])
def test_slices_of_a_batch(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "MAX_FRAMES", 8)
    check_program(small(), frames=frames)


def test_an_empty_batch_gives_empty_outputs() -> None:
    outputs = PlannedProgram(small()).run({"image0": np.zeros((0, 9, 7, 3), np.uint8)})
    assert [v.shape for v in outputs.values()] == [(0, 9, 7, 5), (0, 9, 7, 8)]


def test_memory_does_not_grow_with_the_batch() -> None:
    """The outputs aside, which are small here."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.quantize(net.conv(net.input((64, 64, 1)), 16, (3, 3), pad=(1, 1, 1, 1)), 0, 255)
    planned = PlannedProgram(program_of(net, net.max_pool(net.quantize(net.conv(x, 1), 0, 15), (64, 64), (1, 1))))
    planned.run({"image0": np.zeros((8, 64, 64, 1), np.uint8)})
    batch = np.zeros((500, 64, 64, 1), np.uint8)
    tracemalloc.start()
    planned.run({"image0": batch})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 64 * 64 * 16 * 16


def test_threads_do_not_meet() -> None:
    """One program from several threads, on different frames at the same time."""
    program = small()
    planned, batches = PlannedProgram(program), [feeds_of(program, 1 + seed % 5, seed) for seed in range(40)]
    expected = [program.run(feeds) for feeds in batches]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for got, wanted in zip(pool.map(planned.run, batches), expected, strict=True):
                for name, value in wanted.items():
                    np.testing.assert_array_equal(got[name], value)


def test_two_programs_do_not_meet() -> None:
    first, second = small(), small()
    x, y = feeds_of(first, 2, 0), feeds_of(first, 2, 1)
    planned = [PlannedProgram(first), PlannedProgram(second)]
    results = [planned[k % 2].run((x, y)[k % 2]) for k in range(4)]
    for got, again, feeds in ((results[0], results[2], x), (results[1], results[3], y)):
        for name, value in first.run(feeds).items():
            np.testing.assert_array_equal(got[name], value)
            np.testing.assert_array_equal(again[name], value)


def test_results_stay_when_the_next_batch_is_run() -> None:
    program = small()
    planned, x, y = PlannedProgram(program), feeds_of(program, 1, 0), feeds_of(program, 1, 1)
    before = planned.run(x)
    kept = {name: value.copy() for name, value in before.items()}
    planned.run(y)
    for name, value in before.items():
        np.testing.assert_array_equal(value, kept[name])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_takes_every_type_and_layout_and_leaves_it_alone(dtype: type) -> None:
    program = small()
    x: Array = feeds_of(program, 2, 3)["image0"].astype(dtype)
    turned = np.asfortranarray(x)[::-1]
    kept = turned.copy()
    got, expected = PlannedProgram(program).run({"image0": turned}), program.run({"image0": turned})
    np.testing.assert_array_equal(turned, kept)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 9, 7), np.uint8), r"shape \(2, 9, 7\); the network needs \(N, 9, 7, 3\)"),
        (np.zeros((1, 9, 7, 3), np.float32), "float32 values; the network reads integers"),
        (np.full((1, 9, 7, 3), 256), r"spans \[256, 256\]; the network reads \[0, 255\]"),
        (np.full((1, 9, 7, 3), -1, np.int8), r"reads \[0, 255\]"),
    ],
)
def test_refuses_what_the_reference_refuses(x: Array, message: str) -> None:
    for run in (small().run, PlannedProgram(small()).run):
        with pytest.raises(HostError, match=message):
            run({"image0": x})
        with pytest.raises(HostError, match="input 'image0' is missing"):
            run({})


def test_inputs_have_the_same_number_of_frames() -> None:
    feeds = {"image0": np.zeros((2, 9, 7, 3), np.uint8), "image1": np.zeros((3, 9, 7, 3), np.uint8)}
    with pytest.raises(HostError, match="the inputs hold 2 and 3 frames; they need the same number"):
        PlannedProgram(small(2)).run(feeds)


def test_constants_survive_other_layers() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.quantize(net.conv(net.input((6, 5, 3)), 4), 0, 255)
    table = net.rng.integers(-9, 9, (6, 5, 4))
    c = net.emit(Constant(value=table), (), (6, 5, 4), -9, 8)
    y = net.quantize(net.add(net.quantize(net.conv(x, 4), 0, 255), c), -128, 127)
    check_program(program_of(net, y), frames=5)


def test_an_input_may_be_an_output_and_be_read_twice() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((4, 5, 3))
    y = net.add(x, x, 3, 2)
    check_program(program_of(net, x, net.quantize(y, 0, 255)))


def test_a_failed_run_leaves_the_program_usable() -> None:
    """Steps that were interrupted are thrown away with their memory."""
    program = small()
    planned, x = PlannedProgram(program), feeds_of(small(), 1, 0)
    planned.run(x)
    (bound,) = planned._idle[1]
    bound.steps.insert(3, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        planned.run(x)
    for name, value in program.run(x).items():
        np.testing.assert_array_equal(planned.run(x)[name], value)


def test_numpys_settings_are_as_before() -> None:
    size = np.getbufsize()
    planned = PlannedProgram(small())
    planned.run(feeds_of(small(), 1, 0))
    assert np.getbufsize() == size


def test_an_accelerator_runs_the_plan(pristine_build: Path) -> None:
    program = Program.load(pristine_build)
    x = feeds_of(program, 3, 0)
    (name,) = x
    with Accelerator(pristine_build) as first, Accelerator(pristine_build) as second:
        for accelerator in (first, second, first):
            got = accelerator.run(x[name])
            for output, value in program.run(x).items():
                np.testing.assert_array_equal(got[output], value)
