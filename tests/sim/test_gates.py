# SPDX-License-Identifier: Apache-2.0
"""Gating networks: one branch waits for numbers that the whole frame decides, and the pace does not suffer."""

from __future__ import annotations

from pathlib import Path

from network_check import check, folds_for
from qonnx_file import QonnxFile

from headrace.build.fifo_sizing import size_fifos
from headrace.compile import lower
from headrace.ir.graph import Graph
from headrace.operators.elementwise import Pointwise

H, W, C = 6, 7, 6


def gated(folder: Path) -> Graph:
    """Squeeze and excite (a gate for each channel, from all pixels), then a gate for each pixel, from all channels."""
    f = QonnxFile(shape=(1, 3, H, W))
    x = f.quant(f.node("Relu", f.conv(f.image(), f.weight((C, 3, 3, 3)), pads=[1, 1, 1, 1])), 2.0**-3, bits=4.0, signed=0)
    squeezed = f.quant(f.node("GlobalAveragePool", x), 2.0**-3, bits=4.0, signed=0)
    hidden = f.quant(f.node("Relu", f.conv(squeezed, f.weight((3, C, 1, 1)))), 2.0**-2, bits=4.0, signed=0)
    gate = f.quant(f.node("Sigmoid", f.conv(hidden, f.weight((C, 3, 1, 1)))), 2.0**-4, bits=4.0, signed=0)
    excited = f.quant(f.node("Mul", x, gate), 2.0**-4, bits=5.0, signed=0)
    pixels = f.quant(
        f.node("HardSigmoid", f.conv(excited, f.weight((1, C, 3, 3)), pads=[1, 1, 1, 1])), 2.0**-3, bits=3.0, signed=0
    )
    return lower(f.save(folder / "gated.onnx", f.node("Add", f.node("Mul", pixels, excited), x))).graph


def test_gates_keep_the_pace(tmp_path: Path) -> None:
    graph = gated(tmp_path)
    products = [n for n in graph.nodes if isinstance(n.op, Pointwise) and n.op.expression[0] == "mul"]
    assert len(products) == 2
    assert [node.op.kind for node in graph.nodes].count("upsample") == 1
    folds = folds_for(graph, 0.1)
    check(graph, folds, tmp_path, seed=1)
    first = products[0].name
    waiting = next(depth for key, depth in size_fifos(graph, folds).depths.items() if key.endswith(f"->{first}.0"))
    beats = H * W * -(-C // folds[first].lanes)
    assert beats <= waiting <= 2 * beats, f"{waiting} beats wait for the gate, a frame has {beats}"
