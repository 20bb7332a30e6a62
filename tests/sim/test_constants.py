# SPDX-License-Identifier: Apache-2.0
"""Constant maps as streams: added, multiplied, joined and as the divisors of means at borders, Verilated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from network_check import check, folds_for, random_folds
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.ir.graph import Graph


def with_constants(folder: Path) -> Graph:
    """A position embedding, a mask of one channel, coordinates beside the channels, and a mean whose border is not counted."""
    rng = np.random.default_rng(0)
    f = QonnxFile(shape=(1, 3, 5, 6))
    x = f.quant(f.conv(f.image(), f.weight((5, 3, 3, 3)), pads=[1, 1, 1, 1]), 2.0**-2, bits=5.0)
    embedded = f.quant(f.node("Add", x, f.constant(rng.normal(size=(1, 5, 5, 6)))), 2.0**-1, bits=5.0)
    masked = f.node("Mul", embedded, f.constant(rng.random((1, 1, 5, 6)) < 0.6))
    coordinates = np.stack(np.broadcast_arrays(np.arange(5)[:, None] - 2, np.arange(6) - 3))[None] / 2
    joined = f.node("Concat", f.constant(coordinates[:, :1]), masked, f.constant(coordinates[:, 1:]), axis=1)
    mean = f.quant(f.node("AveragePool", joined, kernel_shape=[3, 3], pads=[1, 1, 1, 1]), 2.0**-1, bits=5.0)
    head = f.quant(f.conv(joined, f.weight((4, 7, 1, 1))), 2.0**-2)
    return lower(f.save(folder / "net.onnx", mean, head)).graph


def test_folded_at_random(tmp_path: Path) -> None:
    graph = with_constants(tmp_path)
    kinds = [node.op.kind for node in graph.nodes]
    assert kinds.count("constant") == 5
    check(graph, random_folds(graph, 2), tmp_path, 0)


@pytest.mark.deep
def test_folded_for_a_board(tmp_path: Path) -> None:
    graph = with_constants(tmp_path)
    check(graph, folds_for(graph, 0.05), tmp_path, 1)
