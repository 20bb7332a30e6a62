# SPDX-License-Identifier: Apache-2.0
"""Networks of deformable convolutions, Verilated: equal to the golden program in every bit, under any stalls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep import deep_but
from frontend.test_deform_conv import layer, quantized
from nets import NetBuilder, lowered
from network_check import check, folds_for, random_folds
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.ir.graph import Graph


def deformable(seed: int) -> Graph:
    """Two deformable layers, one behind the other, whose offsets and masks are convolutions of what they sample."""
    net = NetBuilder(rng=np.random.default_rng(seed))
    rng = net.rng
    h, w = (int(v) for v in rng.integers(3, 10, 2))
    x = net.quantize(net.conv(net.input((h, w, 3)), int(rng.choice((4, 6))), (3, 3), (1, 1), (1, 1, 1, 1)), 0, 255)
    for _ in range(2):
        x = _layer(net, x)
    return net.graph(x)


def _layer(net: NetBuilder, x: str) -> str:
    rng = net.rng
    square = bool(rng.random() < 0.4)
    k = 3 if rng.random() < 0.7 else int(rng.choice((1, 5) if square else (1, 2)))
    stride = (1, 1) if rng.random() < 0.6 else tuple(rng.integers(1, 3, 2).tolist())
    dilation = (1, 1) if square or rng.random() < 0.7 else (1, 2)
    pad = (k // 2, k // 2 * dilation[1], k // 2, k // 2 * dilation[1])
    window: dict[str, Any] = {"stride": stride, "pad": pad, "dilation": dilation}
    lo = int(rng.integers(-9, 2))
    hi = int(rng.integers(max(lo, 0), 10))
    offset = net.quantize(net.conv(x, 1 if square else 2 * k * k, (k, k), **window, bits=8), lo - 2, hi + 3)
    mask = net.quantize(net.conv(x, k * k, (k, k), **window), 0, 15) if rng.random() < 0.5 else None
    channels = net.tensors[x].channels
    groups = int(rng.choice((1, 2, channels)))
    m = channels if groups == channels else 4
    acc = net.deform_conv(
        x, offset, mask, m, (k, k), groups=groups, lo=lo, hi=hi, square=square, fraction_bits=int(rng.integers(0, 4)), **window
    )
    return net.quantize(acc, -128, 127)


@pytest.mark.deep
@pytest.mark.parametrize(("seed", "size"), [(2, 0.1), (5, 10.0)])
def test_folded_for_a_board(seed: int, size: float, tmp_path: Path) -> None:
    graph = lowered(deformable(seed))
    check(graph, folds_for(graph, size), tmp_path, seed)


@pytest.mark.parametrize("seed", deep_but([6], [0, 4, 6]))
def test_folded_at_random(seed: int, tmp_path: Path) -> None:
    graph = lowered(deformable(seed))
    check(graph, random_folds(graph, seed), tmp_path, seed)


@pytest.mark.deep
@pytest.mark.parametrize(
    "shape", [{"mask": quantized, "masks": 27, "bias": True}, {"weight": (3, 1, 3, 3), "group": 3}], ids=list
)
def test_a_set_of_offsets_for_each_channel(shape: dict[str, Any], tmp_path: Path) -> None:
    f = QonnxFile()
    graph = lower(f.save(tmp_path / "net.onnx", layer(f, offsets=54, offset_group=3, **shape))).graph
    check(graph, folds_for(graph, 0.5), tmp_path / "rtl", seed=3)
