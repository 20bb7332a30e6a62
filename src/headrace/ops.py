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
from onnx.helper import make_node
from qonnx.core.datatype import DataType
from qonnx.custom_op.base import CustomOp

__all__ = ["SquareDeformConv", "SquareDeformDepthwise"]


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


def _interpolated(x: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear samples (N, H', W', C) of maps (N, H, W, C) at positions (N, H', W'); outside the map is 0."""
    n, height, width, channels = x.shape
    image = np.arange(n)[:, None, None]
    out = np.zeros((*rows.shape, channels))
    for r in (np.floor(rows), np.floor(rows) + 1):
        for c in (np.floor(columns), np.floor(columns) + 1):
            weight = (1 - np.abs(rows - r)) * (1 - np.abs(columns - c))
            weight = weight * ((r >= 0) & (r < height) & (c >= 0) & (c < width))
            y, z = r.clip(0, height - 1).astype(np.int64), c.clip(0, width - 1).astype(np.int64)
            out += weight[..., None] * x[image, y, z]
    return out


def square_deform_conv(
    x: NDArray[np.floating[Any]],
    d: NDArray[np.floating[Any]],
    w: NDArray[np.floating[Any]],
    mask: NDArray[np.floating[Any]] | None = None,
    *,
    lo: float,
    hi: float,
    strides: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    group: int = 1,
) -> NDArray[np.float64]:
    """Limited-range square deformable convolution, whole or fractional (CoDeNet, arXiv 2006.08357).

    ``s = clip(d, lo, hi)``; tap (i, j) of output pixel p is ``p * strides - pads + mid + s * (i - mid, j - mid)``,
    ``mid = (k - 1) / 2``, interpolated bilinearly, outside the map 0, times its mask.

    Args:
        x: activations (N, C, H, W).
        d: dilations (N, 1, H', W') in pixels.
        w: weights (M, C / group, KH, KW), odd sides.
        mask: factors (N, KH * KW, H', W') along the kernel's rows.
        pads: top, left, bottom, right.

    Returns:
        sums (N, M, H', W'), float64.

    Raises:
        ValueError: shapes do not fit, or the range is empty.
    """
    n, c, height, width = x.shape
    m, c_group, kh, kw = w.shape
    out = ((height + pads[0] + pads[2] - kh) // strides[0] + 1, (width + pads[1] + pads[3] - kw) // strides[1] + 1)
    fits = d.shape == (n, 1, *out) and c == c_group * group and m % group == 0 and kh % 2 == kw % 2 == 1 and lo <= hi
    if not fits or (mask is not None and mask.shape != (n, kh * kw, *out)):
        raise ValueError(
            f"SquareDeformConv: x {x.shape}, d {d.shape}, w {w.shape}, range {lo}..{hi}, groups {group} do not fit"
        )
    s = d[:, 0].astype(np.float64).clip(lo, hi)
    row = (np.arange(out[0]) * strides[0] - pads[0] + kh // 2)[None, :, None]
    column = (np.arange(out[1]) * strides[1] - pads[1] + kw // 2)[None, None, :]
    maps = x.astype(np.float64).transpose(0, 2, 3, 1)
    total = np.zeros((n, *out, m))
    for i in range(kh):
        for j in range(kw):
            tap = _interpolated(maps, row + s * (i - kh // 2), column + s * (j - kw // 2))
            if mask is not None:
                tap *= mask[:, i * kw + j, :, :, None]
            grouped = tap.reshape(*tap.shape[:3], group, c_group)
            filters = w[:, :, i, j].reshape(group, m // group, c_group).astype(np.float64)
            total += np.einsum("nhwgc,gmc->nhwgm", grouped, filters).reshape(total.shape)
    return total.transpose(0, 3, 1, 2)


class SquareDeformConv(CustomOp):  # type: ignore[misc]  # qonnx ships no types
    """Version 1: inputs x, d, w and perhaps a mask; ``lo`` and ``hi`` in pixels; see `square_deform_conv`."""

    def get_nodeattr_types(self) -> Mapping[str, tuple[str, bool, Any]]:
        """Return the attributes: type, whether required, default."""
        return {
            "lo": ("f", True, 0.0),
            "hi": ("f", True, 0.0),
            "strides": ("ints", False, [1, 1]),
            "pads": ("ints", False, [0, 0, 0, 0]),
            "group": ("i", False, 1),
        }

    def _window(self) -> dict[str, Any]:
        return {
            "lo": self.get_nodeattr("lo"),
            "hi": self.get_nodeattr("hi"),
            "strides": tuple(self.get_nodeattr("strides")),
            "pads": tuple(self.get_nodeattr("pads")),
            "group": self.get_nodeattr("group"),
        }

    def make_shape_compatible_op(self, model: Any) -> NodeProto:
        """Return a standard node with this one's output shape, for shape inference."""
        del model
        x, _, w = self.onnx_node.input[:3]
        window = {name: self.get_nodeattr(name) for name in ("strides", "pads", "group")}
        node: NodeProto = make_node("Conv", [x, w], list(self.onnx_node.output), **window)
        return node

    def infer_node_datatype(self, model: Any) -> None:
        """Annotate the output as real-valued, which is always true."""
        model.set_tensor_datatype(self.onnx_node.output[0], DataType["FLOAT32"])

    def execute_node(self, context: dict[str, NDArray[Any]], graph: GraphProto) -> None:
        """Compute the output from the inputs in ``context``."""
        del graph
        out = square_deform_conv(*(context[name] for name in self.onnx_node.input), **self._window())
        context[self.onnx_node.output[0]] = out.astype(np.float32)

    def verify_node(self) -> list[str]:
        """Return what is wrong with the node, in words; nothing if it is well formed."""
        problems = []
        if len(self.onnx_node.input) not in (3, 4):
            problems.append(f"needs the inputs x, d, w and perhaps a mask; has {len(self.onnx_node.input)}")
        if self.get_nodeattr("lo") > self.get_nodeattr("hi"):
            problems.append(f"range {self.get_nodeattr('lo')}..{self.get_nodeattr('hi')} is empty")
        return problems
