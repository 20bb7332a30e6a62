# SPDX-License-Identifier: Apache-2.0
"""What the sampler's view says of reach, ranges and cycles, against going through all that can occur."""

from __future__ import annotations

from itertools import product
from math import ceil, floor

import numpy as np
import pytest
from headrace_host.golden_deform import deform_conv

from headrace.engines.deform import Deformer, OffsetRange, sampled
from headrace.engines.technology import XC7
from headrace.ir.tensor import Tensor


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize(("lo", "hi"), [(-7, 8), (0, 0), (3, 9), (-9, -5), (-1, 40)])
@pytest.mark.parametrize("bits", [0, 2])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (5, 1)])
def test_reach_is_that_of_the_farthest_neighbours(
    square: bool, lo: int, hi: int, bits: int, kernel: int, dilation: int
) -> None:
    middle = (kernel - 1) // 2
    places = [
        middle + (tap - middle) * step / 2**bits if square else tap * dilation + step / 2**bits
        for tap, step in product(range(kernel), range(lo, hi + 1))
    ]
    reach = OffsetRange(lo=lo, hi=hi, fraction_bits=bits, square=square).reach(kernel, dilation)
    assert reach == (min(map(floor, places)), max(map(ceil, places)))


@pytest.mark.parametrize("values", [(0, 255), (-128, 127), (3, 9), (-5, -2)])
@pytest.mark.parametrize("mask", [None, (0, 15), (-4, 3), (2, 5)])
def test_samples_lie_in_their_range_and_reach_its_ends(values: tuple[int, int], mask: tuple[int, int] | None) -> None:
    bits, rng = 2, np.random.default_rng(0)
    x = rng.choice(values, (1, 9, 9, 1))
    offset = rng.integers(-16, 17, (1, 9, 9, 2))
    masks = None if mask is None else rng.choice(mask, (1, 9, 9, 1))
    taps = deform_conv(x, offset, np.ones((1, 1, 1, 1), np.int64), masks, fraction_bits=bits, lo=-16, hi=16)
    source = Tensor(name="x", shape=(9, 9, 1), lo=values[0], hi=values[1])
    factor = None if mask is None else Tensor(name="m", shape=(9, 9, 1), lo=mask[0], hi=mask[1])
    kind = sampled(source, OffsetRange(lo=-16, hi=16, fraction_bits=bits, square=False), factor)
    assert (kind.lo, kind.hi) == (min(0, int(taps.min())), max(0, int(taps.max())))


def test_a_tap_a_cycle_or_a_pixel_a_cycle() -> None:
    offset = Tensor(name="o", shape=(4, 4, 18), lo=-8, hi=7)
    engines = [
        Deformer(
            name="d", source=Tensor(name="x", shape=(8 * size, 8 * size, 10), lo=0, hi=255), offset=offset, mask=None,
            out_hw=(4, 4), kernel=(3, 3), stride=(2 * size, 2 * size), pad=(1, 1, 1, 1), dilation=(1, 1),
            offsets=OffsetRange(lo=-8, hi=7, fraction_bits=2, square=False), lanes=4, groups=1,
        )
        for size in (1, 4)
    ]  # fmt: skip
    assert [e.cycles for e in engines] == [4 * 4 * 9 * 3, 32 * 32 * 3]
    assert engines[0].out_widths == (4 * 12,)
    assert engines[0].in_widths == (4 * 8, 18 * 4)
    assert engines[0].resources().dsp == 4 * 3


def test_wide_products_take_several_slices() -> None:
    assert [XC7.dsps(a, b) for a, b in ((9, 4), (25, 18), (18, 25), (26, 4), (33, 19), (49, 18))] == [1, 1, 1, 2, 4, 2]
