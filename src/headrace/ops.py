# SPDX-License-Identifier: Apache-2.0
"""Custom ONNX operators of the domain ``headrace.ops``, executable by qonnx.

qonnx imports the Python module that has the domain's name, which is why this one is called ``headrace.ops``. Nothing else in
the package imports it, so qonnx stays optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto
from qonnx.core.datatype import DataType
from qonnx.custom_op.base import CustomOp

__all__ = ["SquareDeformDepthwise"]


def square_deform_depthwise(
    x: NDArray[np.floating[Any]], d: NDArray[np.floating[Any]], w: NDArray[np.floating[Any]], lo: int, hi: int
) -> NDArray[np.float64]:
    """Limited-range square deformable depthwise convolution, tap by tap (CoDeNet, arXiv 2006.08357).

    ``s = clip(d, lo, hi)``; tap (i, j) of pixel p is ``p + s * (i - (k-1)/2, j - (k-1)/2)``; outside the map is 0.

    Args:
        x: activations (N, C, H, W).
        d: dilations (N, 1, H, W), whole numbers.
        w: weights (C, 1, k, k), k odd.
        lo: smallest dilation.
        hi: largest dilation.

    Returns:
        sums (N, C, H, W), float64: exact where every product and sum has at most 53 bits.

    Raises:
        ValueError: shapes do not fit, the range is empty, or a dilation is not whole.
    """
    n, c, height, width = x.shape
    k = w.shape[-1]
    if d.shape != (n, 1, height, width) or w.shape != (c, 1, k, k) or k % 2 == 0 or lo > hi:
        raise ValueError(f"SquareDeformDepthwise: x {x.shape}, d {d.shape}, w {w.shape}, range {lo}..{hi} do not fit")
    if not np.array_equal(d, np.round(d)):
        raise ValueError("SquareDeformDepthwise: dilations must be whole numbers; quantize them with scale 1")
    s = d[:, 0].clip(lo, hi).astype(np.int64)
    image = np.arange(n)[:, None, None]
    row, column = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    out = np.zeros((n, height, width, c))
    channels_last = x.astype(np.float64).transpose(0, 2, 3, 1)
    for i in range(k):
        for j in range(k):
            y, z = row + s * (i - k // 2), column + s * (j - k // 2)
            inside = (y >= 0) & (y < height) & (z >= 0) & (z < width)
            tap = channels_last[image, y.clip(0, height - 1), z.clip(0, width - 1)]
            out += tap * inside[..., None] * w[:, 0, i, j].astype(np.float64)
    return out.transpose(0, 3, 1, 2)


class SquareDeformDepthwise(CustomOp):  # type: ignore[misc]  # qonnx ships no types
    """Version 1: inputs x, d, w; whole-number attributes ``lo`` and ``hi``; see `square_deform_depthwise`."""

    def get_nodeattr_types(self) -> Mapping[str, tuple[str, bool, int]]:
        """Return the attributes: type, whether required, default."""
        return {"lo": ("i", True, 0), "hi": ("i", True, 0)}

    def make_shape_compatible_op(self, model: Any) -> NodeProto:
        """Return a standard node with this one's output shape, for shape inference."""
        node: NodeProto = self.make_const_shape_op(model.get_tensor_shape(self.onnx_node.input[0]))
        return node

    def infer_node_datatype(self, model: Any) -> None:
        """Annotate the output as real-valued, which is always true."""
        model.set_tensor_datatype(self.onnx_node.output[0], DataType["FLOAT32"])

    def execute_node(self, context: dict[str, NDArray[Any]], graph: GraphProto) -> None:
        """Compute the output from the inputs in ``context``."""
        del graph
        x, d, w = (context[name] for name in self.onnx_node.input)
        out = square_deform_depthwise(x, d, w, self.get_nodeattr("lo"), self.get_nodeattr("hi"))
        context[self.onnx_node.output[0]] = out.astype(np.float32)

    def verify_node(self) -> list[str]:
        """Return what is wrong with the node, in words; nothing if it is well formed."""
        problems = []
        if len(self.onnx_node.input) != 3:
            problems.append(f"needs the inputs x, d, w; has {len(self.onnx_node.input)}")
        if self.get_nodeattr("lo") > self.get_nodeattr("hi"):
            problems.append(f"range {self.get_nodeattr('lo')}..{self.get_nodeattr('hi')} is empty")
        return problems
