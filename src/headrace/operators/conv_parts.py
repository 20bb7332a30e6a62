# SPDX-License-Identifier: Apache-2.0
"""Convolutions of channels whose scales stand in no whole ratio: one convolution for each scale, and the sum of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, OnnxNode
from headrace.frontend.grids import common_grid
from headrace.frontend.values import Real, Value
from headrace.ir.expressions import MAX_OPERANDS, Expression, operand
from headrace.ir.tensor import bits_for_range
from headrace.operators.channels import slice_channels
from headrace.operators.elementwise.base import emit
from headrace.operators.elementwise.grids import common
from headrace.operators.elementwise.shapes import Operand

Run = tuple[int, int]
Accumulate = Callable[[Real, npt.NDArray[np.int64]], str]
"""Emits the convolution of some channels with their weights; returns the accumulators' tensor."""


def unequal_runs(context: Context, node: OnnxNode, value: Value, channels: int) -> tuple[Real, list[Run]] | None:
    """Channels [start, stop) of one scale each, if there are a few such runs and no common grid; else None."""
    if not isinstance(value, Real) or value.skewed or value.uniform:
        return None
    source = context.tensors[value.tensor]
    grid = common_grid(value, source)
    if source.channels != channels:
        return None
    if grid is not None and bits_for_range(grid.lo, grid.hi) <= MAX_ACTIVATION_BITS + 1:
        return None
    scales = np.broadcast_to(value.scale, source.channels)
    cuts = [0, *(c for c in range(1, source.channels) if scales[c] != scales[c - 1]), source.channels]
    if len(cuts) - 1 > MAX_OPERANDS or np.any(scales <= 0) or np.any(value.offset != 0):
        return None
    real = context.clipped(node, value) if value.clamped else value
    return None if real is None else (real, list(pairwise(cuts)))


def sum_of_parts(
    context: Context, node: OnnxNode, real: Real, runs: list[Run], weight: npt.NDArray[np.int64], accumulate: Accumulate
) -> Real:
    """Accumulators of ``weight`` (M, C, KH, KW) over all channels of ``real``; only a quantizer may read them.

    Raises:
        UnsupportedError: the scales are too far apart to be added.
    """
    parts = [slice_channels(context, node, real, start, stop) for start, stop in runs]
    sums = [accumulate(part, weight[:, start:stop]) for part, (start, stop) in zip(parts, runs, strict=True)]
    operands = [Operand(step=part.step, real=part) for part in parts]
    grid = common(node, operands)
    terms = [x.term(operand(k), factor) for k, (x, factor) in enumerate(zip(operands, grid.factors, strict=True))]
    total: Expression = reduce(lambda a, b: ("add", a, b), terms)
    return emit(context, node, total, list(zip(sums, grid.skews, strict=True)), grid.step)
