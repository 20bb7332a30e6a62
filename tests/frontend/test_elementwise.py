# SPDX-License-Identifier: Apache-2.0
"""Elementwise operators as onnxruntime computes them, their broadcasting, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from headrace_host.program import Program
from onnx import TensorProto
from qonnx_file import QonnxFile

from headrace.compile import lower
from headrace.errors import ModelError
from headrace.ir.graph import Graph, to_program
from headrace.operators.elementwise import ELEMENTWISE, Pointwise
from headrace.operators.upsample import Upsample

Build = Callable[..., str]
Shape = tuple[int, int, int, int]

FULL: Shape = (1, 3, 4, 5)
SCALES = {"x": 2.0**-8, "y": 3 * 2.0**-7, "z": 2.0**-9}


def op(kind: str, count: int = 2) -> Build:
    """A node of ``count`` activations."""
    return lambda f, *names: f.node(kind, *names[:count])


def truth(f: QonnxFile, value: str) -> str:
    return f.node("Cast", value, to=TensorProto.FLOAT)


def compared(kind: str) -> Build:
    return lambda f, x, y, _: truth(f, f.node(kind, x, y))


def logical(kind: str) -> Build:
    return lambda f, x, y, z: truth(f, f.node(kind, f.node("Less", x, y), f.node("Greater", y, z)))


def with_number(kind: str, number: float, *, first: bool = False) -> Build:
    def build(f: QonnxFile, x: str, *_: str) -> str:
        value = f.node(kind, f.constant(number), x) if first else f.node(kind, x, f.constant(number))
        return truth(f, value)

    return build


OPERATORS: dict[str, Build] = {
    "Add": op("Add"),
    "Sub": op("Sub"),
    "Mul": op("Mul"),
    "Sum of 2": op("Sum"),
    "Sum of 3": op("Sum", 3),
    "Sum of 5": lambda f, x, y, z: f.node("Sum", x, y, z, y, f.node("Neg", x)),
    "Sum of 6": lambda f, x, y, z: f.node("Sum", x, y, z, f.node("Abs", y), f.node("Mul", x, z), f.constant(0.5)),
    "Mean": op("Mean", 2),
    "Max": op("Max", 3),
    "Min": op("Min"),
    "Abs": op("Abs", 1),
    "Neg": lambda f, x, y, _: f.node("Max", f.node("Neg", x), y),
    "Sign": op("Sign", 1),
    "Equal": compared("Equal"),
    "Less": compared("Less"),
    "LessOrEqual": compared("LessOrEqual"),
    "Greater": compared("Greater"),
    "GreaterOrEqual": compared("GreaterOrEqual"),
    "And": logical("And"),
    "Or": logical("Or"),
    "Xor": logical("Xor"),
    "Not": lambda f, x, y, _: truth(f, f.node("Not", f.node("Less", x, y))),
    "Where": lambda f, x, y, z: f.node("Where", f.node("LessOrEqual", x, y), y, z),
    "Where with a number": lambda f, x, y, _: f.node("Where", f.node("Less", x, y), y, f.constant(-0.75)),
    "Pow": with_number("Pow", 2.0),
    "cube": with_number("Pow", 3.0),
    "constant minus": lambda f, x, y, _: f.node("Mul", f.node("Sub", f.constant(1.0), x), y),
    "minus constant": lambda f, x, y, _: f.node("Add", f.node("Sub", x, f.constant(1.25)), f.node("Neg", y)),
    "update gate": lambda f, x, y, z: f.node("Add", f.node("Mul", x, y), f.node("Mul", f.node("Sub", f.constant(1.0), x), z)),
    "at least": with_number("Max", -0.125),
    "above a number": with_number("Greater", 0.25),
    "below a number": with_number("GreaterOrEqual", -0.25, first=True),
    "not zero": lambda f, x, *_: truth(f, f.node("Not", f.node("Equal", x, f.constant(0.0)))),
    "with itself": lambda f, x, *_: f.node("Mul", x, x),
    "twice": lambda f, x, *_: f.node("Add", x, f.node("Mul", x, f.constant(0.5))),
    "AbsDiff": lambda f, x, y, _: f.node("Abs", f.node("Sub", x, y)),
}


def both(build: Build, shapes: dict[str, Shape], folder: Path) -> tuple[Graph, np.ndarray, np.ndarray]:
    """The integer graph, what it computes on random frames as real numbers (C, H, W), and what onnxruntime does."""
    plain = QonnxFile(shape=shapes["x"], extra_inputs={k: v for k, v in shapes.items() if k != "x"})
    output = build(plain, *"xyz")
    used = {name for node in plain.nodes for name in node.input} & shapes.keys()
    file = QonnxFile(shape=shapes["x"], extra_inputs={k: shapes[k] for k in "yz" if k in used})
    names = {k: file.quant(k, SCALES[k]) for k in sorted(used)}
    graph = lower(file.save(folder / "model.onnx", build(file, *(names.get(k, "") for k in "xyz")))).graph
    rng = np.random.default_rng(0)
    frames = {k: rng.integers(-128, 128, s) for k, s in shapes.items()}
    for frame in frames.values():
        frame.ravel()[:2] = (-128, 127)[: frame.size]
    feeds = {k: frames[k].transpose(0, 2, 3, 1) for k in graph.inputs}
    (name,) = graph.outputs
    integers = Program(*to_program(graph)).run(feeds)[name]
    kind = graph.tensors[name]
    assert kind.lo <= integers.min()
    assert integers.max() <= kind.hi
    session = onnxruntime.InferenceSession(plain.proto(output).SerializeToString())
    (expected,) = session.run(None, {k: (v * SCALES[k]).astype(np.float32) for k, v in frames.items()})
    return graph, (integers * kind.scale + np.array(kind.offset)).transpose(0, 3, 1, 2), expected


def shapes_of(x: Shape = FULL, y: Shape = FULL, z: Shape = FULL) -> dict[str, Shape]:
    return {"x": x, "y": y, "z": z}


@pytest.mark.parametrize("name", OPERATORS)
def test_computes_what_onnxruntime_does(name: str, tmp_path: Path) -> None:
    _, got, expected = both(OPERATORS[name], shapes_of(), tmp_path)
    np.testing.assert_array_equal(got, expected)


def test_every_operator_is_compared() -> None:
    known = {kind for entry in ELEMENTWISE for kind in entry.types}
    file = QonnxFile()
    for build in OPERATORS.values():
        build(file, "x", "y", "z")
    used = {node.op_type for node in file.nodes}
    assert known <= used


GATES: dict[str, Shape] = {
    "channels": (1, 3, 1, 1),
    "pixels": (1, 1, 4, 5),
    "rows": (1, 3, 4, 1),
    "columns of all channels": (1, 1, 1, 5),
    "one number": (1, 1, 1, 1),
}


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("kind", ["Mul", "Sub"])
def test_broadcasts(kind: str, name: str, tmp_path: Path) -> None:
    graph, got, expected = both(op(kind), shapes_of(y=GATES[name]), tmp_path)
    np.testing.assert_array_equal(got, expected)
    assert sum(isinstance(node.op, Upsample) for node in graph.nodes) == (name != "pixels")


def test_broadcasts_both_operands(tmp_path: Path) -> None:
    _, got, expected = both(op("Add"), shapes_of((1, 3, 4, 1), (1, 1, 1, 5)), tmp_path)
    np.testing.assert_array_equal(got, expected)


def test_one_tensor_twice_is_one_stream(tmp_path: Path) -> None:
    graph, _, _ = both(OPERATORS["twice"], shapes_of(), tmp_path)
    (node,) = (node for node in graph.nodes if isinstance(node.op, Pointwise))
    assert node.inputs == ("x",)


@pytest.mark.parametrize("kind", ["Add", "Sub", "Max", "Sum"])
def test_operands_in_no_whole_ratio_are_certified(kind: str, tmp_path: Path) -> None:
    def build(scale: float) -> Path:
        f = QonnxFile(extra_inputs={"y": (1, 3, 8, 8)})
        x, y = f.quant("x", 0.1, bits=4.0), f.quant("y", scale, bits=4.0)
        return f.save(tmp_path / f"{scale}.onnx", f.quant(f.node(kind, x, y), 0.15, bits=5.0))

    for scale in (0.17, np.pi / 20):
        graph, certificates = (found := lower(build(scale))).graph, found.certificates
        (op,) = (node.op for node in graph.nodes if isinstance(node.op, Pointwise))
        assert isinstance(op, Pointwise)
        assert len(op.skews) == 2
        assert certificates[-1].reachable_values == 256
        x, y = (np.arange(-8, 8).reshape(shape) for shape in ((16, 1), (1, 16)))
        feeds = {k: np.broadcast_to(v, (16, 16)).reshape(4, 8, 8, 1).repeat(3, axis=3) for k, v in (("x", x), ("y", y))}
        (got,) = Program(*to_program(graph)).run(feeds).values()
        a, b = x * np.float64(np.float32(0.1)), y * np.float64(np.float32(scale))
        real = {"Add": a + b, "Sum": a + b, "Sub": a - b, "Max": np.maximum(a, b)}[kind]
        expected = np.clip(np.rint(real / np.float64(np.float32(0.15))), -16, 15)
        assert int((got[..., 0].reshape(16, 16) != expected).sum()) == certificates[-1].differing_values


def refused(build: Callable[[QonnxFile], str], message: str, folder: Path) -> None:
    file = QonnxFile()
    with pytest.raises(ModelError, match=message):
        lower(file.save(folder / "model.onnx", build(file)))


def test_refuses_sizes_that_do_not_broadcast(tmp_path: Path) -> None:
    def build(f: QonnxFile) -> str:
        x = f.image()
        return f.node("Mul", x, f.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))

    refused(build, r"\(Mul\): muls maps of \(8, 8, 3\) and \(4, 4, 3\) .*; mul maps of one shape", tmp_path)


def test_refuses_powers_that_are_no_product(tmp_path: Path) -> None:
    refused(lambda f: f.node("Pow", x := f.image(), f.quant(x)), r"\(Pow\): the exponent is an activation", tmp_path)
    refused(lambda f: f.node("Pow", f.image(), f.constant(0.5)), r"reads a Pow that no quantizer", tmp_path)


def test_functions_of_one_value_are_tables_only_before_a_quantizer(tmp_path: Path) -> None:
    f = QonnxFile()
    x = f.image()
    square = f.node("Pow", x, f.constant(2.0))
    both = (f.quant(square), f.quant(f.node("Mul", square, f.quant(x, 2.0**-4))))
    kinds = [node.op.kind for node in lower(f.save(tmp_path / "model.onnx", *both)).graph.nodes]
    assert kinds.count("pointwise") == 2
    assert len(kinds) == 5


def test_refuses_constants_off_the_grid(tmp_path: Path) -> None:
    def build(f: QonnxFile) -> str:
        x = f.image()
        y = f.quant(x, 2.0**-6)
        return f.node("Where", f.node("Greater", x, y), y, f.constant(np.pi))

    refused(build, r"\(Where\): constants and operands on the grids .*; make its constants multiples", tmp_path)


def test_refuses_what_is_no_truth_value(tmp_path: Path) -> None:
    refused(lambda f: f.node("Not", f.image()), r"\(Not\): an operand is no truth value", tmp_path)


def test_refuses_results_that_are_too_wide(tmp_path: Path) -> None:
    def fourth_power(f: QonnxFile) -> str:
        square = f.node("Mul", x := f.quant("x", 2.0**-8, bits=16.0), x)
        return f.node("Mul", square, square)

    def product(f: QonnxFile) -> str:
        x = f.quant("x", 2.0**-8, bits=16.0)
        return f.node("Mul", f.node("Mul", f.node("Mul", x, x), x), x)

    refused(fourth_power, r"\(Mul\): a result of more than 46 bits; quantize its operands", tmp_path)
    refused(product, r"its input is a 4\d-bit accumulator that no quantizer", tmp_path)
