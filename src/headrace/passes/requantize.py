# SPDX-License-Identifier: Apache-2.0
"""Turns the model's real-valued quantizers into integer multiply-add-shift, with a proof of how exact that is.

A quantizer is a step function of the accumulator. Two of them are equal on every accumulator value that can occur exactly
when their steps stand at the same places, so the certificate compares step positions instead of sampling values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm, prod
from typing import cast

import numpy as np
import numpy.typing as npt
from headrace_host import golden
from headrace_host.expressions import evaluate

from headrace.errors import ModelError
from headrace.ir.expressions import real_value
from headrace.ir.graph import Graph, Node
from headrace.ir.ops import Compare, IntArray, Quantize, Requant, Tabulate
from headrace.ir.ranges import Range
from headrace.ir.rounding import HALF_EVEN, rises, rounded, rounded_array
from headrace.operators import channel_range
from headrace.operators.elementwise import Pointwise
from headrace.passes.certificate import FLOAT32_EXACT, Certificate, power_of_two
from headrace.passes.residues import compare_residue, has_residue, refuse_residues, without_residues
from headrace.passes.skews import chosen, skewed_sums
from headrace.passes.split_rounding import split_rounding
from headrace.passes.split_slopes import split_slopes
from headrace.passes.split_ties import split_ties
from headrace.passes.tabulate import compare, tabulate

Int64 = npt.NDArray[np.int64]
Exact = npt.NDArray[np.object_]
"""Fractions."""

MAX_MUL_BITS = 24
"""Widest multiplier tried; with one DSP48 of 25 x 18 bits an accumulator of 18 bits still takes one slice."""
MAX_PAIRS = 1 << 22

_Found = tuple[int, Int64, Int64, int]
"""Accumulator values on which it differs, multipliers, addends, shift."""


def integer_steps(mul: Int64, add: Int64, shift: int, levels: Int64, odd: bool = False) -> Int64:
    """Smallest accumulator at which ``round_half_even((acc * mul + add) / 2**shift)`` reaches each level; ``mul`` > 0.

    Returns:
        (C, levels). A tie goes to the even level, so an odd level needs one more than half; with ``odd`` the other way round.
    """
    more = (levels & 1) ^ int(odd)
    needed = (2 * levels - 1) * (1 << (shift - 1)) + more if shift else levels
    steps: Int64 = -((add[:, None] - needed[None, :]) // mul[:, None])
    return steps


def model_steps(slope: Exact, offset: Exact, levels: Int64, rounding: str = HALF_EVEN, zero: int = 0) -> Int64:
    """Smallest accumulator at which ``round(acc * slope + offset + zero) - zero`` reaches each level; ``slope`` > 0.

    Exact for any rational slope and offset and any rounding mode. Steps beyond +-2**60 are given as that.

    Returns:
        (C, levels).
    """
    half, strict = rises(levels, rounding, zero)
    return np.stack([_channel_steps(s, o, 2 * levels - half, strict) for s, o in zip(slope, offset, strict=True)])


def _channel_steps(slope: Fraction, offset: Fraction, doubled: Int64, strict: Int64) -> Int64:
    """Over the common denominator q: ``2 * (acc * p + r) >= doubled * q``, strictly where ``strict`` is 1."""
    q = lcm(slope.denominator, offset.denominator)
    p, r = slope.numerator * (q // slope.denominator), offset.numerator * (q // offset.denominator)
    largest = (int(np.abs(doubled).max(initial=0)) + 1) * q + 2 * abs(r) + 1
    if max(largest, 2 * p) < 1 << 62:
        needed = doubled * q + strict - 2 * r
        steps: Int64 = -(-needed // (2 * p))
        return steps
    wide = [-(-(end * q + more - 2 * r) // (2 * p)) for end, more in zip(doubled.tolist(), strict.tolist(), strict=True)]
    return np.array([min(max(step, -(1 << 60)), 1 << 60) for step in wide], np.int64)


def _sticky(value: Exact, shift: int, tie: int) -> Int64:
    """``value * 2**shift`` rounded to the odd neighbour if it is no integer; an even one moves by ``tie`` (-1, 0 or 1).

    With even multipliers, what was lost, and a tie that does not go to even, still falls on its right side.
    """
    scaled = [v * 2**shift for v in value]
    whole = np.array([(f.numerator // f.denominator) | (f.denominator != 1) for f in scaled], np.int64)
    return np.where(whole & 1, whole, whole + tie)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bias:
    """How half-to-even hardware can imitate another rounding mode: by what is less than any distance that occurs."""

    offset: Fraction = Fraction(0)
    """Added before rounding: floor is half to even of what is half a step lower."""
    tie: int = 0
    """Units in the last place of the addend: ties go down, to even, up."""
    spread: int = 0
    """Units in the last place of the multiplier, away from the model's zero: ties go toward it, to even, away from it."""


def _biases(op: Quantize, levels: Int64) -> tuple[_Bias, ...]:
    """What is worth trying for the steps that ``op`` has within its range."""
    half, strict = rises(levels, op.rounding, op.zero)
    if op.rounding == HALF_EVEN or levels.size == 0:
        return (_Bias(),)
    both = np.unique(np.stack([half, strict]), axis=1).T.tolist()
    uniform = tuple(_Bias(offset=Fraction(h - 1, 2), tie=-1 if s else 1) for h, s in both)
    away = {"HALF_UP": 1, "HALF_DOWN": -1}.get(op.rounding, 0)
    return uniform if len(uniform) == 1 or not away else (_Bias(spread=away), *uniform)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """One quantizer with falling channels mirrored (slope and accumulator range negated), so that every step rises."""

    sign: Int64
    slope: Exact
    offset: Exact
    lo: Int64
    hi: Int64
    levels: Int64
    target: Int64
    """Step positions of the real quantizer, within [lo, hi + 1]."""
    odd: bool
    """Ties go to odd levels."""

    def integers(self, op: Quantize, bias: _Bias, shift: int) -> tuple[Int64, Int64]:
        """Multipliers and addends over ``2**shift``; spreading scales the model's ``slope * acc + offset + zero``."""
        mul = np.array([round(v * 2**shift) for v in self.slope], np.int64)
        offset = self.offset + bias.offset
        if bias.spread:
            moving = (self.slope != 0).astype(bool)
            mul[moving] += bias.spread
            offset[moving] += (self.offset[moving] + op.zero) / self.slope[moving] * Fraction(bias.spread, 2**shift)
        return mul, _sticky(offset, shift, bias.tie)

    def addends(self, mul: Int64, shift: int) -> tuple[Int64, Int64]:
        """The least and the largest addend of each channel with which every step stands at its target."""
        odd = (self.levels & 1) ^ int(self.odd)
        needed = (2 * self.levels - 1) * (1 << (shift - 1)) + odd
        reached = needed - self.target * mul[:, None]  # at the target itself
        within, above = self.target <= self.hi[:, None], self.target > self.lo[:, None]
        far = 1 << 61
        low = np.where(within, reached, -far).max(axis=1, initial=-far)
        high = np.where(above, reached + mul[:, None] - 1, far).min(axis=1, initial=far)
        return low, high

    def differing(self, mul: Int64, add: Int64, shift: int) -> int:
        """Accumulator values on which integers and reals disagree."""
        steps = _clamped(integer_steps(np.maximum(mul, 1), add, shift, self.levels, self.odd), self.lo, self.hi)
        constant = mul == 0
        if np.any(constant):
            values = np.rint(np.ldexp(add[constant].astype(np.float64), -shift) + self.odd) - self.odd
            values = np.clip(values, -(2**31), 2**31)
            reached = values[:, None] >= self.levels[None, :]
            steps[constant] = np.where(reached, self.lo[constant, None], self.hi[constant, None] + 1)
        return int(np.abs(steps - self.target).sum())


def _clamped(steps: Int64, lo: Int64, hi: Int64) -> Int64:
    return np.clip(steps, lo[:, None], hi[:, None] + 1)


def _odd(op: Quantize) -> bool:
    """Whether ties of the model go to odd integers: to what is even before an odd zero point is subtracted."""
    return op.rounding == HALF_EVEN and op.zero % 2 == 1


def _problem(op: Quantize, reachable: Range) -> _Problem:
    sign = np.where(op.slope < 0, -1, 1).astype(np.int64)
    lo, hi = reachable
    low, high = np.where(sign < 0, -hi, lo), np.where(sign < 0, -lo, hi)
    slope = np.abs(op.slope)
    levels = np.arange(op.lo + 1, op.hi + 1, dtype=np.int64)
    flat = (slope == 0).astype(bool)
    rising = slope.copy()
    rising[flat] = Fraction(1)
    target = _clamped(model_steps(rising, op.offset, levels, op.rounding, op.zero), low, high)
    if np.any(flat):
        constant = np.array([rounded(v, op.rounding, op.zero) for v in op.offset[flat]], object)
        reached = (constant[:, None] >= levels[None, :]).astype(bool)
        target[flat] = np.where(reached, low[flat, None], high[flat, None] + 1)
    return _Problem(sign=sign, slope=slope, offset=op.offset, lo=low, hi=high, levels=levels, target=target, odd=_odd(op))


def _fitted(problem: _Problem, op: Quantize, best: _Found, widest: int) -> _Found:
    """The best of ``best`` and of multipliers on either side of the real slope, with addends that put every step in its place.

    Args:
        widest: the largest shift that 64-bit integers allow.
    """
    for shift in range(max(1, widest - MAX_MUL_BITS // 2), widest + 1):
        mul, add = problem.integers(op, _Bias(), shift)
        for up in (0, 1):
            tried = np.array([(s.numerator << shift) // s.denominator + up for s in problem.slope], np.int64)
            low, high = problem.addends(tried, shift)
            fits = (low <= high) & (tried < 1 << (MAX_MUL_BITS - 1))
            mul, add = np.where(fits, tried, mul), np.where(fits, low + (high - low) // 2, add)
        wrong = problem.differing(mul, add, shift)
        if wrong < best[0]:
            best = wrong, mul * problem.sign, add, shift
        if best[0] == 0:
            break
    return best


def realise(node: str, op: Quantize, reachable: Range) -> tuple[Requant, Certificate]:
    """The narrowest integer requantizer that equals ``op`` on ``reachable``; else the closest of ``MAX_MUL_BITS``.

    Raises:
        ModelError: slopes or offsets are beyond what 64-bit integers can express.
    """
    problem = _problem(op, reachable)
    peak, far = float(problem.slope.max()), float(np.abs(op.offset).max())
    exponent = int(np.frexp(peak)[1]) if peak > 0 else 0
    biases = _biases(op, problem.levels)
    best: _Found | None = None
    widest = 0
    for bits in range(2, MAX_MUL_BITS + 1):
        shift = max(0, bits - 1 - exponent)
        reach = max(far, peak * float(max(1, abs(problem.lo).max(), abs(problem.hi).max())), float(max(abs(op.lo), abs(op.hi))))
        if (reach + 1.0) * 2.0**shift >= 2.0**61:
            break
        widest = shift
        for bias in biases:
            mul, add = problem.integers(op, bias, shift)
            wrong = problem.differing(mul, add, shift)
            if best is None or wrong < best[0]:
                best = (wrong, mul * problem.sign, add, shift)
        if best is not None and best[0] == 0:
            break
    if best is not None and best[0] > 0:
        best = _fitted(problem, op, best, widest)
    if best is None:
        raise ModelError(
            f"quantizer '{node}': a slope of {peak:g} and an offset of {far:g} steps exceed 64-bit integers; "
            "check the model's scales and biases"
        )
    wrong, mul, add, shift = best
    requant = Requant(mul=mul, add=add, shift=shift, lo=op.lo, hi=op.hi, odd=problem.odd)
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
        float32_exact=wrong == 0 and _float32_exact(op, problem),
        reason=reason,
    )


def _float32_exact(op: Quantize, problem: _Problem) -> bool:
    """Whether PyTorch's float32 gives the same integers, whatever the order of its sums.

    True if every partial sum, the bias included, is a whole number below 2**24 of one power-of-two step, so that float32
    holds it exactly, and the division by the power-of-two scale is exact too. The accumulator's bounds bound its partial sums.
    """
    if not op.pure or not (power_of_two(op.scale.numerator) and power_of_two(op.scale.denominator)):
        return False
    for slope, offset, lo, hi in zip(op.slope, op.offset, problem.lo, problem.hi, strict=True):
        real_slope, bias, zero = abs(slope * op.scale), abs(offset * op.scale), abs(op.zero) * op.scale
        steps = max(real_slope.denominator, bias.denominator, zero.denominator)
        if not power_of_two(steps) or (real_slope * max(abs(int(lo)), abs(int(hi))) + bias + zero) * steps >= FLOAT32_EXACT:
            return False
    return True


def differing(op: Quantize, requant: Requant, reachable: Range) -> int:
    """Accumulator values, summed over channels, on which ``requant`` differs from ``op``."""
    problem = _problem(op, reachable)
    mul, add = (np.asarray(v, np.int64) for v in (requant.mul * problem.sign, requant.add))
    return problem.differing(mul, add, requant.shift)


def _with_residue(graph: Graph, source: str, op: Quantize, requant: Requant, certificate: Certificate) -> Certificate:
    """``certificate``, compared with the real numbers of a constant map that is rounded to integers."""
    found = compare_residue(graph, source, op, requant, differing)
    return replace(
        certificate,
        exact=found.differing == 0,
        float32_exact=False,
        differing_values=found.differing,
        reachable_values=found.reachable,
        reason="a constant map between its integers; compared for each of its numbers",
    )


def _with_slack(slack: IntArray, op: Quantize, reachable: Range, certificate: Certificate) -> Certificate:
    """``certificate``, with the sums so near to a step that the real sum, up to ``slack`` (C,) away, may lie beyond it."""
    problem, slack = _problem(op, reachable), np.asarray(slack, np.int64)[:, None]
    near = _clamped(problem.target + slack, problem.lo, problem.hi) - _clamped(problem.target - slack, problem.lo, problem.hi)
    wrong = min(certificate.differing_values + int(near.sum()), certificate.reachable_values)
    return replace(
        certificate,
        exact=wrong == 0,
        float32_exact=False,
        differing_values=wrong,
        reason="operands of channels in no whole ratio; at most so many sums lie near enough to a step to differ",
    )


def _with_skew(graph: Graph, source: str, op: Quantize, requant: Requant, certificate: Certificate) -> Certificate:
    """``certificate``, with what operands in no whole ratio add to it: counted over all combinations of their values."""
    found = skewed_sums(graph, source)
    if not found:
        return certificate
    producer = found[0]
    if len(found) == 1 and has_residue(graph, source):
        return _with_residue(graph, source, op, requant, certificate)
    if len(found) > 1 or not isinstance(producer.op, Pointwise) or chosen(graph, source) != producer:
        reason = "operands in no whole ratio, added up in several nodes; their combinations are not compared"
        return replace(certificate, exact=False, float32_exact=False, reason=reason)
    if producer.op.slack is not None:
        return _with_slack(producer.op.slack, op, channel_range(graph, source), certificate)
    kinds = graph.input_tensors(producer)
    sizes = [t.hi - t.lo + 1 for t in kinds]
    shown = f"{' x '.join(map(str, sizes))} {'pairs' if len(sizes) == 2 else 'combinations'}"
    if prod(sizes) > MAX_PAIRS:
        reason = f"operands in no whole ratio; {shown} are too many to compare"
        return replace(certificate, exact=False, float32_exact=False, reason=reason)
    integers = np.ix_(*(np.arange(t.lo, t.hi + 1, dtype=np.int64) for t in kinds))
    whole = evaluate(producer.op.expression, integers)
    skewed = [x * (1.0 + skew) for x, skew in zip(integers, producer.op.skews, strict=True)]
    real = real_value(producer.op.expression, skewed)
    wrong = 0
    pairs = list(zip(op.slope, op.offset, strict=True))
    channels = sorted({pair: c for c, pair in enumerate(pairs)}.values())
    for c in channels:
        result = rounded_array(np.asarray(real * float(op.slope[c]) + float(op.offset[c])), op.rounding, op.zero)
        wanted = np.clip(result, op.lo, op.hi)
        integer = golden.requant(whole, requant.mul[c], requant.add[c], requant.shift, op.lo, op.hi, requant.odd)
        wrong += int((wanted != integer).sum())
    return replace(
        certificate,
        exact=wrong == 0,
        float32_exact=False,
        differing_values=wrong,
        reachable_values=prod(sizes) * len(channels),
        reason=f"operands in no whole ratio; compared over all {shown}",
    )


def _provable(graph: Graph, node: Node) -> bool:
    try:
        return realise(node.name, cast(Quantize, node.op), channel_range(graph, node.inputs[0]))[1].exact
    except ModelError:
        return False


def requantize(graph: Graph) -> tuple[Graph, tuple[Certificate, ...]]:
    """Realises every `Quantize`, `Tabulate` and `Compare` of the graph; returns the certificates in node order."""
    nodes: list[Node] = []
    certificates: list[Certificate] = []
    refuse_residues(graph)
    graph = split_rounding(split_ties(split_slopes(graph, _provable), _provable))
    for node in graph.nodes:
        if isinstance(node.op, Quantize):
            requant, certificate = realise(node.name, node.op, channel_range(graph, node.inputs[0]))
            certificate = _with_skew(graph, node.inputs[0], node.op, requant, certificate)
            certificates.append(certificate)
            node = replace(node, op=requant)
        elif isinstance(node.op, Tabulate | Compare):
            realised = tabulate if isinstance(node.op, Tabulate) else compare
            op, certificate = realised(graph, node, channel_range(graph, node.inputs[0]))
            certificates.append(certificate)
            node = replace(node, op=op)
        nodes.append(node)
    return graph.with_nodes(tuple(without_residues(nodes))), tuple(certificates)
