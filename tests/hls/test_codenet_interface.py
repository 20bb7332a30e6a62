# SPDX-License-Identifier: Apache-2.0
"""Kernels of the interface that CoDeNet's deformable convolutions have: a dilation for each pixel, a 3x3 depthwise kernel.

The map is 32 x 32 x 64, and dilations take every value of their declared range. What leaves a kernel is multiplied with golden
weights and compared with the golden deformable convolution, exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from deep import deep_but
from headrace_host.golden_deform import deform_conv

from headrace.build.csim import compile_csim, run_csim
from headrace.engines.deform import Deformer, OffsetRange
from headrace.engines.window import Deform, Window
from headrace.hls.kernel import values_of
from headrace.hls.kernels import KERNELS
from headrace.hls.render import kernel_view, simulation_files
from headrace.ir.tensor import Tensor

IntArray = npt.NDArray[Any]
FRAMES = 2
SHAPE = (32, 32, 64)
RANGES = [(0, 7), (-7, 8), (1, 9)]
FOLDINGS = [(lanes, taps) for lanes in (16, 8, 64) for taps in (9, 3, 1)]
"""Channels and taps of a beat; the published engine has 16 channels."""


def stimulus(lo: int, hi: int) -> tuple[IntArray, IntArray, IntArray]:
    """Maps, dilations over their whole range at every part of the map, its corners at both ends of the range; weights."""
    rng = np.random.default_rng(hi)
    x = rng.integers(0, 256, (FRAMES, *SHAPE), np.uint8)
    dilations = rng.integers(lo, hi + 1, (FRAMES, *SHAPE[:2], 1))
    dilations[0, :: SHAPE[0] - 1, :: SHAPE[1] - 1] = hi
    dilations[1, :: SHAPE[0] - 1, :: SHAPE[1] - 1] = lo
    assert set(np.unique(dilations)) == set(range(lo, hi + 1))
    return x, dilations, rng.integers(-8, 8, (SHAPE[2], 3, 3, 1))


def run_kernel(engine: Window | Deformer, x: IntArray, dilations: IntArray) -> IntArray:
    """What leaves the engine's kernel, in bytes; beats are whole words here."""
    parameters = values_of(engine.parameters())
    view = kernel_view("dut", KERNELS[engine.module], parameters, {})
    executable = compile_csim(simulation_files(view), ["csim.cpp"])
    lanes = parameters["Lanes"]
    inputs = [x.reshape(-1, lanes).view("<u4"), (dilations.reshape(-1, 1) & 0xFFFFFFFF).astype(np.uint32)]
    (words,), _ = run_csim(executable, FRAMES, inputs, [port.words for port in view.outputs])
    return np.ascontiguousarray(words).view(np.uint8)


def check(taps: IntArray, x: IntArray, dilations: IntArray, weights: IntArray, lo: int, hi: int) -> None:
    """Compares the sums of weighted taps (F, H, W, beats, KW, KH, lanes) with the golden convolution."""
    per_channel = taps.transpose(0, 1, 2, 5, 4, 3, 6).reshape(FRAMES, *SHAPE[:2], 3, 3, SHAPE[2]).astype(np.int64)
    got = np.einsum("fyxijc,cij->fyxc", per_channel, weights[..., 0])
    expected = deform_conv(x, dilations, weights, pad=(1, 1, 1, 1), groups=SHAPE[2], square=True, lo=lo, hi=hi)
    np.testing.assert_array_equal(got, expected)


def cut(taps: IntArray, lanes: int) -> IntArray:
    """Kernel output as (F, H, W, channel beats, KW, KH, lanes): taps go down the columns within a channel beat."""
    return taps.reshape(FRAMES, *SHAPE[:2], SHAPE[2] // lanes, 3, 3, lanes)


def types(lo: int, hi: int) -> tuple[Tensor, Tensor]:
    """Of the map and the dilations."""
    return Tensor(name="x", shape=SHAPE, lo=0, hi=255), Tensor(name="d", shape=(*SHAPE[:2], 1), lo=lo, hi=hi)


@pytest.mark.parametrize("folding", deep_but([(16, 9), (16, 1)], FOLDINGS), ids=str)
@pytest.mark.parametrize(("lo", "hi"), RANGES)
def test_window_kernel(lo: int, hi: int, folding: tuple[int, int]) -> None:
    lanes, taps = folding
    source, dilation = types(lo, hi)
    engine = Window(
        name="window",
        source=source,
        out_hw=SHAPE[:2],
        kernel=(3, 3),
        stride=(1, 1),
        pad=(1, 1, 1, 1),
        dilation=(1, 1),
        lanes=lanes,
        taps=taps,
        taps_inner=True,
        deform=Deform(lo=lo, hi=hi, bits=dilation.bits, signed=dilation.signed),
    )
    x, dilations, weights = stimulus(lo, hi)
    check(cut(run_kernel(engine, x, dilations), lanes), x, dilations, weights, lo, hi)


@pytest.mark.parametrize("lanes", deep_but([16], [16, 8, 64]))
@pytest.mark.parametrize(("lo", "hi"), RANGES)
def test_sampler_kernel(lo: int, hi: int, lanes: int) -> None:
    source, dilation = types(lo, hi)
    engine = Deformer(
        name="deform",
        source=source,
        offset=dilation,
        mask=None,
        out_hw=SHAPE[:2],
        kernel=(3, 3),
        stride=(1, 1),
        pad=(1, 1, 1, 1),
        dilation=(1, 1),
        lanes=lanes,
        groups=SHAPE[2],
        offsets=OffsetRange(lo=lo, hi=hi, fraction_bits=0, square=True),
    )
    x, dilations, weights = stimulus(lo, hi)
    check(cut(run_kernel(engine, x, dilations), lanes), x, dilations, weights, lo, hi)
