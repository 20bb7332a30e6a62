# SPDX-License-Identifier: Apache-2.0
"""Functions over wide ranges: what bounds leave out would have given the same; each operator against onnxruntime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from qonnx_file import QonnxFile

from headrace.frontend.evaluation import Evaluation
from headrace.frontend.functions import UNARY
from headrace.frontend.importer import import_model
from headrace.frontend.values import Function, Real, exact
from headrace.ir.ops import Tabulate
from headrace.operators.tables import Thresholds
from headrace.passes.tabulate import tabulate

Array = np.ndarray[Any, np.dtype[Any]]

BUILDS: dict[str, Any] = {
    "silu": lambda f, x: f.node("Mul", x, f.node("Sigmoid", x)),
    "mish": lambda f, x: f.node("Mul", f.node("Tanh", f.node("Softplus", x)), x),
    "hard swish": lambda f, x: f.node("HardSwish", x),
    "gated": lambda f, x: f.node(
        "Div", f.node("Mul", x, f.node("Clip", x, f.constant(-3.0), f.constant(3.0))), f.constant(6.0)
    ),
    "leaky": lambda f, x: f.node("LeakyRelu", x, alpha=0.1),
    "falling": lambda f, x: f.node("Sub", f.constant(1.5), f.node("Abs", f.node("Elu", x))),
    "softsign": lambda f, x: f.node("Div", x, f.node("Add", f.node("Abs", x), f.constant(1.0))),
    "erf": lambda f, x: f.node("Mul", f.constant(np.array([1.0, -2, 0.5]).reshape(1, 3, 1, 1)), f.node("Erf", x)),
    "pole": lambda f, x: f.node("Div", f.constant(5.0), x),
}


def normed(f: QonnxFile, x: str) -> str:
    """Channels of their own, a falling one among them."""
    ends = ((-2, 1), (-1, 1), (0, 0.5), (0.5, 3))
    return f.node("BatchNormalization", x, *(f.constant(np.linspace(a, b, 3)) for a, b in ends))


@pytest.mark.parametrize("norm", [False, True], ids=["alike", "norms"])
@pytest.mark.parametrize("name", BUILDS)
def test_bounds_change_nothing(name: str, norm: bool, tmp_path: Path) -> None:
    f = QonnxFile()
    x = f.conv(f.image(), f.weight((3, 3, 5, 5), scale=2.0**-4))
    y = BUILDS[name](f, normed(f, x) if norm else x)
    y = f.quant(normed(f, y) if norm else y, 2.0**-5, zero=3.0, bits=7.0)
    graph = import_model(f.save(tmp_path / "model.onnx", y)).graph
    node = graph.nodes[-1]
    op = node.op
    assert isinstance(op, Tabulate)
    assert op.bounds is not None
    reachable = np.array([-70_001, -40_000, 12_345]), np.array([65_432, 90_000, 12_345])
    ours, theirs = (tabulate(graph, replace(node, op=o), reachable) for o in (op, replace(op, bounds=None)))
    assert isinstance(ours[0], Thresholds)
    assert isinstance(theirs[0], Thresholds)
    np.testing.assert_array_equal(ours[0].steps, theirs[0].steps)
    np.testing.assert_array_equal(ours[0].values, theirs[0].values)
    assert ours[1] == theirs[1]
    first = np.sort(np.random.default_rng(0).integers(-70_000, 90_000, (3, 200)), axis=1)
    last = first + np.arange(200) * 3
    lo, hi = op.bounds(np.arange(3), first, last)
    for x_at in (first, last, (first + last) // 2):
        values = op.function(np.arange(3), x_at, np.float32)
        assert np.all((lo <= values) & (values <= hi))


def test_wide_layers_are_evaluated_near_their_steps_only(tmp_path: Path) -> None:
    """64 unlike channels of 10 million values each."""
    f = QonnxFile()
    weight = f.quant(f.constant(np.random.default_rng(0).uniform(-1, 1, (64, 3, 3, 3))), 2.0**-15, bits=16.0)
    norms = [f.constant(np.linspace(a, b, 64)) for a, b in ((0.5, 2), (-1, 1), (0, 0.5), (0.5, 3))]
    x = f.node("BatchNormalization", f.conv(f.image(), weight), *norms)
    y = f.quant(f.node("Mul", x, f.node("Sigmoid", x)), 2.0**-4)
    graph = import_model(f.save(tmp_path / "model.onnx", y)).graph
    node, full = graph.nodes[-1], np.ones(64, np.int64)
    op = node.op
    assert isinstance(op, Tabulate)
    evaluated = 0

    def counted(channels: Array, x: Array, dtype: Any) -> Array:
        nonlocal evaluated
        evaluated += x.size
        return op.function(channels, x, dtype)

    reachable = -5_000_000 * full, 5_000_000 * full
    realised, certificate = tabulate(graph, replace(node, op=replace(op, function=counted)), reachable)
    assert isinstance(realised, Thresholds)
    assert evaluated < 10_000_000
    assert certificate.reachable_values == 64 * 10_000_001
    rng = np.random.default_rng(1)
    for c in (0, 31, 63):  # far from and around every step, the function itself says the same
        at = np.concatenate([rng.integers(-5_000_000, 5_000_001, 5000), *(realised.steps[c] + d for d in (-2, -1, 0, 1))])
        at = np.clip(at, -5_000_000, 5_000_000)
        real = op.function(np.array([c]), at[None], np.float32)[0]
        expected = np.clip(np.rint(real / np.float32(2.0**-4)), -128, 127)
        computed = realised.values[c][np.searchsorted(realised.steps[c], at, side="right")]
        np.testing.assert_array_equal(computed, expected)


CONSTANTS: dict[str, tuple[float, ...]] = {"PRelu": (0.25,), "Pow": (3.0,)}
OPSETS = {"Gelu": 20, "Mish": 18, "Swish": 24}
DOMAINS = {"Acos": 1, "Asin": 1, "Atanh": 0.99, "Sinh": 80, "Cosh": 80, "Exp": 80, "Pow": 100}


@pytest.mark.parametrize("op", sorted(UNARY - {"Swish"}))  # onnxruntime does not know it yet
def test_every_operator_is_onnxruntimes(op: str) -> None:
    """At scale 1/8, far into where exponentials overflow and saturate."""
    constants = [np.float32(v) for v in CONSTANTS.get(op, ())]
    names = [f"c{i}" for i in range(len(constants))]
    node = helper.make_node(op, ["x", *names], ["y"])
    opset = OPSETS.get(op, 16)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(np.full((1, 1, 1), c), name) for c, name in zip(constants, names, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    reach = DOMAINS.get(op, 400.0)
    least = 1.0 if op in ("Log", "Sqrt", "Acosh", "Reciprocal") else -reach
    scale = 2.0**-3 if reach > 1 else 2.0**-9
    x = np.arange(int(least / scale), int(reach / scale))[None]
    (expected,) = session.run(None, {"x": (x * scale).astype(np.float32)[..., None, None].swapaxes(0, 1).reshape(1, 1, -1, 1)})
    operands: tuple[Any, ...] = (Real(tensor="t", scale=exact([scale])), *(np.asarray(c) for c in constants))
    computed = Evaluation(Function(tensor="t", node=node, operands=operands, opset=opset))(np.zeros(1, np.int64), x, np.float32)
    np.testing.assert_allclose(computed[0], expected.ravel(), rtol=2e-5, atol=2e-6)
