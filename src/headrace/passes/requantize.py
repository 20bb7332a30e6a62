# SPDX-License-Identifier: Apache-2.0
"""Turns the model's real-valued quantizers into integer multiply-add-shift, with a proof of how exact that is.

A quantizer is a step function of the accumulator. Two of them are equal on every accumulator value that can occur exactly
when their steps stand at the same places, so the certificate compares step positions instead of sampling values.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from headrace_host import golden

from headrace.errors import ModelError
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Add, Quantize, Requant
from headrace.ir.ranges import Range, channel_range

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

MAX_MUL_BITS = 24
"""Widest multiplier tried; with one DSP48 of 25 x 18 bits an accumulator of 18 bits still takes one slice."""
FLOAT32_EXACT = 1 << 24
MAX_PAIRS = 1 << 22
_NEAR = 1e-6
"""Step positions closer than this to a whole number are decided with exact rationals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was proved of one requantizer, over every accumulator value that interval analysis admits."""

    node: str
    exact: bool
    differing_values: int
    """Accumulator values, summed over channels, on which the integer result differs from the real quantizer."""
    reachable_values: int
    """Accumulator values compared, summed over channels."""
    mul_bits: int
    shift: int
    float32_exact: bool
    """Whether float32 arithmetic (PyTorch, Brevitas) provably rounds to the same integers."""
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The fields, for the manifest."""
        return asdict(self)


def integer_steps(mul: Int64, add: Int64, shift: int, levels: Int64) -> Int64:
    """Smallest accumulator at which ``round_half_even((acc * mul + add) / 2**shift)`` reaches each level; ``mul`` > 0.

    Returns:
        (C, levels). A tie goes to the even level, so an odd level needs one more than half.
    """
    odd = levels & 1
    needed = (2 * levels - 1) * (1 << (shift - 1)) + odd if shift else levels
    steps: Int64 = -((add[:, None] - needed[None, :]) // mul[:, None])
    return steps


def real_steps(slope: Float64, offset: Float64, levels: Int64) -> Int64:
    """Smallest accumulator at which ``round_half_even(acc * slope + offset)`` reaches each level; ``slope`` > 0.

    ``slope`` and ``offset`` are taken as the exact rationals that their float64 values are.
    """
    position = (levels[None, :] - 0.5 - offset[:, None]) / slope[:, None]
    steps = np.ceil(np.clip(position, -(2.0**60), 2.0**60)).astype(np.int64)
    near = np.abs(position - np.rint(position)) < _NEAR * np.maximum(1.0, np.abs(position))
    for c, i in zip(*np.nonzero(near & (np.abs(position) < 2.0**52)), strict=True):
        steps[c, i] = _exact_step(Fraction(slope[c]), Fraction(offset[c]), int(levels[i]), int(np.rint(position[c, i])))
    return steps


def _exact_step(slope: Fraction, offset: Fraction, level: int, near: int) -> int:
    edge = Fraction(2 * level - 1, 2)
    for acc in (near - 1, near, near + 1):
        value = acc * slope + offset
        if value > edge or (value == edge and level % 2 == 0):
            return acc
    return near + 2


def _dyadic(slope: Float64, offset: Float64, peak: int) -> tuple[Int64, Int64, int] | None:
    """``slope`` and ``offset`` as integers over one power of two, if that fits int64 for accumulators up to ``peak``."""
    shift = max(Fraction(v).denominator.bit_length() - 1 for v in (*slope, *offset))
    largest = (float(np.abs(slope).max()) * peak + float(np.abs(offset).max())) * 2.0**shift
    if shift > 60 or largest >= 2.0**61:
        return None
    return np.ldexp(slope, shift).astype(np.int64), np.ldexp(offset, shift).astype(np.int64), shift


def model_steps(slope: Float64, offset: Float64, levels: Int64, peak: int) -> Int64:
    """:func:`real_steps`, in vectorised integer arithmetic where the numbers are dyadic (power-of-two scales are)."""
    integers = _dyadic(slope, offset, max(peak, 1 << 20))
    if integers is not None and float(np.abs(levels).max(initial=1)) * 2.0 ** integers[2] < 2.0**60:
        return integer_steps(*integers, levels)
    return real_steps(slope, offset, levels)


def _sticky(value: Float64, shift: int) -> Int64:
    """``value * 2**shift`` rounded down, with the last bit set if anything was lost.

    A lost fraction then still breaks ties the right way, provided that the multipliers are even.
    """
    scaled = [Fraction(v) * 2**shift for v in value]
    return np.array([(f.numerator // f.denominator) | (f.denominator != 1) for f in scaled], np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """One quantizer with falling channels mirrored (slope and accumulator range negated), so that every step rises."""

    sign: Int64
    slope: Float64
    offset: Float64
    lo: Int64
    hi: Int64
    levels: Int64
    target: Int64
    """Step positions of the real quantizer, within [lo, hi + 1]."""

    def differing(self, mul: Int64, add: Int64, shift: int) -> int:
        """Accumulator values on which integers and reals disagree."""
        steps = _clamped(integer_steps(np.maximum(mul, 1), add, shift, self.levels), self.lo, self.hi)
        constant = mul == 0
        if np.any(constant):
            values = np.clip(np.rint(np.ldexp(add[constant].astype(np.float64), -shift)), -(2**31), 2**31)
            reached = values[:, None] >= self.levels[None, :]
            steps[constant] = np.where(reached, self.lo[constant, None], self.hi[constant, None] + 1)
        return int(np.abs(steps - self.target).sum())


def _clamped(steps: Int64, lo: Int64, hi: Int64) -> Int64:
    return np.clip(steps, lo[:, None], hi[:, None] + 1)


def _problem(op: Quantize, reachable: Range) -> _Problem:
    sign = np.where(op.slope < 0, -1, 1).astype(np.int64)
    lo, hi = reachable
    low, high = np.where(sign < 0, -hi, lo), np.where(sign < 0, -lo, hi)
    slope = np.abs(op.slope)
    levels = np.arange(op.lo + 1, op.hi + 1, dtype=np.int64)
    rising = np.where(slope > 0, slope, 1.0)
    target = _clamped(model_steps(rising, op.offset, levels, int(np.abs([low, high]).max())), low, high)
    flat = slope == 0
    if np.any(flat):
        reached = np.rint(op.offset[flat])[:, None] >= levels[None, :]
        target[flat] = np.where(reached, low[flat, None], high[flat, None] + 1)
    return _Problem(sign=sign, slope=slope, offset=op.offset, lo=low, hi=high, levels=levels, target=target)


def realise(node: str, op: Quantize, reachable: Range) -> tuple[Requant, Certificate]:
    """The narrowest integer requantizer that equals ``op`` on ``reachable``; else the closest of ``MAX_MUL_BITS``.

    Raises:
        ModelError: slopes or offsets are not finite or not representable.
    """
    if not (np.all(np.isfinite(op.slope)) and np.all(np.isfinite(op.offset))):
        raise ModelError(f"quantizer '{node}': scales or biases are not finite numbers; train or export the model again")
    problem = _problem(op, reachable)
    peak = float(problem.slope.max())
    exponent = int(np.frexp(peak)[1]) if peak > 0 else 0
    reach = float(np.abs([problem.lo, problem.hi]).max())
    level = float(max(abs(op.lo), abs(op.hi), op.hi - op.lo, 2))
    largest = max(peak * reach, 1.0) + (float(np.abs(op.offset).max()) + 1.0) * level
    best: tuple[int, Int64, Int64, int] | None = None
    for bits in range(2, MAX_MUL_BITS + 1):
        shift = max(0, bits - 1 - exponent)
        if largest * 2.0**shift >= 2.0**62:  # products and step positions must fit int64
            break
        mul = np.rint(np.ldexp(problem.slope, shift)).astype(np.int64)
        add = _sticky(op.offset, shift)
        wrong = problem.differing(mul, add, shift)
        if best is None or wrong < best[0]:
            best = (wrong, mul * problem.sign, add, shift)
        if wrong == 0:
            break
    if best is None:
        raise ModelError(f"quantizer '{node}': slope {peak:g} and offset {np.abs(op.offset).max():g} exceed the integer range")
    wrong, mul, add, shift = best
    requant = Requant(mul=mul, add=add, shift=shift, lo=op.lo, hi=op.hi)
    return requant, _certificate(node, op, problem, requant, wrong)


def _certificate(node: str, op: Quantize, problem: _Problem, requant: Requant, wrong: int) -> Certificate:
    bits = int(np.abs(requant.mul).max()).bit_length() + 1
    reason = (
        "every step stands where the real quantizer has it"
        if wrong == 0
        else f"the model's scales need more than {MAX_MUL_BITS} multiplier bits; results there differ by 1"
    )
    return Certificate(
        node=node,
        exact=wrong == 0,
        differing_values=wrong,
        reachable_values=int((problem.hi - problem.lo + 1).sum()),
        mul_bits=bits,
        shift=requant.shift,
        float32_exact=_float32_exact(op, problem),
        reason=reason,
    )


def _float32_exact(op: Quantize, problem: _Problem) -> bool:
    for slope, offset, lo, hi in zip(op.slope, op.offset, problem.lo, problem.hi, strict=True):
        grid = max(Fraction(slope).denominator, Fraction(offset).denominator)
        largest = abs(Fraction(slope)) * max(abs(int(lo)), abs(int(hi))) + abs(Fraction(offset))
        if largest * grid >= FLOAT32_EXACT:
            return False
    return True


def _with_skew(graph: Graph, source: str, op: Quantize, requant: Requant, certificate: Certificate) -> Certificate:
    """``certificate``, with what an addition of operands in no whole ratio adds to it: counted over all pairs of operands."""
    producer = graph.producer(source)
    if producer is None or not isinstance(producer.op, Add) or producer.op.skew == 0:
        return certificate
    add = producer.op
    a, b = (np.arange(t.lo, t.hi + 1, dtype=np.int64) for t in graph.input_tensors(producer))
    if a.size * b.size > MAX_PAIRS:
        reason = f"operands in no whole ratio; {a.size} x {b.size} pairs are too many to compare"
        return replace(certificate, exact=False, float32_exact=False, reason=reason)
    whole = (a * add.mul_a)[:, None] + b * add.mul_b
    real = (a * (add.mul_a * (1.0 + add.skew)))[:, None] + b * add.mul_b
    wrong = 0
    kinds = np.unique(np.stack([op.slope, op.offset]), axis=1, return_index=True)[1]
    for c in kinds:
        wanted = np.clip(np.rint(real * op.slope[c] + op.offset[c]), op.lo, op.hi)
        wrong += int((wanted != golden.requant(whole, requant.mul[c], requant.add[c], requant.shift, op.lo, op.hi)).sum())
    return replace(
        certificate,
        exact=wrong == 0,
        float32_exact=False,
        differing_values=wrong,
        reachable_values=a.size * b.size * len(kinds),
        reason=f"operands in no whole ratio; compared over all {a.size} x {b.size} pairs",
    )


def requantize(graph: Graph) -> tuple[Graph, tuple[Certificate, ...]]:
    """Realises every `Quantize` of the graph; returns the certificates in node order."""
    nodes: list[Node] = []
    certificates: list[Certificate] = []
    for node in graph.nodes:
        if isinstance(node.op, Quantize):
            requant, certificate = realise(node.name, node.op, channel_range(graph, node.inputs[0]))
            certificate = _with_skew(graph, node.inputs[0], node.op, requant, certificate)
            certificates.append(certificate)
            node = replace(node, op=requant)
        nodes.append(node)
    return graph.with_nodes(tuple(nodes)), tuple(certificates)
