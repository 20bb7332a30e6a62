# SPDX-License-Identifier: Apache-2.0
"""Operators that change nothing at inference."""

from __future__ import annotations

import numpy as np
import onnx

from headrace.frontend.context import Context, Handler, OnnxNode
from headrace.frontend.values import Real, Value


def identity(_: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Operators that change nothing at inference."""
    if inputs[0] is None:
        raise node.unsupported("an input is missing", "export the model again")
    return [inputs[0]]


def dropout(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Dropout drops nothing at inference."""
    if len(inputs) > 2 and inputs[2] is not None and np.any(node.const(inputs[2], "training mode")):
        raise node.unsupported("drops values at random", "export the model in evaluation mode")
    return identity(context, node, inputs)


def cast(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Cast to a floating-point type changes nothing; to integers it would truncate what is no integer already."""
    x, to = inputs[0], node.attrs.get("to")
    if x is None or (to not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE) and not _holds(context, x, to)):
        raise node.unsupported("casts an activation to another type than float", "remove the cast from the model")
    return [x]


def _holds(context: Context, x: Value, to: int | None) -> bool:
    """Whether ``x`` holds integers (class indices) that the integer type ``to`` holds as well."""
    kinds = {getattr(onnx.TensorProto, name): np.iinfo(name.lower()) for name in ("INT64", "INT32", "INT16", "INT8", "UINT8")}
    if not isinstance(x, Real) or x.clamped or not x.uniform or x.step != 1 or to not in kinds:
        return False
    source = context.tensors[x.tensor]
    return bool(kinds[to].min <= source.lo and source.hi <= kinds[to].max)


NEUTRAL: dict[str, Handler] = {"Identity": identity, "Dropout": dropout, "Cast": cast}
