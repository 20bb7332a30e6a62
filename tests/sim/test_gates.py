# SPDX-License-Identifier: Apache-2.0
"""Gating networks: one branch waits for a number that the whole frame decides, and the pace does not suffer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nets import NetBuilder, lowered
from test_random_networks import check, folds_for

from headrace.build.fifo_sizing import size_fifos
from headrace.ir.graph import Graph

H, W, C = 6, 7, 6
PRODUCT = ("mul", ("in", 0), ("in", 1))


def squeeze_and_excite() -> Graph:
    """A gate for each channel, computed from all pixels, then one for each pixel, computed from all channels."""
    net = NetBuilder(rng=np.random.default_rng(3), exact=True)
    x = net.quantize(net.conv(net.input((H, W, 3)), C, (3, 3), (1, 1), (1, 1, 1, 1)), 0, 15)
    squeezed = net.quantize(net.conv(x, 0, (H, W), depthwise=True, bits=2), 0, 15)
    gate = net.quantize(net.conv(net.quantize(net.conv(squeezed, 3), 0, 15), C), 0, 15)
    excited = net.quantize(net.pointwise(PRODUCT, x, gate), -8, 7)
    attention = net.quantize(net.conv(excited, 1, (3, 3), (1, 1), (1, 1, 1, 1)), 0, 3)
    return net.graph(net.pointwise(("add", PRODUCT, ("in", 2)), excited, attention, x))


def test_squeeze_and_excite_keeps_the_pace(tmp_path: Path) -> None:
    graph = lowered(squeeze_and_excite())
    folds = folds_for(graph, 0.1)
    check(graph, folds, tmp_path, seed=1)
    product = next(node for node in graph.nodes if node.op.kind == "pointwise")
    waiting = next(depth for key, depth in size_fifos(graph, folds).depths.items() if key.endswith(f"->{product.name}.0"))
    beats = H * W * -(-C // folds[product.name].lanes)
    assert beats <= waiting <= 2 * beats, f"{waiting} beats wait for the gate, a frame has {beats}"
