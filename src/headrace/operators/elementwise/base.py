# SPDX-License-Identifier: Apache-2.0
"""The operator of integer expressions, and what an ONNX operator states to become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import ClassVar, cast

import numpy as np

from headrace.engines.pointwise import Pointwise as PointwiseEngine
from headrace.errors import ModelError
from headrace.frontend.constants import collapsed
from headrace.frontend.context import Context, Handler, OnnxNode, required
from headrace.frontend.values import Real, Value, exact
from headrace.ir.expressions import MAX_OPERANDS, Expression, bounds, check, operand, parts
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import IntArray, Op
from headrace.operators.base import Fold, Mapped
from headrace.operators.elementwise.grids import Combine, Grid
from headrace.operators.elementwise.maps import gridded_map, is_map
from headrace.operators.elementwise.shapes import Operand, fitted, is_constant, negated, opened, operand_of, summed

MapHandler = Callable[[Context, OnnxNode, Real, Value, int], Real]
"""Context, node, activation, constant, and which of the node's two operands is the constant."""
Build = Callable[..., Expression]
"""The expression of an operator, given those of its operands."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pointwise(Op):
    """``expression`` (`headrace.ir.expressions`) of the values at one place of up to three maps of one shape.

    A map of one channel meets all channels of the others.
    """

    kind: ClassVar[str] = "pointwise"
    expression: Expression
    skews: tuple[float, ...] = ()
    """What the whole factors miss of the operands' real ratio: operand k's real value is ``in_k * (1 + skews[k])``.

    Hardware and golden ignore it; the certificate of the quantizer behind counts what it changes. Empty for none.
    """
    slack: IntArray | None = None
    """(C,): in units of the result, how far from it the real value may lie; the requantize pass counts that, and drops it."""


def added(*terms: Expression) -> Expression:
    """The sum of one or more terms."""
    return reduce(lambda a, b: ("add", a, b), terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise:
    """An ONNX operator that computes each value from those at the same place of its operands."""

    types: tuple[str, ...]
    """ONNX operator types."""
    build: Build
    """Its expression, given those of its operands as integers on ``grid``."""
    grid: Combine
    """How the operands' scales combine: `grids.common`, `grids.product`, ..."""
    constant: Handler | None = None
    """Import of a node one of whose two operands is constant; None: a scalar constant becomes part of the expression."""
    constant_map: MapHandler | None = None
    """Import of a node of an activation and a constant that differs between pixels; None: such a one must lie on a grid."""
    variadic: bool = False
    """Any number of operands: ``build`` takes one or more, and may be applied to parts of them first."""
    sign: int = 0
    """Where it adds its operands up, 1, or -1 if it subtracts the second: sums in no whole ratio are welcome among them."""
    exact: bool = True
    """Whether float32 computes it without rounding wherever its result and operands are exact."""

    def handler(self, context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
        """Import of one node; a `Handler`."""
        values = self._with_maps(context, node, [required(node, value) for value in inputs])
        if isinstance(values, Real):
            return [values]
        if self.constant is not None and len(values) == 2 and any(map(is_constant, values)):
            return self.constant(context, node, inputs)
        terms = self._terms(context, node, values)
        total = self._of_unlike(context, node, terms) if terms else None
        if total is not None:
            if total.skewed:
                context.unlike_sums[id(total)] = total, terms
            return [total]
        if not (self.sign and any(isinstance(value, Real) and value.skewed for value in values)):
            return [self._emit(context, node, fitted(context, node, [operand_of(context, node, v) for v in values]))]
        operands, offset = opened(context, node, values, self.sign)
        total = replace(self, build=added, sign=1)._emit(context, node, fitted(context, node, operands))
        return [replace(total, offset=total.offset + offset)]

    def _terms(self, context: Context, node: OnnxNode, values: list[Value]) -> tuple[tuple[Real, int], ...]:
        """Activations that a sum adds up, and their signs; those of a sum in no whole ratio instead of it, if known."""
        if not self.sign or any(map(is_constant, values)) or len(values) < 2:
            return ()
        found: list[tuple[Real, int]] = []
        for k, value in enumerate(values):
            sign = self.sign if k else 1
            _, inner = context.unlike_sums.get(id(value), (None, ()))
            if inner:
                found += [(real, sign * own) for real, own in inner]
            else:
                real = context.activation(node, value, skewed=True)
                parts = (real,) if real.clamped else summed(context, real)
                if len(parts) > 1:  # what was added to the sum since
                    parts = (replace(parts[0], offset=parts[0].offset + real.offset), *parts[1:])
                found += [(part, sign) for part in parts]
        return () if any(real.skewed for real, _ in found) else tuple(found)

    def _of_unlike(self, context: Context, node: OnnxNode, terms: tuple[tuple[Real, int], ...]) -> Real | None:
        """The sum of activations whose channels have scales or offsets of their own; None if it is a simpler one."""
        from headrace.operators.elementwise.unlike import add_unlike, is_even  # it emits what this module defines

        if all(is_even(real) for real, _ in terms):
            return None
        return add_unlike(context, node, [context.settled(node, real) for real, _ in terms], [sign for _, sign in terms])

    def _with_maps(self, context: Context, node: OnnxNode, values: list[Value]) -> list[Value] | Real:
        """``values`` with constants that differ between pixels as activations, or the node's result."""
        found = [k for k, value in enumerate(values) if self._is_map(context, node, value, values)]
        moving = [value for value in values if not is_constant(value)]
        if not found or not moving:
            return values
        beside = context.activation(node, moving[0])
        if self.constant_map is not None and len(values) == 2:
            return self.constant_map(context, node, context.settled(node, moving[0]), values[found[0]], found[0])
        return [gridded_map(context, node, v, beside) if k in found else v for k, v in enumerate(values)]

    def _is_map(self, context: Context, node: OnnxNode, value: Value, values: list[Value]) -> bool:
        several = is_constant(value) and np.size(collapsed(np.asarray(node.const(value, "constant operand")))) > 1
        return several and (self.constant_map is None or is_map(context, node, value, values))

    def _emit(self, context: Context, node: OnnxNode, operands: list[Operand]) -> Real:
        operands.sort(key=lambda x: not x.inexact)
        if any(x.inexact for x in operands) and len(operands) > PAIR:
            return self._paired(context, node, operands, PAIR)
        if self.sign and len(operands) > MAX_OPERANDS and any(self.grid(node, operands).skews):
            return self._paired(context, node, operands, MAX_OPERANDS)
        grid = self.grid(node, operands)
        streams: list[tuple[str, float]] = []
        terms = []
        for x, factor, skew in zip(operands, grid.factors, grid.skews, strict=True):
            stream = (x.real.tensor, skew) if x.real else ("", 0.0)
            if x.real and stream not in streams:
                streams.append(stream)
            terms.append(x.term(operand(streams.index(stream)) if x.real else (), factor))
        if len(streams) > MAX_OPERANDS:
            return self._chained(context, node, operands, grid)
        pure = self.exact and all(x.real.pure for x in operands if x.real)
        total = emit(context, node, self.build(*terms), streams, grid.step, pure=pure)
        if any(x.inexact for x in operands):
            return replace(total, skewed=True)
        if self.sign and total.skewed:
            first, *others = (x.value for x in operands if x.real)
            context.sums[total.tensor] = grid.step, (first, *(negated(x) if self.sign < 0 else x for x in others))
        return total

    def _paired(self, context: Context, node: OnnxNode, operands: list[Operand], first: int) -> Real:
        """The sum of the ``first`` operands, then of that and the others: each on a grid little finer than the last."""
        head = self._emit(context, node, operands[:first])
        return self._emit(context, node, [Operand(step=head.step, real=head, inexact=True), *operands[first:]])

    def _chained(self, context: Context, node: OnnxNode, operands: list[Operand], grid: Grid) -> Real:
        """More operands than the engine has streams: the first ones, then the result with the next ones, and so on."""
        if not self.variadic or any(grid.skews):
            raise node.unsupported(
                f"{len(operands)} operands in no whole ratio of scales", "share one quantizer between the operands"
            )
        done: Real | None = None
        rest = list(zip(operands, grid.factors, strict=True))
        while rest:
            names = [done.tensor] if done else []
            terms = [operand(0)] if done else []
            while rest and len(names) < MAX_OPERANDS:
                x, factor = rest.pop(0)
                terms.append(x.term(operand(len(names)), factor))
                names += [x.real.tensor] if x.real else []
            done = emit(context, node, self.build(*terms), [(name, 0.0) for name in names], grid.step)
        assert done is not None
        return done


def emit(
    context: Context,
    node: OnnxNode,
    expression: Expression,
    operands: Sequence[tuple[str, float]],
    step: Fraction,
    *,
    pure: bool = False,
) -> Real:
    """Emits a `Pointwise` node.

    Args:
        operands: tensors of one size, each with its skew.
        step: real value of one unit of the result.
        pure: float32 computes it exactly where all values are whole numbers of one power of two.

    Raises:
        UnsupportedError: the expression does not read its operands, or its result is too wide.
    """
    names = tuple(name for name, _ in operands)
    kinds = [context.tensors[name] for name in names]
    ranges = [(kind.lo, kind.hi) for kind in kinds]
    try:
        check(expression, len(names))
        lo, hi = bounds(expression, ranges)
    except ModelError as error:
        raise node.unsupported(str(error), "repair the operator's expression") from error
    largest = max(abs(lo), abs(hi), *(abs(end) for r in ranges for end in r))
    if max(abs(end) for part in parts(expression) for end in bounds(part, ranges)) >= MAX_VALUE:
        raise node.unsupported(
            f"a result of more than {MAX_VALUE.bit_length() - 1} bits", "quantize its operands more coarsely"
        )
    skews = tuple(skew for _, skew in operands)
    op = Pointwise(expression=expression, skews=skews if any(skews) else ())
    shape = (*kinds[0].shape[:2], max(kind.channels for kind in kinds))
    tensor = context.apply(node, op, names, shape, lo, hi)
    scale = exact([0.0])
    scale[0] = step
    inner = (bounds(part, ranges) for part in parts(expression) if not _is_operand(part))
    pure = pure and all(max(-low, high) <= largest for low, high in inner)
    return Real(tensor=tensor, scale=scale, pure=pure, skewed=any(skews))


PAIR = 2
"""Operands of a sum one of which is a sum in no whole ratio."""
MAX_VALUE = 1 << 46
"""Bound of all intermediate values; a requantizer must be able to multiply the result within 64 bits."""


def _is_operand(part: Expression) -> bool:
    """Whether ``part`` is an operand or constant, scaled or not: a number that the model itself holds."""
    return part[0] in ("in", "const") or (part[0] == "mul" and {part[1][0], part[2][0]} <= {"in", "const"})


def map_pointwise(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One engine."""
    (result,) = graph.output_tensors(node)
    engine = PointwiseEngine(
        name=node.name,
        expression=cast(Pointwise, node.op).expression,
        operands=graph.input_tensors(node),
        result=result,
        lanes=fold.lanes,
    )
    return Mapped(
        chain=(engine,),
        in_lanes=engine.in_lanes,
        out_lanes=(fold.lanes,),
        in_bits=(engine.in_bits,) * len(node.inputs),
        out_bits=result.bits,
    )
