# SPDX-License-Identifier: Apache-2.0
"""What files may hold besides a plain graph: types, external data, functions, subgraphs, sparse constants, other opsets."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from headrace_host.program import Program
from onnx import TensorProto, helper, numpy_helper
from qonnx_file import QonnxFile

from headrace.cli import main
from headrace.compile import lower
from headrace.errors import ModelError
from headrace.ir.graph import to_program

Change = Callable[[onnx.ModelProto], None]


def model() -> onnx.ModelProto:
    """image -> 1x1 convolution -> Relu -> quantizer."""
    file = QonnxFile()
    return file.proto(file.quant(file.node("Relu", file.conv(file.image(), file.weight((4, 3, 1, 1)))), 2.0**-7, signed=0))


def saved(path: Path, change: Change = lambda _: None) -> Path:
    """The model with something changed."""
    proto = model()
    change(proto)
    path.write_bytes(proto.SerializeToString())
    return path


def outputs(path: Path) -> Any:
    """What the imported network gives for a fixed frame."""
    graph = lower(path).graph
    pixels = np.random.default_rng(0).integers(0, 256, (1, *graph.tensors[graph.inputs[0]].shape))
    return Program(*to_program(graph)).run({graph.inputs[0]: pixels})[graph.outputs[0]]


def weights(proto: onnx.ModelProto) -> onnx.TensorProto:
    """The float weights."""
    largest: onnx.TensorProto = max(proto.graph.initializer, key=lambda t: int(np.prod(t.dims)))
    return largest


def as_type(dtype: Any) -> Change:
    """All constants in another float type."""

    def change(proto: onnx.ModelProto) -> None:
        for constant in proto.graph.initializer:
            constant.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(constant).astype(dtype), constant.name))

    return change


@pytest.mark.parametrize(("dtype", "same"), [(np.float64, True), (np.float16, False), (ml_dtypes.bfloat16, False)])
def test_float_types(dtype: Any, same: bool, tmp_path: Path) -> None:
    ours = outputs(saved(tmp_path / "a.onnx", as_type(dtype)))
    theirs = outputs(saved(tmp_path / "b.onnx"))
    assert len(np.unique(theirs)) > 20
    assert np.mean(ours == theirs) > (0.999 if same else 0.3)


def as_constant_nodes(proto: onnx.ModelProto) -> None:
    """Initializers as Constant nodes of every kind of attribute that fits."""
    constants = list(proto.graph.initializer)
    del proto.graph.initializer[:]
    nodes = []
    for index, constant in enumerate(constants):
        value = numpy_helper.to_array(constant)
        if value.ndim == 0:
            attrs: dict[str, Any] = {"value_float": float(value)} if index % 2 else {"value_floats": [float(value)]}
        elif index % 2:
            flat = value.ravel()
            keep = np.flatnonzero(flat).astype(np.int64)
            sparse = helper.make_sparse_tensor(
                numpy_helper.from_array(flat[keep], "v"), numpy_helper.from_array(keep, "i"), list(value.shape)
            )
            attrs = {"sparse_value": sparse}
        else:
            attrs = {"value": numpy_helper.from_array(value)}
        nodes.append(helper.make_node("Constant", [], [constant.name], **attrs))
    everything = [*nodes, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(everything)


def as_sparse(proto: onnx.ModelProto) -> None:
    """The weights as a sparse initializer, by coordinates."""
    dense = weights(proto)
    value, name = numpy_helper.to_array(dense), dense.name
    where = np.argwhere(value != 0).astype(np.int64)
    proto.graph.initializer.remove(dense)
    proto.graph.sparse_initializer.append(
        helper.make_sparse_tensor(
            numpy_helper.from_array(value[tuple(where.T)], name), numpy_helper.from_array(where, "w_indices"), list(value.shape)
        )
    )


def as_function(proto: onnx.ModelProto) -> None:
    """Convolution and Relu as a function of the model's own."""
    conv, relu = (next(n for n in proto.graph.node if n.op_type == op) for op in ("Conv", "Relu"))
    function = helper.make_function(
        "local", "ConvRelu", list(conv.input), list(relu.output), [conv, relu], [helper.make_opsetid("", 16)]
    )
    call = helper.make_node("ConvRelu", list(conv.input), list(relu.output), domain="local")
    index = list(proto.graph.node).index(relu)
    proto.graph.node.insert(index, call)
    proto.graph.node.remove(conv)
    proto.graph.node.remove(relu)
    proto.functions.append(function)
    proto.opset_import.append(helper.make_opsetid("local", 1))


def with_idle_nodes(proto: onnx.ModelProto) -> None:
    """Identity, Cast and Dropout in a row before the last quantizer."""
    quant = proto.graph.node[-1]
    names = [quant.input[0], "a", "b", "c"]
    idle: list[tuple[str, dict[str, Any]]] = [("Identity", {}), ("Cast", {"to": TensorProto.FLOAT}), ("Dropout", {})]
    for (op, attrs), source, target in zip(idle, names, names[1:], strict=False):
        proto.graph.node.insert(len(proto.graph.node) - 1, helper.make_node(op, [source], [target], **attrs))
    proto.graph.node[-1].input[0] = "c"


def weights_moved(proto: onnx.ModelProto) -> None:
    """Weights stored flat and transposed, quantized so, and brought to shape behind the quantizer."""
    flat = weights(proto)
    quant = next(n for n in proto.graph.node if flat.name in n.input)
    value = numpy_helper.to_array(flat)
    flat.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value.reshape(4, 3).T), flat.name))
    shape = numpy_helper.from_array(np.array([4, 3, 1, 1], np.int64), "shape")
    proto.graph.initializer.append(shape)
    result = quant.output[0]
    quant.output[0] = "wt"
    index = list(proto.graph.node).index(quant) + 1
    proto.graph.node.insert(index, helper.make_node("Reshape", ["w2", "shape"], [result]))
    proto.graph.node.insert(index, helper.make_node("Transpose", ["wt"], ["w2"], perm=[1, 0]))


@pytest.mark.parametrize("change", [as_constant_nodes, as_sparse, as_function, with_idle_nodes, weights_moved])
def test_the_same_network_written_otherwise(change: Change, tmp_path: Path) -> None:
    np.testing.assert_array_equal(outputs(saved(tmp_path / "a.onnx", change)), outputs(saved(tmp_path / "b.onnx")))


def test_external_data_is_read_and_missed(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model(), path, save_as_external_data=True, location="m.data", size_threshold=0)
    np.testing.assert_array_equal(outputs(path), outputs(saved(tmp_path / "plain.onnx")))
    (tmp_path / "m.data").unlink()
    with pytest.raises(ModelError, match=r"its external data cannot be read .*; keep the data file beside it"):
        lower(path)


def opset_of(version: int) -> Change:
    def change(proto: onnx.ModelProto) -> None:
        proto.opset_import[0].version = version

    return change


def a_loop(proto: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    proto.graph.node.append(helper.make_node("Loop", ["", "", proto.graph.output[0].name], ["late"], name="l", body=body))
    proto.graph.output[0].name = "late"


def a_branch_of_constants(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    body = helper.make_graph([], "body", [], [])
    node = helper.make_node("If", ["yes"], ["late"], name="i", then_branch=body, else_branch=body)
    proto.graph.node.append(node)


def random_weights(proto: onnx.ModelProto) -> None:
    old = weights(proto)
    proto.graph.initializer.remove(old)
    proto.graph.node.insert(0, helper.make_node("RandomNormal", [], [old.name], name="r", shape=[4, 3, 1, 1]))


def text_input(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def sequence_input(proto: onnx.ModelProto) -> None:
    kind = helper.make_sequence_type_proto(proto.graph.input[0].type)
    proto.graph.input[0].type.CopyFrom(kind)


def huge_constant(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1 << 20, 1 << 20], np.int64), "big"))
    proto.graph.node.insert(0, helper.make_node("ConstantOfShape", ["big"], ["huge"], name="h"))


def half_activation(proto: onnx.ModelProto) -> None:
    quant = proto.graph.node[-1]
    cast = helper.make_node("Cast", [quant.input[0]], ["half"], name="c", to=TensorProto.FLOAT16)
    proto.graph.node.insert(len(proto.graph.node) - 1, cast)
    quant.input[0] = "half"


def dropping(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.array(0.5, np.float32), "half"))
    proto.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    quant = proto.graph.node[-1]
    node = helper.make_node("Dropout", [quant.input[0], "half", "yes"], ["dropped"], name="d")
    proto.graph.node.insert(len(proto.graph.node) - 1, node)
    quant.input[0] = "dropped"


def channels_last(proto: onnx.ModelProto) -> None:
    next(n for n in proto.graph.node if n.op_type == "Conv").domain = "qonnx.custom_op.channels_last"


def of_onnxruntime(proto: onnx.ModelProto) -> None:
    node = next(n for n in proto.graph.node if n.op_type == "Conv")
    node.op_type, node.domain = "FusedConv", "com.microsoft"


REFUSED: list[tuple[Change, str]] = [
    (opset_of(99), r"opset 99, but onnx \S+ knows up to \d+; export"),
    (opset_of(5), r"opset 5 is older than 7; convert it"),
    (a_loop, r"'l' \(Loop\): control flow; .*; export with constant conditions"),
    (a_branch_of_constants, r"'i' \(If\): control flow"),
    (random_weights, r"'r' \(RandomNormal\): draws random numbers; export the model in evaluation mode"),
    (text_input, r"input 'x' is of type \S+; feed images"),
    (sequence_input, r"input 'x'"),
    (huge_constant, r"'h' \(ConstantOfShape\): a constant of 1.1e\+12 numbers"),
    (half_activation, r"'c' \(Cast\): casts an activation to another type than float"),
    (dropping, r"'d' \(Dropout\): drops values at random; export the model in evaluation mode"),
    (channels_last, r"\(Conv\): a channels-last operator; export before"),
    (of_onnxruntime, r"\(FusedConv\): an operator of onnxruntime's own .*; save the model without"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_refuses(change: Change, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        lower(saved(tmp_path / "m.onnx", change))
    assert "\n" not in str(caught.value)


def test_the_command_line_says_it_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for change, _ in REFUSED:
        path, build = saved(tmp_path / "m.onnx", change), tmp_path / "build"
        monkeypatch.setattr("sys.argv", ["headrace", "compile", str(path), "--board", "pynq-z2", "-o", str(build)])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        progress, error = capsys.readouterr().err.splitlines()
        assert progress.startswith("reading the model")
        assert error.startswith("error: ")
        assert not build.exists()


@pytest.mark.parametrize(
    ("opset", "op", "attrs"), [(9, "Clip", {"min": 0.5, "max": 3.0}), (9, "Slice", {"starts": [1], "ends": [3], "axes": [1]})]
)
def test_what_older_opsets_wrote_as_attributes(opset: int, op: str, attrs: dict[str, Any], tmp_path: Path) -> None:
    """Against the newer form of the same node."""

    def build(path: Path, version: int, *, inputs: bool) -> Path:
        file = QonnxFile()
        types = {"Clip": np.float32, "Slice": np.int64}
        given = [file.constant(value, types[op]) for value in attrs.values()] if inputs else []
        y = file.quant(file.conv(file.image(), file.weight((4, 3, 1, 1))), 0.25)
        proto = file.proto(file.quant(file.node(op, y, *given, **({} if inputs else attrs)), 0.25))
        proto.opset_import[0].version = version
        path.write_bytes(proto.SerializeToString())
        return path

    old, new = build(tmp_path / "a.onnx", opset, inputs=False), build(tmp_path / "b.onnx", 16, inputs=True)
    np.testing.assert_array_equal(outputs(old), outputs(new))
    assert lower(old).graph.nodes[-1].op.kind == lower(new).graph.nodes[-1].op.kind


@pytest.mark.parametrize("name", ["层/{0}::é", "x_" * 2000 + "{0}", "{0}", ""])
def test_names_of_any_alphabet_and_length_become_those_of_hardware(name: str, tmp_path: Path) -> None:
    def renamed(proto: onnx.ModelProto) -> None:
        names = {n: name.format(i) or n for i, n in enumerate(n for node in proto.graph.node for n in node.output)}
        for node in proto.graph.node:
            node.name = name.format(node.name)
            node.input[:] = [names.get(n, n) for n in node.input]
            node.output[:] = [names[n] for n in node.output]
        proto.graph.output[0].name = names[proto.graph.output[0].name]

    graph = lower(saved(tmp_path / "net.onnx", renamed)).graph
    for found in [*graph.tensors, *(node.name for node in graph.nodes)]:
        assert re.fullmatch(r"[A-Za-z][0-9A-Za-z_]{0,120}", found)
        assert "__" not in found
