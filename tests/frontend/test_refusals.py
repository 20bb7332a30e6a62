# SPDX-License-Identifier: Apache-2.0
"""What the frontend refuses: each with the node's name, the reason and a remedy, and never with a traceback of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qonnx_file import QonnxFile, deform, plain

from headrace.compile import lower
from headrace.errors import ModelError, UnsupportedError
from headrace.operators.deform import DeformDepthwise

Build = Callable[[QonnxFile], str]


def unquantized_weights(f: QonnxFile) -> str:
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3))
    return f.quant(f.conv(f.image(), f.constant(weights)))


def sigmoid(f: QonnxFile) -> str:
    return f.node("Sigmoid", plain(f))


def softmax(f: QonnxFile) -> str:
    return f.node("Softmax", plain(f))


def gemm(f: QonnxFile) -> str:
    return f.node("Gemm", plain(f), f.weight((4, 4)))


def unknown_domain(f: QonnxFile) -> str:
    return f.node("Frobnicate", plain(f), domain="com.example")


def unknown_op(f: QonnxFile) -> str:
    return f.node("Einsum", plain(f), equation="nchw->nchw")


def raw_input(f: QonnxFile) -> str:
    return f.quant(f.conv("x", f.weight((4, 3, 1, 1))))


def input_quantized_twice(f: QonnxFile) -> str:
    return f.node("Concat", f.image(), f.quant("x", 0.25, signed=0), axis=1)


def accumulator_into_conv(f: QonnxFile) -> str:
    acc = f.conv(f.image(), f.weight((4, 3, 1, 1), scale=np.array([1.0, 0.7, 0.3, 5]).reshape(4, 1, 1, 1)))
    return f.quant(f.conv(acc, f.weight((4, 4, 1, 1))))


def wide_activation(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1))), bits=24.0)


def odd_bit_width(f: QonnxFile) -> str:
    return f.quant(plain(f), bits=3.5)


def nan_scale(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1))), scale=np.nan)


def far_zero_point(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1))), zero=1e30)


def negative_scale(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1))), scale=-0.5)


def nan_weight_scale(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1), scale=np.nan)))


def fractional_weight_zero_point(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1), zero=0.3)))


def infinite_weight_scale(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1), scale=np.inf)))


def infinite_weights(f: QonnxFile) -> str:
    weight = f.quant(f.constant(np.full((4, 3, 1, 1), np.inf)), 0.25)
    return f.quant(f.conv(f.image(), weight))


def scale_per_input_channel(f: QonnxFile) -> str:
    scale = np.array([1, 0.7, 0.3]).reshape(1, 3, 1, 1)
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1), scale=scale)))


def per_channel_activation(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1))), scale=np.array([1.0, 2, 3]).reshape(1, 3, 1, 1))


def rounding_mode(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1, 1))), rounding_mode="NEAREST")


def grouped_conv(f: QonnxFile) -> str:
    image = f.node("Concat", f.image(), f.image(), axis=1)
    return f.quant(f.conv(image, f.weight((5, 3, 1, 1)), group=2))


def wrong_channels(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 5, 1, 1))))


def conv_1d(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 1))))


def kernel_too_large(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 9, 9))))


def negative_pads(f: QonnxFile) -> str:
    return f.quant(f.conv(f.image(), f.weight((4, 3, 3, 3)), pads=[-1, 0, 0, 0]))


def unequal_add(f: QonnxFile) -> str:
    x = f.image()
    a, b = (f.quant(f.conv(x, f.weight((4, 3, 1, 1))), scale) for scale in (1.0, 1e-6))
    return f.node("Add", a, b)


def add_of_two_sizes(f: QonnxFile) -> str:
    x = f.image()
    return f.node("Add", x, f.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))


def divides_by_zero(f: QonnxFile) -> str:
    return f.quant(f.node("Div", f.image(), f.constant(0.0)))


def relu_off_the_grid(f: QonnxFile) -> str:
    acc = f.conv(f.image(), f.weight((4, 3, 1, 1), scale=np.array([1.0, 0.7, 0.3, 5]).reshape(4, 1, 1, 1)))
    return f.node("Relu", f.node("Add", acc, f.constant(0.1)))


def convolution_of_the_normalised_input(f: QonnxFile) -> str:
    return f.conv(f.node("BatchNormalization", "x", *(f.constant(np.ones(3)) for _ in range(4))), f.weight((4, 3, 1, 1)))


def bicubic(f: QonnxFile) -> str:
    return f.node("Resize", f.image(), "", f.constant([1, 1, 2, 2]), mode="cubic")


def bilinear_in_part(f: QonnxFile) -> str:
    regions, grid = f.constant([0, 0, 0.2, 0.2, 1, 1, 0.8, 0.8]), "tf_crop_and_resize"
    return f.node("Resize", f.image(), regions, f.constant([1, 1, 2, 2]), mode="linear", coordinate_transformation_mode=grid)


def fractional_resize(f: QonnxFile) -> str:
    return f.node("Resize", f.image(), "", f.constant([1, 1, 1.5, 1.5]), mode="nearest")


def shrinking_resize(f: QonnxFile) -> str:
    return f.node("Resize", f.image(), "", f.constant([1, 1, 0.5, 0.5]), mode="nearest")


def channel_resize(f: QonnxFile) -> str:
    return f.node("Resize", f.image(), "", f.constant([1, 2, 2, 2]), mode="nearest")


def endless_map(f: QonnxFile) -> str:
    f.shape = (1, 3, 1 << 31, 1 << 31)
    return f.quant(f.node("GlobalAveragePool", f.image()))


def pool_3d(f: QonnxFile) -> str:
    return f.node("MaxPool", f.image(), kernel_shape=[2, 2, 2])


def pool_without_kernel(f: QonnxFile) -> str:
    return f.node("MaxPool", f.image())


def pool_of_nothing_but_padding(f: QonnxFile) -> str:
    return f.node("MaxPool", f.image(), kernel_shape=[2, 2], pads=[2, 2, 0, 0])


def pool_behind_falling_channels(f: QonnxFile) -> str:
    factor = f.constant(np.array([1.0, -1, 1]).reshape(1, 3, 1, 1))
    return f.node("MaxPool", f.node("Mul", f.image(), factor), kernel_shape=[2, 2])


def pool_indices(f: QonnxFile) -> str:
    return f.node("MaxPool", f.image(), kernel_shape=[2, 2], outputs=2)


def batch_norm_of_other_channels(f: QonnxFile) -> str:
    constants = [f.constant(np.ones(5)) for _ in range(4)]
    return f.quant(f.node("BatchNormalization", f.conv(f.image(), f.weight((4, 3, 1, 1))), *constants))


def batch_norm_of_negative_variance(f: QonnxFile) -> str:
    constants = [f.constant(np.full(4, v)) for v in (1.0, 0, 0, -3)]
    return f.quant(f.node("BatchNormalization", f.conv(f.image(), f.weight((4, 3, 1, 1))), *constants))


def nan_bias(f: QonnxFile) -> str:
    return f.quant(f.node("Add", f.conv(f.image(), f.weight((4, 3, 1, 1))), f.constant(np.nan)))


def output_is_the_input(f: QonnxFile) -> str:
    return f.image()


def output_is_a_constant(f: QonnxFile) -> str:
    f.image()
    return f.weight((4, 3, 1, 1))


def reads_nothing_known(f: QonnxFile) -> str:
    f.image()
    return f.node("Relu", "phantom")


def deform_with(**change: Any) -> Build:
    """A deformable layer with one thing wrong."""
    return lambda f: deform(f, **change)


REFUSED: list[tuple[str, Build, str]] = [
    ("unquantized weights", unquantized_weights, r"'Conv_1' \(Conv\): its weights are not quantized; quantize them"),
    ("softmax", softmax, r"\(Softmax\): belongs behind the network's outputs; leave it out"),
    ("sigmoid", sigmoid, r"\(graph output\): reads a Sigmoid that no quantizer .*; quantize it"),
    ("gemm", gemm, r"\(Gemm\): .*; flatten it before the fully connected layer"),
    ("unknown domain", unknown_domain, r"\(Frobnicate\): unknown operator domain 'com.example'; use"),
    ("unknown operator", unknown_op, r"\(Einsum\): no convolution of an activation .*; write it as"),
    ("raw input", raw_input, r"reads the input 'x' before it is quantized; quantize"),
    ("input quantized twice", input_quantized_twice, r"'x' is quantized in two different ways; share"),
    ("accumulator into conv", accumulator_into_conv, r"on no common grid .* that no quantizer .*; put a Quant"),
    ("wide activation", wide_activation, r"bit width 24 of an activation; use at most 16"),
    ("odd bit width", odd_bit_width, r"bit width 3.5; use a whole"),
    ("NaN scale", nan_scale, r"activation scale holds numbers that are not finite"),
    ("far zero point", far_zero_point, r"zero point 1\S*e\+30; .*a whole number of the grid"),
    ("negative scale", negative_scale, r"a scale of -0.5; the scale .* must be positive"),
    ("NaN weight scale", nan_weight_scale, r"not finite, positive numbers; train"),
    ("fractional weight zero point", fractional_weight_zero_point, r"zero points that are not whole numbers"),
    ("infinite weight scale", infinite_weight_scale, r"not finite, positive numbers; train"),
    ("infinite weights", infinite_weights, r"not finite, positive numbers; train"),
    ("scale per input channel", scale_per_input_channel, r"weight scales of shape .*; scale weights per"),
    (
        "per-channel activation",
        per_channel_activation,
        r"scale of shape \(1, 3, 1, 1\) is not one .* per channel \(4\)",
    ),
    ("rounding mode", rounding_mode, r"rounding mode NEAREST; use ROUND"),
    ("grouped conv", grouped_conv, r"5 filters in 2 groups; export"),
    ("wrong channels", wrong_channels, r"3 channels for weights \(4, 5, 1, 1\)"),
    ("1-D conv", conv_1d, "a 1-D window on a tensor of 4 axes; only 1-D windows on"),
    ("kernel too large", kernel_too_large, r"9x9 window leaves no output on a 8x8 map; use"),
    ("negative pads", negative_pads, r"padding \[-1, 0, 0, 0\]; only"),
    ("unequal add", unequal_add, r"\(Add\): its operands have scales 1 and 1e-06, .*; share one quantizer"),
    ("add of two sizes", add_of_two_sizes, r"\(Add\): adds maps of .*; add maps of one shape"),
    ("division by zero", divides_by_zero, r"\(Div\): divides by zero"),
    ("ReLU off the grid", relu_off_the_grid, r"ReLU or clip .*; put a quantizer"),
    ("convolution of the normalised input", convolution_of_the_normalised_input, r"reads the input 'x' before it is quantized"),
    ("bicubic", bicubic, r"cubic resizing .*; use nearest or linear"),
    ("bilinear in part", bilinear_in_part, r"linear resizing on the grid tf_crop_and_resize; use one of half_pixel"),
    ("fractional resize", fractional_resize, r"scales by \(1.5, 1.5\); only whole"),
    ("shrinking resize", shrinking_resize, r"scales by \(0.5, 0.5\); only whole"),
    ("channel resize", channel_resize, r"only rows and columns"),
    ("endless map", endless_map, r"a result of \d+ bits; quantize more coarsely"),
    ("3-D pool", pool_3d, "a 3-D window on a tensor of 4 axes"),
    ("pool without kernel", pool_without_kernel, r"\(MaxPool\)"),
    ("pool of padding", pool_of_nothing_but_padding, r"\(MaxPool\): .*padding"),
    ("pool of falling channels", pool_behind_falling_channels, r"maximum behind a negative .*; put a quantizer"),
    ("pool indices", pool_indices, r"its output 2 is used; export for inference"),
    ("batch norm of other channels", batch_norm_of_other_channels, r"\(BatchNormalization\): .*5.*4"),
    ("batch norm of negative variance", batch_norm_of_negative_variance, r"not finite|variance"),
    ("NaN bias", nan_bias, r"finite"),
    ("output is the input", output_is_the_input, r"is a graph input; there is nothing to compute"),
    ("output is a constant", output_is_a_constant, r"constant"),
    ("reads nothing known", reads_nothing_known, r"'Relu_1' \(Relu\) reads 'phantom', which nothing writes"),
    ("deform: range", deform_with(lo=2, hi=1), r"\(SquareDeformDepthwise\): the range \[2, 1\] is empty; declare lo <= hi"),
    ("deform: scale", deform_with(scale=0.5), r"dilations on a grid of 0.5; quantize .* scale of 1"),
    ("deform: two maps", deform_with(maps=2), r"a dilation map \(8, 8, 2\) .*; give one dilation per pixel"),
    ("deform: even kernel", deform_with(weight=(3, 1, 2, 2)), r"weights \(3, 1, 2, 2\) on 3 channels; use one odd square"),
    ("deform: oblong kernel", deform_with(weight=(3, 1, 3, 1)), r"use one odd square"),
    ("deform: channels", deform_with(weight=(4, 1, 3, 3)), r"weights \(4, 1, 3, 3\) on 3 channels"),
    ("deform: missing weights", deform_with(inputs=2), r"\(SquareDeformDepthwise\)"),
]


@pytest.mark.parametrize(("build", "message"), [pytest.param(b, m, id=name) for name, b, m in REFUSED])
def test_refuses(build: Build, message: str, tmp_path: Path) -> None:
    file = QonnxFile()
    path = file.save(tmp_path / "model.onnx", build(file))
    with pytest.raises(ModelError, match=message) as caught:
        lower(path)
    assert "\n" not in str(caught.value)


def test_refusals_carry_node_and_remedy(tmp_path: Path) -> None:
    file = QonnxFile()
    path = file.save(tmp_path / "model.onnx", unquantized_weights(file))
    with pytest.raises(UnsupportedError) as caught:
        lower(path)
    assert (caught.value.node, caught.value.op_type) == ("Conv_1", "Conv")
    assert "quantize" in caught.value.remedy


@pytest.mark.parametrize(
    ("lo", "hi", "kept"),
    [(0, 3, (0, 3)), (1, 2, (1, 2)), (-5, 1 << 31, (0, 3)), (5, 9, (5, 5)), (-9, -1, (-1, -1)), (40, 50, (8, 8))],
)
def test_a_range_wider_than_the_dilations_or_the_map_costs_nothing(
    lo: int, hi: int, kept: tuple[int, int], tmp_path: Path
) -> None:
    """The dilations are 0 to 3 here and the map 8 pixels wide: beyond them, a range changes no result."""
    file = QonnxFile()
    graph = lower(file.save(tmp_path / "model.onnx", deform(file, lo=lo, hi=hi))).graph
    (op,) = (node.op for node in graph.nodes if isinstance(node.op, DeformDepthwise))
    assert (op.lo, op.hi) == kept
