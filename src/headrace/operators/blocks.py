# SPDX-License-Identifier: Apache-2.0
"""Channels to blocks of pixels and back: pixel shuffle and unshuffle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np

from headrace.engines.base import Engine
from headrace.engines.moves import BlockTransposer, Wires
from headrace.frontend.context import MAX_ACCUMULATOR_BITS, Context, OnnxNode
from headrace.frontend.values import Real, Value, View
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op, Pair
from headrace.ir.tensor import Tensor
from headrace.operators.base import Fold, Mapped, Operator, same_lanes
from headrace.operators.gather import choose_channels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthToSpace(Op):
    """Pixels become blocks of (rows, columns) pixels; channels are ordered (row, column, channel)."""

    kind: ClassVar[str] = "depth_to_space"
    block: Pair


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpaceToDepth(Op):
    """Blocks of (rows, columns) pixels become pixels; channels are ordered (row, column, channel)."""

    kind: ClassVar[str] = "space_to_depth"
    block: Pair


def channels_to_blocks(context: Context, node: OnnxNode, real: Real, block: Pair) -> Real:
    """Emits a `DepthToSpace`; scales that differ within a block are brought to one grid first.

    Raises:
        UnsupportedError: pixels of one channel would have different scales, in no whole ratio.
    """
    if block == (1, 1):
        return real
    h, w, c = context.tensors[real.tensor].shape
    each = c // (block[0] * block[1])
    if real.scale.size > 1 or real.offset.size > 1:
        scales, offsets = (np.broadcast_to(p, c).reshape(-1, each) for p in (real.scale, real.offset))
        if np.any(scales != scales[0]) or np.any(offsets != offsets[0]):
            even = None if real.skewed else context.gridded(node, real, MAX_ACCUMULATOR_BITS)
            if even is None:
                raise node.unsupported(
                    "pixels of one block would have different scales", "put a quantizer before the rearrangement"
                )
            real = even
        else:
            real = replace(real, scale=scales[0], offset=offsets[0])
    source = context.tensors[real.tensor]
    shape = (h * block[0], w * block[1], each)
    out = context.apply(node, DepthToSpace(block=block), (real.tensor,), shape, source.lo, source.hi, source.scale[0])
    return replace(real, tensor=out)


def blocks_to_channels(context: Context, node: OnnxNode, real: Real, block: Pair) -> Real:
    """Emits a `SpaceToDepth`."""
    if block == (1, 1):
        return real
    source = context.tensors[real.tensor]
    h, w, c = source.shape
    shape = (h // block[0], w // block[1], c * block[0] * block[1])
    out = context.apply(node, SpaceToDepth(block=block), (real.tensor,), shape, source.lo, source.hi, source.scale[0])
    scale, offset = (p if p.size == 1 else np.tile(p, block[0] * block[1]) for p in (real.scale, real.offset))
    return replace(real, tensor=out, scale=scale, offset=offset)


def _block_size(node: OnnxNode) -> int:
    size = int(node.attrs.get("blocksize", 0))
    if size < 1:
        raise node.unsupported(f"blocks of size {size}", "use a positive blocksize")
    return size


def depth_to_space(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ONNX DepthToSpace; mode CRD (PyTorch's pixel shuffle) orders channels (channel, row, column)."""
    real, size = context.real(node, inputs[0]), _block_size(node)
    c = context.tensors[real.tensor].channels
    if c % (size * size):
        raise node.unsupported(f"{c} channels do not fill blocks of {size}x{size}", "use a multiple of the block's pixels")
    mode = str(node.attrs.get("mode", "DCR"))
    if mode not in ("DCR", "CRD"):
        raise node.unsupported(f"mode {mode}", "use DCR or CRD")
    if _unlike_within_blocks(real, c, size, mode):
        return [_as_view(context, node, real, size, mode)]
    if mode == "CRD":
        order = np.arange(c).reshape(-1, size * size).T.ravel()
        real = choose_channels(context, node, real, tuple(order.tolist()))
    return [channels_to_blocks(context, node, real, (size, size))]


def _unlike_within_blocks(real: Real, channels: int, size: int, mode: str) -> bool:
    """Whether pixels of one channel would have different scales or offsets."""
    for parameter in (real.scale, real.offset):
        spread = np.broadcast_to(parameter, channels)
        blocks = spread.reshape(-1, size * size) if mode == "CRD" else spread.reshape(size * size, -1).T
        if np.any(blocks != blocks[:, :1]):
            return True
    return False


def _as_view(context: Context, node: OnnxNode, real: Real, size: int, mode: str) -> View:
    """The pixel shuffle as a view, so that a quantizer behind it acts before it, on each channel as it is."""
    view = context.viewed(node, real)
    _, c, h, w = view.index.shape
    if mode == "CRD":
        blocks = view.index.reshape(-1, size, size, h, w).transpose(0, 3, 1, 4, 2)
    else:
        blocks = view.index.reshape(size, size, -1, h, w).transpose(2, 3, 0, 4, 1)
    return replace(view, index=blocks.reshape(1, c // (size * size), h * size, w * size))


def space_to_depth(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """ONNX SpaceToDepth."""
    real, size = context.real(node, inputs[0]), _block_size(node)
    h, w = context.tensors[real.tensor].shape[:2]
    if h % size or w % size:
        raise node.unsupported(f"a {h}x{w} map is no whole number of {size}x{size} blocks", "crop or pad the map first")
    return [blocks_to_channels(context, node, real, (size, size))]


def _mapped(node: Node, source: Tensor, fold: Fold, outer: int, inner: int, unit: int, blocks: int) -> Mapped:
    """A block transpose; with one unit along either axis beats keep their order, and wires will do."""
    engine: Engine
    if outer == 1 or inner == 1:
        engine = Wires(name=node.name, bits=source.bits, lanes=fold.lanes, frame_beats=blocks * outer * inner * unit)
    else:
        engine = BlockTransposer(
            name=node.name, bits=source.bits, lanes=fold.lanes, outer=outer, inner=inner, unit=unit, blocks=blocks
        )
    return same_lanes(engine, fold.lanes, (source.bits,), source.bits)


def map_depth_to_space(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """In every row of the input, rows of blocks before pixels instead of pixels before rows of blocks."""
    (source,), (rows, _) = graph.input_tensors(node), cast(DepthToSpace, node.op).block
    unit = source.channels // rows // fold.lanes
    return _mapped(node, source, fold, source.shape[1], rows, unit, source.shape[0])


def map_space_to_depth(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """In every row of blocks, blocks before rows of a block instead of rows before blocks."""
    (source,), (rows, cols) = graph.input_tensors(node), cast(SpaceToDepth, node.op).block
    unit = source.channels * cols // fold.lanes
    return _mapped(node, source, fold, rows, source.shape[1] // cols, unit, source.shape[0] // rows)


def _folds(graph: Graph, node: Node) -> Iterator[Fold]:
    """Lanes that divide the channels of the larger map: a beat must not span two pixels."""
    c = min(graph.input_tensors(node)[0].channels, graph.output_tensors(node)[0].channels)
    for lanes in range(1, c + 1):
        if c % lanes == 0:
            yield Fold(lanes=lanes)


def _delay_out(_: Op, inputs: tuple[Tensor, ...]) -> float:
    return 1 / inputs[0].shape[0]


def _delay_in(op: Op, inputs: tuple[Tensor, ...]) -> float:
    return cast(SpaceToDepth, op).block[0] / inputs[0].shape[0]


OPERATORS = (
    Operator(
        op=DepthToSpace,
        map=map_depth_to_space,
        folds=_folds,
        handlers={"DepthToSpace": depth_to_space},
        delay=_delay_out,
    ),
    Operator(
        op=SpaceToDepth,
        map=map_space_to_depth,
        folds=_folds,
        handlers={"SpaceToDepth": space_to_depth},
        delay=_delay_in,
    ),
)
