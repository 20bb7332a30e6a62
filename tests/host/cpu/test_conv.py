# SPDX-License-Identifier: Apache-2.0
"""Convolutions on the CPU path: every shape, and sums around the limits of their types."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from cpu_check import check_graph, windows
from headrace_host.cpu import PlannedProgram, depthwise, finish, planner, whole_maps
from headrace_host.cpu.conv import Product, Window, grouped_weight, magnitude
from headrace_host.program import Program
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import NetBuilder

from headrace.ir.graph import to_program

Array = np.ndarray[Any, Any]
SIGNS = st.sampled_from([(0, 255), (-128, 127), (-255, 0), (3, 17)])


@settings(max_examples=80)
@given(
    w=windows(), span=SIGNS, c_in=st.integers(1, 4), c_out=st.integers(1, 5), quantized=st.booleans(), seed=st.integers(0, 99)
)
def test_dense(w: Any, span: tuple[int, int], c_in: int, c_out: int, quantized: bool, seed: int) -> None:
    net = NetBuilder(rng=np.random.default_rng(seed), exact=bool(seed % 2))
    hw, *window = w
    y = net.conv(net.input((*hw, c_in), *span), c_out, *window, bits=8)
    assert check_graph(net.graph(net.quantize(y, 0, 255) if quantized else y)) == ["Dense"]


@pytest.mark.parametrize("long_row", [1, 256])
@settings(max_examples=80)
@given(w=windows(), span=SIGNS, channels=st.integers(1, 5), bits=st.sampled_from([4, 8]), seed=st.integers(0, 99))
def test_depthwise(long_row: int, w: Any, span: tuple[int, int], channels: int, bits: int, seed: int) -> None:
    """With every second pixel of what all rows give, and with a map for each tap."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(depthwise, "LONG_ROW", long_row)
        check_depthwise(w, span, channels, bits, seed)


def check_depthwise(w: Any, span: tuple[int, int], channels: int, bits: int, seed: int) -> None:
    net = NetBuilder(rng=np.random.default_rng(seed), exact=bool(seed % 2))
    hw, *window = w
    y = net.conv(net.input((*hw, channels), *span), 0, *window, bits=bits, depthwise=True)
    (kind,) = check_graph(net.graph(net.quantize(y, -128, 127) if seed % 3 else y))
    assert kind in (("Depthwise", "WholeMaps") if channels > 1 else ("Dense",))


@settings(max_examples=60)
@given(w=windows(), groups=st.integers(2, 4), in_group=st.integers(1, 3), out_group=st.integers(2, 3), seed=st.integers(0, 99))
def test_grouped(w: Any, groups: int, in_group: int, out_group: int, seed: int) -> None:
    net = NetBuilder(rng=np.random.default_rng(seed))
    hw, *window = w
    y = net.conv(net.input((*hw, groups * in_group)), groups * out_group, *window, groups=groups)
    assert check_graph(net.graph(net.quantize(y, 0, 255))) == ["Grouped"]


@pytest.mark.parametrize(
    ("groups", "c_group", "m_group", "blocks"), [(8, 16, 16, 4), (12, 4, 2, 2), (6, 40, 3, 6), (7, 3, 3, 1)]
)
def test_groups_are_joined(groups: int, c_group: int, m_group: int, blocks: int) -> None:
    weight = np.random.default_rng(0).integers(-8, 8, (groups * m_group, 3, 1, c_group))
    joined = grouped_weight(weight, groups)
    assert len(joined) == blocks
    assert joined.sum() == weight.sum()
    net = NetBuilder(rng=np.random.default_rng(0))
    y = net.conv(net.input((5, 4, groups * c_group)), groups * m_group, (3, 1), (1, 1), (1, 0, 1, 0), groups=groups)
    assert check_graph(net.graph(net.quantize(y, 0, 255))) == ["Grouped"]


@dataclass
class Given(NetBuilder):
    """Weights of one magnitude, so that sums reach their bounds."""

    magnitude: int = 1

    def weights(self, shape: tuple[int, ...], _bits: int) -> Array:
        return self.rng.choice([-1, 1], shape) * self.magnitude


@pytest.mark.parametrize("excess", [-1, 0, 1, 1000])
@pytest.mark.parametrize("depthwise_", [False, True])
def test_sums_around_24_bits(excess: int, depthwise_: bool) -> None:
    """Beyond 2**24, float32 lacks odd numbers: dense sums are parted, depthwise ones left to the reference."""
    net = Given(rng=np.random.default_rng(1), magnitude=1)
    x = net.input((4, 4, 2), -1, ((1 << 24) - 1) // 9 + excess if depthwise_ else ((1 << 24) - 1) // 18 + excess)
    y = net.conv(x, 3, (3, 3), (1, 1), (1, 1, 1, 1), depthwise=depthwise_)
    kinds = check_graph(net.graph(y))
    assert kinds == (["Dense"] if not depthwise_ else ["Depthwise"] if excess < 0 else kinds)


@pytest.mark.parametrize("hi", [(1 << 24) - 1, 1 << 24, 1 << 40])
def test_inputs_around_24_bits(hi: int) -> None:
    net = Given(rng=np.random.default_rng(1), magnitude=1)
    y = net.conv(net.input((3, 3, 5), 0, hi), 2, (2, 2))
    assert check_graph(net.graph(y)) == (["Dense"] if hi < 1 << 24 else ["Reference"])


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3)])
def test_sums_in_parts(kernel: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    weight = rng.integers(-128, 128, (9000, 3))
    product = Product.of(weight, 0, 255)
    assert product is not None
    assert len(product.parts) > 1
    net = Given(rng=rng, magnitude=127)
    y = net.conv(net.input((4, 4, 700), 0, 255), 3, kernel, pad=(kernel[0] // 2,) * 4)
    assert check_graph(net.graph(net.quantize(y, 0, 255))) == ["Dense"]


def test_magnitudes_bound_every_partial_sum() -> None:
    rng = np.random.default_rng(3)
    weight, (lo, hi) = rng.integers(-8, 8, (6, 4)), (-3, 5)
    worst = np.zeros(4, np.int64)
    for _ in range(400):
        x, kept = rng.integers(lo, hi + 1, 6), rng.random(6) < 0.7
        worst = np.maximum(worst, np.abs((x * kept) @ weight))
    assert (worst <= magnitude(weight, lo, hi)).all()
    assert magnitude(np.array([[1], [-1]]), -1, 3).tolist() == [4]


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("stride", [1, 2])
def test_narrow_depthwise(channels: int, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of 16 bits at their limits: 9 * 14 * 255 = 32,130."""
    monkeypatch.setattr(planner, "NARROW_ELEMENTS", 1)
    net = Given(rng=np.random.default_rng(1), magnitude=14)
    x = net.quantize(net.conv(net.input((9, 8, 3)), 2 * channels), 0, 255)
    y = net.conv(x, 0, (3, 3), (stride, stride), (1, 1, 1, 1), depthwise=True)
    kinds = check_graph(net.graph(net.quantize(y, -128, 127)))
    assert kinds == ["Dense", "Depthwise"]


@pytest.mark.parametrize("tile", [1, 100, 1 << 20])
def test_tiles(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the maps are cut, frames and rows meet again."""
    monkeypatch.setattr(finish, "TILE", tile)
    monkeypatch.setattr(depthwise, "RUN", 40)
    net = NetBuilder(rng=np.random.default_rng(4))
    x = net.quantize(net.conv(net.input((13, 9, 3)), 8, (3, 3), (1, 1), (1, 1, 1, 1)), 0, 255)
    y = net.quantize(net.conv(x, 0, (5, 3), (1, 1), (2, 1, 2, 1), depthwise=True), 0, 255)
    z = net.quantize(net.conv(x, 0, (3, 3), (2, 2), (1, 1, 1, 1), depthwise=True), -128, 127)
    head = net.quantize(net.conv(net.add(x, y), 20), 0, 15)
    assert set(check_graph(net.graph(z, head), frames=5)) == {"Dense", "Depthwise", "Pointwise"}


@pytest.mark.parametrize("table", [1, 16, 1 << 20])
def test_repeated_factors(table: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "TABLE", table)
    monkeypatch.setattr(finish, "ROW", table)
    net = NetBuilder(rng=np.random.default_rng(5), exact=False)
    y = net.conv(net.input((7, 11, 3)), 6)
    assert check_graph(net.graph(net.quantize(y, 0, 255)), frames=3) == ["Dense"]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("depthwise_", [False, True])
def test_taps_that_only_meet_padding_are_left_out(stride: int, depthwise_: bool) -> None:
    window = Window((9, 31), (stride, stride), (4, 15, 4, 15), (1, 1))
    weight = np.ones((1, 9, 31, 1))
    cut, kept = window.without_idle_taps(weight, (20, 5))
    assert (cut.kernel, cut.pad) == ((9, 9), (4, 4, 4, 4))
    assert kept.shape == (1, 9, 9, 1)
    assert cut.size((20, 5)) == window.size((20, 5))
    net = NetBuilder(rng=np.random.default_rng(6))
    y = net.conv(net.input((20, 5, 3)), 4, (9, 31), (stride, stride), (4, 15, 4, 15), depthwise=depthwise_)
    assert check_graph(net.graph(net.quantize(y, 0, 255))) == ["Depthwise" if depthwise_ else "Dense"]


def test_a_window_of_nothing_but_padding_keeps_a_tap() -> None:
    window = Window((1, 1), (1, 1), (-1, 3, 2, 0), (1, 1))
    assert window.without_idle_taps(np.ones((1, 1, 1, 1)), (2, 2))[0] == window
    net = NetBuilder(rng=np.random.default_rng(6))
    y = net.conv(net.input((2, 2, 3)), 4, (1, 1), (5, 5), (4, 4, 4, 4))
    assert check_graph(net.graph(y)) == ["Dense"]


def test_windows_that_meet_the_map() -> None:
    assert Window((3, 1), (2, 1), (2, 0, 2, 0), (1, 1)).meets((3, 4))
    assert not Window((3, 1), (1, 1), (3, 0, 0, 0), (1, 1)).meets((3, 4))
    assert not Window((2, 1), (1, 1), (1, 0, 1, 0), (3, 1)).meets((2, 4))  # around the map on both sides


@pytest.mark.parametrize(("shape", "groups"), [((2, 3, 3, 2), 1), ((3, 1, 1, 2), 2), ((1, 9, 9, 4), 1)])
def test_what_does_not_fit_is_refused_as_by_the_reference(shape: tuple[int, ...], groups: int) -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    y = net.conv(net.input((4, 4, 4)), 2, (3, 3), pad=(1, 1, 1, 1))
    program = Program(*to_program(net.graph(y)))
    spec = copy.deepcopy(program.spec)
    spec["nodes"][0]["attrs"]["groups"] = groups
    broken = Program(spec, {name: np.ones(shape, np.int64) for name in program.arrays})
    for run in (broken.run, PlannedProgram(broken).run):
        with pytest.raises(ValueError, match="conv2d"):
            run({"image0": np.zeros((1, 4, 4, 4), np.uint8)})


@settings(max_examples=40)
@given(w=windows(), channels=st.integers(2, 5), quantized=st.booleans(), seed=st.integers(0, 99))
def test_whole_maps(w: Any, channels: int, quantized: bool, seed: int) -> None:
    """Every depthwise convolution as matrices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_maps, "pays", lambda *_: True)
        net = NetBuilder(rng=np.random.default_rng(seed))
        hw, *window = w
        y = net.conv(net.input((*hw, channels), -128, 127), 0, *window, depthwise=True)
        assert check_graph(net.graph(net.quantize(y, 0, 255) if quantized else y), frames=3) == ["WholeMaps"]


def test_matrices_are_taken_for_large_kernels_on_small_maps() -> None:
    large, small, tiny = (Window((k, k), (1, 1), (k // 2,) * 4, (1, 1)) for k in (13, 5, 3))
    assert not whole_maps.pays(tiny, (3, 3, 8))
    assert whole_maps.pays(large, (12, 12, 8))
    assert not whole_maps.pays(large, (14, 14, 8))
    assert not whole_maps.pays(large, (12, 12, 800))
    assert not whole_maps.pays(small, (12, 12, 8))
