# SPDX-License-Identifier: Apache-2.0
"""Block RAM set aside for the branches of skip connections."""

from __future__ import annotations

import numpy as np
from nets import NetBuilder, lowered

from headrace.ir.graph import Graph
from headrace.operators.constant import Constant
from headrace.passes.waits import SMALL_WAIT_BITS, wait_bits, wait_bram36


def skip(depth: int, *, rows: int = 64, columns: int = 64, channels: int = 32) -> Graph:
    """A residual connection around ``depth`` depthwise 3x3 convolutions."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((rows, columns, channels))
    y = x
    for _ in range(depth):
        y = net.quantize(net.conv(y, 0, (3, 3), pad=(1, 1, 1, 1), depthwise=True), 0, 255)
    return lowered(net.graph(net.quantize(net.add(x, y), 0, 255)))


def test_a_straight_line_waits_for_nothing() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    graph = lowered(net.graph(net.quantize(net.conv(net.input((64, 64, 16)), 8, (3, 3), pad=(1, 1, 1, 1)), 0, 255)))
    assert wait_bits(graph) == 0
    assert wait_bram36(graph) == 0


def test_each_layer_around_which_a_skip_leads_adds_its_rows() -> None:
    """A 3x3 window with padding 1 lags one row and the part of one that it works off: here 64 x 32 bytes a row."""
    row_bits = 64 * 32 * 8
    one, two, four = (wait_bits(skip(depth)) for depth in (1, 2, 4))
    assert row_bits <= one <= 2 * row_bits
    assert abs(two - 2 * one) <= 8
    assert abs(four - 4 * one) <= 8


def test_short_waits_live_in_luts() -> None:
    graph = skip(1, rows=8, columns=8, channels=4)
    assert SMALL_WAIT_BITS > 8 * 4 * 8 * 2
    assert wait_bits(graph) == 0


def test_block_rams_come_in_halves_and_hold_the_waits() -> None:
    brams = wait_bram36(skip(3))
    assert brams * 2 == int(brams * 2)
    assert brams * 36 * 1024 >= wait_bits(skip(3))


def test_constant_maps_wait_for_nobody() -> None:
    """They come out of memories whenever they are wanted."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((32, 32, 16))
    late = net.quantize(net.conv(x, 16, (9, 9), pad=(4, 4, 4, 4)), 0, 255)
    table = net.emit(Constant(value=net.rng.integers(0, 256, (32, 32, 16))), (), (32, 32, 16), 0, 255)
    assert wait_bits(lowered(net.graph(net.add(late, table)))) == 0
    assert wait_bits(lowered(net.graph(net.add(late, x)))) > 0
