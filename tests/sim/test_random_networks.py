# SPDX-License-Identifier: Apache-2.0
"""Whole random networks, Verilated: equal to the golden program in every bit, under any stalls, at the pace they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from deep import deep_but
from nets import NetBuilder, lowered
from network_check import check, folds_for, random_folds
from qonnx_file import QONNX, QonnxFile
from random_nets import random_network
from torch_nets import exact_net, export_plain, float_net

from headrace.compile import lower
from headrace.ir.graph import Graph


@pytest.mark.parametrize(
    "seed_and_size", deep_but([(0, 0.03), (12, 0.3)], [(0, 0.03), (12, 0.3), (7, 3.0), (7, 100.0)]), ids=str
)
def test_folded_for_a_board(seed_and_size: tuple[int, float], tmp_path: Path) -> None:
    seed, size = seed_and_size
    graph = lowered(random_network(seed, steps=4))
    check(graph, folds_for(graph, size), tmp_path, seed, ship=True)


@pytest.mark.parametrize("seed", deep_but([105], [105, 552, 606]))
def test_folded_at_random(seed: int, tmp_path: Path) -> None:
    graph = lowered(random_network(seed, steps=4))
    check(graph, random_folds(graph, seed), tmp_path, seed)


def convolutions(net: NetBuilder) -> Graph:
    """Groups, channel multipliers, one bit, large and long kernels, fully connected layers."""
    x = net.input((9, 8, 6))
    x = net.quantize(net.conv(x, 8, (3, 3), pad=(1, 1, 1, 1), groups=2), 0, 15)
    parted = net.quantize(net.conv(x, 16, (3, 2), (2, 1), (1, 0, 1, 1), groups=8, bits=8), -128, 127)
    grouped = net.quantize(net.conv(parted, 12, groups=4, bits=2), 0, 1)
    tall = net.quantize(net.conv(grouped, 0, (7, 5), pad=(3, 2, 3, 2), depthwise=True), -2, 1)
    wide = net.quantize(net.conv(tall, 6, (1, 7), pad=(0, 3, 0, 3), groups=3, bits=2), -(1 << 15), (1 << 15) - 1)
    large = net.quantize(net.conv(wide, 5, (9, 9), pad=(4, 4, 4, 4), dilation=(1, 1), bits=3), 0, 255)
    connected = net.quantize(net.conv(large, 11, net.tensors[large].shape[:2], bits=5), -8, 7)
    return net.graph(net.conv(connected, 7, bits=8), net.quantize(net.conv(tall, 24, groups=12), 0, 3))


@pytest.mark.parametrize("seed", deep_but([1], [1, 2]))
def test_every_shape_of_convolution(seed: int, tmp_path: Path) -> None:
    graph = lowered(convolutions(NetBuilder(rng=np.random.default_rng(seed))))
    check(graph, random_folds(graph, seed), tmp_path, seed)


def test_transposed_and_long_ones_from_a_file(tmp_path: Path) -> None:
    """Transposed convolutions with groups, and a sequence down to a fully connected layer, from input to output."""
    file = QonnxFile(shape=(1, 4, 4, 5))
    x = file.node("ConvTranspose", file.image(), file.weight((4, 3, 4, 3)), group=2, strides=[2, 3], pads=[1, 0, 1, 1])
    x = file.quant(x, 0.25, bits=4.0)
    x = file.node(
        "ConvTranspose", x, file.weight((6, 1, 3, 3)), group=6, strides=[2, 1], pads=[1, 1, 1, 1], output_padding=[1, 0]
    )
    maps = file.save(tmp_path / "maps.onnx", file.quant(x, 0.25))
    file = QonnxFile(shape=(1, 3, 24))
    x = file.quant(file.conv(file.image(), file.weight((8, 3, 5)), pads=[4, 0], dilations=[2]), 0.125, signed=0)
    x = file.node("MaxPool", file.quant(file.conv(x, file.weight((8, 2, 3)), group=4), 0.25), kernel_shape=[2], strides=[2])
    sequence = file.save(tmp_path / "sequence.onnx", file.node("Gemm", file.node("Flatten", x), file.weight((72, 5))))
    for path in (maps, sequence):
        graph = lower(path).graph
        check(graph, random_folds(graph, 4), tmp_path / path.stem, 4)


@pytest.mark.deep  # so are the families
def test_from_brevitas_with_float_scales(tmp_path: Path) -> None:
    model = float_net(6, (9, 13))
    path = export_plain(model, tmp_path / "net.onnx", (1, model.stem.in_channels, 9, 13), dynamo=False)
    graph = lower(path).graph
    check(graph, folds_for(graph, 0.2), tmp_path / "rtl", 0, ship=True)


def test_with_functions_and_few_levels(tmp_path: Path) -> None:
    """A function of accumulators, one of quantized values, and bipolar ones."""
    f = QonnxFile(shape=(1, 3, 6, 5))
    x = f.conv(f.image(), f.weight((4, 3, 3, 3)), pads=[1, 1, 1, 1])
    x = f.quant(f.node("Mul", x, f.node("Sigmoid", x)), 2.0**-4, bits=6.0)
    x = f.quant(f.node("Elu", f.quant(f.conv(x, f.weight((6, 4, 1, 1))), 0.125)), 0.0625)
    y = f.node("BipolarQuant", f.conv(x, f.weight((3, 6, 1, 1))), f.constant(1.0), domain=QONNX)
    graph = lower(f.save(tmp_path / "net.onnx", y)).graph
    assert {"lookup", "thresholds"} <= {node.op.kind for node in graph.nodes}
    check(graph, folds_for(graph, 0.05), tmp_path / "rtl", 0)


def test_from_brevitas_with_exact_blocks(tmp_path: Path) -> None:
    from headrace_models.export import export_network

    path = tmp_path / "net.onnx"
    onnx.save(export_network(exact_net(1, (8, 12)), (1, 3, 8, 12), ("image",), ("head",)), path)
    graph = lower(path).graph
    check(graph, folds_for(graph, 0.1), tmp_path / "rtl", 0)
