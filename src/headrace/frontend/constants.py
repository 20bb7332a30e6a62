# SPDX-License-Identifier: Apache-2.0
"""Nodes of constants: evaluated at import; a quantized constant stays quantized where it is only moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import QuantConst, Value

Array = npt.NDArray[Any]

MOVES_CONSTANTS = frozenset(
    {"Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "SpaceToDepth", "Split"}
    | {"Squeeze", "Tile", "Transpose", "Unsqueeze"}
)
MAX_ELEMENTS = 1 << 28
"""Largest constant that a node may unfold to."""


def all_constant(inputs: list[Value | None]) -> bool:
    """Whether nothing that a node reads depends on the network's input."""
    return all(value is None or isinstance(value, np.ndarray | QuantConst) for value in inputs)


def fold_constant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Evaluates a node of constants with ONNX's own reference implementation.

    Raises:
        UnsupportedError: the evaluator has no rule for the node, or refuses its inputs.
    """
    _refuse_huge(node, inputs)
    if node.op_type == "Constant" and node.proto.attribute and node.proto.attribute[0].name == "sparse_value":
        return [dense(node.proto.attribute[0].sparse_tensor)]
    if node.op_type == "Cast" and isinstance(inputs[0], QuantConst) and node.attrs.get("to") in FLOATS:
        return [inputs[0]]
    if node.op_type in MOVES_CONSTANTS and isinstance(inputs[0], QuantConst):
        moved = inputs if node.op_type == "Concat" else inputs[:1]
        if all(isinstance(value, QuantConst) for value in moved):
            return _moved(context, node, inputs)
    plain = [value.real.astype(np.float32) if isinstance(value, QuantConst) else value for value in inputs]
    return list(evaluated(context, node, plain))


FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)


def _moved(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """A quantized constant (or several, joined), its integers and its scales moved alike."""
    integers = [value.integers if isinstance(value, QuantConst) else value for value in inputs]
    scales = [
        np.broadcast_to(value.scale.astype(np.float64), value.integers.shape) if isinstance(value, QuantConst) else value
        for value in inputs
    ]
    results = zip(evaluated(context, node, integers), evaluated(context, node, scales), strict=True)
    return [QuantConst(integers=i, scale=collapsed(s)) for i, s in results]


def collapsed(scale: Array) -> Array:
    """``scale`` with a length of 1 along every axis on which it does not change."""
    for axis in range(scale.ndim):
        first = scale.take([0], axis=axis) if scale.shape[axis] else scale
        scale = first if np.all(scale == first) else scale
    return scale


def evaluated(context: Context, node: OnnxNode, inputs: list[Any]) -> list[Array]:
    """What ONNX's reference implementation makes of a node with these inputs (None: absent)."""
    feeds = {name: value for name, value in zip(node.proto.input, inputs, strict=False) if value is not None}
    proto = onnx.NodeProto()
    proto.CopyFrom(node.proto)
    proto.domain = ""
    graph = onnx.helper.make_graph(
        [proto],
        "constant",
        [
            onnx.helper.make_tensor_value_info(k, onnx.helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for k, v in feeds.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in node.proto.output],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", context.opset or 18)])
    try:
        return [np.asarray(result) for result in ReferenceEvaluator(model).run(None, feeds)]
    except Exception as error:  # the evaluator raises whatever numpy raises
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise node.unsupported(f"cannot evaluate this constant ({reason})", "fold constants before export") from error


def _refuse_huge(node: OnnxNode, inputs: list[Value | None]) -> None:
    """Refuses what would fill the memory: a damaged shape is easily astronomical."""
    shape = inputs[{"ConstantOfShape": 0, "Expand": 1, "Tile": 1}.get(node.op_type, -1)] if inputs else None
    if node.op_type in ("ConstantOfShape", "Expand", "Tile") and isinstance(shape, np.ndarray):
        size = float(np.prod(np.abs(shape.astype(np.float64))))
        if size > MAX_ELEMENTS:
            raise node.unsupported(f"a constant of {size:.3g} numbers", "export the model again")


def dense(sparse: onnx.SparseTensorProto) -> Array:
    """A sparse constant (coordinates or linear indices) as an array.

    Raises:
        ValueError: it is larger than `MAX_ELEMENTS`, or its indices do not fit.
    """
    shape = tuple(sparse.dims)
    if np.prod([float(d) for d in shape]) > MAX_ELEMENTS:
        raise ValueError(f"a sparse constant of shape {shape}")
    values, indices = onnx.numpy_helper.to_array(sparse.values), onnx.numpy_helper.to_array(sparse.indices)
    out = np.zeros(shape, values.dtype)
    where = indices if indices.ndim == 1 else np.ravel_multi_index(tuple(indices.T), shape)
    out.ravel()[where] = values
    return out
