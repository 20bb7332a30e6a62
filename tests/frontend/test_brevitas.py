# SPDX-License-Identifier: Apache-2.0
"""Imported Brevitas networks against torch and against qonnx's own execution."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from headrace_host.program import Program
from headrace_models.export import export_network
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes
from torch_nets import exact_net, export_plain, float_net

from headrace.compile import Lowered, lower
from headrace.ir.graph import to_program

Real = np.ndarray[Any, np.dtype[np.float64]]
RARE = 0.01
"""Largest share of values that float32 may round differently."""


def integer_run(lowered: Lowered, pixels: np.ndarray[Any, Any]) -> list[Real]:
    """The integer program's outputs as real values, NCHW, in the model's order."""
    (name,) = lowered.graph.inputs
    outputs = Program(*to_program(lowered.graph)).run({name: pixels})
    kinds = [lowered.graph.tensors[n] for n in lowered.graph.outputs]
    return [(outputs[k.name] * np.array(k.scale) + np.array(k.offset)).transpose(0, 3, 1, 2) for k in kinds]


def qonnx_run(path: Path, x: np.ndarray[Any, Any]) -> list[Real]:
    """qonnx's execution, frame by frame."""
    model = ModelWrapper(str(path)).transform(InferShapes())
    source = next(i.name for i in model.graph.input if model.get_initializer(i.name) is None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # qonnx infers no shapes through a chunk
        frames = [execute_onnx(model, {source: frame[None]}) for frame in x]
    return [np.concatenate([f[o.name] for f in frames]) for o in model.graph.output]


def pixels_for(lowered: Lowered, frames: int = 3) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Random integers for the network's input, NHWC, and the same as float32, NCHW."""
    tensor = lowered.graph.tensors[lowered.graph.inputs[0]]
    pixels = np.random.default_rng(0).integers(tensor.lo, tensor.hi + 1, (frames, *tensor.shape))
    return pixels, (pixels * np.float32(tensor.scale[0])).astype(np.float32).transpose(0, 3, 1, 2).copy()


def assert_same(lowered: Lowered, computed: list[Real], expected: list[Real]) -> None:
    """Equal where float32 is exact by certificate; otherwise within one step, in rare places."""
    exact = all(c.exact and c.float32_exact for c in lowered.certificates)
    assert len(computed) == len(expected)
    for ours, theirs, name in zip(computed, expected, lowered.graph.outputs, strict=True):
        assert ours.shape == theirs.shape
        assert len(np.unique(ours)) > 3, "a dead network proves nothing"
        node, kind = lowered.graph.producer(name), lowered.graph.tensors[name]
        assert node is not None
        if exact:
            np.testing.assert_array_equal(ours, theirs)
        elif node.op.kind == "requant":
            steps = np.rint((ours - theirs) / kind.scale[0])
            assert np.abs(steps).max() <= 1
            assert np.mean(steps != 0) < RARE
        else:  # an accumulator: a step of its input moves it by a weight
            close = np.isclose(ours, theirs, rtol=1e-5, atol=1e-4 * float(np.abs(theirs).max()))
            assert np.mean(~close) < RARE


@pytest.mark.parametrize(("seed", "dynamo"), [*((s, False) for s in range(14)), (3, True), (20, True), (21, True)])
def test_float_scales_and_unfolded_batch_norms(seed: int, dynamo: bool, tmp_path: Path) -> None:
    hw = (9 + seed % 4, 12 + seed % 3)
    model = float_net(seed, hw)
    path = export_plain(model, tmp_path / "net.onnx", (1, model.stem.in_channels, *hw), dynamo=dynamo)
    lowered = lower(path)
    pixels, x = pixels_for(lowered)
    computed = integer_run(lowered, pixels)
    with torch.no_grad():
        expected = [y.numpy().astype(np.float64) for y in model(torch.from_numpy(x))]
    assert_same(lowered, computed, expected)
    assert_same(lowered, computed, qonnx_run(path, x))


@pytest.mark.parametrize("seed", range(3))
def test_exact_blocks_are_bit_exact(seed: int, tmp_path: Path) -> None:
    hw = (12 + 4 * seed, 16)
    model = exact_net(seed, hw)
    proto = export_network(model, (1, 3, *hw), ("image",), ("head",))
    path = tmp_path / "net.onnx"
    onnx.save(proto, path)
    lowered = lower(path)
    assert lowered.graph.outputs == ("head",)
    assert all(c.exact and c.float32_exact for c in lowered.certificates)
    pixels, x = pixels_for(lowered)
    computed = integer_run(lowered, pixels)
    with torch.no_grad():
        expected = [model(torch.from_numpy(x)).numpy().astype(np.float64)]
    assert_same(lowered, computed, expected)
    assert_same(lowered, computed, qonnx_run(path, x))


def test_both_exporters_give_one_network(tmp_path: Path) -> None:
    model = float_net(5, (8, 8))
    texts = []
    for dynamo in (True, False):
        shape = (1, model.stem.in_channels, 8, 8)
        graph = lower(export_plain(model, tmp_path / f"{dynamo}.onnx", shape, dynamo=dynamo)).graph
        program, arrays = to_program(graph)
        texts.append([(node["op"], node["attrs"]) for node in program["nodes"]] + [a.tolist() for a in arrays.values()])
    assert texts[0] == texts[1]
