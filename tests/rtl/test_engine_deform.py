# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_deform`` over kernels, maps, strides, fractions, masks and offset ranges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench

from headrace.engines.deform import Deformer, OffsetRange
from headrace.ir.tensor import Tensor

BENCH = "headrace_sim.benches.engine_deform"
FRAMES = 4


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A deformable layer; ``rows`` replaces the rows that give full rate."""

    hw: tuple[int, int] = (6, 7)
    channels: int = 3
    lanes: int = 2
    values: tuple[int, int] = (0, 255)
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (1, 1, 1, 1)
    dilation: tuple[int, int] = (1, 1)
    lo: int = -1
    hi: int = 1
    fraction: int = 0
    square: bool = False
    mask: tuple[int, int] | None = None
    groups: int = 0
    """0: depthwise."""
    rows: int | None = None

    def engine(self) -> Deformer:
        """The engine with the offsets' stream one bit wider than their range."""
        out = tuple(
            (self.hw[a] + self.pad[a] + self.pad[a + 2] - self.dilation[a] * (self.kernel[a] - 1) - 1) // self.stride[a] + 1
            for a in (0, 1)
        )
        taps = self.kernel[0] * self.kernel[1]
        source = Tensor(name="x", shape=(*self.hw, self.channels), lo=self.values[0], hi=self.values[1])
        wide = (2 * self.lo if self.lo < 0 else 0, 2 * max(self.hi, 0) + 1)
        count = 1 if self.square else 2 * taps
        offset = Tensor(name="o", shape=(out[0], out[1], count), lo=wide[0], hi=wide[1])
        mask = self.mask and Tensor(name="m", shape=(out[0], out[1], taps), lo=self.mask[0], hi=self.mask[1])
        return Deformer(
            name="deform", source=source, offset=offset, mask=mask, out_hw=(out[0], out[1]), kernel=self.kernel,
            stride=self.stride, pad=self.pad, dilation=self.dilation, lanes=self.lanes, groups=self.groups or self.channels,
            offsets=OffsetRange(lo=self.lo, hi=self.hi, fraction_bits=self.fraction, square=self.square),
        )  # fmt: skip


LAYERS = {
    "integer_dense": Layer(groups=1, channels=5),
    "corners_far_outside": Layer(lo=-7, hi=8, hw=(5, 4), groups=1),
    "bilinear_depthwise": Layer(lo=-7, hi=8, fraction=2),
    "bilinear_masked_strided": Layer(
        hw=(7, 9), stride=(2, 2), lo=-9, hi=5, fraction=3, mask=(0, 15), values=(-128, 127), groups=1, lanes=3, channels=4
    ),
    "square_fraction_signed_mask": Layer(square=True, lo=-3, hi=10, fraction=2, mask=(-4, 3), kernel=(3, 5), pad=(1, 2, 1, 2)),
    "square_integer_strided": Layer(square=True, lo=0, hi=3, stride=(2, 1), hw=(8, 6), lanes=1, channels=1),
    "zero_range": Layer(lo=0, hi=0, mask=(0, 1)),
    "range_beyond_the_map": Layer(lo=-40, hi=37, fraction=2, hw=(3, 5), channels=2),
    "one_side_down": Layer(lo=2, hi=3, hw=(8, 5), pad=(0, 0, 0, 0), fraction=1),
    "one_side_up": Layer(lo=-5, hi=-3, hw=(8, 5), pad=(2, 0, 0, 1), dilation=(2, 1), groups=1),
    "pointwise_input_bound": Layer(kernel=(1, 1), pad=(0, 0, 0, 0), stride=(2, 2), hw=(9, 7), lo=0, hi=3),
    "pointwise_narrow": Layer(kernel=(1, 1), pad=(0, 0, 0, 0), hw=(9, 2), lo=-1, hi=1, fraction=1, lanes=3),
    "even_kernel_one_pixel_map": Layer(kernel=(2, 2), hw=(1, 1), pad=(1, 1, 1, 1), lo=-2, hi=2, fraction=1, channels=1),
    "last_rows_dropped": Layer(hw=(9, 4), kernel=(2, 2), stride=(4, 3), pad=(0, 0, 0, 0), lo=-1, hi=1, values=(0, 1)),
    "groups": Layer(channels=12, lanes=2, groups=3, kernel=(2, 2), hw=(4, 5), lo=-3, hi=4, fraction=1),
    "fewest_rows_narrow": Layer(hw=(9, 2), lo=-2, hi=1, rows=6, groups=1),
    "fewest_rows_bilinear": Layer(hw=(8, 5), lo=-2, hi=2, fraction=2, rows=6, groups=1),
}


def simulate(layer: Layer, folder: Path) -> None:
    engine = layer.engine()
    parameters: dict[str, Any] = {key: int(value) for key, value in engine.parameters().items()}
    parameters["Rows"] = layer.rows or parameters["Rows"]
    rng = np.random.default_rng(7)
    out = (FRAMES, *layer.engine().out_hw)
    x = rng.integers(layer.values[0], layer.values[1] + 1, (FRAMES, *layer.hw, layer.channels))
    lo, hi = engine.offset.lo, engine.offset.hi
    if engine.offset.signed:  # over all bits of the stream: what lies beyond the range must be clamped
        lo, hi = -(1 << (engine.offset.bits - 1)), (1 << (engine.offset.bits - 1)) - 1
    offset = rng.integers(lo, hi + 1, (*out, engine.values))
    extreme = rng.choice([layer.lo, layer.hi, lo, hi], offset.shape)
    offset = np.where(rng.random(offset.shape) < 0.4, extreme, offset)
    arrays = {"x": x, "offset": offset}
    if layer.mask:
        arrays["mask"] = rng.integers(layer.mask[0], layer.mask[1] + 1, (*out, engine.taps))
    reach = [layer_end(layer, axis) - layer.pad[axis] for axis in (0, 1)]
    run_bench(
        "engine_deform",
        bench=BENCH,
        folder=folder,
        parameters=parameters,
        case={"full_rate": layer.rows is None, "signed": engine.result.signed, "reach": reach},
        arrays=arrays,
    )


def layer_end(layer: Layer, axis: int) -> int:
    """The last place that a tap of the first window can read, by going through all offsets."""
    one, k = 1 << layer.fraction, layer.kernel[axis]
    places = []
    for tap in range(k):
        for offset in range(layer.lo, layer.hi + 1):
            at = (
                (k - 1) // 2 * one + (tap - (k - 1) // 2) * offset
                if layer.square
                else tap * layer.dilation[axis] * one + offset
            )
            places.append(-(-at // one))
    return max(places)


QUICK = (
    "bilinear_masked_strided",
    "square_fraction_signed_mask",
    "range_beyond_the_map",
    "one_side_up",
    "pointwise_input_bound",
    "groups",
    "fewest_rows_bilinear",
)
"""What every run tries; the others are left to deep ones."""


@pytest.mark.parametrize("name", deep_but(QUICK, LAYERS))
def test_layers(name: str, tmp_path: Path) -> None:
    simulate(LAYERS[name], tmp_path)


@pytest.mark.parametrize(
    ("change", "message", "compared"),
    [
        ({"Rows": 4}, "need Rows >= 5 for windows of 5 rows, a multiple of 1; got 4", "4 >= 5"),
        ({"Rows": 7, "FractionBits": 1}, "a multiple of 2; got 7", "7 == 8"),
        ({"Square": 1, "KH": 2}, "Square needs odd K and Dil 1; got K 2x3, 1x1", "2 == 3"),
        ({"Square": 1, "DilW": 2}, "got K 3x3, 1x2", "2 == 1"),
        ({"OffsetLo": 2}, "need OffsetLo <= OffsetHi, 1 <= OffsetW <= 31, FractionBits <= 15; got 2, 1, 4, 0", "2 <= 1"),
        ({"GroupBeats": 2}, "GroupBeats must divide the 1 channel beats; got 2", "2 == 1"),
        ({"OffsetW": 32}, "got -1, 1, 32, 0", "32 <= 31"),
        ({"Channels": 0}, "zero among widths 8 4 0 8", "0 >= 1"),
        ({"StrideW": 0}, "K 3x3, 1x0, 1x1", "0 >= 1"),
    ],
)
def test_refuses_bad_parameters(change: dict[str, int], message: str, compared: str) -> None:
    expect_refusal("engine_deform", parameters=change, message=message, compared=compared)
