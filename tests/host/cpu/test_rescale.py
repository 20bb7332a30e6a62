# SPDX-License-Identifier: Apache-2.0
"""Requantizers in floating point: the reference's integers for every accumulator, in whichever of the ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cpu_check import check_graph
from headrace_host import golden
from headrace_host.cpu import finish
from headrace_host.cpu.rescale import Requantizer, Rescale, rescale
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import NetBuilder

from headrace.ir.ops import Requant

Array = np.ndarray[Any, Any]


def apply(made: Rescale, acc: Array) -> Array:
    """What the steps compute of (n, C), one after the other."""
    y = acc.astype(made.dtype)
    y = y if made.mul is None else y * made.mul
    y = y if made.add is None else y + made.add
    y = y if made.lo is None else np.maximum(y, made.dtype(made.lo))
    y = y if made.hi is None else np.minimum(y, made.dtype(made.hi))
    y = (y if made.whole else np.rint(y)) - int(made.odd)
    assert y.dtype == made.dtype
    return y


def stated(mul: Any, add: Any, **numbers: Any) -> Requantizer:
    return Requantizer(mul=np.atleast_1d(np.asarray(mul, np.int64)), add=np.atleast_1d(np.asarray(add, np.int64)), **numbers)


def everywhere(q: Requantizer, channels: int, *, most: int = 1 << 17) -> Array:
    """Every accumulator (n, C) of a short range; of a long one its ends and many in between."""
    if q.most - q.least <= most:
        return np.repeat(np.arange(q.least, q.most + 1)[:, None], channels, axis=1)
    rng = np.random.default_rng(0)
    inside = rng.integers(q.least, q.most + 1, (most, channels))
    ends = [np.arange(start, start + 1000) for start in (q.least, -500, q.most - 999)]
    return np.concatenate([*(np.repeat(e[:, None], channels, axis=1) for e in ends), inside]).clip(q.least, q.most)


def check(q: Requantizer) -> Rescale | None:
    made = rescale(q)
    if made is None:
        return None
    acc = everywhere(q, max(len(q.mul), len(q.add)))
    expected = golden.requant(acc, q.mul, q.add, q.shift, q.lo, q.hi, q.odd)
    np.testing.assert_array_equal(apply(made, acc), expected)
    if made.near is not None:
        right = [c for c in range(acc.shape[1]) if c not in made.near.strays]
        np.testing.assert_array_equal(apply(made.near, acc)[:, right], expected[:, right])
        assert made.near.exact is not None
        strays = list(made.near.strays)
        np.testing.assert_array_equal(apply(made.near.exact, acc[:, strays]), expected[:, strays])
    return made


@settings(max_examples=150)
@given(
    slope=st.floats(-13, 2),
    mul_bits=st.integers(1, 24),
    bounds=st.sampled_from([(0, 255), (-128, 127), (0, 15), (-1, 1), (0, 1), (3, 9), (7, 7), (-2048, 2047), (-142, 113)]),
    reach=st.sampled_from([(-300, 300), (0, 255), (-9000, 70000), (-5, -3), (-(1 << 22), 1 << 22), (-(1 << 30), 1 << 30)]),
    odd=st.booleans(),
    channels=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_is_the_reference(
    slope: float, mul_bits: int, bounds: tuple[int, int], reach: tuple[int, int], odd: bool, channels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shift = max(0, int(mul_bits - 1 - slope))
    mul = rng.integers(1 << (mul_bits - 1), 1 << mul_bits, channels) * rng.choice([-1, 1], channels)
    add = (rng.uniform(bounds[0] - 2, bounds[1] + 2, channels) * 2.0**shift).astype(np.int64)
    q = stated(mul, add, shift=shift, lo=bounds[0], hi=bounds[1], odd=odd, least=reach[0], most=reach[1])
    made = check(q)
    assert made is not None or q.extent >= 1 << 53


def test_ties_in_short_factors_are_exact_in_float32() -> None:
    made = check(stated([3, -5], [32, 7], shift=6, lo=-8, hi=7, least=-700, most=700))
    assert made is not None
    assert (made.dtype, made.shift) == (np.float32, 6)


@pytest.mark.parametrize(("excess", "dtype"), [(0, np.float32), (1, np.float64)])
def test_24_bits_are_the_limit_of_exact_float32(excess: int, dtype: type) -> None:
    """At 2**24 the exact form ends; ties everywhere leave no other one."""
    made = check(stated(1, 0, shift=1, lo=-(1 << 23), hi=1 << 23, least=-1, most=(1 << 24) - 3 + excess))
    assert made is not None
    assert made.dtype is dtype


def test_53_bits_are_the_limit_of_float64() -> None:
    numbers: dict[str, Any] = {"shift": 1, "lo": -(1 << 60), "hi": 1 << 60, "least": 0}
    inside, beyond = stated(1, 0, most=(1 << 53) - 3, **numbers), stated(1, 0, most=1 << 53, **numbers)
    made = check(inside)
    assert made is not None
    assert made.dtype is np.float64
    assert rescale(beyond) is None


def test_large_offsets_are_found_to_agree() -> None:
    """``acc * mul + add`` of 56 bits, but no result near enough to a step for float64 to miss it; float32 misses some."""
    q = stated([12_345_677, 9_876_543], [1 << 55, 300 << 29], shift=36, lo=0, hi=255, least=-(1 << 20), most=1 << 20)
    assert q.extent >= 1 << 53
    made = check(q)
    assert made is not None
    assert made.dtype is np.float64


def test_what_does_nothing_is_dropped() -> None:
    made = check(stated([1, 1], [0, 0], shift=0, lo=-20, hi=20, least=-20, most=20))
    assert made is not None
    assert (made.mul, made.add, made.lo, made.hi, made.whole) == (None, None, None, None, True)


def with_strays(channels: int) -> tuple[Array, Array]:
    """Factors like those of an 8-bit network: float32 misses one step or another of a few channels."""
    rng = np.random.default_rng(11)
    mul = rng.integers(1 << 22, 1 << 23, channels)
    return mul, rng.integers(-(1 << 36), 1 << 37, channels)


def test_strays() -> None:
    mul, add = with_strays(256)
    made = check(stated(mul, add, shift=30, lo=0, hi=255, least=-(1 << 19), most=1 << 19))
    assert made is not None
    assert made.dtype is np.float64
    assert made.near is not None
    assert 0 < len(made.near.strays) <= 256 / 12


@pytest.mark.parametrize("price", [0.0, 1e9])
@pytest.mark.parametrize("pad", [0, 1])
def test_strays_are_computed_once_more(price: float, pad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms, of compact accumulators and of some with margins between them, in whole maps and in tiles."""
    monkeypatch.setattr(finish, "WIDE_ELEMENT", price)
    monkeypatch.setattr(finish, "WIDE", price)
    monkeypatch.setattr(finish, "TILE", 256 * 40)
    mul, add = with_strays(256)
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((6, 5, 256), -40, 40)
    acc = net.conv(x, 0, (3, 3), (1, 1), (pad, pad, pad, pad), depthwise=True, bits=12)
    kind = net.tensors[acc]
    q = net.emit(Requant(mul=mul, add=add, shift=30, lo=0, hi=255), (acc,), kind.shape, 0, 255)
    assert check_graph(net.graph(q), frames=3) == ["Depthwise"]


@pytest.mark.parametrize("hi", [255, (1 << 24) - 1, 1 << 24, 1 << 40, 1 << 60])
def test_of_stored_tensors(hi: int) -> None:
    net = NetBuilder(rng=np.random.default_rng(0))
    x = net.input((3, 4, 2), -5, hi)
    q = net.emit(Requant(mul=np.array([3, -1]), add=np.array([1, 9]), shift=2, lo=-8, hi=7), (x,), (3, 4, 2), -8, 7)
    assert check_graph(net.graph(q)) == ["Requantize" if hi < 1 << 50 else "Reference"]
