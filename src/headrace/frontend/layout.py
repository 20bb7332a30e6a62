# SPDX-License-Identifier: Apache-2.0
"""Finds the rearrangement of a map that a view amounts to."""

from __future__ import annotations

import numpy as np
import onnx

from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Flat, Index, Real, View
from headrace.ir.ops import Pads, Pair
from headrace.operators.blocks import blocks_to_channels, channels_to_blocks
from headrace.operators.gather import choose_channels
from headrace.operators.raster import crop_map, raster
from headrace.operators.shift import FARTHEST, shift_channels
from headrace.operators.upsample import repeat_pixels

MAX_ANY_ORDER = 2048
"""Elements of the largest map that may be put in any order whatever."""


def laid_out(context: Context, view: View) -> Real | Flat:
    """The operators that give ``view``; a tensor of three axes is a map of one column, one of two a `Flat` map.

    Raises:
        UnsupportedError: it is no rearrangement that hardware has.
    """
    node, index = view.node, view.index
    real = context.activation(node, view.real)
    if index.ndim not in (2, 3, 4) or index.shape[0] != 1:
        raise node.unsupported(
            f"leaves a tensor of shape {index.shape}", "bring it back to (N, C, H, W), (N, C, L) or (N, F) before it is used"
        )
    if not index.size:
        raise node.unsupported(f"leaves an empty tensor {index.shape}", "repair its slices")
    if not np.any(index >= 0):
        raise node.unsupported("leaves nothing but padding", "repair its slices and paddings")
    if index.ndim == 2 and np.array_equal(index[0], np.arange(_elements(context, real))):
        return Flat(real)
    wanted = index[0].reshape(*index.shape[1:], *(1,) * (4 - index.ndim))
    found = _rearranged(context, node, real, wanted)
    if found is None:
        h, w, c = context.tensors[real.tensor].shape
        raise node.unsupported(
            f"lays out the numbers of a ({c}, {h}, {w}) map as {index.shape[1:]} in an order that is no choice of channels, "
            "crop, pixel shuffle or unshuffle, shift of channels",
            f"keep activations as (N, C, H, W); only maps of up to {MAX_ANY_ORDER} numbers can be put in any order",
        )
    return Flat(found) if index.ndim == 2 else found


def output_map(context: Context, value: View | Flat) -> Real:
    """The map of a graph output: a flat one as the channels of one pixel; (N, H, W, C) is how maps leave the hardware."""
    if isinstance(value, View):
        h, w, c = context.tensors[value.real.tensor].shape
        if c == 1 and np.array_equal(value.index.ravel(), np.arange(h * w)):  # (N, H, W): the map itself
            return context.activation(value.node, value.real)
        channels_last = np.arange(c * h * w).reshape(1, c, h, w).transpose(0, 2, 3, 1)
        if np.array_equal(value.index, channels_last):
            return context.activation(value.node, value.real)
        laid = context.laid_out(value)
        if isinstance(laid, Real):
            return laid
        value = laid
    return vector(context, value)


def vector(context: Context, value: Flat) -> Real:
    """A flat map as the channels of one pixel."""
    real = value.real
    node = OnnxNode.of(onnx.NodeProto(name=f"{real.tensor}_flat", op_type="Flatten"), 0)
    hw = context.tensors[real.tensor].shape[:2]
    order = np.arange(_elements(context, real), dtype=np.int32).reshape(-1, 1, 1)
    flat = real if hw == (1, 1) else _unshuffled(context, node, real, hw, order)
    if flat is None:
        raise node.unsupported("a flattened map", "leave it as (N, C, H, W)")
    return flat


def _elements(context: Context, real: Real) -> int:
    kind = context.tensors[real.tensor]
    return kind.pixels * kind.channels


def _rearranged(context: Context, node: OnnxNode, real: Real, wanted: Index) -> Real | None:
    """``wanted`` (C', H', W') made from ``real``, in the first way that gives it."""
    for hw in _row_lengths(context.tensors[real.tensor].shape[:2], wanted.shape[1:]):
        for way in (_separable, _shuffled, _unshuffled, _shifted):
            if (found := way(context, node, real, hw, wanted)) is not None:
                return found
    return _in_any_order(context, node, real, wanted)


def _row_lengths(hw: Pair, wanted: tuple[int, ...]) -> list[Pair]:
    """The map itself, and the same pixels in rows of other lengths."""
    h, w = hw
    found = [(h, w), (h * w, 1), (1, h * w)]
    if wanted[0] * wanted[1] == h * w:
        found.append((wanted[0], wanted[1]))
    return list(dict.fromkeys(found))


def _separable(context: Context, node: OnnxNode, real: Real, hw: Pair, wanted: Index) -> Real | None:
    """Channels chosen, and the same choice of pixels in each of them."""
    pixels = hw[0] * hw[1]
    c, y, x = np.argwhere(wanted >= 0)[0]
    positions = np.where(wanted[c] < 0, -1, wanted[c] % pixels)
    channels = np.where(wanted[:, y, x] < 0, -1, wanted[:, y, x] // pixels)
    zeros = (positions < 0) | (channels[:, None, None] < 0)
    if not np.array_equal(wanted, np.where(zeros, -1, channels[:, None, None] * pixels + positions)):
        return None
    arrange = _pixels(context, node, real, hw, positions)
    return None if arrange is None else choose_channels(context, node, arrange, tuple(channels.tolist()))


def _pixels(context: Context, node: OnnxNode, real: Real, hw: Pair, positions: Index) -> Real | None:
    """A map whose pixel (y, x) is pixel ``positions[y, x]`` of the present one, -1 being zeros."""
    rows, cols = positions.shape
    if np.array_equal(positions.ravel(), np.arange(hw[0] * hw[1])):
        return raster(context, node, real, (rows, cols))
    if (cut := _crop_of(positions, hw)) is not None:
        return crop_map(context, node, raster(context, node, real, hw), *cut, (rows, cols))
    if rows % hw[0] == cols % hw[1] == 0:
        factors = rows // hw[0], cols // hw[1]
        repeated = np.arange(hw[0] * hw[1]).reshape(hw).repeat(factors[0], axis=0).repeat(factors[1], axis=1)
        if np.array_equal(positions, repeated):
            return repeat_pixels(context, node, raster(context, node, real, hw), factors)
    return None


def _crop_of(positions: Index, hw: Pair) -> tuple[Pads, Pair] | None:
    """Padding (negative: cropping) and stride that give ``positions``."""
    known = positions >= 0
    places = [np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))]
    first = divmod(int(positions[places[0][0], places[1][0]]), hw[1])
    stride, begin, sources = [1, 1], [0, 0], []
    for axis in (0, 1):
        if len(places[axis]) > 1:
            later = [places[0][0], places[1][0]]
            later[axis] = places[axis][1]
            there = divmod(int(positions[later[0], later[1]]), hw[1])
            stride[axis] = (there[axis] - first[axis]) // max(1, int(places[axis][1] - places[axis][0]))
        if stride[axis] < 1:
            return None
        begin[axis] = int(places[axis][0]) * stride[axis] - first[axis]
        sources.append(np.arange(positions.shape[axis]) * stride[axis] - begin[axis])
    inside = [(source >= 0) & (source < size) for source, size in zip(sources, hw, strict=True)]
    expected = np.where(inside[0][:, None] & inside[1], sources[0][:, None] * hw[1] + sources[1], -1)
    if not np.array_equal(positions, expected):
        return None
    end = [(positions.shape[a] - 1) * stride[a] + 1 - hw[a] - begin[a] for a in (0, 1)]
    return (begin[0], begin[1], end[0], end[1]), (stride[0], stride[1])


def _shuffled(context: Context, node: OnnxNode, real: Real, hw: Pair, wanted: Index) -> Real | None:
    """Blocks of pixels out of channels."""
    _, rows, cols = wanted.shape
    if rows % hw[0] or cols % hw[1]:
        return None
    block, pixels = (rows // hw[0], cols // hw[1]), hw[0] * hw[1]
    corner = wanted[:, : block[0], : block[1]]
    if corner.min() < 0 or np.any(corner % pixels):
        return None
    y, x = np.arange(rows), np.arange(cols)
    origin = (y // block[0])[:, None] * hw[1] + x // block[1]
    if not np.array_equal(wanted, corner[:, (y % block[0])[:, None], x % block[1]] + origin):
        return None
    order = (corner // pixels).transpose(1, 2, 0).ravel()
    chosen = choose_channels(context, node, raster(context, node, real, hw), tuple(order.tolist()))
    return channels_to_blocks(context, node, chosen, block)


def _unshuffled(context: Context, node: OnnxNode, real: Real, hw: Pair, wanted: Index) -> Real | None:
    """Channels out of blocks of pixels."""
    _, rows, cols = wanted.shape
    if hw[0] % rows or hw[1] % cols:
        return None
    block, pixels = (hw[0] // rows, hw[1] // cols), hw[0] * hw[1]
    corner = wanted[:, 0, 0]
    origin = np.arange(rows)[:, None] * block[0] * hw[1] + np.arange(cols) * block[1]
    i, j = corner % pixels // hw[1], corner % hw[1]
    if corner.min() < 0 or i.max() >= block[0] or j.max() >= block[1]:
        return None
    if not np.array_equal(wanted, corner[:, None, None] + origin):
        return None
    channels = context.tensors[real.tensor].channels
    order = (i * block[1] + j) * channels + corner // pixels
    whole = blocks_to_channels(context, node, raster(context, node, real, hw), block)
    return choose_channels(context, node, whole, tuple(order.tolist()))


def _shifted(context: Context, node: OnnxNode, real: Real, hw: Pair, wanted: Index) -> Real | None:
    """Channels chosen, each moved by an offset of its own."""
    if wanted.shape[1:] != hw or context.tensors[real.tensor].shape[:2] != hw or np.any(real.offset != 0):
        return None
    pixels = hw[0] * hw[1]
    inside = wanted.reshape(len(wanted), -1) >= 0
    if not inside.any(axis=1).all():
        return None
    place = inside.argmax(axis=1)  # the first number of each channel that is no zero
    channel, source = np.divmod(wanted.reshape(len(wanted), -1)[np.arange(len(wanted)), place], pixels)
    offsets = np.stack([source // hw[1] - place // hw[1], source % hw[1] - place % hw[1]], axis=1)
    y = np.arange(hw[0])[None, :, None] + offsets[:, 0, None, None]
    x = np.arange(hw[1])[None, None, :] + offsets[:, 1, None, None]
    known = (y >= 0) & (y < hw[0]) & (x >= 0) & (x < hw[1])
    if not np.array_equal(wanted, np.where(known, channel[:, None, None] * pixels + y * hw[1] + x, -1)):
        return None
    clipped_off = (real.lo is not None and real.lo > 0) or (real.hi is not None and real.hi < 0)
    if np.abs(offsets).max() > FARTHEST or clipped_off:
        return None
    chosen = choose_channels(context, node, real, tuple(channel.tolist()))
    return shift_channels(context, node, chosen, offsets.astype(np.int64))


def _in_any_order(context: Context, node: OnnxNode, real: Real, wanted: Index) -> Real | None:
    """The whole map as the channels of one pixel, chosen anew."""
    if max(wanted.size, _elements(context, real)) > MAX_ANY_ORDER or wanted.min() < 0:
        return None
    hw = context.tensors[real.tensor].shape[:2]
    order = wanted.transpose(1, 2, 0).reshape(-1, 1, 1)
    chosen = _unshuffled(context, node, real, hw, order)
    if chosen is None:
        return None
    return channels_to_blocks(context, node, chosen, wanted.shape[1:])
