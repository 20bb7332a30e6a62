# SPDX-License-Identifier: Apache-2.0
"""Certifies quantizers of an activation and a constant map whose real numbers lie between the integers that stand for them.

At one pixel of one channel the constant is a number, so the sum or product is an affine image of the activation, and what the
quantizer makes of it a step function of the activation alone. It is compared step by step, for each unlike number of a channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from headrace.errors import UnsupportedError
from headrace.ir.expressions import Expression
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Quantize, Requant
from headrace.ir.ranges import Range
from headrace.operators.constant import Constant
from headrace.operators.elementwise import Pointwise

BLOCK = 1 << 12
"""Numbers of a constant map that are compared at a time."""
Case = tuple[int, int, Fraction]
"""A channel, the integer of a constant there, and what the real number has beyond it."""
Differing = Callable[[Quantize, Requant, Range], int]
"""Integers of the reachable range, summed over channels, on which a requantizer differs from the real quantizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What comparing all steps gave."""

    differing: int
    reachable: int


def has_residue(graph: Graph, tensor: str) -> bool:
    """Whether ``tensor`` is computed from a constant map whose real numbers its integers miss."""
    producer = graph.producer(tensor)
    names = (tensor, *(producer.inputs if producer is not None and isinstance(producer.op, Pointwise) else ()))
    return any(_residual(graph, name) is not None for name in names)


def _residual(graph: Graph, tensor: str) -> Constant | None:
    node = graph.producer(tensor)
    return node.op if node is not None and isinstance(node.op, Constant) and node.op.residue is not None else None


def compare_residue(graph: Graph, tensor: str, op: Quantize, requant: Requant, differing: Differing) -> Compared:
    """Compares ``requant`` with ``op`` over all values of the activation that meets the constant in ``tensor``."""
    producer = graph.producer(tensor)
    assert producer is not None
    assert isinstance(producer.op, Pointwise)
    at = next(k for k, name in enumerate(producer.inputs) if _residual(graph, name) is not None)
    constant, x = _residual(graph, producer.inputs[at]), graph.tensors[producer.inputs[1 - at]]
    assert constant is not None
    cases, found = _cases(constant, len(requant.mul)), 0
    for start in range(0, len(cases), BLOCK):
        model, hardware = _lines(producer.op.expression, at, cases[start : start + BLOCK], op, requant)
        ends = np.ones(len(hardware.mul), np.int64)
        found += differing(model, hardware, (ends * x.lo, ends * x.hi))
    return Compared(differing=found, reachable=len(cases) * (x.hi - x.lo + 1))


def _lines(expression: Expression, at: int, cases: list[Case], op: Quantize, requant: Requant) -> tuple[Quantize, Requant]:
    """``op`` and ``requant`` as functions of the activation alone, a channel for each case."""
    whole = [_affine(expression, at, number) for _, number, _ in cases]
    real = [_affine(expression, at, number + rest) for _, number, rest in cases]
    channels = np.array([channel for channel, _, _ in cases])
    slopes, offsets = (np.array([line[k] for line in real], object) for k in (0, 1))
    model = replace(op, slope=op.slope[channels] * slopes, offset=op.offset[channels] + op.slope[channels] * offsets)
    factors, terms = (np.array([int(line[k]) for line in whole], np.int64) for k in (0, 1))
    mul = requant.mul[channels]
    return model, replace(requant, mul=mul * factors, add=requant.add[channels] + mul * terms)


def _cases(constant: Constant, channels: int) -> list[Case]:
    """All unlike ones."""
    residue = constant.residue
    assert residue is not None
    found: list[Case] = []
    for channel in range(channels):
        at = channel % constant.value.shape[2]
        pairs = zip(constant.value[..., at].ravel().tolist(), residue[..., at].ravel().tolist(), strict=True)
        found += [(channel, number, rest) for number, rest in dict.fromkeys(pairs)]
    return found


def _affine(expression: Expression, at: int, number: Fraction | int) -> tuple[Fraction, Fraction]:
    """(slope, term) of ``expression`` as a function of the one operand beside operand ``at``, which is ``number``."""
    kind, *rest = expression
    if kind == "in":
        return (Fraction(0), Fraction(number)) if rest[0] == at else (Fraction(1), Fraction(0))
    if kind == "const":
        return Fraction(0), Fraction(rest[0])
    a, b = (_affine(part, at, number) for part in rest)
    if kind == "add":
        return a[0] + b[0], a[1] + b[1]
    if kind == "sub":
        return a[0] - b[0], a[1] - b[1]
    assert kind == "mul", kind
    assert not (a[0] and b[0])
    return a[0] * b[1] + a[1] * b[0], a[1] * b[1]


def without_residues(nodes: Sequence[Node]) -> list[Node]:
    """``nodes`` with constant maps and sums as the integers that they are."""
    kept: list[Node] = []
    for node in nodes:
        op = node.op
        op = replace(op, residue=None) if isinstance(op, Constant) else op
        op = replace(op, slack=None) if isinstance(op, Pointwise) and op.slack is not None else op
        kept.append(replace(node, op=op))
    return kept


def refuse_residues(graph: Graph) -> None:
    """Refuses a rounded constant map that anything but a sum or product before a quantizer reads.

    Raises:
        UnsupportedError: names the map.
    """
    for node in graph.nodes:
        if isinstance(node.op, Constant) and node.op.residue is not None:
            for reader in graph.consumers(node.outputs[0]):
                if not isinstance(reader.op, Pointwise):
                    raise UnsupportedError(
                        node.name,
                        "constant",
                        f"{reader.name} reads numbers that lie on no common grid",
                        "quantize the constant (QuantIdentity behind it)",
                    )
