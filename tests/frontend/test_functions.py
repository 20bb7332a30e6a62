# SPDX-License-Identifier: Apache-2.0
"""Functions of one activation against onnxruntime, through qonnx's execution of the file; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executions import integer_run, pixels_for, qonnx_run
from qonnx_file import QONNX, QonnxFile, plain

from headrace.compile import Lowered, lower
from headrace.errors import UnsupportedError
from headrace.operators.tables import Lookup, Thresholds

Build = Callable[[QonnxFile, str], str]
CHANNELS = 4


def unary(op: str, **attrs: Any) -> Build:
    return lambda f, x: f.node(op, x, **attrs)


def silu(f: QonnxFile, x: str) -> str:
    return f.node("Mul", x, f.node("Sigmoid", x))


def hard_swish_of_its_parts(f: QonnxFile, x: str) -> str:
    gate = f.node("Clip", f.node("Add", x, f.constant(3.0)), f.constant(0.0), f.constant(6.0))
    return f.node("Div", f.node("Mul", x, gate), f.constant(6.0))


def mish_of_its_parts(f: QonnxFile, x: str) -> str:
    return f.node("Mul", f.node("Tanh", f.node("Softplus", x)), x)


def leaky_per_channel(f: QonnxFile, x: str) -> str:
    return f.node("PRelu", x, f.constant(np.array([0.25, 0.1, -0.5, 0]).reshape(CHANNELS, 1, 1)))


def normed_tanh(f: QonnxFile, x: str) -> str:
    """A batch norm before and behind it: a function of its own in every channel."""
    norms = [[f.constant(np.linspace(a, b, CHANNELS)) for a, b in ((0.5, 2), (-1, 1), (0, 0.5), (0.5, 3))] for _ in range(2)]
    return f.node("BatchNormalization", f.node("Tanh", f.node("BatchNormalization", x, *norms[0])), *norms[1])


def affine_behind(f: QonnxFile, x: str) -> str:
    y = f.node("Mul", f.node("Sigmoid", x), f.constant(np.array([3.0, -1, 0.5, 2]).reshape(1, CHANNELS, 1, 1)))
    return f.node("Relu", f.node("Sub", f.constant(1.0), y))


def softplus_with_a_threshold(f: QonnxFile, x: str) -> str:
    """As torch writes it."""
    far = f.node("Greater", x, f.constant(2.0))
    return f.node("Where", far, x, f.node("Log", f.node("Add", f.node("Exp", x), f.constant(1.0))))


def square(f: QonnxFile, x: str) -> str:
    return f.node("Pow", x, f.constant(2.0))


FUNCTIONS: dict[str, Build] = {
    "LeakyRelu": unary("LeakyRelu", alpha=0.1),
    "HardSwish": unary("HardSwish"),
    "HardSigmoid": unary("HardSigmoid"),
    "Elu": unary("Elu"),
    "Sigmoid": unary("Sigmoid"),
    "Softsign": unary("Softsign"),
    "Abs": unary("Abs"),
    "Sign": unary("Sign"),
    "Floor": unary("Floor"),
    "Sin": unary("Sin"),
    "Erf": unary("Erf"),
    "Neg": unary("Neg"),
    "silu": silu,
    "hard swish of its parts": hard_swish_of_its_parts,
    "mish of its parts": mish_of_its_parts,
    "PRelu per channel": leaky_per_channel,
    "normed tanh": normed_tanh,
    "affine behind": affine_behind,
    "softplus with a threshold": softplus_with_a_threshold,
    "square": square,
}


def network(build: Build, path: Path, *, small: bool, scale: float = 2.0**-4) -> Path:
    """The function of accumulators, or of quantized activations, and a convolution behind it."""
    f = QonnxFile()
    x = f.conv(f.image(), f.weight((CHANNELS, 3, 3, 3)), pads=[1, 1, 1, 1])
    if small:
        x = f.quant(x, 2.0**-3)
    y = f.quant(build(f, x), scale)
    return f.save(path, y, f.quant(f.conv(y, f.weight((3, CHANNELS, 3, 3)), pads=[1, 1, 1, 1]), 0.25))


def compare(path: Path) -> Lowered:
    """Equal to qonnx's execution where the certificates say so; elsewhere rarely one step away."""
    lowered = lower(path)
    pixels, x = pixels_for(lowered)
    for ours, theirs, name in zip(integer_run(lowered, pixels), qonnx_run(path, x), lowered.graph.outputs, strict=True):
        steps = np.abs(ours - theirs) / lowered.graph.tensors[name].scale[0]
        assert len(np.unique(ours)) > 1
        if all(c.float32_exact for c in lowered.certificates):
            assert steps.max() == 0
        assert steps.max() < 1.01
        assert np.mean(steps > 0.01) < 0.002
    return lowered


@pytest.mark.parametrize("small", [True, False], ids=["table", "thresholds"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_compute_what_onnxruntime_does(name: str, small: bool, tmp_path: Path) -> None:
    lowered = compare(network(FUNCTIONS[name], tmp_path / "model.onnx", small=small))
    kinds = {type(node.op) for node in lowered.graph.nodes}
    assert (Lookup if small else Thresholds) in kinds or name == "Neg"


def test_piecewise_linear_functions_on_powers_of_two_are_proven(tmp_path: Path) -> None:
    path = network(unary("LeakyRelu", alpha=0.125), tmp_path / "model.onnx", small=False)
    certificates = lower(path).certificates
    assert all(c.exact and c.float32_exact for c in certificates)
    assert "every value that can occur" in certificates[0].reason
    assert certificates[0].reachable_values > 1000


def test_channels_alike_share_one_table(tmp_path: Path) -> None:
    for build, rows in ((silu, 1), (leaky_per_channel, CHANNELS)):
        graph = lower(network(build, tmp_path / "model.onnx", small=True)).graph
        (op,) = (node.op for node in graph.nodes if isinstance(node.op, Lookup))
        assert len(op.table) == rows


def test_scales_of_channels(tmp_path: Path) -> None:
    """One function, quantized with a scale of its own in each channel, behind accumulators and behind 8 bits."""
    scales = np.array([2.0**-4, 2.0**-5, 0.1, 2.0**-4]).reshape(1, CHANNELS, 1, 1)
    for small in (True, False):
        f = QonnxFile()
        x = f.conv(f.image(), f.weight((CHANNELS, 3, 3, 3)))
        y = f.quant(silu(f, f.quant(x, 2.0**-3) if small else x), scales)
        path = f.save(tmp_path / "model.onnx", y)
        lowered = lower(path)
        pixels, image = pixels_for(lowered)
        (ours,), (theirs,) = integer_run(lowered, pixels), qonnx_run(path, image)
        steps = (ours - theirs) / scales
        assert len(np.unique(ours)) > 50
        assert np.abs(steps).max() < 1.01
        assert np.mean(np.abs(steps) > 0.01) < 0.002


def sigmoid_into_conv(f: QonnxFile) -> str:
    return f.quant(f.conv(f.node("Sigmoid", plain(f)), f.weight((4, 4, 1, 1))))


def sigmoid_as_output(f: QonnxFile) -> str:
    return f.node("Sigmoid", plain(f))


def gate_of_another_map(f: QonnxFile) -> str:
    x = plain(f)
    return f.quant(f.node("Mul", f.quant(f.conv(x, f.weight((4, 4, 1, 1)))), f.node("Sigmoid", x)))


def along_rows(f: QonnxFile) -> str:
    return f.quant(f.node("Mul", f.node("Sigmoid", plain(f)), f.constant(np.ones((1, 1, 8, 1)))))


def not_a_number(f: QonnxFile) -> str:
    return f.quant(f.node("Log", plain(f)))


def too_many_values(f: QonnxFile) -> str:
    x = f.quant(f.conv(f.image(), f.weight((64, 3, 3, 3))), 2.0**-10, bits=16.0)
    return f.quant(f.node("Sin", f.conv(x, f.weight((4, 64, 3, 3), scale=2.0**-4))))


def too_many_steps(f: QonnxFile) -> str:
    return f.quant(f.node("Sin", f.conv(plain(f), f.weight((4, 4, 3, 3)))), 2.0**-11, bits=12.0)


REFUSED: list[tuple[Callable[[QonnxFile], str], str]] = [
    (sigmoid_into_conv, r"\(Conv\): reads a Sigmoid that no quantizer .*; quantize it"),
    (sigmoid_as_output, r"\(graph output\): reads a Sigmoid .*leave it to the host"),
    (gate_of_another_map, r"\(Mul\): joins a function of one tensor with another tensor; quantize the function first"),
    (along_rows, r"\(Mul\): a constant of shape \(1, 1, 8, 1\) that is not one number per channel \(4\)"),
    (not_a_number, r"\(Log\): its result is not a number at the integer -\d+.*; clip its input"),
    (too_many_values, r"\(Sin\): \d+ values of a channel .*; quantize its input first"),
    (too_many_steps, r"\(Sin\): its result changes \d+ times .*at most 4096.*; quantize its input to at most 10 bits"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=[b.__name__ for b, _ in REFUSED])
def test_refuses(build: Callable[[QonnxFile], str], message: str, tmp_path: Path) -> None:
    f = QonnxFile()
    with pytest.raises(UnsupportedError, match=message):
        lower(f.save(tmp_path / "model.onnx", build(f)))


def bipolar(f: QonnxFile, x: str, scale: float = 0.5) -> str:
    return f.node("BipolarQuant", x, f.constant(scale), domain=QONNX)


def norm(f: QonnxFile, x: str) -> str:
    """A batch norm with a falling channel and a constant one."""
    values = ([1.0, -2, 0, 0.5], [0.5, -3, 0.25, 0], [0.0, 2, 1, 4], [1.0, 2, 3, 4])
    return f.node("BatchNormalization", x, *(f.constant(v) for v in values))


def test_bipolar_weights_and_activations(tmp_path: Path) -> None:
    f = QonnxFile()
    rng = np.random.default_rng(0)
    x = norm(f, f.conv(f.image(), bipolar(f, f.constant(rng.uniform(-1, 1, (4, 3, 3, 3)))), pads=[1, 1, 1, 1]))
    a = bipolar(f, x, 0.25)
    per_channel = f.constant(np.array([0.5, 1, 2]).reshape(3, 1, 1, 1))
    w = f.node("BipolarQuant", f.constant(rng.uniform(-1, 1, (3, 4, 3, 3))), per_channel, domain=QONNX)
    path = f.save(tmp_path / "model.onnx", a, f.quant(f.conv(a, w, pads=[1, 1, 1, 1]), 0.125))
    lowered = lower(path)
    pixels, image = pixels_for(lowered)
    for ours, theirs in zip(integer_run(lowered, pixels), qonnx_run(path, image), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert all(c.exact for c in lowered.certificates)
    (op,) = (node.op for node in lowered.graph.nodes if isinstance(node.op, Thresholds))
    assert set(np.unique(op.values)) == {-1, 1}


def test_bipolar_quantizers_of_what_is_never_negative_are_unsigned_ones_of_one_bit(tmp_path: Path) -> None:
    """Brevitas writes QuantReLU(bit_width=1) so, whose values are 0 and the scale."""

    def values(name: str, quantized: Callable[[QonnxFile, str], str]) -> list[Any]:
        f = QonnxFile()
        x = f.node("Relu", norm(f, f.conv(f.image(), f.weight((4, 3, 3, 3)))))
        lowered = lower(f.save(tmp_path / name, quantized(f, x)))
        return integer_run(lowered, pixels_for(lowered)[0])

    (ours,), (theirs,) = (
        values("bipolar.onnx", lambda f, x: bipolar(f, x, 0.25)),
        values("unsigned.onnx", lambda f, x: f.quant(x, 0.25, bits=1.0, signed=0)),
    )
    np.testing.assert_array_equal(ours, theirs)
    assert set(np.unique(ours)) == {0.0, 0.25}


@pytest.mark.parametrize(("scale", "bias", "rows"), [(1.0, 0.0, 4), (0.5, -2.0, 4), (1.0, -8.0, 1), (0.5, 0.3, 1)])
def test_multi_thresholds(scale: float, bias: float, rows: int, tmp_path: Path) -> None:
    f = QonnxFile()
    x = norm(f, f.conv(f.image(), f.weight((4, 3, 3, 3))))
    edges = np.random.default_rng(1).normal(0, 2, (rows, 15)).astype(np.float32)
    edges[0, :3] = 0.5  # where the batch norm's constant channel and ties lie
    attrs: dict[str, Any] = {"out_dtype": "INT8", "out_scale": scale, "out_bias": bias}
    y = f.node("MultiThreshold", x, f.constant(edges), domain=QONNX, **attrs)
    path = f.save(tmp_path / "model.onnx", y, f.quant(y, 0.25))
    lowered = lower(path)
    pixels, image = pixels_for(lowered)
    for ours, theirs in zip(integer_run(lowered, pixels), qonnx_run(path, image), strict=True):
        assert len(np.unique(theirs)) > 8
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
