# SPDX-License-Identifier: Apache-2.0
"""The golden deformable convolution against onnxruntime's DeformConv, and against its definition in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from headrace_host.golden_deform import deform_conv
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

IntArray = np.ndarray[Any, np.dtype[np.int64]]


def onnx_deform_conv(x: IntArray, offset: Any, w: IntArray, mask: IntArray | None, **attributes: Any) -> Any:
    """ONNX DeformConv in float64, NHWC; ``offset`` in pixels."""
    feeds = {"x": x.transpose(0, 3, 1, 2), "w": w.transpose(0, 3, 1, 2), "offset": offset.transpose(0, 3, 1, 2)}
    names = ["x", "w", "offset"]
    if mask is not None:
        feeds["mask"] = mask.transpose(0, 3, 1, 2)
        names += ["", "mask"]
    node = helper.make_node("DeformConv", names, ["y"], offset_group=1, **attributes)
    infos = [helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, v.shape) for name, v in feeds.items()]
    out = helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)
    graph = helper.make_graph([node], "deform", infos, [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {name: np.ascontiguousarray(v, np.float64) for name, v in feeds.items()})
    return y.transpose(0, 2, 3, 1)


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Any]:
    """A deformable layer of any shape that leaves some output, and its operands."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride, dilation = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    pad = draw(st.tuples(*[st.integers(0, 3)] * 4))
    span = [dilation[a] * (kernel[a] - 1) + 1 - pad[a] - pad[a + 2] for a in (0, 1)]
    hw = tuple(max(1, span[a]) + draw(st.integers(0, 5)) for a in (0, 1))
    out = tuple((hw[a] - span[a]) // stride[a] + 1 for a in (0, 1))
    groups, c_group = draw(st.sampled_from([(1, 1), (1, 3), (2, 2), (3, 1)]))
    m = groups * draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    taps = kernel[0] * kernel[1]
    return {
        "x": rng.integers(-128, 256, (2, *hw, groups * c_group)),
        "offset": rng.integers(-40, 41, (2, *out, 2 * taps)),
        "w": rng.integers(-8, 8, (m, *kernel, c_group)),
        "mask": rng.integers(0, 16, (2, *out, taps)) if draw(st.booleans()) else None,
        "layout": {"stride": stride, "pad": pad, "dilation": dilation, "groups": groups},
        "fraction_bits": draw(st.integers(0, 4)),
    }


@settings(max_examples=60, deadline=None)
@given(layer=layers(), bounds=st.tuples(st.integers(-45, 45), st.integers(-45, 45)))
def test_deform_conv_is_onnxs(layer: dict[str, Any], bounds: tuple[int, int]) -> None:
    lo, hi = sorted(bounds)
    x, offset, w, mask, layout, bits = (layer[k] for k in ("x", "offset", "w", "mask", "layout", "fraction_bits"))
    computed = deform_conv(x, offset, w, mask, **layout, fraction_bits=bits, lo=lo, hi=hi)
    expected = onnx_deform_conv(
        x, offset.clip(lo, hi) / 2.0**bits, w, mask, kernel_shape=w.shape[1:3], strides=layout["stride"],
        pads=layout["pad"], dilations=layout["dilation"], group=layout["groups"],
    )  # fmt: skip
    np.testing.assert_array_equal(computed, expected * 4**bits)


@settings(max_examples=40, deadline=None)
@given(
    hw=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3, 5])),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    bits=st.integers(0, 3),
    seed=st.integers(0, 2**31),
)
def test_square_is_per_tap_with_the_offsets_of_a_dilation(
    hw: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], bits: int, seed: int
) -> None:
    """Dilation d moves tap (i, j) by (d - 1) times its place about the centre; onnxruntime computes it."""
    rng = np.random.default_rng(seed)
    middle = [(k - 1) // 2 for k in kernel]
    pad = (middle[0], middle[1], middle[0], middle[1])
    out = [(hw[a] - 1) // stride[a] + 1 for a in (0, 1)]
    x, w = rng.integers(-128, 256, (1, *hw, 2)), rng.integers(-8, 8, (3, *kernel, 2))
    d = rng.integers(-12, 20, (1, *out, 1))
    computed = deform_conv(x, d, w, stride=stride, pad=pad, square=True, fraction_bits=bits, lo=-7, hi=12)
    s = d[..., 0].clip(-7, 12) / 2.0**bits
    moves = [(s - 1) * at for i in range(kernel[0]) for j in range(kernel[1]) for at in (i - middle[0], j - middle[1])]
    expected = onnx_deform_conv(x, np.stack(moves, axis=-1), w, None, kernel_shape=kernel, strides=stride, pads=pad)
    np.testing.assert_array_equal(computed, expected * 4**bits)


def test_deform_conv_is_its_definition_beyond_float64() -> None:
    """Wide operands: sums of rational numbers, word by word."""
    rng = np.random.default_rng(3)
    bits, lo, hi = 6, -100, 90
    x, w = rng.integers(-(1 << 15), 1 << 15, (1, 3, 4, 2)), rng.integers(-128, 128, (2, 2, 2, 2))
    offset, mask = rng.integers(-130, 130, (1, 4, 5, 8)), rng.integers(0, 1 << 14, (1, 4, 5, 4))
    computed = deform_conv(x, offset, w, mask, pad=(1, 1, 1, 1), fraction_bits=bits, lo=lo, hi=hi)
    for y, z, m in np.ndindex(4, 5, 2):
        total = Fraction(0)
        for tap in range(4):
            row, col = (Fraction(int(offset[0, y, z, 2 * tap + a].clip(lo, hi)), 1 << bits) for a in (0, 1))
            row, col = row + y - 1 + tap // 2, col + z - 1 + tap % 2
            for r, s, c in np.ndindex(3, 4, 2):
                weight = max(Fraction(0), 1 - abs(row - r)) * max(Fraction(0), 1 - abs(col - s))
                total += weight * int(x[0, r, s, c]) * int(w[m, tap // 2, tap % 2, c]) * int(mask[0, y, z, tap])
        assert int(computed[0, y, z, m]) == total * 4**bits


def test_deform_conv_refuses_shapes_that_do_not_fit() -> None:
    x, w, offset = np.zeros((1, 4, 4, 2), np.int64), np.zeros((2, 3, 3, 2), np.int64), np.zeros((1, 2, 2, 18), np.int64)
    for args, change in (
        ((x, offset[..., :17], w), {}),
        ((x, offset, w, np.zeros((1, 2, 2, 8), np.int64)), {}),
        ((x, offset, w), {"groups": 2}),
        ((x, offset, w), {"stride": (2, 2)}),
        ((x, offset[..., :1], w[:, :2]), {"square": True}),
    ):
        with pytest.raises(ValueError, match="deform_conv: x"):
            deform_conv(*args, lo=0, hi=1, **change)
