# SPDX-License-Identifier: Apache-2.0
"""Functions of one activation that are not affine: they wait for a quantizer, which makes a table or thresholds of them.

Nothing is approximated: the requantize pass evaluates the model's own nodes, in the model's own float32, at every integer that
can reach them. What is composed of one tensor alone (``x * sigmoid(x)``) is one function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from headrace.frontend.affine import affine
from headrace.frontend.context import Context, Handler, OnnxNode, required
from headrace.frontend.values import Function, QuantConst, Real, Value, exact, one
from headrace.ir.ops import Leaf, Tabulate
from headrace.ir.rounding import HALF_EVEN

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]

UNARY = frozenset(
    {"Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor"}
    | {"Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "PRelu", "Pow", "Reciprocal", "Round", "Selu", "Shrink"}
    | {"Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu"}
)
"""Operators of one activation, all further inputs constant."""
COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
LOGIC = frozenset({"And", "Not", "Or", "Where", "Xor"})
COMPOSED = UNARY | COMPARISONS | LOGIC | {"Add", "BatchNormalization", "Clip", "Div", "Max", "Min", "Mul", "Neg", "Relu", "Sub"}
"""Operators that may follow a function, or join two of one tensor."""
JOINED = frozenset({"Div", "Max", "Min", "Mul"})
"""Operators of two affine images of one tensor, a clamp or an offset in them, whose result is no affine image."""


def composes(op_type: str, inputs: list[Value | None]) -> bool:
    """Whether a node is to be composed with the functions among its inputs, or makes a function of affine images."""
    if any(isinstance(value, Function) for value in inputs):
        return op_type in COMPOSED
    reals = [value for value in inputs if isinstance(value, Real)]
    bent = any(real.clamped or np.any(real.offset != 0) for real in reals)
    return op_type in JOINED and len(reals) > 1 and bent and len({real.tensor for real in reals}) == 1


def compose(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """A function of the one tensor that all activations among ``inputs`` come from.

    Raises:
        UnsupportedError: they come from several tensors, or a constant does not broadcast along channels.
    """
    sources = {
        value.tensor: None
        for value in inputs
        if isinstance(value, Function) or (isinstance(value, Real) and context.activation(node, value))
    }
    if len(sources) > 1:
        raise node.unsupported(
            "joins a function of one tensor with another tensor", "quantize the function first (QuantIdentity behind it)"
        )
    if not sources:
        context.activation(node, required(node, inputs[0]))
    (tensor,) = sources
    channels = context.tensors[tensor].channels
    operands = tuple(_operand(node, value, channels) for value in inputs)
    return [Function(tensor=tensor, node=node.proto, operands=operands, opset=context.opset or 18)]


def _operand(node: OnnxNode, value: Value | None, channels: int) -> Real | Function | Array | None:
    """An activation as it is; a constant as a scalar, or one number per channel (1, C, 1, 1)."""
    if value is None or isinstance(value, Real | Function):
        return value
    constant = np.asarray(node.const(value, "an operand"))
    if isinstance(value, QuantConst) or constant.dtype.kind == "f":
        constant = constant.astype(np.float32)
    if constant.size == 1:
        return constant.reshape(())
    along = constant.ndim == 1 if node.op_type == "BatchNormalization" else constant.ndim > 2
    if not along or constant.size != channels or (constant.ndim > 2 and constant.shape[-3] != channels):
        raise node.unsupported(
            f"a constant of shape {constant.shape} that is not one number per channel ({channels})",
            "use a scalar or (1, C, 1, 1)",
        )
    return constant.reshape(1, -1, 1, 1)


def negate(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Neg: another sign of the scale."""
    return [affine(context, node, required(node, inputs[0]), exact([-1.0]), exact([0.0]))]


def quantize_function(
    context: Context,
    node: OnnxNode,
    function: Function,
    scale: Fraction,
    lo: int,
    hi: int,
    *,
    rounding: str = HALF_EVEN,
    zero: int = 0,
) -> Real:
    """``clip(round(function / scale + zero) - zero, lo, hi)`` as a node for the requantize pass."""
    source = context.tensors[function.tensor]
    leaves = {id(leaf): leaf for leaf in _leaves(function)}.values()
    parameters = np.stack([np.broadcast_to(p, source.channels) for p in _parameters(function)])
    kinds, classes = np.unique(parameters, axis=1, return_inverse=True)
    first = np.array([int(np.flatnonzero(classes.ravel() == k)[0]) for k in range(kinds.shape[1])])
    op = Tabulate(
        function=_Evaluation(function),
        classes=classes.ravel().astype(np.int64),
        members=first,
        lo=lo,
        hi=hi,
        scale=scale,
        zero=zero,
        rounding=rounding,
        leaves=tuple(
            Leaf(
                scale=np.broadcast_to(r.scale, source.channels), offset=np.broadcast_to(r.offset, source.channels), pure=r.pure
            )
            for r in leaves
        ),
        origin=function.node.op_type,
    )
    name = context.apply(node, op, (function.tensor,), source.shape, lo, hi, float(scale))
    return Real(tensor=name, scale=one(scale))


def _leaves(function: Function) -> list[Real]:
    found: list[Real] = []
    for operand in function.operands:
        if isinstance(operand, Function):
            found += _leaves(operand)
        elif isinstance(operand, Real):
            found.append(operand)
    return found


def _parameters(function: Function) -> list[Array]:
    """Everything in which channels can differ."""
    found: list[Array] = []
    for operand in function.operands:
        if isinstance(operand, Function):
            found += _parameters(operand)
        elif isinstance(operand, Real):
            found += [operand.scale.astype(np.float64), operand.offset.astype(np.float64)]
        elif operand is not None:
            found.append(operand.astype(np.float64).ravel())
    return found


def _erf(x: Array) -> Array:
    exact_values: Array = np.asarray(np.frompyfunc(math.erf, 1, 1)(x.astype(np.float64)))
    return exact_values.astype(x.dtype)


def _gelu(x: Array, approximate: str = "none") -> Array:
    one, half = x.dtype.type(1), x.dtype.type(0.5)
    if approximate == "tanh":
        inner = x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * x * x * x)
        return np.asarray(half * x * (one + np.tanh(inner)))
    return np.asarray(half * x * (one + _erf(x * x.dtype.type(math.sqrt(0.5)))))


def _batch_norm(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, epsilon: float = 1e-5, **_: Any) -> Array:
    return np.asarray(gamma * (x - mean) / np.sqrt(var + x.dtype.type(epsilon)) + beta)


KERNELS: dict[str, Callable[..., Array]] = {"Erf": _erf, "Gelu": _gelu, "BatchNormalization": _batch_norm}
"""Instead of the reference implementation, where that loops over elements or normalizes by the batch."""


@dataclass(frozen=True, slots=True, eq=False)
class _Evaluation:
    """Evaluates a function node by node; see `headrace.ir.ops.Tabulate`."""

    function: Function

    def __call__(self, channels: IntArray, x: IntArray, dtype: Any) -> Array:
        """Real values (G, n) of integers (G, n) of the given channels (G,), computed in ``dtype``."""
        with np.errstate(all="ignore"):
            y = self._run(self.function, channels, x[None, :, :, None], dtype, {})
        return np.broadcast_to(y, (1, *x.shape, 1))[0, :, :, 0]

    def _run(self, function: Function, channels: IntArray, x: IntArray, dtype: Any, known: dict[int, Array]) -> Array:
        if id(function) in known:
            return known[id(function)]
        feeds: list[Array | None] = []
        for operand in function.operands:
            if isinstance(operand, Function):
                feeds.append(self._run(operand, channels, x, dtype, known))
            elif isinstance(operand, Real):
                feeds.append(_affine_image(operand, channels, x).astype(dtype))
            else:
                feeds.append(_constant(operand, channels, dtype))
        if function.node.op_type not in LOGIC:  # truth as numbers: what a Cast before it has made of it
            feeds = [feed.astype(dtype) if feed is not None and feed.dtype == bool else feed for feed in feeds]
        known[id(function)] = result = _apply(function, feeds)
        return result


def _affine_image(real: Real, channels: IntArray, x: IntArray) -> Array:
    scale, offset = (
        np.broadcast_to(p.astype(np.float64), max(p.size, int(channels.max()) + 1))[channels][None, :, None, None]
        for p in (real.scale, real.offset)
    )
    lo, hi = (None if bound is None else float(bound) for bound in (real.lo, real.hi))
    image: Array = x * scale + offset
    return image if lo is None and hi is None else np.clip(image, lo, hi)


def _constant(constant: Array | None, channels: IntArray, dtype: Any) -> Array | None:
    if constant is None:
        return None
    if constant.dtype.kind == "f":
        constant = constant.astype(dtype)
    return constant if constant.ndim == 0 else constant[:, channels]


def _apply(function: Function, feeds: list[Array | None]) -> Array:
    node = function.node
    if node.op_type in KERNELS:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
        return KERNELS[node.op_type](*feeds, **attributes)
    bare = onnx.NodeProto()
    bare.CopyFrom(node)
    names = [f"i{n}" if feed is not None else "" for n, feed in enumerate(feeds)]
    del bare.input[:], bare.output[1:]
    bare.input.extend(names)
    values = {name: feed for name, feed in zip(names, feeds, strict=True) if feed is not None}
    graph = onnx.helper.make_graph(
        [bare],
        "function",
        [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(feed.dtype), feed.shape)
            for name, feed in values.items()
        ],
        [onnx.ValueInfoProto(name=bare.output[0])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", function.opset)])
    (result,) = ReferenceEvaluator(model).run(None, values)
    return np.asarray(result)


FUNCTIONS: dict[str, Handler] = {**dict.fromkeys(sorted(UNARY | COMPARISONS), compose), "Neg": negate}
