# SPDX-License-Identifier: Apache-2.0
"""Functions of one activation that are not affine: they wait for a quantizer, which makes a table or thresholds of them.

Nothing is approximated: the requantize pass evaluates the model's own nodes, in the model's own float32, at every integer that
can reach them. What is composed of one tensor alone (``x * sigmoid(x)``) is one function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import UnsupportedError
from headrace.frontend.affine import affine
from headrace.frontend.context import Context, Handler, OnnxNode, required
from headrace.frontend.enclosures import Enclosure, enclosable
from headrace.frontend.evaluation import LOGIC, Evaluation
from headrace.frontend.values import ExactArray, Function, QuantConst, Real, Value, exact
from headrace.ir.ops import Leaf, Tabulate
from headrace.ir.rounding import HALF_EVEN

Array = npt.NDArray[Any]

UNARY = frozenset(
    {"Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor"}
    | {"Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "PRelu", "Pow", "Reciprocal", "Round", "Selu", "Shrink"}
    | {"Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu"}
)
"""Operators of one activation, all further inputs constant."""
COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
COMPOSED = UNARY | COMPARISONS | LOGIC | {"Add", "BatchNormalization", "Clip", "Div", "Max", "Min", "Mul", "Neg", "Relu", "Sub"}
"""Operators that may follow a function, or join two of one tensor."""
JOINED = frozenset({"Div", "Max", "Min", "Mul"})
"""Operators of two affine images of one tensor, a clamp or an offset in them, whose result is no affine image."""


def composes(op_type: str, inputs: list[Value | None]) -> bool:
    """Whether a node is to be composed with the functions among its inputs, or makes a function of affine images or of one."""
    if any(isinstance(value, Function) for value in inputs):
        return op_type in COMPOSED
    reals = [value for value in inputs if isinstance(value, Real)]
    if op_type == "Div" and len(inputs) == 2 and isinstance(inputs[1], Real) and not reals[1:]:
        return True
    bent = any(real.clamped or np.any(real.offset != 0) for real in reals)
    return op_type in JOINED and len(reals) > 1 and bent and len({real.tensor for real in reals}) == 1


def of_one_tensor(inputs: list[Value | None]) -> bool:
    """Whether all activations among ``inputs`` come from one tensor."""
    return len({value.tensor for value in inputs if isinstance(value, Function | Real)}) == 1


def realised(context: Context, value: Value | None, handlers: Mapping[str, Handler]) -> Value | None:
    """``value``, a function as a tensor of its own if it is exact in integers: where no quantizer makes a table of it.

    Args:
        handlers: import of the operators that compute on integers (magnitudes, products), by type.
    """
    if not isinstance(value, Function) or value.node.op_type not in handlers:
        return value
    operands = [realised(context, operand, handlers) for operand in value.operands]
    if any(isinstance(operand, Function) for operand in operands):
        return value
    try:
        (result,) = handlers[value.node.op_type](context, OnnxNode.of(value.node, 0), operands)
    except UnsupportedError:  # off the integers' grid: whoever reads the function says what to do
        return value
    return result


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
    scale: ExactArray,
    lo: int,
    hi: int,
    *,
    rounding: str = HALF_EVEN,
    zero: int = 0,
) -> Real:
    """``clip(round(function / scale + zero) - zero, lo, hi)`` for the requantize pass; one scale, or one per channel."""
    source = context.tensors[function.tensor]
    steps = np.broadcast_to(scale, source.channels)
    leaves = {id(leaf): leaf for leaf in _leaves(function)}.values()
    parameters = [*_parameters(function), scale.astype(np.float64)]
    _, members, classes = np.unique(
        np.stack([np.broadcast_to(p, source.channels) for p in parameters]), axis=1, return_index=True, return_inverse=True
    )
    evaluation = Evaluation(function)
    op = Tabulate(
        function=evaluation,
        bounds=Enclosure(evaluation) if enclosable(function) else None,
        classes=classes.ravel().astype(np.int64),
        members=members.astype(np.int64),
        lo=lo,
        hi=hi,
        scale=steps,
        zero=zero,
        rounding=rounding,
        leaves=tuple(_leaf(real, source.channels) for real in leaves),
        origin=function.node.op_type,
        pieces=_pieces(function, source.channels),
    )
    name = context.apply(node, op, (function.tensor,), source.shape, lo, hi, float(scale[0]))
    return Real(tensor=name, scale=scale)


def _leaf(real: Real, channels: int) -> Leaf:
    scale, offset = (np.broadcast_to(p, channels) for p in (real.scale, real.offset))
    return Leaf(scale=scale, offset=offset, pure=real.pure)


def _pieces(function: Function, channels: int) -> tuple[Leaf, ...]:
    """The two slopes of ``max(x, alpha * x)``, if the function is that of an affine image."""
    x, op = function.operands[0], function.node.op_type
    if op not in ("LeakyRelu", "PRelu", "Abs") or not isinstance(x, Real) or x.clamped:
        return ()
    given = {a.name: float(a.f) for a in function.node.attribute}
    alpha = {"Abs": -1.0, "LeakyRelu": given.get("alpha", float(np.float32(0.01)))}.get(op)
    slopes = exact(np.asarray(function.operands[1], np.float64) if alpha is None else alpha)
    if np.any(slopes > 1):
        return ()
    leaf = _leaf(x, channels)
    return leaf, Leaf(scale=leaf.scale * slopes, offset=leaf.offset * slopes, pure=leaf.pure)


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


FUNCTIONS: dict[str, Handler] = {**dict.fromkeys(sorted(UNARY | COMPARISONS), compose), "Neg": negate}
