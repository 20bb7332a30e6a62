# SPDX-License-Identifier: Apache-2.0
"""The golden operators against torch, onnxruntime and plain loops."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from headrace_host import golden
from hypothesis import given, settings
from hypothesis import strategies as st

IntArray = np.ndarray[Any, np.dtype[np.int64]]


def to_torch(x: IntArray) -> torch.Tensor:
    """NHWC integers as NCHW doubles."""
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).double()


def to_numpy(x: torch.Tensor) -> IntArray:
    """NCHW doubles, all whole, as NHWC integers."""
    values = x.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(values, np.rint(values))
    return values.astype(np.int64)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """Shapes, strides, paddings and dilations that leave some output."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pad = draw(st.tuples(*[st.integers(0, 3)] * 4))
    reach = [dilation[a] * (kernel[a] - 1) + 1 - pad[a] - pad[a + 2] for a in (0, 1)]
    return {
        "kernel": kernel,
        "dilation": dilation,
        "pad": pad,
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "hw": tuple(max(1, reach[a]) + draw(st.integers(0, 6)) for a in (0, 1)),
        "frames": draw(st.integers(1, 2)),
        "rng": np.random.default_rng(draw(st.integers(0, 2**31))),
    }


@settings(max_examples=60, deadline=None)
@given(
    w=windows(),
    crop=st.tuples(*[st.integers(0, 4)] * 4),
    group_in=st.integers(1, 3),
    group_out=st.integers(1, 3),
    groups=st.integers(1, 3),
    depthwise=st.booleans(),
)
def test_conv2d_is_torchs(
    w: dict[str, Any], crop: golden.Pads, group_in: int, group_out: int, groups: int, depthwise: bool
) -> None:
    # beyond its padding, what is taken from a side is cut off the map
    w["pad"] = tuple(p - c for p, c in zip(w["pad"], crop, strict=True))
    w["hw"] = tuple(max(1 + size + crop[a] + crop[a + 2], size) for a, size in enumerate(w["hw"]))
    if depthwise:
        group_in = group_out = 1
    rng = w["rng"]
    x = rng.integers(-128, 256, (w["frames"], *w["hw"], group_in * groups))
    weight = rng.integers(-128, 128, (group_out * groups, *w["kernel"], group_in))
    top, left, bottom, right = w["pad"]
    padded = torch.nn.functional.pad(to_torch(x), (left, right, top, bottom))
    expected = torch.nn.functional.conv2d(padded, to_torch(weight), stride=w["stride"], dilation=w["dilation"], groups=groups)
    computed = golden.conv2d(x, weight, w["stride"], w["pad"], w["dilation"], groups)
    np.testing.assert_array_equal(computed, to_numpy(expected))


@pytest.mark.parametrize("bits", [20, 24, 26, 46, 53, 57])
def test_conv2d_is_exact_at_every_width(bits: int) -> None:
    """Around the limits of float32 and float64 only arithmetic in whole numbers is right."""
    rng = np.random.default_rng(bits)
    limit = 1 << (bits - 12)
    x = rng.integers(-limit, limit + 1, (1, 3, 3, 5))
    w = rng.integers(-127, 128, (4, 3, 3, 5))
    computed = golden.conv2d(x, w, pad=(1, 1, 1, 1))
    for row, column, m in np.ndindex(3, 3, 4):
        total = 0
        for i, j, c in np.ndindex(3, 3, 5):
            y, z = row + i - 1, column + j - 1
            if 0 <= y < 3 and 0 <= z < 3:
                total += int(x[0, y, z, c]) * int(w[m, i, j, c])
        assert int(computed[0, row, column, m]) == total


def test_conv2d_sums_just_beyond_24_and_53_bits() -> None:
    """2**24 + 1 and 2**53 + 1 are the first whole numbers that float32 and float64 lack."""
    for bits in (24, 53):
        x = np.array([1 << bits, 1], np.int64).reshape(1, 1, 1, 2)
        assert int(golden.conv2d(x, np.ones((1, 1, 1, 2), np.int64))[0, 0, 0, 0]) == (1 << bits) + 1


def test_conv2d_takes_narrow_dtypes_without_wrapping() -> None:
    x, w = np.full((1, 3, 3, 2), 255, np.uint8), np.full((1, 3, 3, 2), -128, np.int8)
    assert int(golden.conv2d(x, w)[0, 0, 0, 0]) == -128 * 255 * 18


@pytest.mark.parametrize(
    ("x", "w", "groups"), [((1, 4, 4, 3), (2, 3, 3, 2), 1), ((1, 4, 4, 4), (3, 1, 1, 2), 2), ((1, 2, 2, 1), (1, 3, 3, 1), 1)]
)
def test_conv2d_refuses_shapes_that_do_not_fit(x: tuple[int, ...], w: tuple[int, ...], groups: int) -> None:
    with pytest.raises(ValueError, match="conv2d"):
        golden.conv2d(np.zeros(x, np.int64), np.zeros(w, np.int64), groups=groups)


def naive_deform(x: IntArray, d: IntArray, w: IntArray, lo: int, hi: int) -> IntArray:
    """The definition of the operator, word by word."""
    frames, height, width, channels = x.shape
    k = w.shape[0]
    out = np.zeros_like(x)
    for n, row, column, c in np.ndindex(frames, height, width, channels):
        s = min(max(int(d[n, row, column, 0]), lo), hi)
        for i in range(k):
            for j in range(k):
                y, z = row + s * (i - (k - 1) // 2), column + s * (j - (k - 1) // 2)
                if 0 <= y < height and 0 <= z < width:
                    out[n, row, column, c] += int(w[i, j, c]) * int(x[n, y, z, c])
    return out


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6), st.integers(1, 3)),
    k=st.sampled_from([1, 3, 5]),
    bounds=st.tuples(st.integers(-3, 4), st.integers(-3, 4)),
    seed=st.integers(0, 2**31),
)
def test_deform_is_its_definition(shape: tuple[int, int, int, int], k: int, bounds: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, d = rng.integers(-128, 256, shape), rng.integers(-5, 6, (*shape[:3], 1))
    w, (lo, hi) = rng.integers(-8, 8, (k, k, shape[3])), sorted(bounds)
    np.testing.assert_array_equal(golden.deform_depthwise(x, d, w, lo, hi), naive_deform(x, d, w, lo, hi))


@pytest.mark.parametrize(("k", "lo", "hi"), [(3, 1, 3), (3, 0, 1), (3, -2, 2), (5, -1, 2)])
def test_deform_is_onnxs_deform_conv(k: int, lo: int, hi: int) -> None:
    """ONNX DeformConv with the offsets ``anchor * (s - 1)`` is the same operator; onnxruntime executes it."""
    rng = np.random.default_rng(k + hi)
    n, h, w, c = 2, 9, 7, 4
    x, d = rng.integers(0, 256, (n, h, w, c)), rng.integers(-3, 5, (n, h, w, 1))
    weight = rng.integers(-8, 8, (k, k, c))
    s = d[..., 0].clip(lo, hi)
    offsets = [
        (s - 1) * (index - (k - 1) // 2) for i in range(k) for j in range(k) for index in (i, j)
    ]  # (N, 2 k k, H, W): row then column of every tap
    feeds = {
        "x": x.transpose(0, 3, 1, 2).astype(np.float32),
        "w": weight.transpose(2, 0, 1)[:, None].astype(np.float32),
        "o": np.stack(offsets, axis=1).astype(np.float32),
    }
    node = onnx.helper.make_node(
        "DeformConv", list(feeds), ["y"], kernel_shape=[k, k], pads=[k // 2] * 4, group=c, offset_group=1
    )
    infos = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, v.shape) for name, v in feeds.items()]
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "deform", infos, [out]), opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, feeds)
    computed = golden.deform_depthwise(x, d, weight, lo, hi)
    np.testing.assert_array_equal(computed, np.rint(expected.transpose(0, 2, 3, 1)))


def test_deform_refuses_even_kernels_and_foreign_maps() -> None:
    x, d = np.zeros((1, 4, 4, 2), np.int64), np.zeros((1, 4, 4, 1), np.int64)
    for w_shape, d_map in (((2, 2, 2), d), ((3, 3, 1), d), ((3, 3, 2), d[:, :3])):
        with pytest.raises(ValueError, match="deform_depthwise"):
            golden.deform_depthwise(x, d_map, np.zeros(w_shape, np.int64), 1, 2)


@settings(max_examples=60, deadline=None)
@given(w=windows(), signed=st.booleans(), channels=st.integers(1, 3))
def test_max_pool_is_torchs(w: dict[str, Any], signed: bool, channels: int) -> None:
    rng = w["rng"]
    pad = tuple(min(p, k // 2) for p, k in zip(w["pad"], (*w["kernel"], *w["kernel"]), strict=True))
    hw = [max(size, d * (k - 1) + 1) for size, d, k in zip(w["hw"], w["dilation"], w["kernel"], strict=True)]
    x = rng.integers(*((-128, 128) if signed else (0, 256)), (w["frames"], *hw, channels))
    top, left, bottom, right = pad
    padded = torch.nn.functional.pad(to_torch(x), (left, right, top, bottom), value=-1e9)
    expected = torch.nn.functional.max_pool2d(padded, w["kernel"], w["stride"], dilation=w["dilation"])
    narrow = x.astype(np.int8 if signed else np.uint8)
    np.testing.assert_array_equal(golden.max_pool(narrow, w["kernel"], w["stride"], pad, w["dilation"]), to_numpy(expected))


def test_max_pool_refuses_windows_larger_than_the_map() -> None:
    with pytest.raises(ValueError, match="max_pool"):
        golden.max_pool(np.zeros((1, 2, 2, 1), np.uint8), (3, 3), (1, 1))


@given(factors=st.tuples(st.integers(1, 4), st.integers(1, 4)), seed=st.integers(0, 2**31))
def test_upsample_is_torchs(factors: tuple[int, int], seed: int) -> None:
    x = np.random.default_rng(seed).integers(-128, 256, (2, 3, 5, 2))
    expected = torch.nn.functional.interpolate(to_torch(x), scale_factor=[float(f) for f in factors], mode="nearest")
    np.testing.assert_array_equal(golden.upsample_nearest(x, factors), to_numpy(expected))


@pytest.mark.parametrize(("channels", "groups"), [(6, 2), (6, 3), (58, 2), (5, 1), (5, 5)])
def test_shuffle_is_torchs(channels: int, groups: int) -> None:
    x = np.arange(2 * 3 * channels).reshape(1, 2, 3, channels)
    expected = torch.nn.functional.channel_shuffle(to_torch(x), groups)
    np.testing.assert_array_equal(golden.channel_shuffle(x, groups), to_numpy(expected))


def test_shuffle_refuses_groups_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="2 groups do not divide 5"):
        golden.channel_shuffle(np.zeros((1, 1, 1, 5), np.int64), 2)


@given(values=st.lists(st.integers(-(2**55), 2**55), min_size=1), shift=st.integers(0, 40))
def test_round_shift_is_pythons_round(values: list[int], shift: int) -> None:
    expected = [round(Fraction(v, 2**shift)) for v in values]
    assert golden.round_shift(np.array(values, np.int64), shift).tolist() == expected


def test_requant_is_torchs_round_and_clamp() -> None:
    acc = np.arange(-700, 701)
    expected = torch.clamp(torch.round(torch.from_numpy(acc).double() * 5 / 64 + 3 / 64), -8, 7).numpy()
    np.testing.assert_array_equal(golden.requant(acc, np.array(5), np.array(3), 6, -8, 7), expected)


@pytest.mark.parametrize(
    ("lo", "hi", "dtype"),
    [
        (0, 255, np.uint8),
        (-1, 127, np.int8),
        (0, 256, np.uint16),
        (-1, 255, np.int16),
        (-40000, 0, np.int32),
        (0, 2**40, np.int64),
    ],
)
def test_storage_is_the_narrowest_that_fits(lo: int, hi: int, dtype: type) -> None:
    assert golden.storage_dtype(lo, hi) is dtype
