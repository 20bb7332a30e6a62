# SPDX-License-Identifier: Apache-2.0
"""Kernel, stride, padding and dilation attributes of windowed ONNX operators."""

from __future__ import annotations

import numpy as np

from headrace.frontend.context import OnnxNode
from headrace.ir.ops import Pads, Pair


def two_axes(values: list[int], default: int) -> Pair:
    """One value or two as (rows, columns): an operator of one axis runs along the rows."""
    return (values[0], default) if len(values) == 1 else (values[0], values[1])


def listed(node: OnnxNode, name: str, default: int, least: int) -> Pair:
    """An attribute of one number for each axis.

    Raises:
        UnsupportedError: it has three axes or more, or numbers below ``least``.
    """
    values = [int(v) for v in node.attrs.get(name, [default, default])]
    if len(values) not in (1, 2) or min(values) < least:
        raise node.unsupported(f"{name} {values}", "only 1-D and 2-D windows are mapped")
    return two_axes(values, default)


def kernel_shape(node: OnnxNode, axes: int) -> Pair:
    """The kernel of a pooling node on a tensor of ``axes`` axes.

    Raises:
        UnsupportedError: the kernel has other axes.
    """
    sizes = [int(k) for k in node.attrs.get("kernel_shape", ())]
    check_axes(node, len(sizes), axes)
    return listed(node, "kernel_shape", 1, 1)


def check_axes(node: OnnxNode, spatial: int, axes: int) -> None:
    """Refuses a kernel of ``spatial`` axes on a tensor of ``axes``."""
    if spatial not in (1, 2) or spatial + 2 != axes:
        raise node.unsupported(
            f"a {spatial}-D window on a tensor of {axes} axes",
            "only 1-D windows on (N, C, L) and 2-D ones on (N, C, H, W) are mapped",
        )


def window_attributes(node: OnnxNode, in_hw: Pair, kernel: Pair) -> tuple[Pair, Pads, Pair]:
    """Stride, padding (top, left, bottom, right) and dilation of a Conv or pooling node."""
    given = list(node.attrs.get("kernel_shape", kernel))
    if given not in (list(kernel), [kernel[0]]):
        raise node.unsupported(f"kernel_shape {given} of a {kernel[0]}x{kernel[1]} kernel", "export the model again")
    stride, dilation = listed(node, "strides", 1, 1), listed(node, "dilations", 1, 1)
    auto = str(node.attrs.get("auto_pad", "NOTSET"))
    if auto in ("NOTSET", "VALID"):
        pads = [0, 0, 0, 0] if auto == "VALID" else list(node.attrs.get("pads", [0, 0, 0, 0]))
        if len(pads) not in (2, 4) or min(pads) < 0:
            raise node.unsupported(f"padding {pads}", "only 1-D and 2-D windows with padding >= 0 are mapped")
        return stride, (pads[0], 0, pads[1], 0) if len(pads) == 2 else (pads[0], pads[1], pads[2], pads[3]), dilation
    begin, end = [0, 0], [0, 0]
    for axis in (0, 1):
        out = -(-in_hw[axis] // stride[axis])
        total = max(0, (out - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - in_hw[axis])
        small, large = total // 2, total - total // 2
        begin[axis], end[axis] = (small, large) if auto == "SAME_UPPER" else (large, small)
    return stride, (begin[0], begin[1], end[0], end[1]), dilation


def spatial_output(node: OnnxNode, in_hw: Pair, kernel: Pair, stride: Pair, pad: Pads, dilation: Pair) -> Pair:
    """Output rows and columns.

    Raises:
        UnsupportedError: the kernel leaves no output.
    """
    rows = (in_hw[0] + pad[0] + pad[2] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    cols = (in_hw[1] + pad[1] + pad[3] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
    if rows < 1 or cols < 1:
        raise node.unsupported(
            f"a {kernel[0]}x{kernel[1]} window leaves no output on a {in_hw[0]}x{in_hw[1]} map",
            "use a larger input image",
        )
    return rows, cols


def padding_only(size: int, out: int, kernel: int, stride: int, pad: int, dilation: int) -> bool:
    """Whether some window along one axis meets nothing but padding; a maximum would have no value there."""
    reach = dilation * (kernel - 1)
    if pad > reach or (out - 1) * stride - pad >= size:
        return True
    # a dilated window can also straddle the map; of all windows, only those that begin before it or end behind it
    before = range(min(out, -(-pad // stride)))
    behind = range(max(0, (size + pad - reach) // stride), out)
    taps = np.arange(kernel) * dilation - pad
    return any(not np.any((o * stride + taps >= 0) & (o * stride + taps < size)) for o in {*before, *behind})


def ceil_padding(in_hw: Pair, kernel: Pair, stride: Pair, pad: Pads, dilation: Pair) -> Pads:
    """Padding that makes floor division give the sizes of ``ceil_mode=1``; no window starts in the added padding."""
    extra = [0, 0]
    for axis in (0, 1):
        span = in_hw[axis] + pad[axis] + pad[axis + 2] - dilation[axis] * (kernel[axis] - 1) - 1
        out = -(-span // stride[axis]) + 1
        if (out - 1) * stride[axis] >= in_hw[axis] + pad[axis]:
            out -= 1
        extra[axis] = max(0, (out - 1) * stride[axis] - span)
    return pad[0], pad[1], pad[2] + extra[0], pad[3] + extra[1]
