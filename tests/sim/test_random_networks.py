# SPDX-License-Identifier: Apache-2.0
"""Whole random networks, Verilated: equal to the golden program in every bit, under any stalls, at the pace they promise."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from nets import lowered, random_network
from network_check import check, folds_for, random_folds
from qonnx_file import QONNX, QonnxFile
from torch_nets import exact_net, export_plain, float_net

from headrace.compile import lower


@pytest.mark.parametrize(("seed", "size"), [(0, 0.03), (12, 0.3), (7, 100.0)])
def test_folded_for_a_board(seed: int, size: float, tmp_path: Path) -> None:
    graph = lowered(random_network(seed, steps=4))
    check(graph, folds_for(graph, size), tmp_path, seed)


@pytest.mark.parametrize("seed", [105, 552, 606])
def test_folded_at_random(seed: int, tmp_path: Path) -> None:
    graph = lowered(random_network(seed, steps=4))
    check(graph, random_folds(graph, seed), tmp_path, seed)


def test_from_brevitas_with_float_scales(tmp_path: Path) -> None:
    model = float_net(6, (9, 13))
    path = export_plain(model, tmp_path / "net.onnx", (1, model.stem.in_channels, 9, 13), dynamo=False)
    graph = lower(path).graph
    check(graph, folds_for(graph, 0.2), tmp_path / "rtl", 0)


def test_with_functions_and_few_levels(tmp_path: Path) -> None:
    """A function of accumulators, one of quantized values, bipolar ones, and a quantizer of two bits."""
    f = QonnxFile(shape=(1, 3, 7, 6))
    x = f.conv(f.image(), f.weight((5, 3, 3, 3)), pads=[1, 1, 1, 1])
    x = f.quant(f.node("Mul", x, f.node("Sigmoid", x)), 2.0**-4, bits=6.0)
    x = f.quant(f.conv(x, f.weight((4, 5, 1, 1))), 0.25, bits=2.0, signed=0)
    x = f.quant(f.node("Elu", f.quant(f.conv(x, f.weight((6, 4, 1, 1))), 0.125)), 0.0625)
    y = f.node("BipolarQuant", f.conv(x, f.weight((4, 6, 3, 3))), f.constant(1.0), domain=QONNX)
    graph = lower(f.save(tmp_path / "net.onnx", f.quant(f.conv(y, f.weight((2, 4, 1, 1))), 0.125))).graph
    assert {"lookup", "thresholds"} <= {node.op.kind for node in graph.nodes}
    check(graph, folds_for(graph, 0.05), tmp_path / "rtl", 0)


def test_from_brevitas_with_exact_blocks(tmp_path: Path) -> None:
    from headrace_models.export import export_network

    path = tmp_path / "net.onnx"
    onnx.save(export_network(exact_net(1, (8, 12)), (1, 3, 8, 12), ("image",), ("head",)), path)
    graph = lower(path).graph
    check(graph, folds_for(graph, 0.1), tmp_path / "rtl", 0)
