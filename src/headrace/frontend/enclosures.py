# SPDX-License-Identifier: Apache-2.0
"""Bounds of a function over ranges of integers: where both ends round to one integer, nothing between them needs evaluating.

Interval arithmetic in float64, widened at each node by `ULPS` of float32, so that the bounds hold for any float32
implementation whose operators are right to within that. (Moore, Kearfott, Cloud: Introduction to Interval Analysis, SIAM 2009,
chapters 2 and 5.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from headrace.frontend.evaluation import Evaluation, affine_image, apply_node, constant_of, gelu
from headrace.frontend.values import Function, Real

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]
Bounds = tuple[Array, Array]

ULPS = 2.0**-20
"""Relative error granted to each operator: 8 units in the last place of float32."""
TINY = 2.0**-120
"""The same for results that float32 holds with fewer bits or flushes to zero."""

RISING = frozenset(
    {"Asinh", "Atan", "Ceil", "Celu", "Clip", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Max", "Min", "PRelu"}
    | {"Relu", "Round", "Selu", "Sigmoid", "Sign", "Sinh", "Softplus", "Softsign", "Tanh", "ThresholdedRelu"}
)
"""Operators that rise in each activation, with the parameters that `_rises` asks for."""
GATED: dict[str, Callable[[Array, dict[str, Any]], Array]] = {
    "HardSwish": lambda x, _: np.clip(x / 6 + 0.5, 0, 1),
    "Mish": lambda x, _: np.tanh(np.logaddexp(0, x)),
    "Swish": lambda x, a: 1 / (1 + np.exp(-float(a.get("alpha", 1.0)) * x)),
    "Gelu": lambda x, a: _gelu_gate(x, a),
}
"""Operators ``x * gate(x)`` with a rising gate."""


def _gelu_gate(x: Array, attributes: dict[str, Any]) -> Array:
    approximate = attributes.get("approximate", b"none").decode()
    far = np.clip(x, -30.0, 30.0)
    gate: Array = np.where(far == 0, 0.5, gelu(far, approximate) / np.where(far == 0, 1.0, far))
    return gate


def enclosable(function: Function) -> bool:
    """Whether bounds of every node are known."""
    op = function.node.op_type
    if not all(enclosable(operand) for operand in function.operands if isinstance(operand, Function)):
        return False
    if op in RISING:
        return _rises(function)
    return op in _ARITHMETIC or op == "BatchNormalization" or (op in GATED and _attributes(function).get("alpha", 1.0) >= 0)


def _attributes(function: Function) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in function.node.attribute}


def _rises(function: Function) -> bool:
    attributes = _attributes(function)
    if any(attributes.get(name, 1.0) < 0 for name in ("alpha", "gamma")):
        return False
    return function.node.op_type != "PRelu" or bool(np.all(np.asarray(function.operands[1]) >= 0))


@dataclass(frozen=True, slots=True)
class Enclosure:
    """Bounds of an `Evaluation`'s function."""

    evaluation: Evaluation

    def __call__(self, channels: IntArray, first: IntArray, last: IntArray) -> Bounds:
        """Bounds (G, n) over the integers from ``first`` to ``last`` (G, n) of the given channels (G,)."""
        with np.errstate(all="ignore"):
            ends = first[None, :, :, None], last[None, :, :, None]
            lo, hi = self._run(self.evaluation.function, channels, ends, {})
        low, high = (np.broadcast_to(end, (1, *first.shape, 1))[0, :, :, 0] for end in (lo, hi))
        unknown = np.isnan(low) | np.isnan(high)
        return np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)

    def _run(self, function: Function, channels: IntArray, ends: tuple[IntArray, IntArray], known: dict[int, Bounds]) -> Bounds:
        if id(function) in known:
            return known[id(function)]
        operands: list[Bounds | None] = []
        for operand in function.operands:
            if isinstance(operand, Function):
                operands.append(self._run(operand, channels, ends, known))
            elif isinstance(operand, Real):
                images = [affine_image(operand, channels, end) for end in ends]
                operands.append(_widened(np.minimum(*images), np.maximum(*images)))
            else:
                constant = constant_of(operand, channels, np.float64)
                operands.append(None if constant is None else (constant, constant))
        known[id(function)] = bounds = _node_bounds(function, operands)
        return bounds


def _widened(lo: Array, hi: Array) -> Bounds:
    slack = ULPS * np.maximum(np.abs(lo), np.abs(hi)) + TINY
    slack = np.where(np.isfinite(slack), slack, 0.0)
    return lo - slack, hi + slack


def _node_bounds(function: Function, operands: list[Bounds | None]) -> Bounds:
    op = function.node.op_type
    if op in GATED:
        (x,) = (bounds for bounds in operands if bounds is not None)
        gate = _widened(*(GATED[op](end, _attributes(function)) for end in x))
        return _widened(*_multiply(x, gate))
    if op == "BatchNormalization":
        return _norm(function, operands)
    if op in _ARITHMETIC:
        return _widened(*_ARITHMETIC[op](*(bounds for bounds in operands if bounds is not None)))
    lo, hi = (apply_node(function, [None if b is None else b[end] for b in operands]) for end in (0, 1))
    return _widened(np.asarray(lo, np.float64), np.asarray(hi, np.float64))


def _multiply(a: Bounds, b: Bounds) -> Bounds:
    products = [x * y for x in a for y in b]
    return np.minimum.reduce(np.broadcast_arrays(*products)), np.maximum.reduce(np.broadcast_arrays(*products))


def _divide(a: Bounds, b: Bounds) -> Bounds:
    lo, hi = _multiply(a, (1 / b[1], 1 / b[0]))
    crosses = (b[0] <= 0) & (b[1] >= 0)
    return np.where(crosses, -np.inf, lo), np.where(crosses, np.inf, hi)


def _absolute(a: Bounds) -> Bounds:
    ends = np.abs(a[0]), np.abs(a[1])
    return np.where((a[0] <= 0) & (a[1] >= 0), 0.0, np.minimum(*ends)), np.maximum(*ends)


def _subtract(a: Bounds, b: Bounds) -> Bounds:
    return a[0] - b[1], a[1] - b[0]


def _norm(function: Function, operands: list[Bounds | None]) -> Bounds:
    """BatchNormalization: its difference, product and quotient, as they are computed."""
    x, gamma, beta, mean, var = (bounds for bounds in operands if bounds is not None)
    spread = np.sqrt(var[0] + float(_attributes(function).get("epsilon", 1e-5)))
    scaled = _widened(*_multiply(_widened(*_subtract(x, mean)), gamma))
    lo, hi = _widened(*_divide(scaled, _widened(spread, spread)))
    return _widened(lo + beta[0], hi + beta[0])


_ARITHMETIC: dict[str, Callable[..., Bounds]] = {
    "Abs": _absolute,
    "Add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "Div": _divide,
    "Mul": _multiply,
    "Neg": lambda a: (-a[1], -a[0]),
    "Sub": _subtract,
}
