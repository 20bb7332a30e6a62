# SPDX-License-Identifier: Apache-2.0
"""Folding: meets its goal, stays within the board, refuses with the numbers, and always chooses the same."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from nets import NetBuilder, board, lowered
from random_nets import random_network

from headrace.backend.design import build_design
from headrace.boards import Board, load_board
from headrace.engines.mac import Stationary, bus_words
from headrace.engines.technology import Resources
from headrace.errors import FoldingError
from headrace.ir.graph import Graph
from headrace.operators import fold_options, map_node
from headrace.passes.fold import BANDWIDTH, budget_of, expected_plumbing, fold
from headrace.passes.knapsack import GAP, Included, choose, efficient

NONE = Resources()


def chain(*channels: int, hw: tuple[int, int] = (8, 8)) -> Graph:
    """Pointwise convolutions with quantizers between them."""
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((*hw, channels[0]))
    for m in channels[1:]:
        x = net.quantize(net.conv(x, m), 0, 255)
    return lowered(net.graph(x))


def cycles(graph: Graph, folds: dict) -> int:  # type: ignore[type-arg]  # folds by node
    return max(map_node(graph, node, folds[node.name]).cycles for node in graph.nodes)


@pytest.mark.parametrize("fps", [1_000, 5_000, 30_000, 200_000])
def test_meets_the_goal_within_the_budget(fps: float) -> None:
    graph = chain(3, 13, 29, 5)
    large = board()
    result = fold(graph, large, fps=fps)
    assert result.interval <= 100e6 / fps
    assert result.interval == cycles(graph, dict(result.folds))
    budget = budget_of(large, 0.7, expected_plumbing(graph, large, 0.7))
    for used, whole in zip(result.resources.to_json().values(), budget.to_json().values(), strict=True):
        assert used <= whole


def test_a_slower_goal_never_costs_more() -> None:
    graph = chain(3, 12, 24, 12)
    large = board()
    used = [fold(graph, large, fps=fps).resources for fps in (2_000, 10_000, 50_000, 200_000)]
    costs = [r.lut / large.resources.lut + r.ff / large.resources.ff + r.dsp / large.resources.dsp for r in used]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


def test_products_are_made_of_what_is_cheaper() -> None:
    """Ternary products take a few LUTs each; wide ones are what DSPs are for, where those are plenty."""
    for bits, dsp, in_luts in ((2, 220, True), (8, 2_000, False), (8, 1, True)):
        net = NetBuilder(rng=np.random.default_rng(0))
        graph = lowered(net.graph(net.quantize(net.conv(net.input((8, 8, 16)), 16, bits=bits), 0, 255)))
        assert fold(graph, board(dsp=dsp), fps=200_000).folds[graph.nodes[0].name].lut_mul == in_luts, (bits, dsp)


def test_without_a_goal_more_board_is_never_slower() -> None:
    graph = chain(4, 16, 16, 8)
    intervals = [fold(graph, board(lut=4_000 * n, ff=8_000 * n, dsp=10 * n)).interval for n in (1, 2, 4, 8, 64)]
    assert intervals == sorted(intervals, reverse=True)
    assert intervals[0] > intervals[-1]
    assert intervals[-1] == 64  # one cycle for each pixel: nothing is faster


@pytest.mark.parametrize("seed", range(20))
def test_the_choice_is_the_best_of_all(seed: int) -> None:
    """Against every combination of a few random options, which fit or not."""
    rng = np.random.default_rng(seed)
    groups = [rng.random((int(rng.integers(1, 7)), 4)) * rng.choice([0.2, 0.5, 1]) for _ in range(4)]
    sums = {
        picks: sum(options[p] for options, p in zip(groups, picks, strict=True))
        for picks in itertools.product(*(range(len(options)) for options in groups))
    }
    fitting = {picks: float(np.sum(load)) for picks, load in sums.items() if np.max(load) <= 1}
    found = choose(groups).picks
    if found is None:
        assert not fitting
    else:
        assert fitting[tuple(found)] == pytest.approx(min(fitting.values()), abs=1e-5)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_options_that_include_another_groups_work_are_taken_with_it(seed: int, balanced: bool) -> None:
    """Against every combination: the last option of group 3 goes with those of group 1 that do its work."""
    rng = np.random.default_rng(seed)
    groups = [rng.random((int(rng.integers(2, 6)), 3)) * rng.choice([0.2, 0.4, 0.8]) for _ in range(4)]
    groups[3][-1] = 0
    both = rng.random(len(groups[1])) < 0.5
    best = np.inf
    for picks in itertools.product(*(range(len(options)) for options in groups)):
        load = sum(options[p] for options, p in zip(groups, picks, strict=True))
        if both[picks[1]] == (picks[3] == len(groups[3]) - 1) and np.max(load) <= 1:
            best = min(best, float(np.max(load) if balanced else np.sum(load)))
    included = [Included(group=1, options=both, other=3)]
    chosen = choose(groups, balanced=balanced, included=included)
    found = chosen.picks
    if found is None:
        assert best == np.inf
        assert chosen.gap == 0
        return
    assert both[found[1]] == (found[3] == len(groups[3]) - 1)
    load = sum(options[p] for options, p in zip(groups, found, strict=True))
    assert float(np.max(load) if balanced else np.sum(load)) == pytest.approx(best, abs=GAP if balanced else 1e-5)
    assert chosen.gap <= GAP if balanced else 1e-5
    some = choose(groups, balanced=True, enough=True, included=included).picks
    assert some is not None
    assert both[some[1]] == (some[3] == len(groups[3]) - 1)
    assert np.max(sum(options[p] for options, p in zip(groups, some, strict=True))) <= 1 + 1e-6


def test_no_option_that_is_worth_its_cost_is_left_out() -> None:
    options = np.random.default_rng(0).integers(0, 6, (200, 3)).astype(float)
    kept = efficient(options)
    for i, option in enumerate(options):
        beaten = [j for j in kept if np.all(options[j] <= option)]
        assert (beaten == [i]) if i in kept else beaten


@pytest.mark.parametrize("seed", range(6))
def test_small_networks_are_folded_as_well_as_by_trying_everything(seed: int) -> None:
    """DSPs alone are scarce here, so the least number of them at an interval is the sum of each operator's least."""
    rng = np.random.default_rng(seed)
    graph = chain(*(int(c) for c in rng.integers(1, 9, 3)), hw=(3, 3))
    scarce = board(lut=10**7, ff=10**7, dsp=int(rng.integers(6, 60)), bram36=10**4)
    budget = budget_of(scarce, 0.7, NONE).dsp
    options = [[map_node(graph, n, f) for f in fold_options(graph, n)] for n in graph.nodes]
    intervals = sorted({m.cycles for node in options for m in node})

    def least(interval: int) -> float:
        return sum(min((m.resources().dsp for m in node if m.cycles <= interval), default=np.inf) for node in options)

    best = next(interval for interval in intervals if least(interval) <= budget)
    assert fold(graph, scarce, reserve=NONE).interval == best


def test_ragged_folds_are_taken_where_they_pay() -> None:
    """58 channels in 8 beats need only 8 lanes, which does not divide 58."""
    graph = chain(58, 8, hw=(16, 16))
    conv = graph.nodes[0].name
    lanes = {fold(graph, board(dsp=0, lut=lut, ff=10**6)).folds[conv].lanes for lut in range(2_000, 20_000, 1_000)}
    assert any(58 % n for n in lanes)


def test_every_option_is_legal_and_distinct() -> None:
    for seed in range(8):
        graph = lowered(random_network(seed))
        for node in graph.nodes:
            options = fold_options(graph, node)
            assert len(set(options)) == len(options)
            channels = max(t.channels for t in graph.input_tensors(node))
            assert all(1 <= f.lanes <= channels and f.taps >= 1 and f.pe >= 1 for f in options)
            fastest = min(map_node(graph, node, f).cycles for f in options)
            tensors = (*graph.input_tensors(node), *graph.output_tensors(node))
            streams = max(len(node.inputs), len(node.outputs))  # a concat or split handles one after the other
            rows, cols = getattr(node.op, "repeat", (1, 1))
            assert fastest <= max(t.pixels for t in tensors) * rows * cols * streams


def test_an_infeasible_rate_is_refused_with_what_is_possible() -> None:
    graph = chain(8, 32, 32)
    small = board(dsp=40)
    with pytest.raises(FoldingError) as caught:
        fold(graph, small, fps=1e6)
    message = str(caught.value)
    assert message.startswith(
        "1e+06 frames/s need an interval of 100 cycles at 100 MHz; the shortest on Bench at --fill 0.7 is"
    )
    assert "lower --fps, raise --fill or take a larger board" in message
    reached = float(re.search(r"\((\d+\.\d) frames/s\)", message).group(1))  # type: ignore[union-attr]  # it matched above
    fold(graph, small, fps=reached * 0.999)


def test_a_board_too_small_is_refused_with_the_shortage() -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    wide = net.input((8, 8, 8), 0, 65_535)  # products too wide for LUTs
    graph = lowered(net.graph(net.conv(wide, 8, bits=8), net.conv(wide, 8, bits=8), net.conv(wide, 8, bits=8)))
    with pytest.raises(FoldingError, match=r"does not fit Bench at any folding: it needs \d+\.\d+ times the DSPs"):
        fold(graph, board(dsp=2))
    with pytest.raises(FoldingError, match=r"converters alone take 150 block RAMs of .*, which has 140; take a larger"):
        fold(graph, board(), reserve=Resources(bram36=150))
    with pytest.raises(FoldingError, match=r"times the LUTs that --fill 10% leaves for it; raise --fill"):
        fold(chain(8, 32, 32), board(lut=400), fill=0.1)


@pytest.mark.parametrize("seed", range(6))
def test_the_same_network_is_always_folded_the_same(seed: int) -> None:
    first, second = (fold(lowered(random_network(seed)), board()) for _ in range(2))
    assert first == second


def test_wider_fills_are_never_slower() -> None:
    graph = chain(8, 32, 32, hw=(12, 12))
    tight = board(lut=20_000, ff=40_000)
    intervals = [fold(graph, tight, fill=fill).interval for fill in (0.2, 0.4, 0.6, 0.9)]
    assert all(a >= b for a, b in itertools.pairwise(intervals))


def test_the_design_keeps_the_folds_pace() -> None:
    """Converters between operators of unlike lanes are never slower than the operators themselves."""
    for seed in range(12):
        graph = lowered(random_network(seed))
        result = fold(graph, board(lut=400_000, ff=800_000, dsp=2_000, bram36=2_000))
        assert build_design(graph, result.folds).bottleneck.cycles == result.interval


@pytest.mark.parametrize("lean", [False, True])
def test_what_is_proven_of_a_folding(lean: bool) -> None:
    graph = chain(8, 24, 24, hw=(12, 12))
    tight = board(lut=6_000, ff=12_000)
    fastest = fold(graph, tight, lean=lean)
    assert fastest.proven() == {"gap": pytest.approx(0, abs=GAP), "bound_cycles": fastest.interval}  # easily searched through
    with pytest.raises(FoldingError, match=f"the shortest on .* is {fastest.interval} "):
        fold(graph, tight, lean=lean, fps=1.01 * tight.clock_mhz * 1e6 / fastest.interval)
    assert fold(graph, tight, lean=lean, fps=tight.clock_mhz * 1e6 / fastest.interval).proven()["bound_cycles"] == 0


def cramped(bram36: float, clock_mhz: float = 100) -> Board:
    """A PYNQ-Z2 with few block RAMs and LUTs."""
    whole = load_board("pynq-z2")
    return replace(whole, resources=Resources(lut=5_000, ff=30_000, dsp=60, bram36=bram36), clock_mhz=clock_mhz)


def test_weights_stream_in_where_they_find_no_room() -> None:
    graph, small = chain(96, 192, 192, 96, hw=(8, 8)), cramped(3)
    with pytest.raises(FoldingError, match=r"needs \d\.\d+ times the (block RAMs|LUTs)"):
        fold(graph, small)
    streamed = fold(graph, small, lean=True)
    engines = [e for n in graph.nodes for e in map_node(graph, n, streamed.folds[n.name]).chain if isinstance(e, Stationary)]
    assert len(engines) >= 2  # 3 block RAMs have no room for the weights of two layers
    read = sum(engine.weight_bytes(8) for engine in engines)
    assert sum(engine.weights.size for engine in engines) / 2 <= read <= BANDWIDTH * 8 * streamed.interval
    assert all(64 % engine.held == 0 for engine in engines)


def test_sums_are_requantized_before_they_wait_where_weights_stream() -> None:
    """Blocks of pixels wait in 8 bits, not in those of accumulators."""
    graph = chain(96, 192, 192, 96, hw=(8, 8))
    streamed = fold(graph, cramped(3), lean=True).folds
    blocked = [node for node in graph.nodes if streamed[node.name].blocked]
    assert blocked
    for node in blocked:
        (reader,) = graph.consumers(node.outputs[0])
        assert (streamed[reader.name].held, streamed[reader.name].lanes) == (streamed[node.name].held, streamed[node.name].pe)
    for node in graph.nodes:
        for engine in map_node(graph, node, streamed[node.name]).chain:
            assert engine.module != "engine_transpose" or engine.out_widths[0] % 8 == 0


def test_no_weights_stream_without_memory() -> None:
    graph, small = chain(96, 192, 192, 96, hw=(8, 8)), replace(cramped(3), memory=None)
    with pytest.raises(FoldingError):
        fold(graph, small, lean=True)


def test_words_of_weights_fill_words_of_memory() -> None:
    assert [bus_words(bits, 10, 64) for bits in (1, 12, 32, 33, 64, 65, 128, 130)] == [1, 2, 5, 10, 10, 20, 20, 30]


@pytest.mark.parametrize("bram36", [3, 60])
def test_options_beyond_need_are_none_that_the_best_choice_takes(bram36: float, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, small = chain(40, 96, 58, hw=(8, 8)), cramped(bram36)
    monkeypatch.setattr("headrace.passes.candidates.MANY", 10)
    few = fold(graph, small, lean=True)
    monkeypatch.setattr("headrace.passes.candidates.MANY", 10**9)
    everything = fold(graph, small, lean=True)
    assert few == everything
