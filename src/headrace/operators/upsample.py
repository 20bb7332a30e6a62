# SPDX-License-Identifier: Apache-2.0
"""Nearest-neighbour upsampling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np

from headrace.engines.plumbing import Upsampler
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.values import Real, Value
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op, Pair
from headrace.ir.tensor import Tensor
from headrace.operators.base import PART_ROW, Fold, Mapped, Operator, lane_folds, same_lanes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upsample(Op):
    """Nearest neighbour by whole factors (rows, columns)."""

    kind: ClassVar[str] = "upsample"
    factors: Pair


def repeat_pixels(context: Context, node: OnnxNode, real: Real, factors: Pair) -> Real:
    """Every pixel ``factors`` = (rows, columns) times; no node for once."""
    if factors == (1, 1):
        return real
    source = context.tensors[real.tensor]
    shape = (source.shape[0] * factors[0], source.shape[1] * factors[1], source.channels)
    op = Upsample(factors=factors)
    return replace(real, tensor=context.apply(node, op, (real.tensor,), shape, source.lo, source.hi, source.scale[0]))


def resize(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Resize or Upsample: nearest neighbour by whole factors."""
    real = context.real(node, inputs[0], skewed=True)
    source = context.tensors[real.tensor]
    mode, grid = (
        str(node.attrs.get("mode", "nearest")),
        str(node.attrs.get("coordinate_transformation_mode", "half_pixel")),
    )
    if mode != "nearest" or grid not in ("asymmetric", "half_pixel", "pytorch_half_pixel"):
        raise node.unsupported(f"{mode} resizing on the grid {grid}", "use nearest or linear upsampling (F.interpolate)")
    rounding = str(node.attrs.get("nearest_mode", "round_prefer_floor"))
    fits = ("floor",) if grid == "asymmetric" else ("round_prefer_floor", "round_prefer_ceil")
    if rounding not in fits and node.op_type == "Resize":
        raise node.unsupported(f"nearest mode {rounding} on the grid {grid}", "use nearest upsampling (F.interpolate)")
    factors = resize_factors(node, inputs, source)
    if any(f != round(f) or f < 1 for f in factors):
        raise node.unsupported(f"scales by {factors}", "only whole upsampling factors are mapped")
    rows, cols = int(factors[0]), int(factors[1])
    return [repeat_pixels(context, node, real, (rows, cols))]


def resize_factors(node: OnnxNode, inputs: list[Value | None], source: Tensor) -> tuple[float, float]:
    """Rows and columns of the result for one of the input.

    Raises:
        UnsupportedError: they are no constants, or frames or channels are resized.
    """
    constants = [None if v is None else np.asarray(node.const(v, "scales or sizes"), np.float64).ravel() for v in inputs[1:]]
    if node.op_type == "Upsample":
        constants = [None, *constants]
    scales = constants[1] if len(constants) > 1 else None
    sizes = constants[2] if len(constants) > 2 else None
    factors = scales if scales is not None and scales.size in (3, 4) else None
    if factors is None and sizes is not None and sizes.size in (3, 4):
        factors = sizes / np.array([sizes[0], source.channels, *source.shape[:2]])[: sizes.size]
    if factors is not None:
        factors = np.append(factors, [1.0])[:4]  # (N, C, L) is a map of one column
        if factors[0] != 1 or factors[1] != 1:
            raise node.unsupported(
                f"scales frames or channels by {factors[:2].tolist()}", "only rows and columns can be resized"
            )
        return float(factors[2]), float(factors[3])
    raise node.unsupported("no constant scales or sizes for (N, C, H, W) or (N, C, L)", "export with a fixed scale factor")


def _delay(_: Op, inputs: tuple[Tensor, ...]) -> float:
    rows = inputs[0].shape[0]
    return PART_ROW / rows if rows > 1 else 0.0  # a single row, such as a gate for all pixels, comes at once


def map_upsample(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One upsampler."""
    (source,) = graph.input_tensors(node)
    engine = Upsampler(name=node.name, source=source, factors=cast(Upsample, node.op).factors, lanes=fold.lanes)
    return same_lanes(engine, fold.lanes, (source.bits,), source.bits)


OPERATORS = (Operator(op=Upsample, map=map_upsample, folds=lane_folds, delay=_delay),)
