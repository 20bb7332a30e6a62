# SPDX-License-Identifier: Apache-2.0
"""General limited-range deformable convolutions in torch, whole or fractional.

Offsets per tap (DCNv1, arXiv 1703.06211), with masks (DCNv2, arXiv 1811.11168), or one dilation per pixel (square, CoDeNet,
arXiv 2006.08357).

Between pixels the input is interpolated bilinearly; outside the map it is 0. Gradients flow into input, weights, masks and,
through the interpolation, into offsets: a quantizer in front of them passes its gradient straight through, the clip to
their range one that leads back in.
While exporting, a layer becomes one node: ONNX ``DeformConv``, or ``SquareDeformConv`` of the domain ``headrace.ops``.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from headrace_models.deform import DOMAIN, inward_clamp
from headrace_models.styles import Style, used_weight

SQUARE_OP_TYPE = "SquareDeformConv"
OP_VERSION = 1
DEFORM_CONV_OPSET = 19
"""First opset of ONNX with ``DeformConv``."""
MASK_BITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where the taps of a kernel lie before offsets move them: the same on both axes."""

    kernel: int
    stride: int = 1
    pad: int = 0
    dilation: int = 1

    def outputs(self, size: int) -> int:
        """Output pixels along an axis of ``size``."""
        return (size + 2 * self.pad - self.dilation * (self.kernel - 1) - 1) // self.stride + 1


def _pixels(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return pixels (N, C, T, H', W') of ``x`` (N, C, H, W) at whole positions (N, T, H', W'); zero outside the map."""
    n, c, height, width = x.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    index = (rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)).long().reshape(n, 1, -1)
    picked = x.reshape(n, c, -1).gather(2, index.expand(n, c, -1))
    return picked.reshape(n, c, *rows.shape[1:]) * inside[:, None].to(x.dtype)


def _samples(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return bilinear samples (N, C, T, H', W') of ``x`` at any positions."""
    top, left = rows.detach().floor(), columns.detach().floor()
    below, right = (rows - top)[:, None], (columns - left)[:, None]
    upper = _pixels(x, top, left) * (1 - right) + _pixels(x, top, left + 1) * right
    lower = _pixels(x, top + 1, left) * (1 - right) + _pixels(x, top + 1, left + 1) * right
    return upper * (1 - below) + lower * below


def deform_conv2d(
    x: Tensor, offset: Tensor, weight: Tensor, window: Window, *, mask: Tensor | None = None, groups: int = 1
) -> Tensor:
    """Return the deformable convolution (N, M, H', W') of ``x`` (N, C, H, W) with ``weight`` (M, C / groups, k, k).

    ``offset`` (N, 2 k k, H', W') holds row and column, in pixels, of each tap along the kernel's rows, ``mask``
    (N, k k, H', W') its factor.
    """
    n, _, height, width = x.shape
    rows, columns = window.outputs(height), window.outputs(width)
    if torch.compiler.is_exporting():
        attributes: dict[str, Any] = {
            "kernel_shape": [window.kernel] * 2, "strides": [window.stride] * 2, "pads": [window.pad] * 4,
            "dilations": [window.dilation] * 2, "group": groups, "offset_group": 1,
        }  # fmt: skip
        inputs = (x, weight, offset) if mask is None else (x, weight, offset, None, mask)
        shape = (n, weight.shape[0], rows, columns)
        return torch.onnx.ops.symbolic("DeformConv", inputs, attributes, dtype=x.dtype, shape=shape, version=DEFORM_CONV_OPSET)
    taps = torch.arange(window.kernel, device=x.device) * window.dilation - window.pad
    moved = offset.reshape(n, -1, 2, rows, columns)
    tap_rows = taps.repeat_interleave(window.kernel)[:, None, None] + torch.arange(rows)[:, None] * window.stride
    tap_columns = taps.repeat(window.kernel)[:, None, None] + torch.arange(columns) * window.stride
    samples = _samples(x, tap_rows + moved[:, :, 0], tap_columns + moved[:, :, 1])
    if mask is not None:
        samples = samples * mask[:, None]
    return _products(samples, weight, groups)


def square_deform_conv2d(
    x: Tensor,
    dilation: Tensor,
    weight: Tensor,
    window: Window,
    bounds: tuple[float, float],
    *,
    mask: Tensor | None = None,
    groups: int = 1,
) -> Tensor:
    """As `deform_conv2d`, tap (i, j) lying ``dilation * (i - mid, j - mid)`` from the window's centre.

    ``dilation`` (N, 1, H', W') is in pixels; it is clipped to ``bounds``.

    Raises:
        ValueError: the bounds are empty, the kernel has no centre, or the window is dilated already.
    """
    low, high = bounds
    if low > high or window.kernel % 2 == 0 or window.dilation != 1:
        raise ValueError(f"need low <= high, an odd kernel and dilation 1; got {low}..{high} and {window}")
    if torch.compiler.is_exporting():
        shape = (x.shape[0], weight.shape[0], window.outputs(x.shape[2]), window.outputs(x.shape[3]))
        attributes: dict[str, Any] = {
            "lo": float(low), "hi": float(high), "strides": [window.stride] * 2, "pads": [window.pad] * 4, "group": groups
        }  # fmt: skip
        inputs = (x, dilation, weight) if mask is None else (x, dilation, weight, mask)
        return torch.onnx.ops.symbolic(
            f"{DOMAIN}::{SQUARE_OP_TYPE}", inputs, attributes, dtype=x.dtype, shape=shape, version=OP_VERSION
        )
    middle = window.kernel // 2
    place = torch.arange(window.kernel) - middle
    places = torch.stack([place.repeat_interleave(window.kernel), place.repeat(window.kernel)], dim=1).flatten()
    offset = (inward_clamp(dilation, low, high) - 1) * places[None, :, None, None]
    return deform_conv2d(x, offset, weight, window, mask=mask, groups=groups)


def _products(samples: Tensor, weight: Tensor, groups: int) -> Tensor:
    """Return sums (N, M, H', W') of samples (N, C, T, H', W') times weights (M, C / groups, k, k)."""
    n, c, taps, height, width = samples.shape
    grouped = samples.reshape(n, groups, c // groups * taps, height * width)
    filters = weight.reshape(groups, weight.shape[0] // groups, c // groups * taps)
    return torch.einsum("gmk,ngkp->ngmp", filters, grouped).reshape(n, weight.shape[0], height, width)


class _Branch(nn.Module):
    """What the offsets and masks of a deformable layer have in common: a "same"-padded convolution and its quantizer."""

    def __init__(self, style: Style, source: nn.Module, shape: tuple[int, int], window: Window, act: nn.Module) -> None:
        super().__init__()
        self.conv = style.conv(source, *shape, window.kernel, stride=window.stride, bits=8, norm=False)
        self.act = act
        nn.init.zeros_(self.conv.conv.weight)

    def start_at(self, value: float) -> None:
        """Begin training with the same value everywhere."""
        if self.conv.conv.bias is not None:
            nn.init.constant_(self.conv.conv.bias, value)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to quantized (N, K, H', W')."""
        y: Tensor = self.act(self.conv(x))
        return y


class DeformConv2d(nn.Module):
    """A "same"-padded k x k deformable convolution: each tap has offsets (DCNv1) and, if ``masked``, a factor (DCNv2).

    Offsets are whole multiples of ``2**-fraction_bits`` pixels within ``low..high``; masks are of ``MASK_BITS`` bits below 1.
    The output is an accumulator without bias.
    """

    def __init__(
        self,
        style: Style,
        source: nn.Module,
        channels: tuple[int, int],
        k: int = 3,
        *,
        stride: int = 1,
        depthwise: bool = False,
        fraction_bits: int = 2,
        bounds: tuple[float, float] = (-4.0, 4.0),
        masked: bool = False,
    ) -> None:
        super().__init__()
        self.window = Window(kernel=k, stride=stride, pad=k // 2)
        self.bounds = bounds
        self.groups = channels[0] if depthwise else 1
        self.offset = _Branch(style, source, (channels[0], 2 * k * k), self.window, style.signed(-fraction_bits))
        self.mask = _mask_branch(style, source, channels[0], self.window) if masked else None
        self.weights = style.weights_only(channels[0], k, outputs=0 if depthwise else channels[1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, M, H', W')."""
        offset = inward_clamp(self.offset(x), *self.bounds)
        mask = None if self.mask is None else self.mask(x)
        return deform_conv2d(x, offset, used_weight(self.weights), self.window, mask=mask, groups=self.groups)


class SquareDeformConv2d(nn.Module):
    """As `DeformConv2d` with one dilation per pixel within ``low..high`` instead of offsets."""

    def __init__(
        self,
        style: Style,
        source: nn.Module,
        channels: tuple[int, int],
        k: int = 3,
        *,
        stride: int = 1,
        depthwise: bool = False,
        fraction_bits: int = 2,
        bounds: tuple[float, float] = (0.0, 4.0),
        masked: bool = False,
    ) -> None:
        super().__init__()
        self.window = Window(kernel=k, stride=stride, pad=k // 2)
        self.bounds = bounds
        self.groups = channels[0] if depthwise else 1
        self.dilation = _Branch(style, source, (channels[0], 1), self.window, style.signed(-fraction_bits))
        self.dilation.start_at(1.0)  # the plain convolution
        self.mask = _mask_branch(style, source, channels[0], self.window) if masked else None
        self.weights = style.weights_only(channels[0], k, outputs=0 if depthwise else channels[1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, M, H', W')."""
        mask = None if self.mask is None else self.mask(x)
        weight = used_weight(self.weights)
        return square_deform_conv2d(x, self.dilation(x), weight, self.window, self.bounds, mask=mask, groups=self.groups)


def _mask_branch(style: Style, source: nn.Module, channels: int, window: Window) -> _Branch:
    branch = _Branch(style, source, (channels, window.kernel**2), window, style.unsigned(-MASK_BITS, MASK_BITS))
    branch.start_at(0.5)
    return branch
