# SPDX-License-Identifier: Apache-2.0
"""Leaky ReLUs of many unlike channels: two requantizers and their maximum, equal to the thresholds that they replace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executions import qonnx_run
from headrace_host.program import Program
from qonnx_file import QonnxFile

from headrace.frontend.importer import import_model
from headrace.ir.graph import Graph, to_program
from headrace.ir.ops import Requant, Tabulate
from headrace.operators.elementwise import Pointwise
from headrace.operators.tables import Thresholds
from headrace.passes.requantize import requantize

CHANNELS = 24


def network(path: Path, op: str, *, bits: float = 8.0, zero: float = 0.0, scale: Any = None, **attrs: Any) -> Graph:
    """A convolution with a scale per channel and a bias, the function, a quantizer."""
    f = QonnxFile()
    scales = 2.0 ** -np.arange(3, 6)[np.arange(CHANNELS) % 3] if scale is None else scale
    conv = f.conv(f.image(), f.weight((CHANNELS, 3, 3, 3), scale=scales.reshape(-1, 1, 1, 1)), pads=[1, 1, 1, 1])
    x = f.node("Add", conv, f.constant(np.linspace(-1, 1, CHANNELS).reshape(1, -1, 1, 1)))
    slopes = np.linspace(-0.5, 1, CHANNELS).reshape(-1, 1, 1)
    constants = [f.constant(slopes)] if op == "PRelu" else []
    y = f.quant(f.node(op, x, *constants, **attrs), 2.0**-6, bits=bits, zero=zero)
    return import_model(f.save(path, y)).graph


def run(graph: Graph, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    (result,) = Program(*to_program(graph)).run({graph.inputs[0]: pixels}).values()
    return result


@pytest.mark.parametrize(("op", "zero"), [("LeakyRelu", 0.0), ("LeakyRelu", 5.0), ("PRelu", 0.0), ("Abs", 0.0)])
def test_equals_the_thresholds(op: str, zero: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attrs = {"alpha": 0.125} if op == "LeakyRelu" else {}
    imported = network(tmp_path / "model.onnx", op, zero=zero, **attrs)
    split, certificates = requantize(imported)
    assert [type(n.op) for n in split.nodes[1:]] == [Requant, Requant, Pointwise]
    assert len(certificates) == 2
    assert all(c.exact for c in certificates)
    monkeypatch.setattr("headrace.passes.split_slopes.MEMORY_BITS", 1 << 40)
    searched, _ = requantize(imported)
    assert [type(n.op) for n in searched.nodes[1:]] == [Thresholds]
    kind = imported.tensors[imported.inputs[0]]
    pixels = np.random.default_rng(0).integers(kind.lo, kind.hi + 1, (20, *kind.shape))
    np.testing.assert_array_equal(run(split, pixels), run(searched, pixels))


def test_equals_onnxruntime(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    graph, _ = requantize(network(path, "LeakyRelu", alpha=0.1))
    kind = graph.tensors[graph.inputs[0]]
    pixels = np.random.default_rng(1).integers(kind.lo, kind.hi + 1, (3, *kind.shape))
    x = (pixels * np.float32(kind.scale[0])).astype(np.float32).transpose(0, 3, 1, 2)
    (theirs,) = qonnx_run(path, x)
    steps = run(graph, pixels).transpose(0, 3, 1, 2) - theirs * 2.0**6
    assert len(np.unique(theirs)) > 50
    assert np.abs(steps).max() <= 1
    assert np.mean(steps != 0) < 0.002


def test_few_levels_steep_slopes_and_inexact_multipliers_keep_their_thresholds(tmp_path: Path) -> None:
    odd = np.random.default_rng(0).uniform(1e-4, 1e-3, CHANNELS)
    cases = [network(tmp_path / "few.onnx", "LeakyRelu", bits=5.0), network(tmp_path / "steep.onnx", "LeakyRelu", alpha=1.5)]
    for graph in cases:
        assert any(isinstance(n.op, Tabulate) for n in graph.nodes)
        assert any(isinstance(n.op, Thresholds) for n in requantize(graph)[0].nodes)
    fine = network(tmp_path / "fine.onnx", "LeakyRelu", bits=12.0, scale=odd)
    kinds = {type(n.op) for n in requantize(fine)[0].nodes}
    assert (Pointwise in kinds) != (Thresholds in kinds)
