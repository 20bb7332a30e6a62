# SPDX-License-Identifier: Apache-2.0
"""Operators that change nothing at inference, and questions about shapes."""

from __future__ import annotations

import numpy as np
import onnx

from headrace.frontend.context import Context, Handler, OnnxNode
from headrace.frontend.values import ModelInput, Value


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


def shape_of(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Shape of a map, as (1, C, H, W)."""
    if isinstance(inputs[0], ModelInput):
        return [np.array([1, *inputs[0].shape], np.int64)]
    h, w, c = context.tensors[context.real(node, inputs[0]).tensor].shape
    return [np.array([1, c, h, w], np.int64)]


NEUTRAL: dict[str, Handler] = {"Identity": identity, "Dropout": identity, "Cast": cast, "Shape": shape_of}
