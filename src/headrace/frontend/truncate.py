# SPDX-License-Identifier: Apache-2.0
"""QONNX Trunc, which Brevitas' TruncAvgPool exports: drops the low bits of integers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from headrace.frontend.affine import scalar
from headrace.frontend.context import MAX_ACTIVATION_BITS, Context, OnnxNode, required
from headrace.frontend.values import Real, Value, exact
from headrace.ir.rounding import mode_of, rounded

MAX_DROPPED_BITS = 32


def trunc(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Trunc(x, scale, zero point, bit width[, output scale], output bit width), as qonnx executes it.

    ``round(x / scale + zero)`` are the integers; they are divided by a power of two and rounded by the node's mode. Version 2
    (six inputs) takes the power from the ratio of the scales and clips to the output's bits, version 1 from the bit widths.
    """
    if len(inputs) not in (5, 6):
        raise node.unsupported(f"{len(inputs)} inputs", "Trunc needs 5 or 6; export the model again")
    mode = mode_of(str(node.attrs.get("rounding_mode", "FLOOR")))
    if mode is None:
        raise node.unsupported(f"rounding mode {node.attrs['rounding_mode']}", "use FLOOR, ROUND or another mode of QONNX")
    names = ("scale", "zero point", "bit width", "output scale", "output bit width")
    numbers = [scalar(node, value, what) for value, what in zip(inputs[1:], names, strict=False)]
    scale, zero, bits = numbers[:3]
    out_scale = numbers[3] if len(inputs) == 6 else scale
    if not scale > 0 or not out_scale > 0 or zero != 0:
        raise node.unsupported(f"scales {scale} and {out_scale}, zero point {zero}", "use positive scales and no zero point")
    dropped = round(float(np.log2(out_scale / scale))) if len(inputs) == 6 else int(bits - numbers[3])
    if abs(dropped) > MAX_DROPPED_BITS:
        raise node.unsupported(f"drops {dropped} bits", "check the scales of the model")
    real = _on_grid(context, node, context.real(node, required(node, inputs[0])), Fraction(scale))
    source = context.tensors[real.tensor]
    power = Fraction(2) ** dropped
    lo, hi = rounded(source.lo / power, mode), rounded(source.hi / power, mode)
    if len(inputs) == 6:
        least, most = _grid(node, numbers[4])
        lo, hi = max(min(lo, most), least), min(max(hi, least), most)
    if hi - lo >= 1 << MAX_ACTIVATION_BITS:
        raise node.unsupported(f"leaves integers in [{lo}, {hi}]", f"use at most {MAX_ACTIVATION_BITS} bits")
    step = exact([0.0])
    step[0] = Fraction(out_scale) / power
    low, high = (None if bound is None else Fraction(bound * step[0] / real.step) for bound in (real.lo, real.hi))
    real = replace(real, scale=step, lo=low, hi=high)
    return [context.quantize(node, real, Fraction(out_scale), lo, hi, rounding=mode)]


def _grid(node: OnnxNode, bits: float) -> tuple[int, int]:
    """Lowest and highest integer of ``bits`` bits, as the node's attributes have it."""
    if bits != round(bits) or not 1 <= bits <= MAX_ACTIVATION_BITS:
        raise node.unsupported(f"output bit width {bits}", f"use a whole bit width from 1 to {MAX_ACTIVATION_BITS}")
    signed, narrow = bool(node.attrs.get("signed", 1)), bool(node.attrs.get("narrow", 0))
    span = 1 << int(bits)
    return (-span // 2 + narrow, span // 2 - 1) if signed else (0, span - 1 - narrow)


def _on_grid(context: Context, node: OnnxNode, real: Real, scale: Fraction) -> Real:
    """``real`` as the integers ``round(real / scale)``: the very integers where the scales differ by float32 rounding only."""
    source = context.tensors[real.tensor]
    reach = max(abs(source.lo), abs(source.hi))
    if real.uniform and real.step > 0 and 2 * abs(real.step / scale - 1) * reach < 1:
        fits = all(bound is None or (bound / real.step).denominator == 1 for bound in (real.lo, real.hi))
        if fits:
            return real
    lo, hi = _span(real, source.lo, source.hi, scale)
    if hi - lo >= 1 << MAX_ACTIVATION_BITS:
        raise node.unsupported(
            f"its input is not on the grid {float(scale):g} that it names", "export with the scales of the quantized model"
        )
    return context.quantize(node, real, scale, lo, hi)


def _span(real: Real, lo: int, hi: int, scale: Fraction) -> tuple[int, int]:
    ends = [s * bound + o for s, o in np.broadcast(real.scale, real.offset) for bound in (lo, hi)]
    return round(min(ends) / scale), round(max(ends) / scale)
