# SPDX-License-Identifier: Apache-2.0
"""Addition of two activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from headrace.engines.elementwise import Adder
from headrace.engines.mac import acc_bits
from headrace.frontend.affine import affine, operands
from headrace.frontend.context import Context, OnnxNode, required
from headrace.frontend.values import Real, Value, exact
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Op
from headrace.operators.base import Fold, Mapped, Operator, lane_folds, same_lanes

MAX_ADD_MULTIPLIER = 1 << 12
"""Largest whole factor that brings one operand of an addition to the other's grid."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Add(Op):
    """``a * mul_a + b * mul_b``; the multipliers bring both operands to one scale."""

    kind: ClassVar[str] = "add"
    mul_a: int = 1
    mul_b: int = 1
    skew: float = 0.0
    """What the whole multipliers miss of the operands' real ratio: a's real factor is ``mul_a * (1 + skew)``.

    Hardware and golden ignore it; the certificate of the quantizer behind counts what it changes.
    """


def add(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Add: a constant moves the offset, two activations become an `Add`."""
    a, b = required(node, inputs[0]), required(node, inputs[1])
    if isinstance(a, Real) and isinstance(b, Real):
        return [_add_activations(context, node, a, b)]
    x, constant = operands(context, node, inputs)
    return [affine(context, node, x, exact([1.0]), constant)]


def _add_activations(context: Context, node: OnnxNode, a: Real, b: Real) -> Real:
    a, b = context.integers(node, a), context.integers(node, b)
    ta, tb = context.tensors[a.tensor], context.tensors[b.tensor]
    if ta.shape != tb.shape:
        raise node.unsupported(f"adds maps of {ta.shape} and {tb.shape}", "add maps of one shape")
    ratio = a.step / b.step
    near = min(ratio, 1 / ratio).limit_denominator(MAX_ADD_MULTIPLIER)
    if near == 0:
        raise node.unsupported(
            f"its operands have scales {float(a.step):.6g} and {float(b.step):.6g}, too far apart to be added",
            "share one quantizer between the operands",
        )
    near = near if ratio < 1 else 1 / near
    mul_a, mul_b = near.numerator, near.denominator
    op = Add(mul_a=mul_a, mul_b=mul_b, skew=float(ratio / near - 1))
    lo, hi = ta.lo * mul_a + tb.lo * mul_b, ta.hi * mul_a + tb.hi * mul_b
    out = context.apply(node, op, (a.tensor, b.tensor), ta.shape, lo, hi)
    return Real(tensor=out, scale=b.scale[:1] / mul_b, pure=a.pure and b.pure, skewed=ratio != near)


def map_add(graph: Graph, node: Node, fold: Fold) -> Mapped:
    """One adder."""
    a, b = graph.input_tensors(node)
    (result,) = graph.output_tensors(node)
    op = cast(Add, node.op)
    engine = Adder(name=node.name, mul_a=op.mul_a, mul_b=op.mul_b, a=a, b=b, result=result, lanes=fold.lanes)
    return same_lanes(engine, fold.lanes, (engine.in_bits,) * 2, acc_bits(result))


OPERATORS = (Operator(op=Add, map=map_add, folds=lane_folds, handlers={"Add": add}),)
