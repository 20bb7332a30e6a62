# SPDX-License-Identifier: Apache-2.0
"""Operators that change nothing at inference."""

from __future__ import annotations

import onnx

from headrace.frontend.context import Context, Handler, OnnxNode
from headrace.frontend.values import Value


def identity(_: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Operators that change nothing at inference."""
    if inputs[0] is None:
        raise node.unsupported("an input is missing", "export the model again")
    return [inputs[0]]


def cast(_: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Cast to a floating-point type changes nothing; to integers it would truncate."""
    if inputs[0] is None or node.attrs.get("to") not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
        raise node.unsupported("casts an activation to another type than float", "remove the cast from the model")
    return [inputs[0]]


NEUTRAL: dict[str, Handler] = {"Identity": identity, "Dropout": identity, "Cast": cast}
