# SPDX-License-Identifier: Apache-2.0
"""Attributes of ONNX nodes: what handlers honour, what has no effect, and what older opsets wrote as attributes.

A node with an attribute that nobody reads would silently compute something else, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import onnx

from headrace.frontend.context import OnnxNode
from headrace.frontend.values import Value

ANY: tuple[Any, ...] = ()
"""Every value is honoured, or has no effect at inference."""

WINDOW: dict[str, tuple[Any, ...]] = {
    "auto_pad": ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"),
    "dilations": ANY,
    "kernel_shape": ANY,
    "pads": ANY,
    "strides": ANY,
}

REDUCTIONS = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")

ATTRIBUTES: dict[str, Mapping[str, tuple[Any, ...]]] = {
    "Abs": {},
    "Add": {},
    "And": {},
    "ArgMax": {"axis": ANY, "keepdims": (0, 1), "select_last_index": (0, 1)},
    "ArgMin": {"axis": ANY, "keepdims": (0, 1), "select_last_index": (0, 1)},
    "AveragePool": {**WINDOW, "ceil_mode": (0, 1), "count_include_pad": (0, 1)},
    "BatchNormalization": {"epsilon": ANY, "momentum": ANY, "spatial": (1,), "training_mode": (0,)},
    "Cast": {"to": ANY, "saturate": ANY, "round_mode": ANY},
    "CenterCropPad": {"axes": ANY},
    "Clip": {"min": ANY, "max": ANY},
    "Compress": {"axis": ANY},
    "Concat": {"axis": ANY},
    "Conv": {**WINDOW, "group": ANY},
    "ConvTranspose": {**WINDOW, "group": ANY, "output_padding": ANY, "output_shape": ANY},
    "DeformConv": {"dilations": ANY, "group": ANY, "kernel_shape": ANY, "offset_group": ANY, "pads": ANY, "strides": ANY},
    "DepthToSpace": {"blocksize": ANY, "mode": ("DCR", "CRD")},
    "DequantizeLinear": {"axis": ANY, "block_size": ANY, "output_dtype": ANY},
    "Div": {},
    "Dropout": {"ratio": ANY, "seed": ANY},
    "Equal": {},
    "Expand": {},
    "Flatten": {"axis": ANY},
    "Gather": {"axis": ANY},
    "GatherElements": {"axis": ANY},
    "GatherND": {"batch_dims": ANY},
    "Gemm": {"alpha": ANY, "beta": ANY, "transA": (0, 1), "transB": (0, 1)},
    "GlobalAveragePool": {},
    "GlobalMaxPool": {},
    "Greater": {},
    "GreaterOrEqual": {},
    "Identity": {},
    "Less": {},
    "LessOrEqual": {},
    "MatMul": {},
    "Max": {},
    "MaxPool": {**WINDOW, "ceil_mode": (0, 1), "storage_order": ANY},
    "Mean": {},
    "Min": {},
    "Mul": {},
    "Neg": {},
    "Not": {},
    "Or": {},
    "Pad": {"mode": ANY, "pads": ANY, "value": ANY},
    "Pow": {},
    "QuantizeLinear": {"axis": ANY, "block_size": ANY, "output_dtype": ANY, "saturate": ANY, "precision": ANY},
    **{name: {"axes": ANY, "keepdims": (0, 1), "noop_with_empty_axes": (0, 1)} for name in REDUCTIONS},
    "Relu": {},
    "Reshape": {"allowzero": ANY},
    "Resize": {
        "antialias": (0,),
        "axes": ([0, 1, 2, 3],),
        "coordinate_transformation_mode": ANY,
        "cubic_coeff_a": ANY,
        "exclude_outside": (0,),
        "extrapolation_value": ANY,
        "keep_aspect_ratio_policy": ("stretch",),
        "mode": ANY,
        "nearest_mode": ANY,
    },
    "ReverseSequence": {"batch_axis": ANY, "time_axis": ANY},
    "Shape": {"start": ANY, "end": ANY},
    "Slice": {"starts": ANY, "ends": ANY, "axes": ANY},
    "SpaceToDepth": {"blocksize": ANY},
    "ScatterElements": {"axis": ANY, "reduction": ("none",)},
    "ScatterND": {"reduction": ("none",)},
    "Sign": {},
    "Split": {"axis": ANY, "split": ANY, "num_outputs": ANY},
    "Squeeze": {"axes": ANY},
    "Sub": {},
    "Sum": {},
    "Tile": {},
    "TopK": {"axis": ANY, "k": ANY, "largest": (0, 1), "sorted": (0, 1)},
    "Transpose": {"perm": ANY},
    "Unsqueeze": {"axes": ANY},
    "Upsample": {"mode": ANY, "scales": ANY},
    "Where": {},
    "Xor": {},
    "Quant": {"signed": (0, 1), "narrow": (0, 1), "rounding_mode": ANY},
    "IntQuant": {"signed": (0, 1), "narrow": (0, 1), "rounding_mode": ANY},
    "SquareDeformConv": {"dilations": ANY, "group": ANY, "hi": ANY, "lo": ANY, "pads": ANY, "strides": ANY},
    "SquareDeformDepthwise": {"lo": ANY, "hi": ANY},
}
"""Operator -> its attributes -> values that are honoured."""

INPUTS_ONCE_ATTRIBUTES: dict[str, dict[int, str]] = {
    "Clip": {1: "min", 2: "max"},
    "Slice": {1: "starts", 2: "ends", 3: "axes"},
    "Upsample": {1: "scales"},
    "Squeeze": {1: "axes"},
    "Unsqueeze": {1: "axes"},
    "Split": {1: "split"},
    "Pad": {1: "pads", 2: "value"},
    "TopK": {1: "k"},
    **{name: {1: "axes"} for name in REDUCTIONS},
}
"""Operator -> input -> the attribute that older opsets have in its place."""


def check_attributes(node: OnnxNode) -> None:
    """Refuses attributes, or values of them, that the node's handler would ignore.

    Raises:
        UnsupportedError: with the attribute and its value.
    """
    known = ATTRIBUTES.get(node.op_type)
    known = _ever_defined(node.op_type) if known is None else known
    if known is None:
        return
    for name, value in node.attrs.items():
        if name not in known:
            raise node.unsupported(f"attribute {name} = {value!r} is unknown", "export the model again, without it")
        allowed = known[name]
        if allowed and value not in allowed:
            raise node.unsupported(f"attribute {name} = {value!r}", f"use {' or '.join(map(repr, allowed))}")


@cache
def _ever_defined(op_type: str) -> Mapping[str, tuple[Any, ...]] | None:
    """The attributes that ONNX has ever given an operator, for those of which all are honoured; None if it is not ONNX's."""
    versions = [schema for schema in onnx.defs.get_all_schemas_with_history() if schema.name == op_type and not schema.domain]
    return {name: ANY for schema in versions for name in schema.attributes} if versions else None


def with_inputs(node: OnnxNode, inputs: list[Value | None], opset: int) -> list[Value | None]:
    """``inputs`` as the newest opset has them: what older ones give as attributes is filled in."""
    if node.op_type == "Resize" and 0 < opset < 11:
        return [*inputs[:1], None, *inputs[1:]]  # regions of interest came later
    places = {i: name for i, name in INPUTS_ONCE_ATTRIBUTES.get(node.op_type, {}).items() if name in node.attrs}
    if not places:
        return inputs
    filled = [*inputs, *[None] * (max(places) + 1 - len(inputs))]
    for index, name in places.items():
        filled[index] = np.asarray(node.attrs[name]) if filled[index] is None else filled[index]
    return filled
