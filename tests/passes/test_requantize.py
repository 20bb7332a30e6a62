# SPDX-License-Identifier: Apache-2.0
"""Integer requantizers against the real quantizer in exact fractions, on every accumulator value that can occur."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from headrace_host import golden
from headrace_host.program import Program
from hypothesis import given
from hypothesis import strategies as st
from nets import NetBuilder, fractions
from qonnx.custom_op.general.intquant import resolve_rounding_mode

from headrace.errors import ModelError
from headrace.ir.graph import to_program
from headrace.ir.ops import Quantize, Requant
from headrace.ir.rounding import MODES, rounded
from headrace.passes.certificate import Certificate
from headrace.passes.requantize import realise, requantize

Channel = tuple[float, float, int, int]
"""slope, offset, lowest and highest accumulator"""

EXPONENTS = st.integers(-14, 3)
POWERS = EXPONENTS.map(lambda e: 2.0**e)
SHORT = st.builds(lambda m, e: m * 2.0 ** (e - 3), st.integers(8, 15), EXPONENTS)
FLOATS = st.floats(2.0**-13, 8.0, width=32)
SLOPES = st.builds(lambda sign, s: sign * s, st.sampled_from([1.0, 1.0, -1.0, 0.0]), st.one_of(POWERS, SHORT, FLOATS))
OFFSETS = st.one_of(
    st.integers(-400, 400).map(lambda n: n / 2),  # where ties live
    st.integers(-4000, 4000).map(lambda n: n / 64),
    st.floats(-300, 300, width=32),
)
REACH = st.one_of(st.tuples(st.integers(-250, 0), st.integers(0, 250)), st.integers(-500, 500).map(lambda v: (v, v)))
CHANNELS = st.lists(st.builds(lambda s, o, r: (s, o, *r), SLOPES, OFFSETS, REACH), min_size=1, max_size=3)
GRIDS = st.sampled_from([(0, 255), (-128, 127), (0, 1), (-1, 0), (-8, 7), (0, 15), (-2048, 2047), (3, 9), (-9, -2), (5, 5)])


def real_quantizer(slope: float, offset: float, acc: int, lo: int, hi: int) -> int:
    """``clip(round_half_even(acc * slope + offset), lo, hi)``, without rounding anything on the way."""
    return min(max(round(acc * Fraction(slope) + Fraction(offset)), lo), hi)


def integer_quantizer(requant: Requant, channel: int, acc: int) -> int:
    """The contract of the hardware, in Python's integers and fractions."""
    value = Fraction(acc * int(requant.mul[channel]) + int(requant.add[channel]), 2**requant.shift)
    return min(max(round(value + requant.odd) - requant.odd, requant.lo), requant.hi)


def realised(channels: list[Channel], grid: tuple[int, int]) -> tuple[Quantize, Requant, Certificate]:
    slopes, offsets, lows, highs = zip(*channels, strict=True)
    op = Quantize(slope=fractions(slopes), offset=fractions(offsets), lo=grid[0], hi=grid[1], pure=True)
    return op, *realise("q", op, (np.array(lows, np.int64), np.array(highs, np.int64)))


@given(channels=CHANNELS, grid=GRIDS)
def test_certificate_counts_every_difference(channels: list[Channel], grid: tuple[int, int]) -> None:
    op, requant, certificate = realised(channels, grid)
    differing = 0
    for c, (slope, offset, low, high) in enumerate(channels):
        for acc in range(low, high + 1):
            real, integer = real_quantizer(slope, offset, acc, *grid), integer_quantizer(requant, c, acc)
            assert abs(real - integer) <= 1
            differing += real != integer
    assert certificate.differing_values == differing
    assert certificate.exact == (differing == 0)
    assert certificate.reachable_values == sum(high - low + 1 for *_, low, high in channels)
    assert (requant.lo, requant.hi) == (op.lo, op.hi)


@given(channels=CHANNELS, grid=GRIDS)
def test_golden_executes_what_was_certified(channels: list[Channel], grid: tuple[int, int]) -> None:
    _, requant, _ = realised(channels, grid)
    acc = np.arange(-600, 601)[:, None].repeat(len(channels), axis=1)
    computed = golden.requant(acc, requant.mul, requant.add, requant.shift, requant.lo, requant.hi)
    expected = [[integer_quantizer(requant, c, int(a)) for c in range(len(channels))] for a in acc[:, 0]]
    np.testing.assert_array_equal(computed, expected)


EXACT_CHANNELS = st.lists(
    st.builds(
        lambda s, o, r, sign: (sign * s, o, *r),
        st.one_of(POWERS, SHORT),
        st.integers(-600, 600).map(lambda n: n / 8),
        REACH,
        st.sampled_from([-1, 1]),
    ),
    min_size=1,
    max_size=3,
)


@given(channels=EXACT_CHANNELS, grid=GRIDS)
def test_short_mantissas_are_always_exact(channels: list[Channel], grid: tuple[int, int]) -> None:
    certificate = realised(channels, grid)[2]
    assert certificate.exact
    assert certificate.differing_values == 0


@given(channels=CHANNELS, grid=GRIDS)
def test_float32_claims_hold_for_every_value(channels: list[Channel], grid: tuple[int, int]) -> None:
    op, _, certificate = realised(channels, grid)
    if not certificate.float32_exact:
        return
    for slope, offset, low, high in channels:
        acc = np.arange(low, high + 1)
        computed = np.clip(np.rint(acc.astype(np.float32) * np.float32(slope) + np.float32(offset)), *grid)
        expected = [real_quantizer(slope, offset, int(a), op.lo, op.hi) for a in acc]
        np.testing.assert_array_equal(computed.astype(np.int64), expected)


def test_float32_is_exact_for_power_of_two_scales_and_not_beyond_24_bits() -> None:
    assert realised([(2.0**-9, 0.25, -(1 << 15), 1 << 15)], (0, 255))[2].float32_exact
    assert not realised([(2.0**-9, 0.25, -(1 << 25), 1 << 25)], (0, 255))[2].float32_exact
    assert not realised([(float(np.float32(0.1)), 0.0, -200, 200)], (0, 255))[2].float32_exact


@pytest.mark.parametrize("sign", [1, -1])
def test_ties_go_to_even(sign: int) -> None:
    _, requant, certificate = realised([(sign * 0.5, 0.0, -9, 9)], (-8, 7))
    assert certificate.exact
    values = [integer_quantizer(requant, 0, acc) for acc in (-5, -3, -1, 1, 3, 5)]
    assert values == [-2, -2, 0, 0, 2, 2] if sign > 0 else [2, 2, 0, 0, -2, -2]


def test_a_multiplier_too_short_is_counted_and_explained() -> None:
    """Where 65535 steps lie 300,000 accumulators apart, no multiplier of 24 bits puts all of them in the right place."""
    slope = float(np.float32(1 / 3)) / 100_000
    _, requant, certificate = realised([(slope, 0.1, -(1 << 33), 1 << 33)], (-32768, 32767))
    assert not certificate.exact
    assert certificate.differing_values > 0
    assert "multiplier bits" in certificate.reason
    assert int(np.abs(requant.mul).max()) < 1 << 24


def test_the_narrowest_multiplier_wins() -> None:
    _, requant, certificate = realised([(0.25, 0.0, -1000, 1000)], (-128, 127))
    assert certificate.mul_bits <= 3
    assert requant.shift <= 3


@pytest.mark.parametrize(("slope", "offset"), [(1e30, 0.0), (1.0, 1e30)])
@pytest.mark.parametrize("reach", [(-100, 100), (0, 0)])
def test_refuses_numbers_that_integers_cannot_hold(slope: float, offset: float, reach: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match=r"'q': a slope of \S+ and an offset of \S+ steps exceed 64-bit integers"):
        realised([(slope, offset, *reach)], (0, 255))


@given(
    slope=st.builds(Fraction, st.integers(-400, 400), st.integers(1, 999)),
    offset=st.builds(Fraction, st.integers(-4000, 4000), st.integers(1, 99)),
    grid=GRIDS,
)
def test_any_rational_is_compared_exactly(slope: Fraction, offset: Fraction, grid: tuple[int, int]) -> None:
    """Scales behind batch norms and unequal additions are no floats; ties of thirds and sevenths count as well."""
    arrays = [np.empty(1, object), np.empty(1, object)]
    arrays[0][0], arrays[1][0] = slope, offset
    op = Quantize(slope=arrays[0], offset=arrays[1], lo=grid[0], hi=grid[1])
    requant, certificate = realise("q", op, (np.array([-200]), np.array([200])))
    differing = 0
    for acc in range(-200, 201):
        real = min(max(round(acc * slope + offset), grid[0]), grid[1])
        differing += real != integer_quantizer(requant, 0, acc)
    assert certificate.differing_values == differing


def test_every_quantizer_of_a_graph_gets_a_certificate() -> None:
    net = NetBuilder(rng=np.random.default_rng(3))
    x = net.input((4, 4, 3))
    first = net.quantize(net.conv(x, 5), 0, 15)
    second = net.quantize(net.conv(first, 2), -8, 7)
    graph, certificates = requantize(net.graph(second))
    assert [c.node for c in certificates] == ["n1_quantize", "n3_quantize"]
    assert [n.op.kind for n in graph.nodes] == ["conv", "requant", "conv", "requant"]
    assert set(certificates[0].to_json()) >= {"node", "exact", "differing_values", "reason", "float32_exact"}


MODE_REACH = (np.array([-300, -300]), np.array([300, 300]))


def rounding_quantizer(mode: str, slopes: list[Fraction], offsets: list[Fraction], lo: int, hi: int, zero: int) -> Quantize:
    slope, offset = np.empty(len(slopes), object), np.empty(len(slopes), object)
    slope[:], offset[:] = slopes, offsets
    return Quantize(slope=slope, offset=offset, lo=lo, hi=hi, rounding=mode, zero=zero, pure=True)


@given(
    mode=st.sampled_from(MODES),
    slopes=st.lists(st.builds(Fraction, st.integers(-40, 40), st.sampled_from([1, 2, 8, 64, 3, 7])), min_size=2, max_size=2),
    offsets=st.lists(st.builds(Fraction, st.integers(-80, 80), st.sampled_from([1, 2, 8, 5])), min_size=2, max_size=2),
    grid=GRIDS,
    zero=st.sampled_from([0, 0, -1, 5, 128]),
)
def test_certificates_of_every_rounding_mode(
    mode: str, slopes: list[Fraction], offsets: list[Fraction], grid: tuple[int, int], zero: int
) -> None:
    op = rounding_quantizer(mode, slopes, offsets, *grid, zero)
    requant, certificate = realise("q", op, MODE_REACH)
    differing = 0
    for c in range(2):
        for acc in range(-300, 301):
            value = acc * slopes[c] + offsets[c] + zero
            real = min(max(rounded(value, mode) - zero, grid[0]), grid[1])
            differing += abs(real - integer_quantizer(requant, c, acc))
    assert certificate.differing_values == differing


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("grid", "zero"), [((0, 255), 0), ((-128, 127), 0), ((-8, 7), 0), ((-121, 134), 121), ((0, 1), 0)])
def test_every_rounding_mode_is_exact_in_the_graph(mode: str, grid: tuple[int, int], zero: int) -> None:
    """All modes, over both signs: by one requantizer, or by two halves for those with an uneven step at zero."""
    slopes, offsets = [Fraction(3, 16), Fraction(-1, 4)], [Fraction(1, 2), Fraction(-5, 8)]
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((1, 601, 2), -300, 300)
    y = net.emit(rounding_quantizer(mode, slopes, offsets, *grid, zero), (x,), (1, 601, 2), *grid)
    graph, certificates = requantize(net.graph(y))
    assert all(c.exact and c.float32_exact for c in certificates)
    acc = np.arange(-300, 301).reshape(1, 1, -1, 1).repeat(2, axis=3)
    result = Program(*to_program(graph)).run({x: acc})[y]
    real = acc * np.array([3 / 16, -1 / 4]) + np.array([0.5, -0.625]) + zero
    np.testing.assert_array_equal(result, np.clip(resolve_rounding_mode(mode)(real) - zero, *grid))
    two = mode in ("DOWN", "UP") and grid[0] < -zero
    assert [node.op.kind for node in graph.nodes] == (["requant", "requant", "pointwise"] if two else ["requant"])
