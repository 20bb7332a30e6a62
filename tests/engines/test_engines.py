# SPDX-License-Identifier: Apache-2.0
"""What engines tell the compiler: memory contents in the order of use, beats, cycles, resources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from headrace_host.golden import conv2d
from headrace_host.packing import to_beats
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import NetBuilder, lowered
from random_nets import random_network

from headrace.backend.design import build_design, edge_key, unread
from headrace.engines.base import Engine, fields_of, fold_matrix
from headrace.engines.mac import Depthwise, MatVec
from headrace.engines.slide import Slide, line_buffer
from headrace.engines.technology import XC7, Resources, ceil_div
from headrace.engines.window import Window
from headrace.ir.ops import Pads, Pair
from headrace.ir.tensor import Tensor
from headrace.operators import fold_options, map_node
from headrace.operators.base import Fold, lane_choices
from headrace.operators.conv import Conv


@given(low=st.integers(-(2**40), 2**40), high=st.integers(-(2**40), 2**40), least=st.integers(1, 8))
def test_fields_hold_their_values_and_no_narrower_ones_would(low: int, high: int, least: int) -> None:
    values = np.array([low, high])
    bits = fields_of(values, least)
    assert -(1 << (bits - 1)) <= values.min() <= values.max() < 1 << (bits - 1)
    if bits > least:
        assert not -(1 << (bits - 2)) <= values.min() <= values.max() < 1 << (bits - 2)


@given(m=st.integers(1, 9), k=st.integers(1, 9), rows=st.integers(1, 9), cols=st.integers(1, 9))
def test_tiles_cover_a_matrix_row_block_by_row_block(m: int, k: int, rows: int, cols: int) -> None:
    weights = np.arange(1, m * k + 1).reshape(m, k)
    tiles = fold_matrix(weights, rows, cols)
    assert tiles.shape == (ceil_div(m, rows) * ceil_div(k, cols), rows * cols)
    for address, tile in enumerate(tiles):
        block, step = divmod(address, ceil_div(k, cols))
        for lane, value in enumerate(tile):
            row, column = block * rows + lane // cols, step * cols + lane % cols
            assert value == (weights[row, column] if row < m and column < k else 0)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Any, Fold]:
    """A convolution on a map of one window, and one of its foldings."""
    kernel = draw(st.tuples(st.integers(1, 7), st.integers(1, 3)))
    depthwise = draw(st.booleans())
    groups = 1 if depthwise else draw(st.integers(1, 3))
    c, m = groups * draw(st.integers(1, 6)), groups * draw(st.integers(1, 6))
    net = NetBuilder(rng=np.random.default_rng(draw(st.integers(0, 2**31))))
    pad = draw(st.sampled_from([(1, 0, 0, 0), (0, 0, 0, 0)]))  # with padding, a window engine even for 1x1
    conv = net.conv(net.input((*kernel, c)), m, kernel, pad=pad, depthwise=depthwise, groups=groups)
    graph = net.graph(conv)
    return graph, draw(st.sampled_from(fold_options(graph, graph.nodes[0])))


def window_beats(x: np.ndarray[Any, Any], fold: Fold, group_beats: int) -> np.ndarray[Any, Any]:
    """The window that is all of ``x`` (KH, KW, C), as engine_window.sv describes it: (groups, steps, beats, taps, lanes)."""
    kh, kw, c = x.shape
    whole = fold.taps == kh * kw
    rows = kh if whole else ceil_div(kh, fold.taps) * fold.taps
    taps = [x[i, j] if i < kh else 0 * x[0, 0] for j in range(kw) for i in range(rows)]  # numbered down the columns
    beats = np.stack([to_beats(tap[None, None, None], fold.lanes) for tap in taps])
    beats = beats.reshape(-1, fold.taps, ceil_div(c, fold.lanes) // group_beats, group_beats, fold.lanes)
    return beats.transpose(2, 0, 3, 1, 4)


@settings(max_examples=120, deadline=None)
@given(case=convolutions(), seed=st.integers(0, 2**31))
def test_memory_contents_meet_the_window_beat_by_beat(case: tuple[Any, Fold], seed: int) -> None:
    """Multiplies each beat of a window, in the order that the window engine documents, by the memory's words in order."""
    graph, fold = case
    node = graph.nodes[0]
    op: Conv = node.op
    chain = map_node(graph, node, fold).chain
    (source,) = graph.input_tensors(node)
    x = np.random.default_rng(seed).integers(0, 256, source.shape)
    each = 1 if isinstance(chain[-1], Depthwise) else ceil_div(source.channels // op.groups, fold.lanes)
    if len(chain) == 2:
        window = chain[0]
        assert isinstance(window, Slide) or (isinstance(window, Window) and window.group_beats == each)
        stream = window_beats(x, fold, each)
    else:  # the map as it comes: pixel by pixel, each in channel beats, group by group
        stream = to_beats(x[None], fold.lanes).reshape(source.pixels, -1, each, 1, fold.lanes).transpose(1, 0, 2, 3, 4)
        assert source.pixels == 1 or op.groups == 1
    expected = conv2d(x[None], op.weight, groups=op.groups)[0, 0, 0]
    engine = chain[-1]
    rom = engine.rom()
    assert rom is not None
    words = iter(rom.fields)
    result: list[int] = []
    for group in stream:
        if isinstance(engine, Depthwise):
            sums = np.zeros((engine.lanes, engine.group_out), np.int64)
            for beat in group.reshape(-1, fold.taps, engine.lanes, engine.group_in):
                weights = next(words).reshape(fold.taps, engine.lanes, engine.group_out, engine.group_in)
                sums += np.einsum("tlmc,tlc->lm", weights, beat)
            result += sums.ravel().tolist()
            continue
        assert isinstance(engine, MatVec)
        for _ in range(engine.beats_out):
            acc = np.zeros(fold.pe, np.int64)
            for beat in group.reshape(-1, fold.taps * fold.lanes):
                acc += next(words).reshape(fold.pe, -1) @ beat
            result += acc.tolist()
    assert next(words, None) is None
    np.testing.assert_array_equal(result[: len(expected)], expected)
    assert not any(result[len(expected) :])


@pytest.mark.parametrize("channels", [1, 2, 13, 29, 58, 64])
def test_lane_choices_are_the_least_lanes_for_each_number_of_beats(channels: int) -> None:
    choices = list(lane_choices(channels))
    beats = [ceil_div(channels, lanes) for lanes in choices]
    assert beats == sorted(set(beats), reverse=True)
    assert set(beats) == {ceil_div(channels, lanes) for lanes in range(1, channels + 1)}
    assert all(ceil_div(channels, lanes - 1) > b for lanes, b in zip(choices[1:], beats[1:], strict=True))


def test_more_lanes_take_fewer_cycles_and_more_multipliers() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    graph = net.graph(net.conv(net.input((8, 8, 12)), 12, (3, 3), pad=(1, 1, 1, 1)))
    narrow, wide = (map_node(graph, graph.nodes[0], Fold(lanes=n, taps=3, pe=n)) for n in (2, 6))
    assert narrow.cycles == 8 * 8 * 3 * 6 * 6
    assert wide.cycles == 8 * 8 * 3 * 2 * 2
    assert wide.resources().dsp == 9 * narrow.resources().dsp
    assert wide.resources().lut > narrow.resources().lut


def test_memories_take_the_least_block_ram() -> None:
    assert XC7.memory(512, 72).bram36 == 1
    assert XC7.memory(512, 36).bram36 == 0.5
    assert XC7.memory(1024, 36).bram36 == 1
    assert XC7.memory(32768, 1).bram36 == 1
    assert XC7.memory(64, 8).bram36 == 0
    assert XC7.memory(64, 8, block=True).bram36 == 0.5
    assert XC7.memory(4096, 8, block=False).bram36 == 0


def test_resources_add_up_and_know_their_share() -> None:
    total = Resources(lut=10, dsp=2) + Resources(lut=5, ff=7, bram36=0.5)
    assert total == Resources(lut=15, ff=7, dsp=2, bram36=0.5)
    assert total.share_of(Resources(lut=30, ff=70, dsp=8, bram36=10)) == 0.5
    assert total.share_of(Resources(lut=30, ff=70, bram36=10)) == float("inf")


def test_windows_hold_their_span_and_a_stride_and_two_frames_ends_but_never_more_than_two_frames() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    x, d = net.input((20, 4, 2)), net.input((20, 4, 1), 0, 3)
    small = net.input((2, 4, 2))
    plain = net.conv(x, 2, (3, 3), pad=(1, 1, 1, 1))
    static = net.conv(x, 2, (5, 3), (2, 1), (2, 1, 2, 1), (2, 1))
    deformed = net.deform(x, d, 3, -2, 3)
    low = net.conv(small, 2, (5, 3), pad=(2, 1, 2, 1))
    graph = net.graph(plain, static, deformed, low)
    windows = [map_node(graph, node, Fold()).chain[0] for node in graph.nodes]
    assert all(isinstance(w, Window) for w in windows)
    # 3x3: three rows and one more. 5x3 dilated: a span of 9, but rows 12..19 of a frame beside 0..6 of the next.
    assert [w.parameters()["Rows"] for w in windows] == [3 + 1, 8 + 7, 2 * 3 + 1 + 1, 2 * 2]


def test_whole_windows_slide_unless_that_loses_cycles() -> None:
    source = Tensor(name="x", shape=(8, 8, 4), lo=0, hi=255)

    def chosen(out_hw: Pair, kernel: Pair, stride: Pair, pad: Pads, taps: int, waits: int, width: int = 8) -> type[Engine]:
        window = Window(
            name="w", source=replace(source, shape=(8, width, 4)), out_hw=out_hw, kernel=kernel, stride=stride, pad=pad,
            dilation=(1, 1), lanes=4, taps=taps, taps_inner=True,
        )  # fmt: skip
        return type(line_buffer(window, out_hw[0] * out_hw[1] * waits))

    same, none = (1, 1, 1, 1), (0, 0, 0, 0)
    assert chosen((8, 8), (3, 3), (1, 1), same, 9, 1) is Slide
    assert chosen((8, 8), (3, 3), (1, 1), same, 9, 5) is Slide  # windows come as evenly as pixels
    assert chosen((8, 8), (3, 3), (1, 1), same, 3, 1) is Window  # a column a beat
    assert chosen((6, 6), (3, 3), (1, 1), none, 9, 1) is Slide
    assert chosen((6, 6), (3, 3), (1, 1), none, 9, 2) is Window  # two rows' pixels would come while the reader has nothing
    assert chosen((4, 4), (2, 2), (2, 2), none, 4, 1) is Slide
    assert chosen((4, 4), (2, 2), (2, 2), none, 4, 2) is Window
    assert chosen((9, 9), (2, 2), (1, 1), same, 4, 1) is Window  # more windows than pixels
    assert chosen((8, 8), (3, 3), (1, 1), (3, 1, 0, 1), 9, 1) is Window  # the first window ends above the map
    assert chosen((7, 1), (2, 1), (1, 1), none, 2, 1, width=1) is Window  # a row of one beat


@pytest.mark.parametrize("seed", range(25))
def test_every_wire_has_one_writer_one_reader_and_one_width(seed: int) -> None:
    graph = lowered(random_network(seed, steps=8))
    rng = np.random.default_rng(seed)
    folds = {}
    for node in graph.nodes:
        options = fold_options(graph, node)
        folds[node.name] = options[int(rng.integers(len(options)))]
    design = build_design(graph, folds)
    written = [stream.wire for stream in design.inputs] + [w for i in design.instances for w in i.outputs]
    read = [w for i in design.instances for w in i.inputs] + [stream.wire for stream in design.outputs]
    assert len(set(written)) == len(written)
    assert len(set(read)) == len(read)
    assert set(written) == set(design.wires)
    assert set(read) | set(unread(design)) == set(written)
    for instance in design.instances:
        for wires, widths in ((instance.inputs, instance.engine.in_widths), (instance.outputs, instance.engine.out_widths)):
            assert [design.wires[w] for w in wires] == list(widths), instance.engine.name
    names = [i.engine.name for i in design.instances]
    assert len(set(names)) == len(names)
    readers = [(n.name, port, name) for n in graph.nodes for port, name in enumerate(n.inputs)]
    keys = {edge_key(name, node, port) for node, port, name in readers} | {
        edge_key(name, "output", port) for port, name in enumerate(graph.outputs)
    }
    assert {edge.key for edge in design.edges} <= keys
    assert [edge.fifo.index for edge in design.edges] == list(range(len(design.edges)))
