# SPDX-License-Identifier: Apache-2.0
"""Evaluates functions of one activation at any of its integers, node by node, by ONNX's reference implementation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from headrace.frontend.values import Function, Real

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]

LOGIC = frozenset({"And", "Not", "Or", "Where", "Xor"})
"""Operators that take truth values."""


def _erf(x: Array) -> Array:
    exact_values: Array = np.asarray(np.frompyfunc(math.erf, 1, 1)(x.astype(np.float64)))
    return exact_values.astype(x.dtype)


def gelu(x: Array, approximate: str = "none") -> Array:
    """ONNX Gelu, exact or by the hyperbolic tangent."""
    one, half = x.dtype.type(1), x.dtype.type(0.5)
    if approximate == "tanh":
        inner = x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * x * x * x)
        return np.asarray(half * x * (one + np.tanh(inner)))
    return np.asarray(half * x * (one + _erf(x * x.dtype.type(math.sqrt(0.5)))))


def _batch_norm(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, epsilon: float = 1e-5, **_: Any) -> Array:
    return np.asarray(gamma * (x - mean) / np.sqrt(var + x.dtype.type(epsilon)) + beta)


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(x.dtype.type(0), x))


KERNELS: dict[str, Callable[..., Array]] = {
    "BatchNormalization": _batch_norm,
    "Erf": _erf,
    "Gelu": gelu,
    "Softplus": _softplus,
}
"""Instead of the reference implementation, where that loops over elements, overflows or normalizes by the batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
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
                feeds.append(affine_image(operand, channels, x).astype(dtype))
            else:
                feeds.append(constant_of(operand, channels, dtype))
        if function.node.op_type not in LOGIC:  # truth as numbers: what a Cast before it has made of it
            feeds = [feed.astype(dtype) if feed is not None and feed.dtype == bool else feed for feed in feeds]
        known[id(function)] = result = apply_node(function, feeds)
        return result


def affine_image(real: Real, channels: IntArray, x: IntArray) -> Array:
    """What integers (1, G, n, 1) of the given channels (G,) mean, in float64."""
    scale, offset = (
        np.broadcast_to(p.astype(np.float64), max(p.size, int(channels.max()) + 1))[channels][None, :, None, None]
        for p in (real.scale, real.offset)
    )
    lo, hi = (None if bound is None else float(bound) for bound in (real.lo, real.hi))
    image: Array = x * scale + offset
    return image if lo is None and hi is None else np.clip(image, lo, hi)


def constant_of(constant: Array | None, channels: IntArray, dtype: Any) -> Array | None:
    """A constant operand for the given channels."""
    if constant is None:
        return None
    if constant.dtype.kind == "f":
        constant = constant.astype(dtype)
    return constant if constant.ndim == 0 else constant[:, channels]


def apply_node(function: Function, feeds: list[Array | None]) -> Array:
    """The function's last node, on values of its operands."""
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
