# SPDX-License-Identifier: Apache-2.0
"""Functions of one value: each form computes what the other does, and the golden requantizer, on every input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from headrace_host import golden, golden_tables
from headrace_host.program import Program
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import NetBuilder, board, lowered

from headrace.engines.base import Rom
from headrace.engines.tables import Table, Thresholder
from headrace.ir.graph import Graph, to_program
from headrace.ir.ops import Op, Requant
from headrace.ir.tensor import bits_for_range
from headrace.operators import fold_options, map_node
from headrace.operators.base import Fold
from headrace.operators.tables import Lookup, Thresholds, steps_of_table
from headrace.passes.fold import fold

IntArray = np.ndarray[Any, np.dtype[np.int64]]


def fields(rom: Rom) -> list[list[int]]:
    """The words of a memory file, field by field, as two's complement."""
    (width,) = rom.widths
    words = [int(line, 16) for line in rom.lines()]
    count = rom.fields.shape[1]
    raw = [[word >> (width * n) & ((1 << width) - 1) for n in range(count)] for word in words]
    return [[v - (1 << width) if v >> (width - 1) else v for v in row] for row in raw]


def wrapped(value: int, bits: int, signed: bool) -> int:
    """``value`` as a field of ``bits`` bits shows it."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def simulate(engine: Thresholder | Table, roms: list[list[list[int]]], x: int, channel: int) -> int:
    """What the hardware's documented tables give for one input, beat and lane."""
    p = engine.parameters()
    beat, lane = divmod(channel, engine.lanes)
    signed, bits = engine.result.signed, engine.result.bits
    if isinstance(engine, Table):
        address = x & ((1 << engine.source.bits) - 1)
        row = roms[0][address] if p["Shared"] else roms[0][(beat << engine.source.bits) + address]
        return wrapped(row[0 if p["Shared"] else lane], bits, signed)
    found, stages = 0, int(p["Thresholds"]).bit_length()
    for stage, words in enumerate(roms[:stages]):
        threshold = words[found][0] if p["SharedThr"] else words[(beat << stage) + found][lane]
        found = 2 * found + (x >= threshold)
    if not p["Table"]:
        return int(p["Base"]) + int(p["Step"]) * found
    row = roms[-1][found] if p["SharedValues"] else roms[-1][(beat << stages) + found]
    return wrapped(row[0 if p["SharedValues"] else lane], bits, signed)


def single(op: Op, channels: int, source: tuple[int, int], result: tuple[int, int]) -> Graph:
    """One operator from the input to the output."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((1, 2, channels), *source)
    return net.graph(net.emit(op, (x,), (1, 2, channels), *result))


def check_forms(graph: Graph, expected: IntArray, lanes: int) -> int:
    """Compares every folding with search or table to ``expected`` (inputs, C), and the program too; how many there were."""
    (node,), source = graph.nodes, graph.tensors[graph.inputs[0]]
    x = np.arange(source.lo, source.hi + 1)
    maps = np.broadcast_to(x[:, None, None, None], (x.size, *source.shape)).astype(np.int64)
    (computed,) = Program(*to_program(graph)).run({source.name: maps}, keep=()).values()
    np.testing.assert_array_equal(computed[:, 0, 0], expected)
    seen = 0
    for option in fold_options(graph, node):
        (engine,) = map_node(graph, node, option).chain
        if not isinstance(engine, Thresholder | Table) or option.lanes != lanes:
            continue
        seen += 1
        roms = [fields(rom) for rom in engine.roms()]
        for i in range(0, x.size, max(1, x.size // 40)):
            ours = [simulate(engine, roms, int(x[i]), c) for c in range(source.channels)]
            np.testing.assert_array_equal(ours, expected[i], f"{option}, x = {x[i]}")
    return seen


@settings(max_examples=40)
@given(data=st.data(), channels=st.integers(1, 5), shift=st.integers(0, 9))
def test_requantizers_in_all_forms(data: st.DataObject, channels: int, shift: int) -> None:
    lo, hi = data.draw(st.sampled_from([(0, 1), (-1, 1), (-8, 7), (0, 15), (3, 9), (-1, 0), (5, 5), (-20, 30)]))
    source = data.draw(st.sampled_from([(0, 255), (-128, 127), (-300, 511), (-900, 1300), (7, 7)]))
    mul = np.array(data.draw(st.lists(st.integers(-40, 40), min_size=channels, max_size=channels)))
    add = np.array(data.draw(st.lists(st.integers(-5000, 5000), min_size=channels, max_size=channels)))
    graph = single(Requant(mul=mul, add=add, shift=shift, lo=lo, hi=hi), channels, source, (lo, hi))
    expected = golden.requant(np.arange(source[0], source[1] + 1)[:, None], mul, add, shift, lo, hi).astype(np.int64)
    assert check_forms(graph, expected, (channels + 1) // 2) == 1 + (bits_for_range(*source) <= 10)


@given(
    rows=st.integers(1, 3), size=st.integers(1, 70), lo=st.integers(-80, 80), span=st.integers(0, 40), seed=st.integers(0, 999)
)
def test_tables_in_both_forms(rows: int, size: int, lo: int, span: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = (
        rng.integers(-span, span + 1, (rows, size)) if seed % 3 else np.sort(rng.integers(-1, span + 1, (rows, size)), axis=1)
    )
    channels = rows if rows > 1 else 2
    result = (int(table.min()), int(table.max()))
    graph = single(Lookup(table=table, lo=lo), channels, (lo, lo + size - 1), result)
    expected = np.broadcast_to(table.T, (size, channels))
    assert check_forms(graph, expected, channels) >= 1
    steps = steps_of_table(table, lo)
    x = np.arange(lo, lo + size)[:, None].repeat(rows, axis=1)
    np.testing.assert_array_equal(golden_tables.thresholds(x, steps.steps, steps.values), table.T)


@settings(max_examples=40)
@given(rows=st.integers(1, 3), count=st.integers(1, 40), seed=st.integers(0, 999))
def test_thresholds_in_both_forms(rows: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.integers(-130, 130, (rows, count)), axis=1)
    values = rng.integers(-9, 9, (1 if seed % 2 else rows, count + 1))
    channels = rows if rows > 1 else 3
    graph = single(Thresholds(steps=steps, values=values), channels, (-128, 127), (int(values.min()), int(values.max())))
    expected = np.empty((256, channels), np.int64)
    for x in range(-128, 128):  # counted one by one, as the definition says
        for c in range(channels):
            reached = sum(1 for t in steps[c % rows] if t <= x)
            expected[x + 128, c] = values[c % len(values), reached]
    assert check_forms(graph, expected, 1) == 2


@pytest.mark.parametrize(("bits", "chosen"), [(1, True), (2, True), (3, True), (8, False)])
def test_few_levels_are_searched_where_dsps_are_scarce(bits: int, chosen: bool) -> None:
    """Float scales make wide multipliers, which are not offered in LUTs."""
    net = NetBuilder(rng=np.random.default_rng(bits), exact=False)
    x = net.input((8, 8, 8), 0, 15)
    graph = lowered(net.graph(net.quantize(net.conv(x, 16), 0, (1 << bits) - 1)))
    result = fold(graph, board(dsp=12), fps=100e6 / 64 / 8)
    assert result.folds[graph.nodes[-1].name].thresholds is chosen
    plenty = fold(graph, board(lut=4_000, dsp=2_000), fps=100e6 / 64 / 8)
    assert plenty.folds[graph.nodes[-1].name] != Fold()
