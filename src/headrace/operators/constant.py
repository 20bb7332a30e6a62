# SPDX-License-Identifier: Apache-2.0
"""Constant maps: position embeddings, coordinates, masks. They come out of memories, as streams of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, cast

import numpy as np
import numpy.typing as npt

from headrace.engines.constant import Source, sets_of
from headrace.frontend.context import Context, OnnxNode
from headrace.frontend.grids import MAX_FACTOR_BITS, common_step
from headrace.frontend.values import ExactArray, Real, exact, one
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import IntArray, Op
from headrace.ir.ranges import Range
from headrace.ir.tensor import Tensor
from headrace.operators.base import Fold, Mapped, Operator, lane_choices

Numbers = npt.NDArray[np.float64]

_sets = lru_cache(maxsize=64)(lambda op: sets_of(cast(Constant, op).value))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constant(Op):
    """The same map (H, W, C) in every frame; it reads nothing."""

    kind: ClassVar[str] = "constant"
    value: IntArray
    residue: ExactArray | None = None
    """What the real map has beyond these whole numbers, of the same shape; the requantize pass certifies and drops it."""


def constant_map(context: Context, node: OnnxNode, value: npt.NDArray[np.int64], residue: ExactArray | None = None) -> str:
    """Emits ``value`` (H, W, C); returns the tensor's name."""
    lo, hi = int(value.min()), int(value.max())
    return context.apply(node, Constant(value=value, residue=residue), (), cast(tuple[int, int, int], value.shape), lo, hi)


def gridded(context: Context, node: OnnxNode, numbers: Numbers) -> Real:
    """``numbers`` (H, W, C) as an activation whose integers hold them exactly.

    Raises:
        UnsupportedError: they lie on no common grid.
    """
    real = nearest(context, node, numbers)
    if real.skewed:
        raise node.unsupported(
            f"a constant of {np.unique(numbers).size} numbers that are no whole multiples up to {1 << MAX_FACTOR_BITS} of one "
            "step",
            "quantize the constant (QuantIdentity behind it)",
        )
    return real


def nearest(context: Context, node: OnnxNode, numbers: Numbers) -> Real:
    """``numbers`` (H, W, C), not all zero, as an activation; ``skewed`` if its integers are but near them."""
    unique, place = np.unique(numbers, return_inverse=True)
    fractions = exact(unique)
    step, most = common_step(fractions), max(abs(v) for v in fractions)
    if not step:
        raise node.unsupported("a constant of zeros", "drop it from the model")
    if off_grid := most / step >= 1 << MAX_FACTOR_BITS:
        step = Fraction(2) ** (int(np.frexp(float(most))[1]) - MAX_FACTOR_BITS)
    integers = np.array([round(v / step) for v in fractions], np.int64)
    residue = (fractions / step - integers)[place].reshape(numbers.shape) if off_grid else None
    tensor = constant_map(context, node, integers[place].reshape(numbers.shape), residue)
    return Real(tensor=tensor, scale=one(step), skewed=off_grid)


def at_readers(graph: Graph, folds: Mapping[str, Fold]) -> dict[str, Fold]:
    """``folds`` with each constant map at the lanes at which it is read, so that nothing stands between."""
    from headrace.operators import map_node  # the registry, which holds this module

    found = dict(folds)
    for node in graph.nodes:
        readers = graph.consumers(node.outputs[0])
        if isinstance(node.op, Constant) and readers:
            reader = readers[0]
            lanes = map_node(graph, reader, folds[reader.name]).in_lanes[reader.inputs.index(node.outputs[0])]
            found[node.name] = replace(folds[node.name], lanes=lanes)
    return found


def _bounds(op: Op, _: tuple[Tensor, ...]) -> Range:
    value = cast(Constant, op).value
    return value.min((0, 1)), value.max((0, 1))


def map_constant(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One source."""
    (result,) = graph.output_tensors(node)
    engine = Source(name=node.name, sets=_sets(node.op), result=result, lanes=fold.lanes)
    return Mapped(chain=(engine,), in_lanes=(), out_lanes=(fold.lanes,), in_bits=(), out_bits=result.bits)


def _folds(graph: Graph, node: Node) -> list[Fold]:
    return [Fold(lanes=lanes) for lanes in lane_choices(graph.output_tensors(node)[0].channels)]


OPERATORS = (Operator(op=Constant, map=map_constant, folds=lambda g, n: iter(_folds(g, n)), bounds=_bounds),)
