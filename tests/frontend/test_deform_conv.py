# SPDX-License-Identifier: Apache-2.0
"""Import of deformable convolutions: what comes in computes what onnxruntime and qonnx compute; the rest is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from headrace_host.program import Program
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.errors import UnsupportedError
from headrace.ir.graph import to_program
from headrace.operators.deform import DeformDepthwise
from headrace.operators.deform_conv import DeformConv

Build = Callable[[QonnxFile], str]


def layer(
    f: QonnxFile,
    *,
    scale: float = 0.25,
    bits: float = 5.0,
    weight: tuple[int, ...] = (4, 3, 3, 3),
    offsets: int = 18,
    change: Callable[[QonnxFile, str], str] | None = None,
    mask: Callable[[QonnxFile, str], str] | None = None,
    masks: int = 9,
    bias: bool = False,
    stride: int = 1,
    pads: tuple[int, ...] = (1, 1, 1, 1),
    square: bool = False,
    **attrs: Any,
) -> str:
    """image -> offsets (3x3 convolution, quantizer, ``change``) -> deformable convolution, as accumulators."""
    x = f.image()
    strides = [stride, stride]
    window: dict[str, Any] = {"pads": [1, 1, 1, 1], "strides": strides}
    offset = f.quant(f.conv(x, f.weight((offsets, 3, 3, 3)), **window), scale, bits=bits)
    offset = change(f, offset) if change else offset
    attrs = {"strides": strides, "pads": list(pads), **attrs}
    factors = mask(f, f.conv(x, f.weight((masks, 3, 3, 3)), **window)) if mask else ""
    if square:
        inputs = [x, offset, f.weight(weight), *([factors] if mask else [])]
        return f.node("SquareDeformConv", *inputs, domain="headrace.ops", **attrs)
    biases = f.constant(np.arange(weight[0]) / 64) if bias else ""
    inputs = [x, f.weight(weight), offset, biases, factors]
    while not inputs[-1]:
        inputs.pop()
    return f.node("DeformConv", *inputs, **attrs)


def quantized(f: QonnxFile, x: str) -> str:
    return f.quant(x, 0.125, bits=3.0, signed=0)


def clipped(lo: float, hi: float) -> Callable[[QonnxFile, str], str]:
    return lambda f, x: f.node("Clip", x, f.constant(lo), f.constant(hi))


def tripled_and_moved(f: QonnxFile, x: str) -> str:
    return f.node("Add", f.node("Mul", x, f.constant(3)), f.constant(-0.5))


def constant_mask(f: QonnxFile, x: str) -> str:
    del x
    return f.constant(np.full((1, 9, 8, 8), 0.5))


# name: (file, what the imported operator must say)
ACCEPTED: dict[str, tuple[Build, dict[str, Any]]] = {
    "per tap": (layer, {"lo": -16, "hi": 15, "fraction_bits": 2, "square": False, "groups": 1}),
    "masks, bias, stride": (
        lambda f: layer(f, mask=quantized, bias=True, stride=2, weight=(2, 3, 3, 3)),
        {"stride": (2, 2), "fraction_bits": 2},
    ),
    "whole depthwise within a clip": (
        lambda f: layer(f, scale=1.0, weight=(3, 1, 3, 3), group=3, change=clipped(-2.0, 1.0)),
        {"lo": -2, "hi": 1, "fraction_bits": 0, "groups": 3},
    ),
    "groups": (lambda f: layer(f, scale=0.5, weight=(6, 1, 3, 3), group=3), {"groups": 3}),
    "another grid": (
        lambda f: layer(f, change=tripled_and_moved, bits=4.0, mask=constant_mask),
        {"lo": -26, "hi": 19, "fraction_bits": 2},
    ),
    "coarse offsets beyond the map": (
        lambda f: layer(f, scale=4.0, bits=8.0, dilations=[2, 1], pads=(2, 1, 2, 1)),
        {"lo": -26, "hi": 26, "fraction_bits": 0, "dilation": (2, 1)},
    ),
    "sets of offsets, summed": (
        lambda f: layer(f, offsets=54, offset_group=3, mask=quantized, masks=27, bias=True),
        {"groups": 1, "fraction_bits": 2},
    ),
    "sets of offsets, joined": (
        lambda f: layer(f, offsets=54, offset_group=3, weight=(3, 1, 3, 3), group=3),
        {"groups": 1, "fraction_bits": 2},
    ),
    "square": (
        lambda f: layer(
            f,
            square=True,
            offsets=1,
            mask=quantized,
            masks=15,
            stride=2,
            lo=-1.0,
            hi=2.5,
            weight=(2, 3, 3, 5),
            pads=(1, 2, 1, 2),
        ),
        {"square": True, "lo": -4, "hi": 10, "fraction_bits": 2},
    ),
    "whole square depthwise": (
        lambda f: layer(f, square=True, offsets=1, scale=1.0, weight=(3, 1, 3, 3), group=3, lo=-1.0, hi=3.0),
        {"lo": -1, "hi": 3},
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_imports_what_the_file_computes(name: str, tmp_path: Path) -> None:
    build, wanted = ACCEPTED[name]
    file = QonnxFile()
    model = file.proto(build(file))
    model.opset_import[0].CopyFrom(helper.make_opsetid("", 19))
    model.ir_version = 9
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    graph = lower(path).graph
    ops = [node.op for node in graph.nodes if isinstance(node.op, DeformConv | DeformDepthwise)]
    assert len(ops) == (3 if name.startswith("sets") else 1)
    op = ops[0]
    assert isinstance(op, DeformDepthwise) == (name == "whole square depthwise")
    assert {key: getattr(op, key) for key in wanted} == wanted
    pixels = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3))
    x = (pixels / np.float32(256)).astype(np.float32).transpose(0, 3, 1, 2)
    (expected,) = execute_onnx(ModelWrapper(str(path)).transform(InferShapes()), {"x": x}).values()
    (y,) = graph.outputs
    kind = graph.tensors[y]
    computed = Program(*to_program(graph)).run({graph.inputs[0]: pixels})[y]
    ours = (computed * np.array(kind.scale) + np.array(kind.offset)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(ours.astype(np.float32), expected)
    assert np.unique(expected).size > 20


REFUSED: list[tuple[str, Build, str]] = [
    ("grid", lambda f: layer(f, scale=0.3), r"grid of 0.3 pixels, .*; quantize the offsets with a constant scale of 2"),
    ("fine grid", lambda f: layer(f, scale=2.0**-9), r"no whole multiple of 2\*\*-8; quantize"),
    ("raw offsets", lambda f: layer(f, change=lambda g, _: g.conv("Quant_0", g.weight((18, 3, 1, 1)))), r"no whole multiple"),
    ("many steps", lambda f: layer(f, scale=1.0, bits=16.0, change=tripled_and_moved), r"steps of 2\*\*-1 pixels; put a quant"),
    ("offset groups", lambda f: layer(f, offset_group=2, offsets=36), r"2 sets of offsets for 3 channels"),
    ("clip off the grid", lambda f: layer(f, change=clipped(-1.1, 2.0)), r"clipped at -1.1 pixels, off their grid of 1/4"),
    ("offsets of a tap", lambda f: layer(f, offsets=17), r"offsets of shape \(8, 8, 17\) where \(8, 8, 18\) are needed"),
    ("raw masks", lambda f: layer(f, mask=lambda g, x: g.node("Add", quantized(g, x), g.constant(0.1))), r"no quantizer has"),
    (
        "masks that differ",
        lambda f: layer(f, mask=lambda g, _: g.constant(np.arange(576.0).reshape(1, 9, 8, 8))),
        r"constant mask of different values; multiply the weights",
    ),
    ("channels", lambda f: layer(f, weight=(4, 2, 3, 3)), r"3 channels for weights \(4, 2, 3, 3\) in 1 groups"),
    ("even square", lambda f: layer(f, square=True, offsets=1, weight=(4, 3, 2, 3)), r"a 2x3 kernel has no centre"),
    ("empty range", lambda f: layer(f, square=True, offsets=1, lo=2.0, hi=1.0), r"the range \[2, 1\] is empty; declare"),
    ("dilated square", lambda f: layer(f, square=True, offsets=1, dilations=[2, 2]), r"dilations \[2, 2\]; leave them out"),
]


@pytest.mark.parametrize(("build", "message"), [pytest.param(b, m, id=name) for name, b, m in REFUSED])
def test_refuses(build: Build, message: str, tmp_path: Path) -> None:
    file = QonnxFile()
    path = file.save(tmp_path / "model.onnx", build(file))
    with pytest.raises(UnsupportedError, match=message) as caught:
        lower(path)
    assert "\n" not in str(caught.value)
