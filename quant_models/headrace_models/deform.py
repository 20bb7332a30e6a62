# SPDX-License-Identifier: Apache-2.0
"""The limited-range square deformable depthwise convolution in torch.

``s = clip(d, lo, hi)``; tap (i, j) of a k x k kernel reads ``p + s * (i - (k-1)/2, j - (k-1)/2)``; outside the map is 0.
Since s is a small whole number, the result is a choice, pixel by pixel, between ordinary dilated convolutions.
The choice is hard in the forward pass; in the backward pass it is the linear hat ``max(0, 1 - |d - s|)``, which is the
gradient that bilinear sampling along the dilation would give. Outside the range the gradient passes where it leads back in,
or a dilation that once left the range would never return.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # torch's own convention

DOMAIN = "headrace.ops"
OP_TYPE = "SquareDeformDepthwise"
OP_VERSION = 1


_EDGE = 0.125
"""The hat has no slope at whole numbers; clipped dilations take the slope this far inside the range."""


class _InwardClamp(torch.autograd.Function):
    """Clamp whose gradient vanishes outside only where descent would lead further out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.low, ctx.high = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        outward = ((x < ctx.low) & (grads[0] > 0)) | ((x > ctx.high) & (grads[0] < 0))
        return grads[0].masked_fill(outward, 0.0), None, None


def inward_clamp(x: Tensor, low: float, high: float) -> Tensor:
    """Return ``x`` clipped to [low, high]; outside, the gradient passes where it leads back in."""
    if torch.compiler.is_exporting():
        return x.clamp(low, high)
    clipped: Tensor = _InwardClamp.apply(x, low, high)  # type: ignore[no-untyped-call]  # torch's own signature
    return clipped


def square_deform_depthwise(
    x: Tensor, dilation: Tensor, weight: Tensor, lo: int, hi: int, *, smooth: Tensor | None = None
) -> Tensor:
    """Return the convolution, (N, C, H, W), of ``x`` (N, C, H, W) with ``weight`` (C, 1, k, k), k odd.

    ``dilation`` (N, 1, H, W) holds whole numbers. ``smooth`` is the dilation before it was rounded; gradients of the
    choice flow into it. While exporting, the operator becomes one node of the domain `DOMAIN`.

    Raises:
        ValueError: the range is empty or the kernel's side is even.
    """
    if lo > hi or weight.shape[2] % 2 == 0:
        raise ValueError(f"need lo <= hi and an odd kernel; got {lo}..{hi} and side {weight.shape[2]}")
    if torch.compiler.is_exporting():
        return torch.onnx.ops.symbolic(
            f"{DOMAIN}::{OP_TYPE}", (x, dilation, weight), {"lo": lo, "hi": hi},
            dtype=x.dtype, shape=x.shape, version=OP_VERSION,
        )  # fmt: skip
    chosen = dilation.detach().clamp(lo, hi)
    soft = None
    if smooth is not None:
        soft = inward_clamp(smooth, lo + _EDGE, hi - _EDGE)
    total = torch.zeros_like(x)
    for s in range(lo, hi + 1):
        mask = (chosen == s).to(x.dtype)
        if soft is not None:
            hat = torch.relu(1.0 - (soft - s).abs())
            mask = mask + (hat - hat.detach())
        total = total + mask * _dilated_depthwise(x, weight, s)
    return total


def _dilated_depthwise(x: Tensor, weight: Tensor, s: int) -> Tensor:
    """Return the depthwise convolution with dilation ``s``, which may be zero or negative; keeps the shape."""
    if s == 0:
        return x * weight.sum(dim=(1, 2, 3)).reshape(1, -1, 1, 1)
    if s < 0:
        weight, s = weight.flip(2, 3), -s
    return F.conv2d(x, weight, padding=s * (weight.shape[2] // 2), dilation=s, groups=x.shape[1])
