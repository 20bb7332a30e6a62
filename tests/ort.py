# SPDX-License-Identifier: Apache-2.0
"""onnxruntime as the oracle of single nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]


def ort_run(
    op: str, x: Array, constants: tuple[Array, ...] = (), *, outputs: int = 1, opset: int = 20, **attrs: Any
) -> list[Array]:
    """onnxruntime's outputs of one node.

    Args:
        x: the input (N, C, H, W).
        constants: the further inputs.
    """
    names = [f"c{i}" for i in range(len(constants))]
    results = [f"y{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *names], results, **attrs)],
        "oracle",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_empty_tensor_value_info(name) for name in results],
        [numpy_helper.from_array(value, name) for name, value in zip(names, constants, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, {"x": x.astype(np.float32)}))
