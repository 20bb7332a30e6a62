# SPDX-License-Identifier: Apache-2.0
"""Imported Brevitas networks against torch and against qonnx's own execution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from executions import Real, integer_run, pixels_for, qonnx_run
from headrace_models.export import export_network
from torch_nets import exact_net, export_plain, float_net

from headrace.compile import Lowered, lower
from headrace.ir.graph import to_program

RARE = 0.01
"""Largest share of values that float32 may round differently."""


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
