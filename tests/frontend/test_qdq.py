# SPDX-License-Identifier: Apache-2.0
"""Networks in the QDQ and QOperator formats against onnxruntime, and against their own arithmetic in float64."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from brevitas.export import export_onnx_qcdq
from headrace_host.program import Program
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantFormat
from qdq_nets import NETS, Array, double_run, onnxruntime_run, quantized
from qonnx_file import distorted
from torch_nets import float_net

from headrace.compile import Lowered, lower
from headrace.errors import HeadraceError, ModelError
from headrace.ir.graph import to_program
from headrace.ir.ops import Requant

RARE = 0.05
"""Largest share of output values that float32 may round to the next integer; means of four are often halfway."""


def frames(lowered: Lowered, count: int = 4) -> tuple[Array, Array]:
    """Random integers and the extreme ones for the input, NHWC, and the values that the file names for them, NCHW."""
    tensor = lowered.graph.tensors[lowered.graph.inputs[0]]
    rng = np.random.default_rng(0)
    pixels = rng.integers(tensor.lo, tensor.hi + 1, (count, *tensor.shape))
    pixels = np.concatenate([pixels, np.where(rng.random(pixels.shape) < 0.5, tensor.lo, tensor.hi)])
    pixels[0], pixels[1] = tensor.lo, tensor.hi
    real = pixels * np.float32(tensor.scale[0]) + np.float32(tensor.offset[0])
    return pixels, real.astype(np.float32).transpose(0, 3, 1, 2).copy()


def integer_outputs(lowered: Lowered, pixels: Array) -> list[Array]:
    """The integer program's outputs as the file's values, NCHW."""
    (name,) = lowered.graph.inputs
    outputs = Program(*to_program(lowered.graph)).run({name: pixels})
    kinds = [lowered.graph.tensors[n] for n in lowered.graph.outputs]
    return [(outputs[k.name] * np.array(k.scale) + np.array(k.offset)).transpose(0, 3, 1, 2) for k in kinds]


def assert_close(lowered: Lowered, ours: list[Array], theirs: list[Array], *, exact: bool) -> None:
    """Equal, or within one step in rare places."""
    for name, a, b in zip(lowered.graph.outputs, ours, theirs, strict=True):
        assert len(np.unique(a)) > 3, "a dead network proves nothing"
        steps = np.rint((a - b.astype(np.float64)) / lowered.graph.tensors[name].scale[0])
        if exact:
            np.testing.assert_array_equal(steps, 0)
        assert np.abs(steps).max() <= 1
        assert np.mean(steps != 0) <= RARE


def run_frames(run: Any, model: Path | onnx.ModelProto, x: Array, name: str = "x") -> list[Array]:
    """All frames, one by one (the files have a batch of 1)."""
    results = [run(model, {name: frame[None].copy()}) for frame in x]
    return [np.concatenate(outputs) for outputs in zip(*results, strict=True)]


CONFIGURATIONS: list[tuple[str, dict[str, Any]]] = [
    ("residual", {}),
    ("residual", {"weights": "QUInt8", "opset": 13}),
    ("residual", {"weights": "QInt4", "opset": 21, "per_channel": True}),
    ("residual", {"per_channel": True, "extra_options": {"WeightSymmetric": False}}),
    ("joining", {"per_channel": True, "signed_input": True}),
    ("joining", {"activations": "QInt8", "signed_input": True, "extra_options": {"ActivationSymmetric": True}}),
    ("joining", {"quant_format": QuantFormat.QOperator, "per_channel": True}),
    ("residual", {"quant_format": QuantFormat.QOperator, "activations": "QInt8"}),
    ("gating", {"opset": 21, "per_channel": True}),
    ("gating", {"quant_format": QuantFormat.QOperator}),
]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("net", "options"), CONFIGURATIONS)
def test_networks_of_onnxruntime(net: str, options: dict[str, Any], seed: int, tmp_path: Path) -> None:
    path = quantized(tmp_path / "net.onnx", net, seed, **options)
    lowered = lower(path)
    pixels, x = frames(lowered)
    ours = integer_outputs(lowered, pixels)
    assert_close(lowered, ours, run_frames(onnxruntime_run, path, x), exact=False)
    if options.get("quant_format") is None and options.get("opset") != 13:  # there the reference trains its batch norms
        proven = all(c.exact for c in lowered.certificates)
        assert_close(lowered, ours, run_frames(double_run, path, x), exact=proven)


def test_sixteen_bits(tmp_path: Path) -> None:
    """65536 levels with a zero point among them; a 24-bit multiplier moves some of them by one."""
    path = quantized(tmp_path / "net.onnx", "joining", 1, activations="QUInt16", opset=21)
    lowered = lower(path)
    pixels, x = frames(lowered)
    for a, b, name in zip(
        integer_outputs(lowered, pixels), run_frames(onnxruntime_run, path, x), lowered.graph.outputs, strict=True
    ):
        assert np.abs(np.rint((a - b) / lowered.graph.tensors[name].scale[0])).max() <= 8
        assert lowered.graph.tensors[name].hi - lowered.graph.tensors[name].lo == 65535


@pytest.mark.parametrize(("seed", "dynamo"), [(0, False), (1, False), (4, False), (3, True)])
def test_brevitas_qcdq(seed: int, dynamo: bool, tmp_path: Path) -> None:
    """Fewer than eight bits: QuantizeLinear, Clip, DequantizeLinear."""
    hw, path = (9, 12), tmp_path / "net.onnx"
    model = float_net(seed, hw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_onnx_qcdq(model, torch.rand(1, model.stem.in_channels, *hw), str(path), opset_version=18, dynamo=dynamo)
    lowered = lower(path)
    assert all(n.op.hi - n.op.lo < 256 for n in lowered.graph.nodes if isinstance(n.op, Requant))
    pixels, x = frames(lowered)
    with torch.no_grad():
        theirs = [y.numpy() for y in model(torch.from_numpy(x))]
    ours = integer_outputs(lowered, pixels)
    for a, b, name in zip(ours, theirs, lowered.graph.outputs, strict=True):
        close = np.isclose(a, b, rtol=1e-5, atol=lowered.graph.tensors[name].scale[0] * 1e-3 + 1e-4 * np.abs(b).max())
        assert np.mean(~close) <= RARE


class QdqFile:
    """A QDQ graph under construction."""

    def __init__(self, kind: int = TensorProto.FLOAT, shape: tuple[int, ...] = (1, 4, 6, 7)) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.input = helper.make_tensor_value_info("x", kind, shape)
        self.rng = np.random.default_rng(7)

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **attrs: Any) -> str:
        name = f"{op}_{len(self.nodes)}"
        names = [name, *(f"{name}.{i}" for i in range(1, outputs))]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=name, domain=domain, **attrs))
        return name

    def q(self, x: str, scale: Any = 0.02, zero: Any = 0, dtype: Any = np.uint8, **attrs: Any) -> str:
        return self.node("QuantizeLinear", x, self.constant(scale), self.constant(zero, dtype), **attrs)

    def dq(self, x: str, scale: Any = 0.02, zero: Any = 0, dtype: Any = np.uint8, **attrs: Any) -> str:
        return self.node("DequantizeLinear", x, self.constant(scale), self.constant(zero, dtype), **attrs)

    def weight(self, shape: tuple[int, ...], dtype: Any = np.int8, zero: int = 0) -> str:
        scale = self.rng.uniform(0.01, 0.03, shape[0])
        values = self.rng.integers(-20, 21, shape) + zero
        zeros = np.full(shape[0], zero)
        return self.dq(self.constant(values, dtype), scale, zeros, dtype, axis=0)

    def head(self, x: str) -> str:
        """Convolution, quantizer, its integers dequantized."""
        return self.dq(self.q(self.node("Conv", x, self.weight((3, 4, 3, 3)), pads=[1, 1, 1, 1]), 0.05, 100), 0.05, 100)

    def save(self, path: Path, *outputs: str, opset: int = 17, kind: int = TensorProto.FLOAT) -> Path:
        infos = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "qdq", [self.input], infos, self.constants)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
        return path


def check(path: Path, *, dtype: Any = np.float32) -> Lowered:
    """Imports a file and compares it with onnxruntime."""
    lowered = lower(path)
    pixels, x = frames(lowered)
    theirs = run_frames(onnxruntime_run, path, x.astype(dtype))
    assert_close(lowered, integer_outputs(lowered, pixels), theirs, exact=False)
    return lowered


def between(f: QdqFile, moved: str) -> str:
    f.nodes.append(helper.make_node("Identity", [moved], ["moved"]))
    return f.head(f.dq("moved", 0.02, 30))


@pytest.mark.parametrize("op", ["pool", "reshape", "transpose", "concat", "concat of zeros", "resize", "split", "relu"])
def test_what_moves_values_may_stand_between(op: str, tmp_path: Path) -> None:
    """As graph optimisers leave it: the move reads integers, the DequantizeLinear comes behind it."""
    f = QdqFile()
    q = f.q("x", 0.02, 30)
    half = f.q(f.dq(f.node("Split", q, outputs=2, axis=1), 0.02, 30), 0.02, 10) if op == "concat of zeros" else q
    moved = {
        "pool": lambda: f.node("MaxPool", q, kernel_shape=[2, 2], strides=[1, 1]),
        "reshape": lambda: f.node("Reshape", q, f.constant([0, 4, 6, -1], np.int64)),
        "transpose": lambda: f.node("Transpose", q, perm=[0, 1, 2, 3]),
        "concat": lambda: f.node("Concat", *[f.node("Split", q, outputs=2, axis=1)] * 2, axis=1),
        "concat of zeros": lambda: f.node("Concat", half, f.nodes[1].output[1], axis=1),
        "resize": lambda: f.node("Resize", q, "", f.constant([1, 1, 2, 2]), mode="nearest", nearest_mode="floor",
                                 coordinate_transformation_mode="asymmetric"),
        "split": lambda: f.node("Concat", (s := f.node("Split", q, outputs=2, axis=1)) + ".1", s, axis=1),
        "relu": lambda: f.node("Clip", q, f.constant(30, np.uint8), f.constant(200, np.uint8)),
    }[op]()  # fmt: skip
    check(f.save(tmp_path / "m.onnx", between(f, moved)))


def test_a_dequantizer_of_other_parameters(tmp_path: Path) -> None:
    """Legal and rare: the value is another multiple, with another zero point, and is taken exactly."""
    f = QdqFile()
    y = f.dq(f.q(f.node("Conv", f.dq(f.q("x", 0.02, 30), 0.02, 30), f.weight((4, 4, 1, 1))), 0.05, 100), 0.03, 90)
    check(f.save(tmp_path / "m.onnx", f.head(y)))


@pytest.mark.parametrize(("kind", "dtype", "zero"), [(TensorProto.UINT8, np.uint8, 0), (TensorProto.INT8, np.int8, -100)])
def test_integer_inputs_and_outputs(kind: int, dtype: Any, zero: int, tmp_path: Path) -> None:
    """The host feeds integers with the zero point subtracted; an output's scale and offset give the file's integers."""
    f = QdqFile(kind)
    y = f.q(f.node("Conv", f.dq("x", 0.02, zero, dtype), f.weight((3, 4, 3, 3), np.uint8, 128)), 0.05, 100)
    lowered = check(f.save(tmp_path / "m.onnx", y, kind=TensorProto.UINT8), dtype=dtype)
    tensor = lowered.graph.tensors[lowered.graph.inputs[0]]
    assert (tensor.lo, tensor.hi, tensor.offset) == (int(np.iinfo(dtype).min) - zero, int(np.iinfo(dtype).max) - zero, (zero,))
    out = lowered.graph.tensors[lowered.graph.outputs[0]]
    assert (out.lo, out.hi, out.scale, out.offset) == (-100, 155, (1.0,), (100.0,))


def test_an_image_of_bytes_normalised_in_the_model(tmp_path: Path) -> None:
    """Cast, per-channel mean and deviation, then the first quantizer: one exact step function of the bytes."""
    f = QdqFile(TensorProto.UINT8)
    x = f.node("Mul", f.node("Cast", "x", to=TensorProto.FLOAT), f.constant(1 / 255))
    for op, values in (("Sub", [0.48, 0.45, 0.4, 0.5]), ("Div", [0.22, 0.22, 0.22, 0.3])):
        x = f.node(op, x, f.constant(np.reshape(values, (1, 4, 1, 1))))
    lowered = check(f.save(tmp_path / "m.onnx", f.head(f.dq(f.q(x, 0.02, 100), 0.02, 100))), dtype=np.uint8)
    tensor = lowered.graph.tensors[lowered.graph.inputs[0]]
    assert (tensor.lo, tensor.hi) == (0, 255)


@pytest.mark.parametrize("form", ["quantized", "bytes", "between", "twice"])
def test_images_with_their_channels_last(form: str, tmp_path: Path) -> None:
    """As TensorFlow's converters write them: the transpose to (N, C, H, W) stands behind the first quantizer."""
    f = QdqFile(TensorProto.UINT8 if form == "bytes" else TensorProto.FLOAT, (1, 6, 7, 4))
    if form == "bytes":
        x = f.node("Mul", f.node("Cast", "x", to=TensorProto.FLOAT), f.constant(1 / 64))
        x = f.dq(f.q(f.node("Transpose", x, perm=[0, 3, 1, 2]), 0.02, 30), 0.02, 30)
    elif form == "between":
        x = f.dq(f.node("Transpose", f.q("x", 0.02, 30), perm=[0, 3, 1, 2]), 0.02, 30)
    else:
        wide = f.dq(f.q("x", 0.02, 30), 0.02, 30)
        x = f.node("Transpose", wide, perm=[0, 3, 1, 2])
        if form == "twice":
            x = f.node(
                "Concat",
                *[f.node("Split", y, outputs=2, axis=1) for y in (x, f.node("Transpose", wide, perm=[0, 3, 1, 2]))],
                axis=1,
            )
    path = f.save(tmp_path / "m.onnx", f.head(x))
    lowered = lower(path)
    tensor = lowered.graph.tensors[lowered.graph.inputs[0]]
    assert tensor.shape == (6, 7, 4)
    assert lowered.graph.nodes[0].op.kind == ("requant" if form == "bytes" else "split" if form == "twice" else "conv")
    pixels, images = frames(lowered)
    theirs = run_frames(onnxruntime_run, path, images.transpose(0, 2, 3, 1).astype(np.uint8 if form == "bytes" else np.float32))
    assert_close(lowered, integer_outputs(lowered, pixels), theirs, exact=False)


def test_activations_scaled_per_channel(tmp_path: Path) -> None:
    f = QdqFile()
    x = f.dq(f.q("x", 0.02, 30), 0.02, 30)
    scales = np.array([0.03, 0.05, 0.01, 0.02])
    zeros = np.full(4, -3)
    y = f.dq(f.q(f.node("Conv", x, f.weight((4, 4, 3, 3))), scales, zeros, np.int8, axis=1), scales, zeros, np.int8, axis=1)
    check(f.save(tmp_path / "m.onnx", f.dq(f.q(f.node("Conv", y, f.weight((4, 1, 3, 3)), group=4), 0.05), 0.05)))


def test_integer_operators(tmp_path: Path) -> None:
    """ConvInteger gives accumulators; their scale is a factor behind them."""
    f = QdqFile(TensorProto.UINT8)
    w = f.constant(f.rng.integers(-20, 21, (3, 4, 3, 3)) + 5, np.int8)
    acc = f.node("ConvInteger", "x", w, f.constant(30, np.uint8), f.constant(5, np.int8), pads=[1, 1, 1, 1])
    y = f.node("Mul", f.node("Cast", acc, to=TensorProto.FLOAT), f.constant(3e-4))
    check(f.save(tmp_path / "m.onnx", f.dq(f.q(y, 0.02, 128), 0.02, 128)), dtype=np.uint8)


@pytest.mark.parametrize("op", ["MatMulInteger", "QLinearMatMul"])
def test_integer_matrix_products(op: str, tmp_path: Path) -> None:
    """Of a flattened map; a scale for each column of the QLinear form, a zero point for both operands."""
    f = QdqFile(TensorProto.UINT8)
    x, w = f.node("Flatten", "x"), f.constant(f.rng.integers(-20, 21, (168, 5)) + 5, np.int8)
    zero, shift = f.constant(30, np.uint8), f.constant(5, np.int8)
    if op == "MatMulInteger":
        acc = f.node("Cast", f.node(op, x, w, zero, shift), to=TensorProto.FLOAT)
        y = f.q(f.node("Mul", acc, f.constant(3e-4)), 0.05, 128)
    else:
        scales, shifts = f.constant(f.rng.uniform(0.01, 0.02, 5)), f.constant(np.full(5, 5), np.int8)
        y = f.node(op, x, f.constant(0.02), zero, w, scales, shifts, f.constant(0.05), f.constant(128, np.uint8))
    lowered = lower(f.save(tmp_path / "m.onnx", f.dq(y, 0.05, 128)))
    pixels, x_real = frames(lowered)
    theirs = run_frames(onnxruntime_run, tmp_path / "m.onnx", x_real.astype(np.uint8))
    ours = [y.reshape(len(y), -1) for y in integer_outputs(lowered, pixels)]
    assert_close(lowered, ours, theirs, exact=False)


def floating(f: QdqFile) -> str:
    return f.dq(f.q("x", 0.02, 0, onnx.helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN)))


def blocked(f: QdqFile) -> str:
    return f.dq(f.q("x", block_size=2, axis=1))


def unpaired(f: QdqFile) -> str:
    return f.dq(f.node("Conv", f.dq(f.q("x")), f.weight((3, 4, 1, 1))))


def zeros_of_channels(f: QdqFile) -> str:
    return f.dq(f.q(f.dq(f.q("x")), np.full(4, 0.1), np.arange(4), axis=1))


def negative(f: QdqFile) -> str:
    return f.head(f.dq(f.q("x", -0.1)))


def rows(f: QdqFile) -> str:
    return f.dq(f.q("x", np.full(6, 0.1), np.zeros(6), axis=2))


def wide(f: QdqFile) -> str:
    return f.dq(f.q(f.dq(f.q("x")), 1e-6, 0, np.int32))


def arithmetic(f: QdqFile) -> str:
    return f.node("Add", q := f.q("x"), q)


def dynamic(f: QdqFile) -> str:
    return f.node("DynamicQuantizeLinear", "x", outputs=3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (floating, r"quantizes to float8\S*; quantize to integers"),
        (blocked, r"blocks of 2; quantize per tensor"),
        (unpaired, r"its input is not quantized; put a QuantizeLinear before it"),
        (zeros_of_channels, r"zero points \[0, 1, 2, 3\] that differ between channels; use symmetric"),
        (negative, r"scale that is not finite and positive; calibrate"),
        (rows, r"along rows or columns; quantize per tensor or per channel"),
        (wide, r"32-bit activations; quantize to at most 16"),
        (arithmetic, r"\(Add\): computes with quantized integers; put a DequantizeLinear before it"),
        (dynamic, r"\(DynamicQuantizeLinear\): .*; quantize statically"),
    ],
)
def test_refuses(build: Any, message: str, tmp_path: Path) -> None:
    f = QdqFile()
    with pytest.raises(ModelError, match=message) as caught:
        lower(f.save(tmp_path / "m.onnx", build(f), opset=21))
    assert "\n" not in str(caught.value)


def test_every_network_is_compared() -> None:
    assert {net for net, _ in CONFIGURATIONS} == set(NETS)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_distorted_networks_are_refused_or_imported(tmp_path: Path) -> None:
    """Other attributes, inputs, operators, constants or shapes: never anything but a refusal or a network."""
    model, path = onnx.load(quantized(tmp_path / "net.onnx", "gating", 1, per_channel=True)), tmp_path / "distorted.onnx"
    outcomes = set()
    for seed in range(80):
        path.write_bytes(distorted(model, np.random.default_rng(seed)).SerializeToString())
        try:
            lower(path)
            outcomes.add("imported")
        except HeadraceError:
            outcomes.add("refused")
    assert outcomes == {"imported", "refused"}
